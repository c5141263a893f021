/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One measurement of each side. Both run in a process of their own, so that they can alternate: the
 * EAL starts once a process.
 */
#ifndef PERF_LOOP_RUN_H
#define PERF_LOOP_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "loop_options.h"
#include "spread.h"

struct loop_result {
	struct spread cycles; /* TSC cycles a packet put on tx, over short windows */
	uint64_t packets;
	bool conserved;
};

/* Run our pipeline in a child process. 0, or -1 after a message (of the child's). */
int loop_run_sluice(const struct loop_options *options, struct loop_result *result);

/* Run testpmd's 5tswap over the same time and load. 0, or -1 after a message. */
int loop_run_testpmd(const struct loop_options *options, double *cycles_a_packet);

#endif
