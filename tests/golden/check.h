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

/* True when the drop that frame `i` names, and no other, rose by one since `before`. */
bool check_step(const struct rig *rig, size_t i, const struct drop_counts *before);

/* Frames that left, byte by byte; drops; flow counters; conservation. After rig_stop(). */
bool check_run(const struct rig *rig);

#endif
