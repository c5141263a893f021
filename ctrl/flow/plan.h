/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a change would do, kept to be shown page by page: it is no longer staged then. Pure.
 * Control thread.
 */
#ifndef CTRL_FLOW_PLAN_H
#define CTRL_FLOW_PLAN_H

#include <stdbool.h>

#include <jansson.h>

#include "flow/flow_spec.h"

/*
 * Two flows as flow_spec_encode() has them to a list of {"pointer", "before"?, "after"?}: what is
 * absent is there in one of them only. Legs are the same when their ids are; pointers count them
 * as in `after`, those that are gone as in `before`. A new reference, NULL without memory.
 */
json_t *flow_diff(json_t *before, json_t *after);

struct plan_entry {
	char id[FLOW_ID_MAX];
	char *before; /* NULL: there is none */
	char *after;
};

struct plan {
	uint64_t generation; /* that it is a plan for */
	uint64_t added, changed, removed, unchanged, left_alone;
	uint64_t set_declared; /* they stay, and are declared from then on, or no longer */
	uint64_t legs_now, legs_then; /* of all flows */
	uint64_t bytes_now, bytes_then; /* of the data plane's tables, about */
	struct plan_entry *entries;
	size_t n;
};

/* NULL is allowed. */
void plan_destroy(struct plan *plan);

/* Destroy a piece of it. False: there was none left, and the plan is gone as well. */
bool plan_drop(struct plan *plan);

/* A plan for that generation with room for n changes. NULL without memory. */
struct plan *plan_create(uint64_t generation, size_t n);

/* Count a flow of the state as it is. */
void plan_flow_count(struct plan *plan, const struct flow_spec *spec);

/* Add a change of a flow that was counted, NULL: there is none. 0, or -1 without memory. */
int plan_add(struct plan *plan, const struct flow_spec *before, const struct flow_spec *after);

/*
 * Whether change i of two plans is of the same flow, from the same to the same; behind the last one
 * of either, whether they have as many. Each may be for any state.
 */
bool plan_equal_at(const struct plan *a, const struct plan *b, size_t i);

/* Flows as texts in one page of changes; the change that reaches this size is the last. */
#define PLAN_PAGE_BYTES (256u << 10)

/* What a change counts for that. */
size_t plan_change_bytes(const char *before, const char *after);

/*
 * The plan as JSON with at most `limit` of its changes, or PLAN_PAGE_BYTES, from number `after` on;
 * "next" says where the next page begins. A new reference, NULL without memory.
 */
json_t *plan_encode(const struct plan *plan, size_t after, size_t limit);

/*
 * How a flow changes, {"op", "id", "flow" or "fields"}, both as texts, NULL when there is none. A
 * new reference, NULL without memory.
 */
json_t *plan_change_encode(const char *id, const char *before, const char *after);

#endif
