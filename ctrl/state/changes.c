/* SPDX-License-Identifier: BSD-3-Clause */
/* changes_commit() step by step; one function gives back what the steps took, in reverse. */
#include "state/changes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "state/compile.h"
#include "state/flow_steering.h"
#include "state/leg_hops.h"
#include "state/txn_fault.h"

struct commit {
	struct change_set *set;
	struct fault *fault;
	bool has_hops;
	struct dp_txn *txn;
};

static int
fault_at(const struct commit *commit, size_t i)
{
	if (commit->set->member)
		fault_prefix(commit->fault, "/%s/%zu", commit->set->member, i);
	return -1;
}

static int
hops_get(struct commit *commit)
{
	const struct change_set *set = commit->set;
	struct leg_hops *list = calloc(set->n, sizeof(*list));
	size_t i, at;
	int rc;

	if (!list)
		return fault_set(
			commit->fault, FAULT_NO_ROOM, "", "no memory for %zu flows", set->n);
	for (i = 0; i < set->n; i++) {
		list[i].spec = set->list[i].spec;
		list[i].hops = set->list[i].hops;
		list[i].first_leg = set->list[i].first_leg;
	}
	rc = leg_hops_get(set->flows, list, set->n, &at, commit->fault);
	free(list);
	commit->has_hops = rc == 0;
	return rc < 0 ? fault_at(commit, at) : 0;
}

static int
flow_put(struct commit *commit, struct change *change, struct compiled *compiled)
{
	int rc = flow_compile(change->spec, commit->set->flows->ports, change->hops, compiled);

	if (rc < 0)
		return rc;
	if (!change->from)
		return dp_txn_add(commit->txn, &compiled->flow, &change->handle);
	return dp_txn_replace(
		commit->txn, change->flow->handle, &compiled->flow, change->from, &change->handle);
}

/* The data plane refused change i. */
static int
refused(const struct commit *commit, size_t i, int error)
{
	const struct change *list = commit->set->list;
	struct txn_refusal refusal = {
		.spec = list[i].spec,
		.replacing = list[i].from != NULL,
		.error = error,
	};
	size_t other;

	for (other = 0; other < i; other++)
		refusal.n_pending += !list[other].from &&
				     list[other].spec->match.family == list[i].spec->match.family;
	txn_fault(commit->set->flows->dp, &refusal, commit->fault);
	return fault_at(commit, i);
}

static int
txn_fill(struct commit *commit)
{
	struct change_set *set = commit->set;
	struct compiled compiled;
	int rc = 0;
	size_t i;

	commit->txn = dp_txn_begin(set->flows->dp);
	if (!commit->txn)
		return fault_set(commit->fault, FAULT_NO_ROOM, "", "no memory for a transaction");
	if (set->replaced)
		dp_txn_on_removed(commit->txn, set->replaced, set->arg);
	compiled_init(&compiled);
	for (i = 0; i < set->n && rc == 0; i++) {
		rc = flow_put(commit, &set->list[i], &compiled);
		if (rc < 0)
			refused(commit, i, rc);
	}
	compiled_fini(&compiled);
	return rc < 0 ? -1 : 0;
}

/* A match stays what it was when its flow is replaced; a rule need not. */
static int
steering_ask(struct commit *commit)
{
	struct change_set *set = commit->set;
	size_t i;

	for (i = 0; i < set->n; i++) {
		struct change *change = &set->list[i];

		if (change->from && !change->spec->rule)
			continue;
		if (flow_steer(set->flows, change->spec, commit->fault) < 0)
			return fault_at(commit, i);
		change->steered = true;
	}
	return 0;
}

static void
commit_undo(struct commit *commit)
{
	struct change_set *set = commit->set;
	size_t i;

	for (i = set->n; i-- > 0;) {
		if (set->list[i].steered)
			flow_unsteer(set->flows, set->list[i].spec);
	}
	if (commit->txn)
		dp_txn_abort(commit->txn);
	if (!commit->has_hops)
		return;
	for (i = set->n; i-- > 0;)
		leg_hops_put(set->flows, set->list[i].spec, set->list[i].hops, false);
}

/* The data plane has it: now the desired state has it too, and what only the old one held goes. */
static void
change_settle(struct flows *flows, struct change *change)
{
	struct flow *flow = change->flow;

	if (change->from) {
		if (change->steered)
			flow_unsteer(flows, flow->spec);
		leg_hops_put(flows, flow->spec, flow->hops, true);
		desired_swap(flow, change->spec, change->hops);
	}
	flow->handle = change->handle;
	flows_changed(flows, flow, change->from ? flow : NULL);
}

int
changes_commit(struct change_set *set, struct fault *fault)
{
	struct commit commit = {.set = set, .fault = fault};
	size_t i;
	int rc;

	if (hops_get(&commit) < 0 || txn_fill(&commit) < 0 || steering_ask(&commit) < 0) {
		commit_undo(&commit);
		return -1;
	}
	rc = dp_txn_commit(commit.txn);
	commit.txn = NULL;
	/* A worker that is late has the flows in its table all the same; the data plane warns. */
	if (rc < 0 && rc != -ETIMEDOUT) {
		commit_undo(&commit);
		return txn_commit_fault(rc, fault);
	}
	for (i = 0; i < set->n; i++)
		change_settle(set->flows, &set->list[i]);
	if (rc == 0)
		next_hops_reclaim(set->flows->hops);
	return 0;
}
