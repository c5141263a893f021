/* SPDX-License-Identifier: BSD-3-Clause */
/* The list of changes, how one grows with a further operation, and how all are taken back. */
#include "state/draft.h"

#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "state/stage.h"

#define MARKS 2 /* of a declaration: one that it names a flow, the next that it was put */

void
draft_init(struct draft *draft, struct desired *desired, const struct ports *ports)
{
	memset(draft, 0, sizeof(*draft));
	draft->desired = desired;
	draft->ports = ports;
}

void
draft_fini(struct draft *draft)
{
	while (draft_undo(draft))
		;
}

const struct flow_spec *
change_spec(const struct change *change)
{
	switch (change->kind) {
	case CHANGE_ADD:
	case CHANGE_REPLACE:
	case CHANGE_RENEW:
		return change->op->spec;
	case CHANGE_ADOPT:
		return change->flow->spec;
	default:
		return NULL;
	}
}

bool
change_runs(const struct change *change)
{
	return change->kind == CHANGE_ADD || change->kind == CHANGE_REPLACE ||
	       change->kind == CHANGE_RENEW;
}

const struct flow_spec *
change_before(const struct change *change)
{
	return change->kind == CHANGE_ADD || change->kind == CHANGE_NONE ? NULL
									 : change->flow->spec;
}

bool
staged_there(const struct flow *flow)
{
	return !flow->change || change_spec(flow->change);
}

const struct flow_spec *
staged_spec(const struct flow *flow)
{
	return flow->change ? change_spec(flow->change) : flow->spec;
}

struct flow *
staged_find(const struct draft *draft, const char *id, const char *pointer, struct fault *fault)
{
	struct flow *flow = desired_seek(draft->desired, id);

	if (flow && staged_there(flow))
		return flow;
	fault_set(fault, FAULT_NOT_FOUND, pointer, "found %s, expected the id of an installed flow",
		id);
	return NULL;
}

static int
list_grow(struct draft *draft)
{
	const size_t room = draft->room ? 2 * draft->room : 16;
	struct change **list;

	if (draft->n < draft->room)
		return 0;
	list = reallocarray(draft->list, room, sizeof(struct change *));
	if (!list)
		return -1;
	draft->list = list;
	draft->room = room;
	return 0;
}

struct change *
staged_change(struct draft *draft, struct flow *flow, enum change_kind kind, struct fault *fault)
{
	struct change *change = flow->change;

	if (change)
		return change;
	change = list_grow(draft) == 0 ? calloc(1, sizeof(*change)) : NULL;
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

/* Legs of the last version, told by those of the version before, told by those that run. */
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

int
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
			return fault_set(fault, FAULT_NO_ROOM, "",
				"no memory for a flow of %u leg%s", op->spec->n_all_legs,
				plural_s(op->spec->n_all_legs));
		free(change->from);
		change->from = composed;
	} else {
		desired_rekey(flow, op->spec);
	}
	change->op = op;
	op->change = change;
	op->effect = CHANGE_REPLACE;
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
	case OP_PUT:
		return stage_put(draft, op, fault);
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
draft_let_go(struct draft *draft, struct op *op, struct fault *fault)
{
	switch (op->kind) {
	case OP_PUT:
		return stage_let_go(draft, op, fault);
	case OP_REMOVE:
		return stage_remove(draft, op, fault);
	default:
		return 0;
	}
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

/* The match that it had is its own again, and what was to be has let go of it. */
static void
match_return(struct draft *draft, struct flow *flow)
{
	desired_match_free(draft->desired, flow);
	desired_match_take(draft->desired, flow, flow->spec);
}

static void
change_undo(struct draft *draft, struct change *change)
{
	struct flow *flow = change->flow;

	flow->change = NULL;
	switch (change->kind) {
	case CHANGE_ADD:
	case CHANGE_NONE:
		desired_withdraw(draft->desired, flow);
		break;
	case CHANGE_RENEW:
	case CHANGE_REMOVE:
		desired_rekey(flow, flow->spec);
		match_return(draft, flow);
		break;
	default:
		break;
	}
}

static void
change_free(struct change *change)
{
	free(change->from);
	free(change->hops);
	free(change->last_legs);
	free(change->old_spec);
	free(change);
}

bool
draft_drop(struct draft *draft)
{
	if (draft->n > 0) {
		change_free(draft->list[--draft->n]);
		return true;
	}
	free(draft->list);
	draft->list = NULL;
	draft->room = 0;
	draft->reports = false;
	return false;
}

/* In reverse, so that a match is free before the one who had it first takes it back. */
bool
draft_undo(struct draft *draft)
{
	if (draft->n > 0)
		change_undo(draft, draft->list[draft->n - 1]);
	return draft_drop(draft);
}
