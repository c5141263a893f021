/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a proposal would change, kept to be shown page by page: it is no longer staged then. Pure.
 * Control thread.
 */
#ifndef CTRL_FLOW_PLAN_H
#define CTRL_FLOW_PLAN_H

#include <stdbool.h>

#include <jansson.h>

#include "base/fault.h"
#include "flow/change.h"

/* What is different between two flows, field by field, for people who decide on it. Any thread. */

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
	/* While it is noted down. */
	const struct flow *flow; /* the next to be counted */
	size_t change; /* the next of the draft, which is gone through twice */
};

/* NULL is allowed. */
void plan_destroy(struct plan *plan);

/* Destroy a piece of it. False: there was none left, and the plan is gone as well. */
bool plan_drop(struct plan *plan);

/*
 * Note down in a plan, zeroed at first, a draft over the flows of `desired`, which generation
 * `generation` left: a moment's work each time, and nothing of it changes in between. 1 when there
 * is more, 0 at the end, -1 with *fault without memory.
 */
int plan_build(
	struct plan *plan, const struct draft *draft, uint64_t generation, struct fault *fault);

/* Whether two plans change the same flows from the same to the same; each may be for any state. */
bool plan_equal(const struct plan *a, const struct plan *b);

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
