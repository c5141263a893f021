/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a run left, held against the case and against the conservation law. Every difference is
 * printed as a TAP comment.
 */
#ifndef GOLDEN_CHECK_H
#define GOLDEN_CHECK_H

#include "rig.h"

/* Drop counters of all ports, to be compared with a later reading. */
struct drop_counts {
	uint64_t of[CASE_PORTS][DP_DROP_COUNT];
};

int drop_counts_read(const struct rig *rig, struct drop_counts *counts);

/* Compare one number; `what` and `which` name it. */
bool check_number(const char *what, const char *which, uint64_t found, uint64_t expected);

/* True when the drop that a frame names, and no other, rose by one since `before`. */
bool check_step(
	const struct rig *rig, const struct case_frame *frame, const struct drop_counts *before);

/* Frames that left or were punted, byte by byte; drops; flows; conservation. After rig_stop(). */
bool check_run(const struct rig *rig);

/* Flows (check_flows.c): counters of one flow and its legs; those of all flows; a latched source */
bool check_flow_counts(const struct case_counts *expected, const struct dp_flow_stats *flow,
	const struct dp_leg_stats *legs, unsigned n_legs);
bool check_flows(const struct rig *rig);
bool check_latched(const struct rig *rig, const struct case_latched *expected);

/* Let a flow forget, and see what it says it had learned. */
bool check_forget(const struct rig *rig, const struct case_latched *expected);

#endif
