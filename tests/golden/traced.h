/* SPDX-License-Identifier: BSD-3-Clause */
/* A case frame by frame, each of them traced before it is sent. */
#ifndef GOLDEN_TRACED_H
#define GOLDEN_TRACED_H

#include "rig.h"

/* What was foretold of the packets that control is handed. */
struct traced {
	struct case_frames punted;
	size_t n_frames; /* that were traced */
};

/* True unless a case fills a transmit queue or uses up the buffers, which is not foretold. */
bool traced_foretells(const struct golden_case *c);

/*
 * Send one frame. True when what became of it is what its trace had said: the frames that left,
 * the drops, the flow that counted it.
 */
bool traced_send(struct rig *rig, const struct case_frame *frame, struct traced *traced);

/* After rig_stop(): true when what was punted is what was foretold. */
bool traced_check_punted(const struct rig *rig, const struct traced *traced);

void traced_fini(struct traced *traced);

#endif
