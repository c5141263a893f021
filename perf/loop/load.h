/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What control does while the workers are measured: install and remove flows at a rate, read the
 * counters of all flows. The flows that come and go are never met by a packet.
 */
#ifndef PERF_LOOP_LOAD_H
#define PERF_LOOP_LOAD_H

#include "flow.h"
#include "rig.h"

struct loop_load {
	const struct loop_rig *rig; /* borrowed */
	uint32_t handles[LOOP_BATCH_FLOWS]; /* installed now */
	unsigned n_handles;
	struct dp_leg_stats *legs; /* room for those of one flow */
	uint64_t installed; /* in all */
	uint64_t removed; /* in all, as the data plane reports */
	uint64_t met; /* packets that these flows counted: 0, or something is wrong */
	uint64_t reads; /* flows whose counters were read */
	uint64_t failures; /* transactions and reads that were refused */
	double seconds; /* that it took in all */
};

/* 0, or -1 after a message. */
int loop_load_init(struct loop_load *load, const struct loop_rig *rig);

/* Do what the options ask for, for so many microseconds. */
void loop_load_run(struct loop_load *load, unsigned us);

/* Remove what is installed, and free. Counters of the load stay readable. */
void loop_load_fini(struct loop_load *load);

/* Everything was done as asked, and no flow was left or met. False after a message. */
bool loop_load_sound(const struct loop_load *load);

#endif
