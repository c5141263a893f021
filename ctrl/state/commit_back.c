/* SPDX-License-Identifier: BSD-3-Clause */
/* The way back, after a failure or a plan: all that was taken is returned, in reverse. */
#include <stdlib.h>

#include "state/commit_group.h"
#include "state/flow_steering.h"
#include "state/leg_hops.h"

static void
change_retrace(struct flows *flows, const struct change *change)
{
	if (change->steered)
		flow_unsteer(flows, change_spec(change), NULL);
	if (change->hopped && change_runs(change))
		leg_hops_put(flows, change_spec(change), change->hops, false);
	if (!change->indexed)
		return;
	if (change_spec(change))
		validate_take(flows->validate, change_spec(change));
	if (change_before(change))
		validate_put(flows->validate, change_before(change), change->flow->sequence);
}

enum phase_end
commit_retrace(struct commits *commits)
{
	const struct draft *draft = &commits->draft;

	for (; commits->at < draft->n; commits->at++) {
		if (commit_slice_over(commits))
			return PHASE_MORE;
		change_retrace(commits->flows, draft->list[draft->n - 1 - commits->at]);
	}
	return PHASE_DONE;
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
commit_undraft(struct commits *commits)
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
			if (proposal->ops[proposal->n_ops - 1]->swept)
				proposal_drop(proposal);
			else
				op_unstage(proposal->ops[commits->op++]);
		}
		commits->op = 0;
		proposal->added = proposal->changed = proposal->removed = 0;
	}
	return PHASE_DONE;
}

/* A proposal that is kept is its owner's again; all others are cleared away later. */
static void
group_tell(struct commits *commits, const struct fault *fault)
{
	struct proposal_queue told = STAILQ_HEAD_INITIALIZER(told);
	struct proposal *proposal;

	STAILQ_CONCAT(&told, &commits->group);
	while ((proposal = STAILQ_FIRST(&told))) {
		STAILQ_REMOVE_HEAD(&told, link);
		proposal->done(proposal->arg, proposal, fault);
		if (!proposal->keep)
			STAILQ_INSERT_TAIL(&commits->group, proposal, link);
	}
}

/* The others begin anew, before those that came later, without the one whose fault it was. */
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

/* All of the group begin anew, before those that came later. */
static void
group_requeue(struct commits *commits)
{
	STAILQ_CONCAT(&commits->group, &commits->waiting);
	STAILQ_CONCAT(&commits->waiting, &commits->group);
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
		group_requeue(commits);
		return PHASE_DONE;
	}
	if (commits->offender)
		others_requeue(commits);
	commits->offender = NULL;
	group_tell(commits, commits->failed ? &fault : NULL);
	return PHASE_DONE;
}
