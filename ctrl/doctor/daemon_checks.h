/* SPDX-License-Identifier: BSD-3-Clause */
/* Checks of sluiced itself: its versions, and by its replies what it does. Any thread. */
#ifndef CTRL_DOCTOR_DAEMON_CHECKS_H
#define CTRL_DOCTOR_DAEMON_CHECKS_H

#include <stdint.h>

#include "doctor/setup.h"
#include "doctor/verdict.h"

struct versions {
	char sluiced[32]; /* "": it does not start to say it */
	char dpdk[32]; /* "DPDK 22.11.7" */
	const char *sluicectl; /* borrowed */
	char said[128]; /* instead */
};

/* Of the sluiced that has sent this reply to system.info; NULL: of the one that would be started.
 */
void versions_read(const json_t *info, struct versions *facts);
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
