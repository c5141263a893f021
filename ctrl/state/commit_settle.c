/* SPDX-License-Identifier: BSD-3-Clause */
/* From a prepared transaction to a state that is durable, running, and the one that readers see. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "state/commit_group.h"
#include "state/flow_steering.h"
#include "state/flow_text.h"
#include "state/leg_hops.h"

#define COMMIT_FLOWS_AT_ONCE 1024
#define FLIP_AHEAD 8
#define EACH_TOLD_MAX 256 /* changes of one group that are told one by one */

static int
op_write(struct store_batch *batch, const struct op *op)
{
	size_t bytes;
	char *text;

	if (op->effect == CHANGE_NONE)
		return 0;
	if (op->effect == CHANGE_REMOVE) {
		store_batch_remove(batch, op->id);
		return 0;
	}
	text = flow_text_encode(op->spec, &bytes);
	if (!text)
		return -ENOMEM;
	store_batch_insert(
		batch, op->spec->id, text, bytes, op->spec->last_leg_number, op->spec->declared);
	free(text);
	return 0;
}

/* A return that finds nothing to change ends the wait for a confirmation all the same. */
static bool
writes(const struct proposal *proposal)
{
	return proposal_is_generation(proposal) || (!proposal->restores && proposal->ends_confirm);
}

/* As much of it as a comment has room for. */
static void
left_out_comment(struct proposal *proposal)
{
	char *const comment = proposal->comment;
	const size_t room = sizeof(proposal->comment);
	size_t n = strlen(comment), i, bytes;

	n += (size_t)snprintf(comment + n, room - n, "; cannot return: %llu flow%s",
		(unsigned long long)proposal->left_out, proposal->left_out == 1 ? "" : "s");
	for (i = 0; i < proposal->n_ops; i++) {
		const struct op *op = proposal->ops[i];

		bytes = op->left_out ? strlen(op_flow(op)) + 2 : 0;
		if (n + bytes + 5 >= room) {
			snprintf(comment + n, room - n, ", ...");
			return;
		}
		if (op->left_out)
			n += (size_t)snprintf(comment + n, room - n, ", %s", op_flow(op));
	}
}

static void
generation_write(struct store_batch *batch, struct proposal *proposal)
{
	const uint64_t now_ns = clock_read_ns(CLOCK_REALTIME);
	struct store_generation generation = {
		.number = proposal->generation,
		.time_ns = now_ns,
		.actor = proposal->actor,
		.added = proposal->added,
		.changed = proposal->changed,
		.removed = proposal->removed,
		.returns = proposal->returns,
		.returned = proposal->returned,
		.declared = proposal->declares,
	};
	struct store_confirm confirm = {
		.generation = proposal->generation,
		.previous = proposal->generation - 1,
		.deadline_ns = now_ns + proposal->confirm_within_s * NS_PER_S,
		.within_ns = proposal->confirm_within_s * NS_PER_S,
	};

	if (proposal->partial && proposal->left_out > 0)
		left_out_comment(proposal);
	snprintf(generation.method, sizeof(generation.method), "%s", proposal->method);
	snprintf(generation.comment, sizeof(generation.comment), "%s", proposal->comment);
	if (proposal_is_generation(proposal))
		store_batch_generation(batch, &generation);
	if (proposal->confirm_within_s != 0 && proposal_changes(proposal)) {
		proposal->confirm_by_ns = confirm.deadline_ns;
		proposal->confirm_due_ns = clock_read_ns(CLOCK_MONOTONIC) + confirm.within_ns;
		store_batch_confirm(batch, &confirm);
	} else if (proposal->ends_confirm) {
		store_batch_confirm(batch, NULL);
	}
}

static void
batch_done(void *arg, const struct fault *error)
{
	struct commits *commits = arg;

	commits->written = true;
	commits->write_failed = error != NULL;
	if (error)
		commits->fault = *error;
	commits_go_on(commits);
}

/* One proposal after the other, one op after the other; commits->op is the next. */
static enum phase_end
proposal_write(struct commits *commits, struct proposal *proposal)
{
	if (commits->op == 0)
		generation_write(commits->batch, proposal);
	while (commits->op < proposal->n_ops) {
		if (op_write(commits->batch, proposal->ops[commits->op]) < 0) {
			fault_set(&commits->fault, FAULT_NO_ROOM, "", "no memory for the journal");
			return PHASE_FAILED;
		}
		commits->op++; /* before a slice ends: what is begun is not begun again */
		if (commit_slice_over(commits))
			return PHASE_MORE;
	}
	return PHASE_DONE;
}

static enum phase_end
batch_fill(struct commits *commits)
{
	while (commits->proposal) {
		struct proposal *proposal = commits->proposal;

		if (writes(proposal) && proposal_write(commits, proposal) == PHASE_FAILED)
			return PHASE_FAILED;
		if (writes(proposal) && commits->op < proposal->n_ops)
			return PHASE_MORE;
		commits->proposal = STAILQ_NEXT(proposal, link);
		commits->op = 0;
	}
	return PHASE_DONE;
}

static bool
group_writes(const struct commits *commits)
{
	const struct proposal *proposal;

	STAILQ_FOREACH(proposal, &commits->group, link)
	{
		if (writes(proposal))
			return true;
	}
	return false;
}

enum phase_end
commit_write(struct commits *commits)
{
	enum phase_end end;

	if (commits->written) {
		commits->written = false;
		return commits->write_failed ? PHASE_FAILED : PHASE_DONE;
	}
	if (!commits->store || !group_writes(commits))
		return PHASE_DONE;
	if (!commits->batch) {
		commits->batch = store_batch_create();
		commits->proposal = STAILQ_FIRST(&commits->group);
		commits->op = 0;
	}
	if (!commits->batch) {
		fault_set(&commits->fault, FAULT_NO_ROOM, "", "no memory for the journal");
		return PHASE_FAILED;
	}
	end = batch_fill(commits);
	if (end != PHASE_DONE)
		return end;
	store_submit(commits->store, commits->batch, batch_done, commits);
	commits->batch = NULL;
	return PHASE_WAITS;
}

/* A worker that is late has the flows in its table all the same; the data plane warns. */
enum phase_end
commit_run(struct commits *commits)
{
	int rc;

	if (!commits->txn)
		return PHASE_DONE;
	while ((rc = dp_txn_commit_step(commits->txn, COMMIT_FLOWS_AT_ONCE)) == -EAGAIN) {
		commits->looks = LOOKS_SAVED_MAX; /* a step is long enough to look at the clock */
		if (commit_slice_over(commits))
			return PHASE_MORE;
	}
	commits->txn = NULL;
	commits->late = rc < 0;
	return PHASE_DONE;
}

/* What the flow was stays with the change until it is settled. */
static void
change_flip(struct commits *commits, struct change *change)
{
	struct desired *desired = &commits->flows->desired;
	struct flow *flow = change->flow;
	uint16_t *hops = change->hops;

	switch (change->kind) {
	case CHANGE_ADD:
		desired_reveal(desired, flow, hops);
		change->hops = NULL;
		break;
	case CHANGE_REPLACE:
	case CHANGE_RENEW:
		desired_rekey(flow, change->op->spec);
		change->old_spec = flow->spec;
		change->hops = flow->hops;
		flow->spec = change->op->spec;
		flow->hops = hops;
		break;
	case CHANGE_REMOVE:
		desired_hide(desired, flow);
		change->old_spec = flow->spec;
		return;
	case CHANGE_ADOPT:
		flow->spec->declared = change->op->spec->declared;
		return;
	default:
		return;
	}
	flow->handle = change->handle;
}

/* What a flip will touch soon: a million of them would wait for memory otherwise. */
static void
flip_prefetch(const struct draft *draft, size_t i)
{
	if (i + 2 * FLIP_AHEAD < draft->n)
		__builtin_prefetch(draft->list[i + 2 * FLIP_AHEAD], 1);
	if (i + FLIP_AHEAD >= draft->n)
		return;
	__builtin_prefetch(draft->list[i + FLIP_AHEAD]->flow, 1);
	__builtin_prefetch(&draft->list[i + FLIP_AHEAD]->flow->change, 1);
}

/* Readers see all of the new state from here on, so this is done in one go. */
enum phase_end
commit_flip(struct commits *commits)
{
	size_t i;

	for (i = 0; i < commits->draft.n; i++) {
		flip_prefetch(&commits->draft, i);
		change_flip(commits, commits->draft.list[i]);
	}
	commits->generation = commits->next_generation - 1;
	commits->flows->tell_each = commits->draft.n <= EACH_TOLD_MAX;
	return PHASE_DONE;
}

/* What only the old version of a flow held goes. */
static void
old_let_go(struct commits *commits, struct change *change)
{
	struct flows *flows = commits->flows;
	const struct flow_spec *old = change->old_spec;
	const bool goes = change->kind == CHANGE_REMOVE;

	if (goes || change->steered) {
		flow_unsteer(flows, old, change->flow->only);
		flow_widen(change->flow);
	}
	leg_hops_put(flows, old, goes ? change->flow->hops : change->hops, true);
}

static void
legs_count(struct desired *desired, const struct change *change)
{
	if (change->kind == CHANGE_NONE || change->kind == CHANGE_ADOPT)
		return;
	if (change->old_spec)
		desired->n_legs -= change->old_spec->n_all_legs;
	if (change->kind != CHANGE_REMOVE)
		desired->n_legs += change->flow->spec->n_all_legs;
}

static void
change_settle(struct commits *commits, struct change *change)
{
	struct flows *flows = commits->flows;
	struct flow *flow = change->flow;

	flow->change = NULL;
	legs_count(&flows->desired, change);
	switch (change->kind) {
	case CHANGE_NONE:
		desired_withdraw(&flows->desired, flow);
		return;
	case CHANGE_ADD:
		change->op->settled = true;
		flows_changed(flows, flow, NULL);
		return;
	case CHANGE_REPLACE:
		change->op->settled = true;
		old_let_go(commits, change);
		flows_changed(flows, flow, flow);
		return;
	case CHANGE_RENEW:
		change->op->settled = true;
		old_let_go(commits, change);
		flows_changed(flows, NULL, flow);
		flows_changed(flows, flow, NULL);
		return;
	case CHANGE_REMOVE:
		old_let_go(commits, change);
		flows_changed(flows, NULL, flow);
		desired_withdraw(&flows->desired, flow);
		return;
	}
}

enum phase_end
commit_settle(struct commits *commits)
{
	for (; commits->at < commits->draft.n; commits->at++) {
		if (commit_slice_over(commits))
			return PHASE_MORE;
		change_settle(commits, commits->draft.list[commits->at]);
	}
	if (!commits->late && commits->draft.n > 0)
		next_hops_reclaim(commits->flows->hops);
	free(commits->reports);
	commits->reports = NULL;
	commits->n_reports = 0;
	return PHASE_DONE;
}

enum phase_end
commit_answer(struct commits *commits)
{
	struct proposal *proposal;
	unsigned i;

	STAILQ_FOREACH(proposal, &commits->group, link)
	{
		proposal->late = commits->late;
		for (i = 0; i < commits->n_observers; i++)
			commits->observers[i].observe(commits->observers[i].arg, proposal);
		proposal->done(proposal->arg, proposal, NULL);
	}
	return PHASE_DONE;
}

/* A million changes take a while to free, too. */
enum phase_end
commit_clear(struct commits *commits)
{
	struct proposal *proposal;

	while (draft_drop(&commits->draft)) {
		if (commit_slice_over(commits))
			return PHASE_MORE;
	}
	while ((proposal = STAILQ_FIRST(&commits->group))) {
		while (proposal_drop(proposal)) {
			if (commit_slice_over(commits))
				return PHASE_MORE;
		}
		STAILQ_REMOVE_HEAD(&commits->group, link);
		proposal_destroy(proposal);
	}
	return PHASE_DONE;
}
