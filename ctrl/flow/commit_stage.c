/* SPDX-License-Identifier: BSD-3-Clause */
/* From operations to a draft that is valid: nothing here is seen by anybody else. */
#include "flow/commit_stage.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "flow/flows.h"
#include "flow/plan.h"

bool
commit_slice_over(struct commits *commits)
{
	if (++commits->n_checks < commits->check_every || !commits->base)
		return false;
	commits->n_checks = 0;
	return clock_read_ns(CLOCK_MONOTONIC) >= commits->slice_end_ns;
}

enum phase_end
commit_fail(struct commits *commits, struct proposal *proposal)
{
	commits->offender = proposal;
	return PHASE_FAILED;
}

/* A proposal owns the op, and is who the op calls its owner. */
static struct proposal *
op_proposal(const struct op *op)
{
	return (struct proposal *)(uintptr_t)op->owner;
}

bool
commit_do_without(struct commits *commits, struct op *op)
{
	if (!op_proposal(op)->partial || commits->fault.code == FAULT_INTERNAL ||
		commits->fault.code == FAULT_STORE || op_leave_out(op, commits->fault.message) < 0)
		return false;
	commits->again = true;
	return true;
}

enum phase_end
commit_fail_at(struct commits *commits, const struct change *change)
{
	struct proposal *proposal = op_proposal(change->op);

	if (commit_do_without(commits, change->op))
		return PHASE_FAILED;
	op_fault_prefix(change->op, proposal->transaction, &commits->fault);
	return commit_fail(commits, proposal);
}

static void
leave_out_warn(struct commits *commits, const struct op *op)
{
	char message[FAULT_MESSAGE_MAX + FAULT_POINTER_MAX + FLOW_ID_MAX + 32];

	if (!commits->warn)
		return;
	snprintf(message, sizeof(message), "flow %s is left out: %s%s%s", op->spec->id,
		commits->fault.pointer, commits->fault.pointer[0] ? ": " : "",
		commits->fault.message);
	commits->warn(commits->warn_arg, message);
}

bool
commit_leave_out(struct commits *commits, struct change *change)
{
	struct proposal *proposal = op_proposal(change->op);

	if (!proposal->restores)
		return false;
	leave_out_warn(commits, change->op);
	if (change->indexed)
		validate_remove(commits->flows->validate, change->op->spec);
	change->indexed = false;
	flow_db_match_remove(&commits->flows->db, change->flow);
	change->kind = CHANGE_NONE;
	proposal->left_out++;
	proposal->added--;
	return true;
}

/* As the store will have it when those before this one are written. */
static bool
confirm_is_open(const struct commits *commits, const struct proposal *proposal)
{
	const struct proposal *before;
	struct store_state state = {0};

	if (commits->store)
		store_state(commits->store, &state);
	STAILQ_FOREACH(before, &commits->group, link)
	{
		if (before == proposal)
			break;
		if (before->confirm_within_s != 0 && proposal_changes(before))
			state.has_confirm = true;
		else if (before->ends_confirm)
			state.has_confirm = false;
	}
	return state.has_confirm;
}

/* All that it says can be staged, and in the state that it expects. */
static int
proposal_begin(struct commits *commits, struct proposal *proposal)
{
	if (proposal->confirm_within_s != 0 && confirm_is_open(commits, proposal))
		return fault_set(&commits->fault, FAULT_CONFLICT, "/confirm_within_s",
			"another generation waits to be confirmed, which state.get names; confirm "
			"it or roll it back first");
	if (proposal->conditional && proposal->if_generation != commits->next_generation - 1)
		return fault_set(&commits->fault, FAULT_STALE, "/if_generation",
			"found %llu, expected %llu, which is the generation now; look at what has "
			"changed since, and ask again",
			(unsigned long long)proposal->if_generation,
			(unsigned long long)commits->next_generation - 1);
	flow_db_number_avoid(&commits->flows->db, proposal->highest_number);
	draft_declare(&commits->draft, proposal->declares);
	return 0;
}

static void
op_count(struct proposal *proposal, const struct op *op)
{
	switch (op->effect) {
	case CHANGE_ADD:
		proposal->added++;
		break;
	case CHANGE_REPLACE:
	case CHANGE_RECREATE:
	case CHANGE_SET_DECLARED:
		proposal->changed++;
		break;
	case CHANGE_REMOVE:
		proposal->removed++;
		break;
	}
}

/* What failed holds nothing, so that others may still be staged, to find those that fail, too. */
static int
op_failed(struct commits *commits, struct proposal *proposal, struct op *op)
{
	if (commit_do_without(commits, op))
		return 0;
	if (proposal->restores) {
		leave_out_warn(commits, op);
		proposal->left_out++;
		return 0;
	}
	op_fault_prefix(op, proposal->transaction, &commits->fault);
	return -1;
}

static int
op_stage(struct commits *commits, struct proposal *proposal, struct op *op)
{
	const bool release = commits->pass == PASS_RELEASE;
	const int rc = release ? draft_release(&commits->draft, op, &commits->fault)
			       : draft_stage(&commits->draft, op, &commits->fault);

	if (rc < 0)
		return op_failed(commits, proposal, op);
	if (!release || op->kind == OP_REMOVE)
		op_count(proposal, op);
	return 0;
}

/* A flow that the declaration does not name goes, when it is one of those it speaks of. */
static int
flow_prune(struct commits *commits, struct proposal *proposal, struct flow *flow)
{
	struct op *op;

	if (!(flow->spec->declared || proposal->prunes) || draft_declared(&commits->draft, flow) ||
		flow->change)
		return 0;
	op = op_create_remove(flow->spec->id);
	if (op)
		op->pruned = true;
	if (proposal_add(proposal, op, "declare", UINT32_MAX, &commits->fault) < 0)
		return -1;
	return op_stage(commits, proposal, op);
}

static enum phase_end
declaration_prune(struct commits *commits, struct proposal *proposal)
{
	if (!proposal->declares)
		return PHASE_DONE;
	if (!commits->pruned)
		commits->pruned = flow_db_after(&commits->flows->db, 0);
	for (; commits->pruned; commits->pruned = flow_db_next(commits->pruned)) {
		if (commit_slice_over(commits))
			return PHASE_MORE;
		if (flow_prune(commits, proposal, commits->pruned) < 0)
			return PHASE_FAILED;
	}
	return PHASE_DONE;
}

static enum phase_end
ops_load(struct commits *commits, struct proposal *proposal)
{
	while (proposal->load) {
		const int rc = proposal->load(proposal->load_arg, proposal, &commits->fault);

		if (rc < 0)
			return PHASE_FAILED;
		if (rc == 0)
			proposal->load = NULL;
		else if (commit_slice_over(commits))
			return PHASE_MORE;
	}
	return PHASE_DONE;
}

/* Removals of a whole proposal and those that pruning added are staged before the others. */
static bool
op_is_due(const struct commits *commits, const struct proposal *proposal, const struct op *op)
{
	if (op->left_out)
		return false;
	return commits->pass == PASS_RELEASE ||
	       !(op->pruned || (op->kind == OP_REMOVE && proposal_is_whole(proposal)));
}

static enum phase_end
pass_run(struct commits *commits, struct proposal *proposal)
{
	if (commits->pass == PASS_BEGIN)
		return proposal_begin(commits, proposal) < 0 ? PHASE_FAILED : PHASE_DONE;
	if (commits->pass == PASS_PRUNE)
		return declaration_prune(commits, proposal);
	if (commits->pass == PASS_RELEASE && !proposal_is_whole(proposal))
		return PHASE_DONE;
	for (; commits->op < proposal->n_ops; commits->op++) {
		struct op *op = proposal->ops[commits->op];

		if (commit_slice_over(commits))
			return PHASE_MORE;
		if (op_is_due(commits, proposal, op) && op_stage(commits, proposal, op) < 0)
			return PHASE_FAILED;
	}
	return PHASE_DONE;
}

static enum phase_end
proposal_stage(struct commits *commits, struct proposal *proposal)
{
	enum phase_end end = ops_load(commits, proposal);

	while (end == PHASE_DONE) {
		end = pass_run(commits, proposal);
		if (end != PHASE_DONE || commits->pass == PASS_STAGE)
			break;
		commits->pass++;
		commits->op = 0;
	}
	return end;
}

static void
proposal_staged(struct commits *commits, struct proposal *proposal)
{
	bool is_generation;
	size_t i;

	if (proposal->partial)
		proposal->left_out = 0;
	for (i = 0; proposal->partial && i < proposal->n_ops; i++)
		proposal->left_out += proposal->ops[i]->left_out != NULL;
	is_generation = proposal_is_generation(proposal);
	proposal->generation = commits->next_generation - !is_generation;
	commits->next_generation += is_generation;
	commits->proposal = STAILQ_NEXT(proposal, link);
	commits->pass = PASS_BEGIN;
	commits->op = 0;
}

enum phase_end
commit_stage(struct commits *commits)
{
	while (commits->proposal) {
		struct proposal *proposal = commits->proposal;
		const enum phase_end end = proposal_stage(commits, proposal);

		if (end == PHASE_FAILED)
			return commit_fail(commits, proposal);
		if (end != PHASE_DONE)
			return end;
		if (commits->again)
			return PHASE_FAILED;
		proposal_staged(commits, proposal);
	}
	return PHASE_DONE;
}

int
change_index(struct commits *commits, struct change *change)
{
	struct validate *validate = commits->flows->validate;
	const struct flow_spec *before = change_before(change), *spec = change_spec(change);

	if (change->kind == CHANGE_SET_DECLARED)
		return 0;
	if (before)
		validate_remove(validate, before);
	if (spec && validate_insert(validate, spec, change->flow->sequence) < 0) {
		if (before)
			validate_insert(validate, before, change->flow->sequence);
		return fault_set(
			&commits->fault, FAULT_NO_ROOM, "", "no memory for flow %s", spec->id);
	}
	change->indexed = true;
	return 0;
}

int
change_check(struct commits *commits, struct change *change)
{
	if (!change_runs(change) || validate_check(commits->flows->validate, change_spec(change),
					    commits->flows->ports, &commits->fault) == 0)
		return 0;
	return commit_leave_out(commits, change) ? 0 : -1;
}

/* Build the plan for the current state in *plan. */
static enum phase_end
plan_make(struct commits *commits, struct proposal *proposal, struct plan **plan)
{
	int rc;

	if (!*plan)
		*plan = calloc(1, sizeof(**plan));
	if (!*plan) {
		fault_set(&commits->fault, FAULT_NO_ROOM, "", "no memory for a plan");
		return commit_fail(commits, proposal);
	}
	while ((rc = plan_build(*plan, &commits->draft, commits->generation, &commits->fault)) >
		0) {
		if (commit_slice_over(commits))
			return PHASE_MORE;
	}
	return rc < 0 ? commit_fail(commits, proposal) : PHASE_DONE;
}

/* Who plans, and who commits a plan, is alone in the group. */
enum phase_end
commit_plan(struct commits *commits)
{
	struct proposal *proposal = STAILQ_FIRST(&commits->group);
	enum phase_end end;

	if (proposal->plans) {
		end = plan_make(commits, proposal, &proposal->plan);
		return end == PHASE_DONE ? PHASE_PLANNED : end;
	}
	if (!proposal->if_plan || proposal->plan->generation == commits->generation)
		return PHASE_DONE;
	end = plan_make(commits, proposal, &proposal->plan_now);
	if (end != PHASE_DONE || plan_equal(proposal->plan, proposal->plan_now))
		return end;
	fault_set(&commits->fault, FAULT_STALE, "/if_plan",
		"the flows have changed since the plan for generation %llu was made, and with them "
		"what the transaction would change; plan it again",
		(unsigned long long)proposal->plan->generation);
	return commit_fail(commits, proposal);
}

/* Abort after a failure or a plan: all that was acquired is released, in reverse. */

int
change_release(struct commits *commits, struct change *change)
{
	struct flows *flows = commits->flows;
	const struct flow_spec *before = change_before(change), *spec = change_spec(change);

	if (change->steered)
		flow_unsteer(flows, spec, NULL);
	if (change->hopped && change_runs(change))
		leg_hops_unref(flows, spec, change->hops, false);
	if (change->indexed && spec)
		validate_remove(flows->validate, spec);
	if (change->indexed && before)
		validate_insert(flows->validate, before, change->flow->sequence);
	return 0;
}

enum phase_end
commit_abort(struct commits *commits)
{
	if (commits->txn)
		dp_txn_abort(commits->txn);
	commits->txn = NULL;
	steering_wants_fini(&commits->wants);
	store_batch_destroy(commits->batch);
	commits->batch = NULL;
	free(commits->reports);
	commits->reports = NULL;
	commits->n_reports = 0;
	return PHASE_DONE;
}

enum phase_end
commit_draft_undo(struct commits *commits)
{
	while (draft_undo(&commits->draft)) {
		if (commit_slice_over(commits))
			return PHASE_MORE;
	}
	return PHASE_DONE;
}

enum phase_end
commit_unstage(struct commits *commits)
{
	for (; commits->proposal; commits->proposal = STAILQ_NEXT(commits->proposal, link)) {
		struct proposal *proposal = commits->proposal;

		while (commits->op < proposal->n_ops) {
			if (commit_slice_over(commits))
				return PHASE_MORE;
			if (proposal->ops[proposal->n_ops - 1]->pruned)
				proposal_drop(proposal);
			else
				op_unstage(proposal->ops[commits->op++]);
		}
		commits->op = 0;
		proposal->added = proposal->changed = proposal->removed = 0;
	}
	return PHASE_DONE;
}

/* A proposal with `keep` goes back to its owner; all others are destroyed later. */
static void
group_notify(struct commits *commits, const struct fault *fault)
{
	struct proposal_queue reported = STAILQ_HEAD_INITIALIZER(reported);
	struct proposal *proposal;

	STAILQ_CONCAT(&reported, &commits->group);
	while ((proposal = STAILQ_FIRST(&reported))) {
		STAILQ_REMOVE_HEAD(&reported, link);
		proposal->done(proposal->arg, proposal, fault);
		if (!proposal->keep)
			STAILQ_INSERT_TAIL(&commits->group, proposal, link);
	}
}

/* The others begin again, before those that came later, without the offender. */
static void
others_requeue(struct commits *commits)
{
	struct proposal_queue later = STAILQ_HEAD_INITIALIZER(later);

	STAILQ_REMOVE(&commits->group, commits->offender, proposal, link);
	STAILQ_CONCAT(&later, &commits->waiting);
	STAILQ_CONCAT(&commits->waiting, &commits->group);
	STAILQ_CONCAT(&commits->waiting, &later);
	STAILQ_INSERT_TAIL(&commits->group, commits->offender, link);
}

/*
 * What is committed together stands in the tables together, old and new. So who finds no room among
 * others is asked again alone; and a partial proposal without what cannot be done of it.
 */
static bool
asked_again(struct commits *commits)
{
	struct proposal *offender = commits->offender;
	const bool again = commits->again;

	commits->again = false;
	if (again)
		return true;
	if (!offender || offender->alone || commits->fault.code != FAULT_NO_ROOM ||
		!STAILQ_NEXT(STAILQ_FIRST(&commits->group), link))
		return false;
	offender->alone = true;
	return true;
}

enum phase_end
commit_refuse(struct commits *commits)
{
	const struct fault fault = commits->fault;

	if (asked_again(commits)) {
		commits->offender = NULL;
		STAILQ_CONCAT(&commits->group, &commits->waiting);
		STAILQ_CONCAT(&commits->waiting, &commits->group);
		return PHASE_DONE;
	}
	if (commits->offender)
		others_requeue(commits);
	commits->offender = NULL;
	group_notify(commits, commits->failed ? &fault : NULL);
	return PHASE_DONE;
}
