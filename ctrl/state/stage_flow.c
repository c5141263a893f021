/* SPDX-License-Identifier: BSD-3-Clause */
/* Flows that come, change as a whole, and go. */
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "state/compile.h"
#include "state/flow_text.h"
#include "state/leg_ids.h"
#include "state/stage.h"

/* A flow of that id is on its way out: what comes takes its place in the order, and no more. */
static int
flow_renew(struct draft *draft, struct flow *flow, struct op *op, struct fault *fault)
{
	struct flow_spec *spec = op->spec;
	const struct flow *other =
		spec->rule ? NULL : desired_match_seek(draft->desired, &spec->match);
	struct change *change = flow->change;

	if (other && other != flow)
		return fault_set(fault, FAULT_CONFLICT, "/match",
			"found the match of flow %s, expected one that no other flow has",
			staged_there(other) ? staged_spec(other)->id : spec->id);
	change->kind = change->kind == CHANGE_NONE ? CHANGE_ADD : CHANGE_RENEW;
	change->op = op;
	op->change = change;
	op->effect = change->kind;
	desired_rekey(flow, spec);
	if (desired_match_take(draft->desired, flow, spec) < 0)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory for flow %s", spec->id);
	return 0;
}

int
stage_install(struct draft *draft, struct op *op, struct fault *fault)
{
	struct flow_spec *spec = op->spec;
	struct flow *flow = spec->id[0] ? desired_seek(draft->desired, spec->id) : NULL;
	struct change *change;

	if (flow_ports_check(spec, draft->ports, fault) < 0)
		return -1;
	leg_ids_give(spec);
	if (flow && !staged_there(flow))
		return flow_renew(draft, flow, op, fault);
	flow = desired_add(draft->desired, spec, fault);
	if (!flow)
		return -1;
	change = staged_change(draft, flow, CHANGE_ADD, fault);
	if (!change) {
		desired_withdraw(draft->desired, flow);
		return -1;
	}
	change->op = op;
	op->change = change;
	op->effect = CHANGE_ADD;
	return 0;
}

/* What is told apart by a flow's match stays; all else may change. */
static int
classifier_check(const struct flow_spec *before, const struct flow_spec *spec, struct fault *fault)
{
	const char *const pointer = spec->rule ? "/rule" : "/match";

	if (!before->rule != !spec->rule)
		return fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"found a %s, expected a %s as flow %s has", spec->rule ? "rule" : "match",
			before->rule ? "rule" : "match", spec->id);
	if (before->match.family != spec->match.family && spec->rule)
		return fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"found IPv%u, expected IPv%u as flow %s has", spec->match.family,
			before->match.family, spec->id);
	if (memcmp(&before->match, &spec->match, sizeof(spec->match)) != 0)
		return fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"found another match than flow %s has, expected the same; "
			"remove the flow and install it with the other",
			spec->id);
	return 0;
}

/* Legs go on by id; the others are new, under a number that the flow never gave before. */
static int
legs_trace(const struct flow_spec *before, struct flow_spec *spec, uint16_t *from)
{
	struct leg_index index;
	unsigned i;

	if (leg_index_init(&index, before->legs, before->n_legs, leg_compare_id) < 0)
		return -1;
	for (i = 0; i < spec->n_legs; i++) {
		int leg = spec->legs[i].id[0] ? leg_index_find(&index, spec->legs[i].id) : -1;

		from[i] = leg < 0 ? DP_LEG_NEW : (uint16_t)leg;
	}
	leg_index_fini(&index);
	spec->last_leg_number = before->last_leg_number;
	leg_ids_give(spec);
	return 0;
}

static int
flow_version(struct draft *draft, struct flow *flow, struct op *op, struct fault *fault)
{
	struct flow_spec *spec = op->spec;
	uint16_t *from = reallocarray(NULL, spec->n_legs + 1, sizeof(from[0]));
	int rc;

	if (!from || legs_trace(staged_spec(flow), spec, from) < 0)
		rc = fault_set(fault, FAULT_NO_ROOM, "", "no memory for a flow of %u leg%s",
			spec->n_all_legs, plural_s(spec->n_all_legs));
	else
		rc = stage_version(draft, flow, op, from, fault);
	free(from);
	return rc;
}

/* Nobody names a flow twice in one list: the second would undo the first unseen. */
static int
named_once(const struct flow *flow, const struct op *op, const char *pointer, struct fault *fault)
{
	const struct op *before = flow->change ? flow->change->op : NULL;

	if (!before || before->kind != op->kind || before->message != op->message ||
		before->owner != op->owner)
		return 0;
	return fault_set(fault, FAULT_INVALID_VALUE, pointer,
		"found %s twice, expected each id once",
		op->kind == OP_REMOVE ? op->id : op->spec->id);
}

int
stage_replace(struct draft *draft, struct op *op, struct fault *fault)
{
	struct flow *flow;

	if (op->spec->id[0] == '\0')
		return fault_set(fault, FAULT_INVALID_VALUE, "/id",
			"found none, expected the id of the flow to replace");
	flow = staged_find(draft, op->spec->id, "/id", fault);
	if (!flow || named_once(flow, op, "/id", fault) < 0 ||
		classifier_check(staged_spec(flow), op->spec, fault) < 0 ||
		flow_ports_check(op->spec, draft->ports, fault) < 0)
		return -1;
	if (leg_ids_take_over(staged_spec(flow), op->spec) < 0)
		return fault_set(
			fault, FAULT_NO_ROOM, "", "no memory to compare flow %s", op->spec->id);
	op->spec->declared = staged_spec(flow)->declared;
	return flow_version(draft, flow, op, fault);
}

static int
flow_leave(struct draft *draft, struct flow *flow, struct op *op, struct fault *fault)
{
	struct change *change = staged_change(draft, flow, CHANGE_REMOVE, fault);

	if (!change)
		return -1;
	if (change->kind == CHANGE_RENEW)
		desired_rekey(flow, flow->spec);
	desired_match_free(draft->desired, flow);
	free(change->from);
	change->from = NULL;
	change->kind = change->kind == CHANGE_ADD ? CHANGE_NONE : CHANGE_REMOVE;
	change->reports |= op->reports;
	draft->reports |= op->reports;
	change->op = op;
	op->change = change;
	op->effect = CHANGE_REMOVE;
	return 0;
}

int
stage_remove(struct draft *draft, struct op *op, struct fault *fault)
{
	struct flow *flow = desired_seek(draft->desired, op->id);

	if (flow && named_once(flow, op, "", fault) < 0)
		return -1;
	flow = staged_find(draft, op->id, "", fault);
	if (!flow)
		return -1;
	return flow_leave(draft, flow, op, fault);
}

/* Whether two flows say the same. 1, 0, or -1 without memory. */
static int
spec_same(const struct flow_spec *a, const struct flow_spec *b)
{
	char *one = flow_text_encode(a, NULL), *other = flow_text_encode(b, NULL);
	int same = !one || !other ? -1 : strcmp(one, other) == 0;

	free(one);
	free(other);
	return same;
}

static int
adopt(struct draft *draft, struct flow *flow, struct op *op, struct fault *fault)
{
	struct change *change = staged_change(draft, flow, CHANGE_ADOPT, fault);

	if (!change)
		return -1;
	change->op = op;
	op->change = change;
	op->effect = CHANGE_ADOPT;
	return 0;
}

static int
put_over(struct draft *draft, struct flow *flow, struct op *op, struct fault *fault)
{
	const struct flow_spec *before = staged_spec(flow);
	struct fault other;
	int same;

	if (flow_ports_check(op->spec, draft->ports, fault) < 0)
		return -1;
	same = leg_ids_take_over(before, op->spec) < 0 ? -1 : spec_same(before, op->spec);
	if (same < 0)
		return fault_set(
			fault, FAULT_NO_ROOM, "", "no memory to compare flow %s", before->id);
	if (same)
		return before->declared == op->spec->declared ? 0 : adopt(draft, flow, op, fault);
	if (classifier_check(before, op->spec, &other) == 0)
		return flow_version(draft, flow, op, fault);
	leg_ids_give(op->spec);
	if (flow_leave(draft, flow, op, fault) < 0)
		return -1;
	return flow_renew(draft, flow, op, fault);
}

int
stage_put(struct draft *draft, struct op *op, struct fault *fault)
{
	struct flow *flow = desired_seek(draft->desired, op->spec->id);

	if (flow && draft->declares && flow->mark == draft->mark + 1)
		return fault_set(fault, FAULT_INVALID_VALUE, "/id",
			"found %s twice, expected each id once", op->spec->id);
	if (flow && staged_there(flow)) {
		if (put_over(draft, flow, op, fault) < 0)
			return -1;
	} else if (stage_install(draft, op, fault) < 0) {
		return -1;
	}
	if (draft->declares)
		desired_seek(draft->desired, op->spec->id)->mark = draft->mark + 1;
	return 0;
}

int
stage_let_go(struct draft *draft, struct op *op, struct fault *fault)
{
	struct flow *flow = desired_seek(draft->desired, op->spec->id);
	const struct flow_spec *before;
	struct fault other;

	if (flow && draft->declares)
		flow->mark = draft->mark;
	if (!flow || !staged_there(flow))
		return 0;
	before = staged_spec(flow);
	if (classifier_check(before, op->spec, &other) == 0)
		return 0;
	if (leg_ids_take_over(before, op->spec) < 0)
		return fault_set(
			fault, FAULT_NO_ROOM, "", "no memory to compare flow %s", before->id);
	return flow_leave(draft, flow, op, fault);
}
