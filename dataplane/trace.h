/* SPDX-License-Identifier: BSD-3-Clause */
/* What the two halves of a trace share, and a trace by a clock of the caller's. */
#ifndef DATAPLANE_TRACE_H
#define DATAPLANE_TRACE_H

#include <dp/trace.h>

struct datagram;
struct shadow;

/* What one trace is about. */
struct tracing {
	struct dp *dp;
	const struct dp_trace_request *request;
	struct dp_trace *trace;
	struct shadow *shadow;
	unsigned worker;
	dp_trace_leg_fn fn;
	void *arg;
};

static inline void
trace_drop(struct dp_trace *trace, enum dp_trace_step step, enum dp_drop reason)
{
	trace->verdict = DP_DROP;
	trace->step = step;
	trace->drop = (uint16_t)reason;
}

/*
 * The flow of `entry` has the packet: fill the trace from there on, and tell of its legs. d is in
 * the shadow's buffer. trace_flow.c.
 */
void trace_flow(
	const struct tracing *t, const struct datagram *d, void *entry, enum dp_family family);

/*
 * As dp_trace(), for the worker of that index, at now_ns of its clock: for tests that are the
 * worker themselves.
 */
int trace_at(struct dp *dp, unsigned worker, uint64_t now_ns,
	const struct dp_trace_request *request, struct dp_trace *trace, dp_trace_leg_fn fn,
	void *arg);

#endif
