/* SPDX-License-Identifier: BSD-3-Clause */
/* flow.install, flow.replace, flow.remove, flow.list, flow.get, flow.admin, leg.join, leg.leave */
#ifndef CTRL_RPC_FLOW_METHODS_H
#define CTRL_RPC_FLOW_METHODS_H

#include <jansson.h>

#include "flow/flows.h"
#include "rpc/dispatch.h"

/* Each an rpc_method_fn; ctx is a struct methods_context. */
json_t *flow_install(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);
json_t *flow_replace(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);
json_t *flow_remove(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);
json_t *flow_list(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);
json_t *flow_get(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);

/* A page of flows for one reply: `limit` of them, or as many as have FLOW_PAGE_LEGS legs. */
#define FLOW_PAGE_LEGS 1000

struct flow_page {
	const struct flow *flow; /* the next; NULL: the page ends, or there are no more */
	json_int_t room; /* for flows */
	unsigned legs; /* that there is room for */
	unsigned looks; /* at flows, taken or not */
	char next_cursor[24]; /* "": there are no more */
};

/*
 * Begin a page as params say (limit, cursor). -1 with *fault set when the cursor is none.
 * flow_page_next() goes on behind page->flow; `taken`: it is on the page.
 */
int flow_page_begin(struct flow_page *page, const struct flow_db *desired, const json_t *params,
	struct fault *fault);
void flow_page_next(struct flow_page *page, bool taken);

/* Each an rpc_method_fn; ctx is a struct methods_context. */
json_t *leg_join(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);
json_t *leg_leave(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);
json_t *flow_admin(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);

#endif
