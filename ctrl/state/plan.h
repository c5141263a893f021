/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a proposal would change, kept to be shown page by page: it is no longer staged then. Pure.
 * Control thread.
 */
#ifndef CTRL_STATE_PLAN_H
#define CTRL_STATE_PLAN_H

#include <jansson.h>

#include "state/proposal.h"

struct plan_entry;

struct plan {
	uint64_t generation; /* that it is a plan for */
	uint64_t added, changed, removed, unchanged, left_alone;
	uint64_t adopted; /* they stay, and are declared from then on, or no longer */
	uint64_t legs_now, legs_then; /* of all flows */
	uint64_t bytes_now, bytes_then; /* of the data plane's tables, about */
	struct plan_entry *entries;
	size_t n;
	/* While it is noted down. */
	const struct flow *flow; /* the next to be counted */
	size_t change; /* the next of the draft */
};

void plan_init(struct plan *plan);
void plan_fini(struct plan *plan);

/*
 * Note down what proposal->draft holds, among the flows of `desired`: a moment's work each time,
 * and neither changes in between. 1 when there is more, 0 at the end, -1 with *fault without
 * memory.
 */
int plan_look(struct plan *plan, const struct proposal *proposal, const struct desired *desired,
	struct fault *fault);

/*
 * The plan as JSON with at most `limit` of its changes, from number `after` on; "next" says where
 * the next page begins. A new reference, NULL without memory.
 */
json_t *plan_encode(const struct plan *plan, size_t after, size_t limit);

/*
 * How a flow changes, {"op", "id", "flow" or "fields"}, both as texts, NULL when there is none. A
 * new reference, NULL without memory.
 */
json_t *plan_change_encode(const char *id, const char *before, const char *after);

#endif
