/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rates of flows and legs, of which there may be a million: so they are computed on request only. A
 * walk over all flows, in slices of about a millisecond, compares their counters with those of the
 * walk before; requests that arrive during a walk share it, and its figures are dropped
 * RATES_KEPT_NS after the last request. The walk also ranks the rows, so that a request costs no
 * more than the rows that it returns. Memory from the second walk until the figures are dropped:
 * 160 bytes a flow, and as much a leg if legs were requested.
 *
 * Everything here is called by the control thread.
 */
#ifndef CTRL_MONITOR_RATES_H
#define CTRL_MONITOR_RATES_H

#include <sys/queue.h>

#include "base/clock.h"
#include "base/timer.h"
#include "flow/flows.h"

#define RATES_FRESH_NS (NS_PER_S / 2) /* a walk that began since then need not be repeated */
#define RATES_KEPT_NS (30 * NS_PER_S)

/* One flow, or one leg of its own (not of a stream). */
struct rate_row {
	uint64_t flow; /* sequence number of the flow */
	uint64_t leg; /* rate_leg_key() of its id; 0: the flow itself */
	uint64_t packets; /* of a leg: copies */
	uint64_t bytes;
	uint64_t drops; /* of a flow: packets, and copies of its legs, those of streams too */
	uint64_t new_packets; /* during the period; 0 for what was not there before */
	uint64_t new_bytes;
	uint64_t new_drops;
	uint64_t packets_ns; /* the first walk that found as many packets, CLOCK_MONOTONIC */
	uint64_t drops_ns; /* the last that found more drops than the one before it; 0 = none */
};

enum rate_order { RATE_BY_PPS, RATE_BY_BPS, RATE_BY_DROPS, RATE_BY_PACKETS };

#define RATE_ORDERS (RATE_BY_PACKETS + 1)

#define RATE_TOP_MAX 1000 /* rows of a table that are known to have most */

struct rate_best {
	uint32_t n; /* at the end of a walk RATE_TOP_MAX at most */
	bool sorted; /* the first RATE_TOP_MAX rows are the best so far, most first */
	uint32_t rows[2 * RATE_TOP_MAX]; /* their numbers */
};

struct rate_table {
	struct rate_row *rows; /* in the order of the flows, and of the legs of each */
	size_t n;
	size_t bytes; /* mapped for them */
	struct rate_best best[RATE_ORDERS];
};

/* A request that waits for a walk; `done` is called once, with figures or a fault. */
struct rates_waiter {
	STAILQ_ENTRY(rates_waiter) link;
	void (*done)(struct rates_waiter *waiter, const struct fault *fault);
	bool legs;
	uint64_t span_ns; /* between the first walk that is known and the last, at least */
};

struct flow_rates {
	struct flows *flows;
	struct timer timer; /* the next slice, or the time to forget */
	bool walking;
	bool with_legs; /* the figures have them, and so has the walk */
	struct flow *cursor; /* the next flow of the walk */
	size_t before; /* where in the figures before it stands */
	size_t before_leg;
	uint64_t walk_ns; /* when the walk began, CLOCK_MONOTONIC */
	uint64_t figures_ns; /* and the one before, whose figures are known; 0 = none are */
	uint64_t period_ns; /* between these two; 0 = there was one only */
	uint64_t known_ns; /* when the first walk since figures were forgotten began */
	struct rate_table figures[2]; /* [0] of flows, [1] of legs */
	struct rate_table growing[2]; /* the one that goes on */
	STAILQ_HEAD(, rates_waiter) waiters;
};

/* Begin on `base`; flows are borrowed. */
void flow_rates_init(struct flow_rates *rates, struct flows *flows, struct event_base *base);
/* Requests that still wait are not notified. */
void flow_rates_fini(struct flow_rates *rates);

/* Notify the waiter when figures are fresh: at once or later, from the loop. */
void flow_rates_ask(struct flow_rates *rates, struct rates_waiter *waiter);

/* A flow was installed, replaced or removed: as flows_changed_fn. */
void flow_rates_flow_changed(
	struct flow_rates *rates, const struct flow *now, const struct flow *before);

/* The row of a flow; NULL when the last walk has not met it. */
const struct rate_row *flow_rate_row(const struct flow_rates *rates, const struct flow *flow);

/* The flow of a row; NULL when it has gone since. */
const struct flow *rate_row_flow(const struct flow_rates *rates, const struct rate_row *row);

/* Name of a leg in rate_row. Never 0. */
uint64_t rate_leg_key(const char *id);

/*
 * The rows of a table that have most of something: add the last row of the table, which is
 * complete, and in the end sort, most first. Older flows come first among equals, so that rows keep
 * their places. Pure.
 */
void rate_top_add(struct rate_table *table);
void rate_top_sort(struct rate_table *table);

#endif
