/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a fuzzer's bytes say: flows and frames drawn from so few addresses and ports that they meet
 * each other often.
 */
#ifndef FUZZ_SCRIPT_H
#define FUZZ_SCRIPT_H

#include <dp/dp.h>

#include "cursor.h"

#define SCRIPT_LEGS_MAX 12
#define SCRIPT_STREAMS_MAX 4
#define SCRIPT_FRAME_MAX 1400

/* A flow and all that it points to. */
struct script_flow {
	struct dp_flow flow;
	struct dp_rule rule;
	struct dp_prefix allow[2];
	struct dp_leg legs[SCRIPT_LEGS_MAX];
	struct dp_stream streams[SCRIPT_STREAMS_MAX];
	struct dp_leg stream_legs[SCRIPT_STREAMS_MAX][2];
};

/* Draw a flow; with `like` another version of that one, with the same match. */
void script_flow_draw(
	struct script_flow *out, struct cursor *cursor, const struct script_flow *like);

/* Draw a frame into `frame` of SCRIPT_FRAME_MAX bytes. Returns its length, which may be 0. */
size_t script_frame_draw(uint8_t *frame, struct cursor *cursor);

#endif
