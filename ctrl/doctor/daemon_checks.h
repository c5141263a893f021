/* SPDX-License-Identifier: BSD-3-Clause */
/* Checks of a running sluiced, by its replies. Any thread. */
#ifndef CTRL_DOCTOR_DAEMON_CHECKS_H
#define CTRL_DOCTOR_DAEMON_CHECKS_H

#include <stdint.h>

#include "doctor/setup.h"
#include "doctor/verdict.h"

struct versions {
	const char *sluiced, *sluicectl; /* borrowed */
	const char *dpdk; /* "DPDK 22.11.7" */
};

struct verdict versions_judge(const struct versions *facts);

/* How the packets of a while are spread over the workers. */
struct spread {
	unsigned n_workers;
	uint64_t packets[DP_WORKERS_MAX];
	uint64_t missed; /* by queues that were full, in that while */
	const char *iface; /* a port's kernel interface; "": none; borrowed */
};

/* From replies to system.info and counters.get, earlier and later ones. */
void spread_read(const struct setup *setup, const json_t *info_before, const json_t *info_after,
	const json_t *counters_before, const json_t *counters_after, struct spread *facts);
struct verdict spread_judge(const struct spread *facts);

#endif
