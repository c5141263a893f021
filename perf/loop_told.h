/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the flows, their streams and their legs say happened, each checked against itself and the
 * others of its flow.
 */
#ifndef PERF_LOOP_TOLD_H
#define PERF_LOOP_TOLD_H

#include "loop_rig.h"

struct loop_told {
	uint64_t forwarded; /* by all flows */
	struct {
		uint64_t copies; /* of all legs that leave by it */
	} ports[LOOP_PORTS_MAX];
};

/* Ask them all. False after a message on the first flow that is at odds with itself. */
bool loop_told_gather(const struct loop_rig *rig, struct loop_told *told);

#endif
