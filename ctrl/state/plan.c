/* SPDX-License-Identifier: BSD-3-Clause */
/* Texts rather than specs: the flows that they tell of may have changed by the next page. */
#include "state/plan.h"

#include <stdlib.h>
#include <string.h>

#include "state/flow_diff.h"
#include "state/flow_text.h"

/* What a flow takes in the data plane: key, entry and its share of buckets; docs/control.md. */
#define FLOW_BYTES_IPV4 128
#define FLOW_BYTES_IPV6 192
#define LEG_BYTES 128

#define LOOK_FLOWS 16 /* noted down in a moment */

struct plan_entry {
	char id[FLOW_ID_MAX];
	char *before; /* NULL: there is none */
	char *after;
};

static uint64_t
spec_bytes(const struct flow_spec *spec)
{
	const bool plain = spec->n_all_legs == 1 && spec->n_streams == 0;

	return (spec->match.family == 6 ? FLOW_BYTES_IPV6 : FLOW_BYTES_IPV4) +
	       (plain ? 0 : (uint64_t)spec->n_all_legs * LEG_BYTES);
}

/* A flow of the state as it is, and whether the declaration does not speak of it. */
static void
flow_count(struct plan *plan, const struct proposal *proposal, const struct flow *flow)
{
	plan->legs_now += flow->spec->n_all_legs;
	plan->legs_then += flow->spec->n_all_legs;
	plan->bytes_now += spec_bytes(flow->spec);
	plan->bytes_then += spec_bytes(flow->spec);
	if (flow->change)
		return;
	if (proposal->declares && !draft_declared(proposal->draft, flow))
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

void
plan_init(struct plan *plan)
{
	memset(plan, 0, sizeof(*plan));
}

static int
look_begin(struct plan *plan, const struct proposal *proposal, const struct desired *desired)
{
	plan->generation = proposal->generation;
	plan->entries = calloc(proposal->draft->n + 1, sizeof(plan->entries[0]));
	plan->flow = desired_after(desired, 0);
	return plan->entries ? 0 : -1;
}

int
plan_look(struct plan *plan, const struct proposal *proposal, const struct desired *desired,
	struct fault *fault)
{
	const struct draft *draft = proposal->draft;
	unsigned i;
	int rc = 0;

	if (!plan->entries)
		rc = look_begin(plan, proposal, desired);
	for (i = 0; i < LOOK_FLOWS && rc == 0; i++) {
		if (plan->flow) {
			flow_count(plan, proposal, plan->flow);
			plan->flow = desired_next(plan->flow);
		} else if (plan->change < draft->n) {
			rc = change_add(plan, draft->list[plan->change++]);
		} else {
			return 0;
		}
	}
	return rc == 0 ? 1 : fault_set(fault, FAULT_NO_ROOM, "", "no memory for the plan");
}

void
plan_fini(struct plan *plan)
{
	while (plan->n > 0) {
		plan->n--;
		free(plan->entries[plan->n].before);
		free(plan->entries[plan->n].after);
	}
	free(plan->entries);
	plan->entries = NULL;
}

json_t *
plan_change_encode(const char *id, const char *before, const char *after)
{
	json_t *old = before ? json_loads(before, 0, NULL) : NULL;
	json_t *new = after ? json_loads(after, 0, NULL) : NULL;
	json_t *change;

	if (old && new)
		change = json_pack(
			"{s:s, s:s, s:o}", "op", "change", "id", id, "fields", flow_diff(old, new));
	else
		change = json_pack("{s:s, s:s, s:O}", "op", new ? "add" : "remove", "id", id,
			"flow", new ? new : old);
	json_decref(old);
	json_decref(new);
	return change;
}

static json_t *
changes_encode(const struct plan *plan, size_t after, size_t end)
{
	json_t *changes = json_array();
	size_t i;

	for (i = after; i < end; i++) {
		const struct plan_entry *entry = &plan->entries[i];

		json_array_append_new(
			changes, plan_change_encode(entry->id, entry->before, entry->after));
	}
	return changes;
}

json_t *
plan_encode(const struct plan *plan, size_t after, size_t limit)
{
	const size_t end = after + limit < plan->n ? after + limit : plan->n;
	json_t *json;

	json = json_pack("{s:I, s:{s:I, s:I, s:I, s:I, s:I, s:I}, s:{s:I, s:I}, s:{s:I, s:I}, s:o}",
		"generation", (json_int_t)plan->generation, "flows", "added",
		(json_int_t)plan->added, "changed", (json_int_t)plan->changed, "removed",
		(json_int_t)plan->removed, "unchanged", (json_int_t)plan->unchanged, "left_alone",
		(json_int_t)plan->left_alone, "adopted", (json_int_t)plan->adopted, "legs", "now",
		(json_int_t)plan->legs_now, "then", (json_int_t)plan->legs_then, "table_bytes",
		"now", (json_int_t)plan->bytes_now, "then", (json_int_t)plan->bytes_then, "changes",
		changes_encode(plan, after, end));
	if (end < plan->n)
		json_object_set_new(json, "next", json_integer((json_int_t)end));
	return json;
}
