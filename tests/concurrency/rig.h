/* SPDX-License-Identifier: BSD-3-Clause */
/* What tests of changes under running workers share: the loop that is seen, and how they fail. */
#ifndef CONCURRENCY_RIG_H
#define CONCURRENCY_RIG_H

#include "loop.h"

/* Never reached: the burst lasts for minutes, however long a worker is kept off its CPU. */
#define RIG_POLICE ((struct dp_police){.rate_bps = 100000000, .burst_bytes = UINT32_MAX})

/* Say why, and what the port dropped, and end at once: workers still run. */
void rig_fail(const struct loop *loop, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));

/* A loop that does not hear itself, with room for so many flows of each family. */
void rig_init(struct loop *loop, unsigned n_workers, unsigned max_flows);
void rig_start(struct loop *loop);

double rig_now_s(void);

/* So many packets went in and came out, once workers have stopped; others met no flow. */
void rig_conservation_check(const struct loop *loop, unsigned long n_sent, unsigned long n_taken);

#endif
