/* SPDX-License-Identifier: BSD-3-Clause */
/* Flows as methods show them: by the page, and all that is known of one. Control thread. */
#ifndef CTRL_RPC_FLOW_STATE_H
#define CTRL_RPC_FLOW_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/fault.h"
#include "flow/flow_db.h"
#include "rpc/methods.h"

/* A page of flows for one reply: `limit` of them, or as many as have FLOW_PAGE_LEGS legs. */
#define FLOW_PAGE_LEGS 1000

struct flow_page {
	const struct flow *flow; /* the next; NULL: the page ends, or there are no more */
	int64_t room; /* for flows */
	unsigned legs; /* that there is room for */
	unsigned scans; /* of flows, taken or not, that are left */
	char next_cursor[24]; /* "": there are no more */
};

/*
 * Begin a page as params say (limit, cursor). -1 with *fault set when the cursor is none.
 */
int flow_page_begin(struct flow_page *page, const struct flow_db *desired, const json_t *params,
	struct fault *fault);

/* Go on behind page->flow; `taken`: it is on the page. */
void flow_page_next(struct flow_page *page, bool taken);

/*
 * The result of flow.get, a new reference; or NULL with *fault set. A flow with a time-out is
 * looked at for that, as the monitor does.
 */
json_t *flow_state_encode(
	const struct methods_context *context, struct flow *flow, struct fault *fault);

/* The same without the legs to receivers. */
json_t *flow_own_state_encode(
	const struct methods_context *context, struct flow *flow, struct fault *fault);

/*
 * Advice about the local address of a flow that senders on the link cannot find, a new reference;
 * NULL: there is none. Asks the kernel once or twice.
 */
json_t *local_hint_encode(const struct methods_context *context, const struct flow *flow);

/* When the last packet came, to a flow with a time-out, as of now_ns of CLOCK_MONOTONIC. */
json_t *last_packet_encode(const struct idle *idle, uint64_t now_ns);

/* One of its own legs, as it is there, with these counters. */
json_t *leg_state_encode(const struct methods_context *context, const struct flow *flow,
	unsigned number, const struct dp_leg_stats *stats);

#endif
