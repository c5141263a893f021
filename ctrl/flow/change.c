/* SPDX-License-Identifier: BSD-3-Clause */
/* The list of changes, how one grows with a further operation, and how all are taken back. */
#include "flow/change.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/escape.h"
#include "flow/compile.h"
#include "flow/flow_codec.h"
#include "flow/flow_spec.h"

/* The id and those of legs are copied; NULL: there is none, of a flow's whole spec. */
static struct op *
op_create(enum op_kind kind, const char *id, const char *const *leg_ids, unsigned n)
{
	struct op *op = calloc(1, sizeof(*op));

	if (!op)
		return NULL;
	op->kind = kind;
	op->index = UINT32_MAX;
	if (!id)
		return op;
	op->id = strdup(id);
	op->leg_ids = calloc(n + 1, sizeof(op->leg_ids[0]));
	op->left = calloc(n + 1, sizeof(op->left[0]));
	if (!op->id || !op->leg_ids || !op->left)
		goto err_op;
	for (; op->n_legs < n; op->n_legs++) {
		op->leg_ids[op->n_legs] = strdup(leg_ids[op->n_legs]);
		if (!op->leg_ids[op->n_legs])
			goto err_op;
	}
	return op;

err_op:
	op_destroy(op);
	return NULL;
}

struct op *
op_create_spec(enum op_kind kind, struct flow_spec *spec)
{
	struct op *op = op_create(kind, NULL, NULL, 0);

	if (op)
		op->spec = spec;
	else
		free(spec);
	return op;
}

struct op *
op_create_remove(const char *id)
{
	return op_create(OP_REMOVE, id, NULL, 0);
}

struct op *
op_create_join(const char *id, struct flow_leg *legs, unsigned n)
{
	struct op *op = op_create(OP_JOIN, id, NULL, 0);

	if (!op) {
		free(legs);
		return NULL;
	}
	op->legs = legs;
	op->n_legs = n;
	return op;
}

struct op *
op_create_leave(const char *id, const char *const *leg_ids, unsigned n)
{
	return op_create(OP_LEAVE, id, leg_ids, n);
}

struct op *
op_create_admin(const char *id, const char *leg_id, bool down)
{
	struct op *op = op_create(OP_ADMIN, id, &leg_id, leg_id != NULL);

	if (op)
		op->down = down;
	return op;
}

void
op_destroy(struct op *op)
{
	unsigned i;

	if (!op)
		return;
	for (i = 0; op->leg_ids && op->leg_ids[i]; i++)
		free(op->leg_ids[i]);
	free(op->leg_ids);
	free(op->legs);
	free(op->left);
	if (!op->spec_given)
		free(op->spec);
	free(op->left_out);
	free(op->id);
	free(op);
}

void
op_unstage(struct op *op)
{
	op->change = NULL;
	op->effect = 0;
	if (op->kind <= OP_SET)
		return;
	free(op->spec);
	op->spec = NULL;
}

int
op_leave_out(struct op *op, const char *why)
{
	op->left_out = strdup(why);
	return op->left_out ? 0 : -1;
}

const char *
op_flow(const struct op *op)
{
	return op->id ? op->id : op->spec->id;
}

void
op_fault_prefix(const struct op *op, bool in_transaction, struct fault *fault)
{
	char message[FAULT_MESSAGE_MAX] = "";

	if (op->index != UINT32_MAX)
		fault_prefix(fault, "/%s/%u", op->member, op->index);
	if (!in_transaction)
		return;
	fault_prefix(fault, "/messages/%u", op->message);
	snprintf(message, sizeof(message), "flow %s: %.400s", op_flow(op), fault->message);
	memcpy(fault->message, message, sizeof(fault->message));
}

#define MARKS 2 /* of a declaration: one that it names a flow, the next that it was put */

void
draft_init(struct draft *draft, struct flow_db *db, const struct ports *ports)
{
	memset(draft, 0, sizeof(*draft));
	draft->db = db;
	draft->ports = ports;
}

void
draft_fini(struct draft *draft)
{
	while (draft_drop(draft))
		;
}

const struct flow_spec *
change_spec(const struct change *change)
{
	switch (change->kind) {
	case CHANGE_ADD:
	case CHANGE_REPLACE:
	case CHANGE_RECREATE:
		return change->op->spec;
	case CHANGE_SET_DECLARED:
		return change->flow->spec;
	default:
		return NULL;
	}
}

bool
change_runs(const struct change *change)
{
	return change->kind == CHANGE_ADD || change->kind == CHANGE_REPLACE ||
	       change->kind == CHANGE_RECREATE;
}

const struct flow_spec *
change_before(const struct change *change)
{
	return change->kind == CHANGE_ADD || change->kind == CHANGE_NONE ? NULL
									 : change->flow->spec;
}

/* Whether there is, or will be, a flow of that id. */
static bool
staged_there(const struct flow *flow)
{
	return !flow->change || change_spec(flow->change);
}

/* As a flow is in the draft so far. */
static const struct flow_spec *
staged_spec(const struct flow *flow)
{
	return flow->change ? change_spec(flow->change) : flow->spec;
}

/* The flow of that id as the draft has it; NULL with *fault set at `pointer` when there is none. */
static struct flow *
staged_find(const struct draft *draft, const char *id, const char *pointer, struct fault *fault)
{
	struct flow *flow = flow_db_seek(draft->db, id);

	if (flow && staged_there(flow))
		return flow;
	fault_set(fault, FAULT_NOT_FOUND, pointer, "found %s, expected the id of an installed flow",
		id);
	return NULL;
}

/* The change of a flow, a new one of that kind when there was none. NULL with *fault set. */
static struct change *
staged_change(struct draft *draft, struct flow *flow, enum change_kind kind, struct fault *fault)
{
	struct change *change = flow->change, **list;

	if (change)
		return change;
	list = array_grow(draft->list, draft->n, &draft->room, sizeof(draft->list[0]));
	if (list) {
		draft->list = list;
		change = calloc(1, sizeof(*change));
	}
	if (!change) {
		fault_set(fault, FAULT_NO_ROOM, "", "no memory for another change beside %zu",
			draft->n);
		return NULL;
	}
	change->flow = flow;
	change->kind = kind;
	flow->change = change;
	draft->list[draft->n++] = change;
	return change;
}

static int
no_memory(const struct flow_spec *spec, struct fault *fault)
{
	return fault_set(fault, FAULT_NO_ROOM, "", "no memory for a flow of %u leg%s",
		spec->n_all_legs, plural_s(spec->n_all_legs));
}

/* The op made that change, and what became of the flow by it. */
static void
op_staged(struct op *op, struct change *change, enum change_kind effect)
{
	change->op = op;
	op->change = change;
	op->effect = effect;
}

/* Legs of the last version in terms of those that run, composed over the version before. */
static uint16_t *
from_compose(const struct change *change, const uint16_t *from, unsigned n)
{
	uint16_t *composed = reallocarray(NULL, n + 1, sizeof(composed[0]));
	unsigned i;

	for (i = 0; composed && i < n; i++)
		composed[i] =
			from[i] == DP_LEG_NEW || !change->from ? from[i] : change->from[from[i]];
	return composed;
}

/*
 * op->spec takes the place of what the flow is so far; its leg i is from[i] of that, or
 * DP_LEG_NEW. 0, or -1 with *fault set.
 */
static int
stage_version(struct draft *draft, struct flow *flow, struct op *op, const uint16_t *from,
	struct fault *fault)
{
	struct change *change = staged_change(draft, flow, CHANGE_REPLACE, fault);
	uint16_t *composed;

	if (!change)
		return -1;
	if (change->kind == CHANGE_REPLACE) {
		composed = from_compose(change, from, op->spec->n_legs);
		if (!composed)
			return no_memory(op->spec, fault);
		free(change->from);
		change->from = composed;
	} else {
		flow_db_rekey(flow, op->spec);
	}
	op_staged(op, change, CHANGE_REPLACE);
	return 0;
}

void
draft_declare(struct draft *draft, bool declares)
{
	draft->declares = declares;
	draft->mark += declares ? MARKS : 0;
}

bool
draft_declared(const struct draft *draft, const struct flow *flow)
{
	return flow->mark >= draft->mark;
}

/* In reverse, so that a match is free before the one who had it first takes it back. */
void
draft_undo(struct draft *draft, struct change *change)
{
	struct flow *flow = change->flow;

	flow->change = NULL;
	switch (change->kind) {
	case CHANGE_ADD:
	case CHANGE_NONE:
		flow_db_remove(draft->db, flow);
		break;
	case CHANGE_RECREATE:
	case CHANGE_REMOVE:
		flow_db_rekey(flow, flow->spec);
		/* The match of the version to be is free, and the flow gets its own back. */
		flow_db_match_remove(draft->db, flow);
		flow_db_match_insert(draft->db, flow, flow->spec);
		break;
	default:
		break;
	}
}

bool
draft_drop(struct draft *draft)
{
	if (draft->n > 0) {
		struct change *change = draft->list[--draft->n];

		free(change->from);
		free(change->hops);
		free(change->last_legs);
		free(change->old_spec);
		free(change);
		return true;
	}
	free(draft->list);
	draft->list = NULL;
	draft->room = 0;
	draft->reports = false;
	return false;
}

/* Flows that come, change as a whole, and go. */

/* A flow of that id is on its way out: what comes takes its place in the order, and no more. */
static int
flow_recreate(struct draft *draft, struct flow *flow, struct op *op, struct fault *fault)
{
	struct flow_spec *spec = op->spec;
	const struct flow *other = spec->rule ? NULL : flow_db_match_seek(draft->db, &spec->match);
	struct change *change = flow->change;

	if (other && other != flow)
		return fault_set(fault, FAULT_CONFLICT, "/match",
			"found the match of flow %s, expected one that no other flow has",
			staged_there(other) ? staged_spec(other)->id : spec->id);
	change->kind = change->kind == CHANGE_NONE ? CHANGE_ADD : CHANGE_RECREATE;
	op_staged(op, change, change->kind);
	flow_db_rekey(flow, spec);
	if (flow_db_match_insert(draft->db, flow, spec) < 0)
		return no_memory(spec, fault);
	return 0;
}

static int
stage_install(struct draft *draft, struct op *op, struct fault *fault)
{
	struct flow_spec *spec = op->spec;
	struct flow *flow = spec->id[0] ? flow_db_seek(draft->db, spec->id) : NULL;
	struct change *change;

	if (flow_ports_check(spec, draft->ports, fault) < 0)
		return -1;
	leg_ids_give(spec);
	if (flow && !staged_there(flow))
		return flow_recreate(draft, flow, op, fault);
	flow = flow_db_add(draft->db, spec, fault);
	if (!flow)
		return -1;
	change = staged_change(draft, flow, CHANGE_ADD, fault);
	if (!change) {
		flow_db_remove(draft->db, flow);
		return -1;
	}
	op_staged(op, change, CHANGE_ADD);
	return 0;
}

/* The match identifies a flow and stays; all else may change. */
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
		rc = no_memory(spec, fault);
	else
		rc = stage_version(draft, flow, op, from, fault);
	free(from);
	return rc;
}

/* A list may name a flow once: a second mention would undo the first unseen. */
static int
named_once(const struct flow *flow, const struct op *op, const char *pointer, struct fault *fault)
{
	const struct op *before = flow->change ? flow->change->op : NULL;

	if (!before || before->kind != op->kind || before->message != op->message ||
		before->owner != op->owner)
		return 0;
	return fault_set(fault, FAULT_INVALID_VALUE, pointer,
		"found %s twice, expected each id once", op_flow(op));
}

static int
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
		return no_memory(op->spec, fault);
	op->spec->declared = staged_spec(flow)->declared;
	return flow_version(draft, flow, op, fault);
}

static int
flow_leave(struct draft *draft, struct flow *flow, struct op *op, struct fault *fault)
{
	struct change *change = staged_change(draft, flow, CHANGE_REMOVE, fault);

	if (!change)
		return -1;
	if (change->kind == CHANGE_RECREATE)
		flow_db_rekey(flow, flow->spec);
	flow_db_match_remove(draft->db, flow);
	free(change->from);
	change->from = NULL;
	change->kind = change->kind == CHANGE_ADD ? CHANGE_NONE : CHANGE_REMOVE;
	change->reports |= op->reports;
	draft->reports |= op->reports;
	op_staged(op, change, CHANGE_REMOVE);
	return 0;
}

static int
stage_remove(struct draft *draft, struct op *op, struct fault *fault)
{
	struct flow *flow = flow_db_seek(draft->db, op->id);

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
set_over(struct draft *draft, struct flow *flow, struct op *op, struct fault *fault)
{
	const struct flow_spec *before = staged_spec(flow);
	struct fault other;
	int same;

	if (flow_ports_check(op->spec, draft->ports, fault) < 0)
		return -1;
	same = leg_ids_take_over(before, op->spec) < 0 ? -1 : spec_same(before, op->spec);
	if (same < 0)
		return no_memory(before, fault);
	if (same && before->declared == op->spec->declared)
		return 0;
	if (same) {
		struct change *change = staged_change(draft, flow, CHANGE_SET_DECLARED, fault);

		if (!change)
			return -1;
		op_staged(op, change, CHANGE_SET_DECLARED);
		return 0;
	}
	if (classifier_check(before, op->spec, &other) == 0)
		return flow_version(draft, flow, op, fault);
	leg_ids_give(op->spec);
	if (flow_leave(draft, flow, op, fault) < 0)
		return -1;
	return flow_recreate(draft, flow, op, fault);
}

static int
stage_set(struct draft *draft, struct op *op, struct fault *fault)
{
	struct flow *flow = flow_db_seek(draft->db, op->spec->id);

	if (flow && draft->declares && flow->mark == draft->mark + 1)
		return fault_set(fault, FAULT_INVALID_VALUE, "/id",
			"found %s twice, expected each id once", op->spec->id);
	if (flow && staged_there(flow)) {
		if (set_over(draft, flow, op, fault) < 0)
			return -1;
	} else if (stage_install(draft, op, fault) < 0) {
		return -1;
	}
	if (draft->declares)
		flow_db_seek(draft->db, op->spec->id)->mark = draft->mark + 1;
	return 0;
}

static int
stage_release(struct draft *draft, struct op *op, struct fault *fault)
{
	struct flow *flow = flow_db_seek(draft->db, op->spec->id);
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
		return no_memory(before, fault);
	return flow_leave(draft, flow, op, fault);
}

/* Legs of a flow that join and leave, and what is up or down: each makes a version of the flow. */

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
		return no_memory(spec, fault);
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

/* The op's version of a flow: its legs at `from`, of which the first n_kept go on. */
static int
stage_copy(struct draft *draft, struct flow *flow, struct op *op, const uint16_t *from,
	unsigned n_kept, struct fault *fault)
{
	const struct flow_spec *spec = staged_spec(flow);
	const unsigned n_new = op->kind == OP_JOIN ? op->n_legs : 0;
	unsigned i;

	op->spec = flow_spec_with_legs(spec, from, n_kept, op->legs, n_new);
	if (!op->spec)
		return no_memory(spec, fault);
	if (n_new > 0) {
		if (legs_apart(op->spec->legs, op->spec->n_legs, n_kept, fault) < 0)
			return -1;
		leg_ids_give(op->spec);
	}
	for (i = 0; i < n_new; i++)
		memcpy(op->legs[i].id, op->spec->legs[n_kept + i].id, sizeof(op->legs[i].id));
	return stage_version(draft, flow, op, from, fault);
}

/* The same with every leg of the flow. */
static int
stage_copy_all(struct draft *draft, struct flow *flow, struct op *op, struct fault *fault)
{
	const struct flow_spec *spec = staged_spec(flow);
	const unsigned n = spec->n_legs + (op->kind == OP_JOIN ? op->n_legs : 0);
	uint16_t *from = reallocarray(NULL, n + 1u, sizeof(from[0]));
	unsigned i;
	int rc;

	for (i = 0; from && i < n; i++)
		from[i] = i < spec->n_legs ? (uint16_t)i : DP_LEG_NEW;
	rc = from ? stage_copy(draft, flow, op, from, spec->n_legs, fault) : no_memory(spec, fault);
	free(from);
	return rc;
}

static int
stage_join(struct draft *draft, struct op *op, struct fault *fault)
{
	struct flow *flow = staged_find(draft, op->id, "/flow", fault);
	unsigned n;

	if (!flow)
		return -1;
	n = staged_spec(flow)->n_legs;
	if (op->n_legs > DP_FLOW_LEGS_MAX || n + op->n_legs > DP_FLOW_LEGS_MAX)
		return fault_set(fault, FAULT_NO_ROOM, "/legs",
			"found %u leg%s beside %u, expected at most %d in one flow", op->n_legs,
			plural_s(op->n_legs), n, DP_FLOW_LEGS_MAX);
	if (join_ids_check(staged_spec(flow), op, fault) < 0 ||
		legs_ports_check(op->legs, op->n_legs, draft->ports, fault) < 0 ||
		stage_copy_all(draft, flow, op, fault) < 0)
		return -1;
	flow->change->first_leg = n;
	return 0;
}

/* The legs that leave, in op->left, and those that stay. Returns how many stay, -1 with *fault. */
static int
legs_part(const struct flow_spec *spec, struct op *op, uint16_t *staying, struct fault *fault)
{
	bool leaves[DP_FLOW_LEGS_MAX] = {false};
	struct leg_index index;
	char pointer[32];
	int n_staying = 0, rc = 0;
	unsigned i;

	if (leg_index_init(&index, spec->legs, spec->n_legs, leg_compare_id) < 0)
		return no_memory(spec, fault);
	for (i = 0; rc == 0 && i < op->n_legs; i++) {
		const char *id = op->leg_ids[i];
		const int leg = leg_index_find(&index, id);

		snprintf(pointer, sizeof(pointer), "/legs/%u", i);
		if (leg < 0) {
			rc = fault_set(fault, FAULT_NOT_FOUND, pointer,
				"found %s, expected the id of a leg of flow %s", id, spec->id);
		} else if (leaves[leg]) {
			rc = fault_set(fault, FAULT_INVALID_VALUE, pointer,
				"found %s twice, expected each id once", id);
		} else {
			leaves[leg] = true;
			op->left[i] = (uint16_t)leg;
		}
	}
	leg_index_fini(&index);
	if (rc < 0)
		return -1;
	for (i = 0; i < spec->n_legs; i++) {
		if (!leaves[i])
			staying[n_staying++] = (uint16_t)i;
	}
	if (spec->dp.verdict == DP_FORWARD && n_staying == 0 && spec->n_all_legs == spec->n_legs)
		return fault_set(fault, FAULT_INVALID_VALUE, "/legs",
			"found every leg of flow %s, expected one to stay, as its action is "
			"forward; take the flow down or remove it",
			spec->id);
	return n_staying;
}

static int
stage_leave(struct draft *draft, struct op *op, struct fault *fault)
{
	struct flow *flow = staged_find(draft, op->id, "/flow", fault);
	uint16_t staying[DP_FLOW_LEGS_MAX + 1];
	unsigned i;
	int n;

	if (!flow)
		return -1;
	n = legs_part(staged_spec(flow), op, staying, fault);
	if (n < 0)
		return -1;
	/* The last counters are reported of the legs that run: those by their numbers. */
	for (i = 0; flow->change && i < op->n_legs; i++)
		op->left[i] = flow->change->from ? flow->change->from[op->left[i]] : DP_LEG_NEW;
	if (stage_copy(draft, flow, op, staying, (unsigned)n, fault) < 0)
		return -1;
	op->change->reports = true;
	draft->reports = true;
	return 0;
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

static int
stage_admin(struct draft *draft, struct op *op, struct fault *fault)
{
	struct flow *flow = staged_find(draft, op->id, "/flow", fault);
	const char *leg = op->n_legs > 0 ? op->leg_ids[0] : NULL;
	const struct flow_spec *spec;
	int at = 0;

	if (!flow)
		return -1;
	spec = staged_spec(flow);
	if (leg && (at = leg_find(spec, leg, fault)) < 0)
		return -1;
	if ((leg ? spec->legs[at].dp.down : spec->dp.down) == op->down)
		return 0;
	if (stage_copy_all(draft, flow, op, fault) < 0)
		return -1;
	*(leg ? &op->spec->legs[at].dp.down : &op->spec->dp.down) = op->down;
	return 0;
}

int
draft_stage(struct draft *draft, struct op *op, struct fault *fault)
{
	switch (op->kind) {
	case OP_INSTALL:
		return stage_install(draft, op, fault);
	case OP_REPLACE:
		return stage_replace(draft, op, fault);
	case OP_SET:
		return stage_set(draft, op, fault);
	case OP_REMOVE:
		return stage_remove(draft, op, fault);
	case OP_JOIN:
		return stage_join(draft, op, fault);
	case OP_LEAVE:
		return stage_leave(draft, op, fault);
	case OP_ADMIN:
		return stage_admin(draft, op, fault);
	}
	return fault_set(fault, FAULT_INTERNAL, "", "no such operation");
}

int
draft_release(struct draft *draft, struct op *op, struct fault *fault)
{
	switch (op->kind) {
	case OP_SET:
		return stage_release(draft, op, fault);
	case OP_REMOVE:
		return stage_remove(draft, op, fault);
	default:
		return 0;
	}
}
