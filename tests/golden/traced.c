/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The strong test of a trace: what it foretells of a frame is held against what the data plane then
 * does with it, byte by byte, and as nothing else happens in between the rest of the case goes on
 * only if the trace has changed nothing.
 */
#include "traced.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dp/trace.h>

#include "check.h"
#include "dp_private.h"

#define LEGS_ALL UINT16_MAX

/* What is foretold of one frame. */
struct forecast {
	struct dp_trace trace;
	struct case_frames sent;
	struct drop_counts drops;
};

bool
traced_foretells(const struct golden_case *c)
{
	return c->tx_ring == 0 && c->packet_buffers == 0;
}

static void
leg_note(void *arg, const struct dp_trace_leg *leg)
{
	struct forecast *forecast = arg;
	struct case_frame *frame;

	if (leg->outcome == DP_TRACE_DROPPED)
		forecast->drops.of[leg->hop.port][leg->drop]++;
	if (leg->outcome != DP_TRACE_SENT)
		return;
	frame = rig_frame_append(&forecast->sent, leg->hop.port, leg->frame_bytes);
	if (frame == NULL)
		abort();
	memcpy(frame->bytes, leg->frame, leg->frame_bytes);
}

static int
frame_trace(struct rig *rig, const struct case_frame *frame, struct forecast *forecast)
{
	const struct dp_trace_request request = {
		.frame = frame->bytes,
		.frame_bytes = frame->n_bytes,
		.port = (uint16_t)frame->port,
		.n_legs = LEGS_ALL,
	};
	int ret;

	/* Where the rig is the worker, its clock is the worker's. */
	for (unsigned w = 0; rig->c->clock && w < rig->dp->n_workers; w++)
		rig->dp->workers[w]->now_ns = rig->now_ns;
	ret = dp_trace(rig->dp, &request, &forecast->trace, leg_note, forecast);
	if (ret == 0 && forecast->trace.verdict == DP_DROP)
		forecast->drops.of[frame->port][forecast->trace.drop]++;
	return ret;
}

static const struct case_frame *
frame_of_port(const struct case_frames *frames, size_t first, unsigned port, size_t which)
{
	for (size_t i = first; i < frames->n; i++) {
		if (frames->of[i].port == port && which-- == 0)
			return &frames->of[i];
	}
	return NULL;
}

static bool
frames_equal(const struct case_frame *a, const struct case_frame *b)
{
	return a != NULL && b != NULL && a->n_bytes == b->n_bytes &&
	       memcmp(a->bytes, b->bytes, a->n_bytes) == 0;
}

/* The frames that came out behind number `first`, port by port. */
static bool
check_sent(const struct rig *rig, size_t first, const struct case_frames *sent)
{
	bool ok = true;

	for (unsigned port = 0; port < CASE_PORTS; port++) {
		const struct case_frame *found, *foretold;
		size_t i = 0;

		do {
			found = frame_of_port(&rig->received, first, port, i);
			foretold = frame_of_port(sent, 0, port, i++);
			if (found != foretold && !frames_equal(found, foretold)) {
				printf("# p%u: frame %zu is not as foretold\n", port, i - 1);
				ok = false;
			}
		} while (found != NULL && foretold != NULL);
	}
	return ok;
}

static bool
check_drops(
	const struct rig *rig, const struct drop_counts *before, const struct drop_counts *risen)
{
	struct drop_counts now;
	bool ok = drop_counts_read(rig, &now) == 0;

	for (unsigned p = 0; p < CASE_PORTS && ok; p++) {
		for (unsigned r = 0; r < DP_DROP_COUNT; r++)
			ok &= check_number("drops foretold,", dp_drop_name((enum dp_drop)r),
				now.of[p][r] - before->of[p][r], risen->of[p][r]);
	}
	return ok;
}

static uint64_t
flow_packets(const struct rig *rig, uint32_t handle)
{
	struct dp_flow_stats stats = {0};

	if (handle != DP_HANDLE_NONE)
		dp_flow_stats_get(rig->dp, handle, &stats, NULL, 0);
	return stats.packets;
}

static void
punt_note(const struct rig *rig, const struct case_frame *frame, const struct dp_trace *trace,
	struct traced *traced)
{
	struct case_frame *punted;

	if (trace->verdict != DP_PUNT)
		return;
	punted = rig_frame_append(
		&traced->punted, frame->port, frame->n_bytes - trace->extension_bytes);
	if (punted == NULL)
		abort();
	if (trace->handle != DP_HANDLE_NONE)
		punted->flow = rig_flow_name(rig, trace->handle);
}

bool
traced_send(struct rig *rig, const struct case_frame *frame, struct traced *traced)
{
	const size_t first = rig->received.n;
	struct forecast forecast = {0};
	struct drop_counts before;
	uint64_t packets;
	bool ok;

	if (frame->split != 0) /* a trace has its frame in one piece */
		return rig_send(rig, frame) == 0 && rig_drain(rig) == 0;
	ok = drop_counts_read(rig, &before) == 0 && frame_trace(rig, frame, &forecast) == 0;
	packets = flow_packets(rig, forecast.trace.handle);
	ok = ok && rig_send(rig, frame) == 0 && rig_drain(rig) == 0 && rig_received_take(rig) == 0;
	ok = ok && check_sent(rig, first, &forecast.sent);
	ok = ok && check_drops(rig, &before, &forecast.drops);
	ok = ok && check_number("packets of the flow", "that was foretold",
			   flow_packets(rig, forecast.trace.handle) - packets,
			   forecast.trace.handle != DP_HANDLE_NONE);
	punt_note(rig, frame, &forecast.trace, traced);
	traced->n_frames++;
	case_frames_fini(&forecast.sent);
	return ok;
}

static bool
punts_equal(const struct case_frame *a, const struct case_frame *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return a->n_bytes == b->n_bytes && (a->flow == NULL) == (b->flow == NULL) &&
	       (a->flow == NULL || strcmp(a->flow, b->flow) == 0);
}

bool
traced_check_punted(const struct rig *rig, const struct traced *traced)
{
	bool ok = true;

	for (unsigned port = 0; port < CASE_PORTS; port++) {
		for (size_t i = 0; i <= traced->punted.n; i++) {
			if (punts_equal(frame_of_port(&traced->punted, 0, port, i),
				    frame_of_port(&rig->punted, 0, port, i)))
				continue;
			printf("# p%u: punted packet %zu is not as foretold\n", port, i);
			ok = false;
		}
	}
	return ok;
}

void
traced_fini(struct traced *traced)
{
	case_frames_fini(&traced->punted);
}
