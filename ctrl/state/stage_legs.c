/* SPDX-License-Identifier: BSD-3-Clause */
/* Legs of a flow that join and leave, and what is up or down: each makes a version of the flow. */
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "state/compile.h"
#include "state/leg_ids.h"
#include "state/stage.h"

/* Ids that the new legs bring must be free, there and among themselves. */
static int
join_ids_check(const struct flow_spec *spec, const struct op *op, struct fault *fault)
{
	struct leg_index index;
	char pointer[32];
	unsigned i;
	int rc = leg_ids_check(op->legs, op->n_legs, fault);

	if (rc < 0)
		return -1;
	if (leg_index_init(&index, spec->legs, spec->n_legs, leg_compare_id) < 0)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory for %u leg%s", spec->n_legs,
			plural_s(spec->n_legs));
	for (i = 0; rc == 0 && i < op->n_legs; i++) {
		if (op->legs[i].id[0] == '\0' || leg_index_find(&index, op->legs[i].id) < 0)
			continue;
		snprintf(pointer, sizeof(pointer), "/legs/%u/id", i);
		rc = fault_set(fault, FAULT_CONFLICT, pointer,
			"found id %s, which another leg of the flow has, expected a free one",
			op->legs[i].id);
	}
	leg_index_fini(&index);
	return rc;
}

static int
join_check(const struct draft *draft, const struct flow_spec *spec, const struct op *op,
	struct fault *fault)
{
	if (op->n_legs > DP_FLOW_LEGS_MAX || spec->n_legs + op->n_legs > DP_FLOW_LEGS_MAX)
		return fault_set(fault, FAULT_NO_ROOM, "/legs",
			"found %u leg%s beside %u, expected at most %d in one flow", op->n_legs,
			plural_s(op->n_legs), spec->n_legs, DP_FLOW_LEGS_MAX);
	if (join_ids_check(spec, op, fault) < 0)
		return -1;
	return legs_ports_check(op->legs, op->n_legs, draft->ports, fault);
}

/* Every leg of the flow goes on, and n more are new. NULL without memory. */
static uint16_t *
from_all(const struct flow_spec *spec, unsigned n)
{
	uint16_t *from = reallocarray(NULL, spec->n_legs + n + 1u, sizeof(from[0]));
	unsigned i;

	for (i = 0; from && i < spec->n_legs + n; i++)
		from[i] = i < spec->n_legs ? (uint16_t)i : DP_LEG_NEW;
	return from;
}

static int
no_memory(const struct flow_spec *spec, struct fault *fault)
{
	return fault_set(fault, FAULT_NO_ROOM, "", "no memory for a copy of flow %s", spec->id);
}

int
stage_join(struct draft *draft, struct op *op, struct fault *fault)
{
	struct flow *flow = staged_find(draft, op->id, "/flow", fault);
	const struct flow_spec *spec;
	uint16_t *from;
	unsigned i;
	int rc;

	if (!flow)
		return -1;
	spec = staged_spec(flow);
	if (join_check(draft, spec, op, fault) < 0)
		return -1;
	from = from_all(spec, op->n_legs);
	if (from)
		op->spec = flow_spec_with_legs(spec, from, spec->n_legs, op->legs, op->n_legs);
	if (!op->spec) {
		free(from);
		return no_memory(spec, fault);
	}
	if (legs_apart(op->spec->legs, op->spec->n_legs, spec->n_legs, fault) < 0) {
		free(from);
		return -1;
	}
	leg_ids_give(op->spec);
	for (i = 0; i < op->n_legs; i++)
		memcpy(op->legs[i].id, op->spec->legs[spec->n_legs + i].id, sizeof(op->legs[i].id));
	rc = stage_version(draft, flow, op, from, fault);
	if (rc == 0)
		flow->change->first_leg = spec->n_legs;
	free(from);
	return rc;
}

/* Who of a flow stays; and of those that leave, which legs they are. */
struct leave {
	const struct flow_spec *spec;
	struct op *op;
	uint16_t *staying;
	unsigned n_staying;
};

static int
legs_part(struct leave *leave, const struct leg_index *index, struct fault *fault)
{
	const struct flow_spec *spec = leave->spec;
	bool leaves[DP_FLOW_LEGS_MAX] = {false};
	char pointer[32];
	unsigned i;

	for (i = 0; i < leave->op->n_legs; i++) {
		const char *id = leave->op->leg_ids[i];
		const int leg = leg_index_find(index, id);

		snprintf(pointer, sizeof(pointer), "/legs/%u", i);
		if (leg < 0)
			return fault_set(fault, FAULT_NOT_FOUND, pointer,
				"found %s, expected the id of a leg of flow %s", id, spec->id);
		if (leaves[leg])
			return fault_set(fault, FAULT_INVALID_VALUE, pointer,
				"found %s twice, expected each id once", id);
		leaves[leg] = true;
		leave->op->left[i] = (uint16_t)leg;
	}
	for (i = 0; i < spec->n_legs; i++) {
		if (!leaves[i])
			leave->staying[leave->n_staying++] = (uint16_t)i;
	}
	if (spec->verdict == DP_FORWARD && leave->n_staying == 0 &&
		spec->n_all_legs == spec->n_legs)
		return fault_set(fault, FAULT_INVALID_VALUE, "/legs",
			"found every leg of flow %s, expected one to stay, as its action is "
			"forward; take the flow down or remove it",
			spec->id);
	return 0;
}

static int
legs_choose(struct leave *leave, struct fault *fault)
{
	struct leg_index index;
	int rc;

	if (leg_index_init(&index, leave->spec->legs, leave->spec->n_legs, leg_compare_id) < 0)
		return no_memory(leave->spec, fault);
	rc = legs_part(leave, &index, fault);
	leg_index_fini(&index);
	return rc;
}

/* Who leaves is told by the legs that run, whose counters are the last. */
static void
left_trace(const struct change *change, struct op *op)
{
	unsigned i;

	if (!change)
		return;
	for (i = 0; i < op->n_legs; i++)
		op->left[i] = change->from ? change->from[op->left[i]] : DP_LEG_NEW;
}

static int
leave_stage(struct draft *draft, struct flow *flow, struct leave *leave, struct fault *fault)
{
	struct op *op = leave->op;

	if (legs_choose(leave, fault) < 0)
		return -1;
	left_trace(flow->change, op);
	op->spec = flow_spec_with_legs(leave->spec, leave->staying, leave->n_staying, NULL, 0);
	if (!op->spec)
		return no_memory(leave->spec, fault);
	if (stage_version(draft, flow, op, leave->staying, fault) < 0)
		return -1;
	op->change->reports = true;
	draft->reports = true;
	return 0;
}

int
stage_leave(struct draft *draft, struct op *op, struct fault *fault)
{
	struct flow *flow = staged_find(draft, op->id, "/flow", fault);
	struct leave leave = {.op = op};
	int rc;

	if (!flow)
		return -1;
	leave.spec = staged_spec(flow);
	leave.staying = calloc(leave.spec->n_legs + 1u, sizeof(leave.staying[0]));
	rc = leave.staying ? leave_stage(draft, flow, &leave, fault) : no_memory(leave.spec, fault);
	free(leave.staying);
	return rc;
}

/* Number of a leg by its id; looked for once, so without an index. */
static int
leg_find(const struct flow_spec *spec, const char *id, struct fault *fault)
{
	unsigned i;

	for (i = 0; i < spec->n_legs; i++) {
		if (strcmp(spec->legs[i].id, id) == 0)
			return (int)i;
	}
	return fault_set(fault, FAULT_NOT_FOUND, "/leg",
		"found %s, expected the id of a leg of flow %s", id, spec->id);
}

int
stage_admin(struct draft *draft, struct op *op, struct fault *fault)
{
	struct flow *flow = staged_find(draft, op->id, "/flow", fault);
	const char *leg = op->n_legs > 0 ? op->leg_ids[0] : NULL;
	const struct flow_spec *spec;
	uint16_t *from;
	int at = 0, rc;

	if (!flow)
		return -1;
	spec = staged_spec(flow);
	if (leg && (at = leg_find(spec, leg, fault)) < 0)
		return -1;
	if ((leg ? spec->legs[at].down : spec->down) == op->down)
		return 0;
	from = from_all(spec, 0);
	if (from)
		op->spec = flow_spec_with_legs(spec, from, spec->n_legs, NULL, 0);
	if (!op->spec) {
		free(from);
		return no_memory(spec, fault);
	}
	*(leg ? &op->spec->legs[at].down : &op->spec->down) = op->down;
	rc = stage_version(draft, flow, op, from, fault);
	free(from);
	return rc;
}
