/* SPDX-License-Identifier: BSD-3-Clause */
/* Texts rather than specs: the flows that they tell of may have changed by the next page. */
#include <stdlib.h>
#include <string.h>

#include "state/flow_text.h"
#include "state/plan.h"

/* What a flow takes in the data plane: key, entry and its share of buckets; docs/control.md. */
#define FLOW_BYTES_IPV4 128
#define FLOW_BYTES_IPV6 192
#define LEG_BYTES 128

#define LOOK_FLOWS 16 /* noted down in a moment */

static uint64_t
spec_bytes(const struct flow_spec *spec)
{
	const bool plain = spec->n_all_legs == 1 && spec->n_streams == 0;

	return (spec->match.family == 6 ? FLOW_BYTES_IPV6 : FLOW_BYTES_IPV4) +
	       (plain ? 0 : (uint64_t)spec->n_all_legs * LEG_BYTES);
}

/* A flow of the state as it is, and whether the declaration does not speak of it. */
static void
flow_count(struct plan *plan, const struct proposal *proposal, const struct draft *draft,
	const struct flow *flow)
{
	plan->legs_now += flow->spec->n_all_legs;
	plan->legs_then += flow->spec->n_all_legs;
	plan->bytes_now += spec_bytes(flow->spec);
	plan->bytes_then += spec_bytes(flow->spec);
	if (flow->change)
		return;
	if (proposal->declares && !draft_declared(draft, flow))
		plan->left_alone++;
	else
		plan->unchanged++;
}

static char *
text_of(const struct flow_spec *spec, bool *failed)
{
	char *text = spec ? flow_text_encode(spec, NULL) : NULL;

	*failed |= spec && !text;
	return text;
}

static int
change_add(struct plan *plan, const struct change *change)
{
	const struct flow_spec *before = change_before(change), *after = change_spec(change);
	struct plan_entry *entry = &plan->entries[plan->n];
	bool failed = false;

	plan->adopted += change->kind == CHANGE_ADOPT;
	if ((!before && !after) || change->kind == CHANGE_ADOPT)
		return 0;
	memcpy(entry->id, (after ? after : before)->id, sizeof(entry->id));
	entry->before = text_of(before, &failed);
	entry->after = text_of(after, &failed);
	plan->n++;
	plan->added += !before;
	plan->removed += !after;
	plan->changed += before && after;
	if (before) {
		plan->legs_then -= before->n_all_legs;
		plan->bytes_then -= spec_bytes(before);
	}
	if (after) {
		plan->legs_then += after->n_all_legs;
		plan->bytes_then += spec_bytes(after);
	}
	return failed ? -1 : 0;
}

/* What comes and changes first, what goes behind it. */
static int
change_look(struct plan *plan, const struct draft *draft, size_t i)
{
	const bool second = i >= draft->n;
	const struct change *change = draft->list[second ? i - draft->n : i];

	return second == (change->kind == CHANGE_REMOVE) ? change_add(plan, change) : 0;
}

static int
look_begin(struct plan *plan, const struct draft *draft, uint64_t generation)
{
	plan->generation = generation;
	plan->entries = calloc(draft->n + 1, sizeof(plan->entries[0]));
	plan->flow = desired_after(draft->desired, 0);
	return plan->entries ? 0 : -1;
}

int
plan_look(struct plan *plan, const struct proposal *proposal, const struct draft *draft,
	uint64_t generation, struct fault *fault)
{
	unsigned i;
	int rc = 0;

	if (!plan->entries)
		rc = look_begin(plan, draft, generation);
	for (i = 0; i < LOOK_FLOWS && rc == 0; i++) {
		if (plan->flow) {
			flow_count(plan, proposal, draft, plan->flow);
			plan->flow = desired_next(plan->flow);
		} else if (plan->change < 2 * draft->n) {
			rc = change_look(plan, draft, plan->change++);
		} else {
			return 0;
		}
	}
	return rc == 0 ? 1 : fault_set(fault, FAULT_NO_ROOM, "", "no memory for the plan");
}
