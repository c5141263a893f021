/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a valid draft to a prepared transaction of the data plane. A plan comes as far, so that it
 * meets each limit that a commit would meet, and goes back from there. Packets are asked for before
 * any worker knows the flow: they are counted as dropped rather than go to the kernel.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "state/commit_group.h"
#include "state/flow_steering.h"
#include "state/leg_hops.h"
#include "state/txn_fault.h"

#define HOPS_AT_ONCE 64 /* flows whose legs are resolved in one go */

/* The next hop of an old leg, when the new one would be handed to the same. */
static uint16_t
hop_kept(const struct flow *flow, unsigned old, const struct flow_leg *leg)
{
	return leg_hops_same(&flow->spec->legs[old], leg) ? flow->hops[old] : HOP_WANTED;
}

static void
hops_keep(const struct change *change, const struct flow_spec *spec)
{
	const struct flow *flow = change->flow;
	const struct flow_spec *before = flow->spec;
	const uint16_t *from = change->from;
	unsigned leg, old = before->n_legs;

	for (leg = 0; leg < spec->n_legs; leg++)
		change->hops[leg] = from[leg] == DP_LEG_NEW
					    ? HOP_WANTED
					    : hop_kept(flow, from[leg], &spec->legs[leg]);
	for (; leg < spec->n_all_legs; leg++, old++)
		change->hops[leg] = old < before->n_all_legs ? hop_kept(flow, old, &spec->legs[leg])
							     : HOP_WANTED;
}

static int
hops_begin(struct change *change)
{
	const struct flow_spec *spec = change_spec(change);

	change->hops = reallocarray(NULL, spec->n_all_legs + 1, sizeof(change->hops[0]));
	if (!change->hops)
		return -ENOMEM;
	if (change->kind == CHANGE_REPLACE)
		hops_keep(change, spec);
	else
		memset(change->hops, 0xff, spec->n_all_legs * sizeof(change->hops[0]));
	return 0;
}

/* The next changes that have legs; how many, and *end behind the last that was looked at. */
static size_t
hops_gather(struct commits *commits, struct change **changes, struct leg_hops *list, size_t *end)
{
	size_t n = 0, i;

	for (i = commits->at; i < commits->draft.n && n < HOPS_AT_ONCE; i++) {
		struct change *change = commits->draft.list[i];

		if (!change_runs(change))
			continue;
		if (!change->hops && hops_begin(change) < 0)
			break;
		changes[n] = change;
		list[n++] = (struct leg_hops){
			.spec = change_spec(change),
			.hops = change->hops,
			.first_leg = change->first_leg,
		};
	}
	*end = i;
	return n;
}

/* From here on nobody else changes handles or next hops of flows. */
static int
txn_begin(struct commits *commits)
{
	if (commits->txn)
		return 0;
	commits->txn = dp_txn_begin(commits->flows->dp);
	if (commits->txn)
		return 0;
	return fault_set(&commits->fault, FAULT_NO_ROOM, "", "no memory for a transaction");
}

static bool
plans(const struct commits *commits)
{
	return STAILQ_FIRST(&commits->group)->plans;
}

/* Who plans is not in need of next hops as long as there are enough for every leg. */
static bool
plan_hops_fit(struct commits *commits, const struct leg_hops *list, size_t n)
{
	unsigned leg;
	size_t i;

	if (commits->plan_counts_hops)
		return false;
	for (i = 0; i < n; i++)
		commits->plan_legs += list[i].spec->n_all_legs;
	if (commits->plan_legs > next_hops_left(commits->flows->hops)) {
		commits->plan_counts_hops = true;
		commits->at = 0;
		return false;
	}
	for (i = 0; i < n; i++) {
		for (leg = 0; leg < list[i].spec->n_all_legs; leg++) {
			if (list[i].hops[leg] == HOP_WANTED)
				list[i].hops[leg] = DP_NEXT_HOPS_MAX - 1;
		}
	}
	return true;
}

static int
batch_hops_get(struct commits *commits, const struct leg_hops *list, size_t n, size_t *at)
{
	struct next_hops *hops = commits->flows->hops;
	int rc;

	next_hops_rehearse(hops, plans(commits));
	rc = leg_hops_get(commits->flows, list, n, at, &commits->fault);
	next_hops_rehearse(hops, false);
	return rc;
}

enum phase_end
commit_hops(struct commits *commits)
{
	struct change *changes[HOPS_AT_ONCE];
	struct leg_hops list[HOPS_AT_ONCE];
	size_t n, end, at, i;

	if (commits->draft.n > 0 && txn_begin(commits) < 0)
		return PHASE_FAILED;
	while (commits->at < commits->draft.n) {
		if (commit_slice_over(commits))
			return PHASE_MORE;
		n = hops_gather(commits, changes, list, &end);
		if (n == 0 && end == commits->at) {
			fault_set(&commits->fault, FAULT_NO_ROOM, "", "no memory for next hops");
			return commit_fail_at(commits, commits->draft.list[end]);
		}
		if (plans(commits) && !commits->plan_counts_hops) {
			if (plan_hops_fit(commits, list, n))
				commits->at = end;
			continue;
		}
		if (n > 0 && batch_hops_get(commits, list, n, &at) < 0) {
			if (!commit_leave_out(commits, changes[at]))
				return commit_fail_at(commits, changes[at]);
			continue;
		}
		for (i = 0; i < n; i++)
			changes[i]->hopped = true;
		commits->at = end;
	}
	return PHASE_DONE;
}

/* What goes makes room for what comes, also for its match. */
enum phase_end
commit_take_out(struct commits *commits)
{
	for (; commits->at < commits->draft.n; commits->at++) {
		const struct change *change = commits->draft.list[commits->at];
		int rc;

		if (commit_slice_over(commits))
			return PHASE_MORE;
		if (change->kind != CHANGE_REMOVE && change->kind != CHANGE_RENEW)
			continue;
		rc = dp_txn_remove(commits->txn, change->flow->handle);
		if (rc == 0)
			continue;
		fault_set(&commits->fault, FAULT_INTERNAL, "", "the data plane keeps flow %s: %s",
			change->flow->spec->id, strerror(-rc));
		return commit_fail_at(commits, change);
	}
	return PHASE_DONE;
}

static int
change_put(struct commits *commits, struct change *change)
{
	int rc = flow_compile(
		change_spec(change), commits->flows->ports, change->hops, &commits->compiled);

	if (rc < 0)
		return rc;
	if (change->kind != CHANGE_REPLACE)
		return dp_txn_add(commits->txn, &commits->compiled.flow, &change->handle);
	return dp_txn_replace(commits->txn, change->flow->handle, &commits->compiled.flow,
		change->from, &change->handle);
}

/* The i-th change that is put in, or NULL: versions first, as they may make room for more legs. */
static struct change *
put_order(const struct draft *draft, size_t i)
{
	struct change *change = draft->list[i < draft->n ? i : i - draft->n];

	return change_runs(change) && (change->kind == CHANGE_REPLACE) == (i < draft->n) ? change
											 : NULL;
}

/* What is put in from change `at` on comes to the refusal's numbers. */
static void
refusal_count(struct commits *commits, struct txn_refusal *refusal)
{
	size_t i;

	for (i = 0; i < 2 * commits->draft.n; i++) {
		const struct change *change = put_order(&commits->draft, i);
		const struct flow_spec *spec = change ? change_spec(change) : NULL;

		if (!spec)
			continue;
		if (spec->match.family == refusal->spec->match.family) {
			refusal->n_together++;
			refusal->n_fitting += i < commits->at;
		}
		if (i < commits->at || change->kind == CHANGE_REPLACE)
			continue;
		if (spec->match.family == refusal->spec->match.family) {
			refusal->n_flows++;
			refusal->n_rules += spec->rule != NULL;
		}
		if (flow_compile(spec, commits->flows->ports, change->hops, &commits->compiled) ==
			0)
			refusal->n_legs += dp_flow_legs(&commits->compiled.flow);
	}
}

/* The data plane refused a change. What is restored or partial may be refused flow by flow. */
static void
refused(struct commits *commits, const struct change *change, int error)
{
	const struct proposal *proposal = change->op->owner;
	struct txn_refusal refusal = {
		.spec = change_spec(change),
		.replacing = change->kind == CHANGE_REPLACE,
		.error = error,
		.n_flows = 1,
		.n_rules = 1,
		.n_legs = dp_flow_legs(&commits->compiled.flow),
	};

	if (error == -ENOSPC && !proposal->restores && !proposal->partial) {
		refusal.n_flows = refusal.n_rules = refusal.n_legs = 0;
		refusal_count(commits, &refusal);
	}
	txn_fault(commits->flows->dp, commits->txn, &refusal, &commits->fault);
}

/* All versions are in: whether their legs fit, those of flows that are to come not counted. */
static bool
versions_fit(struct commits *commits)
{
	const struct dp *dp = commits->flows->dp;

	if (!commits->grown || dp_txn_leg_count(commits->txn) <= dp_leg_capacity(dp))
		return true;
	refused(commits, commits->grown, -ENOSPC);
	return false;
}

enum phase_end
commit_put_in(struct commits *commits)
{
	for (; commits->at < 2 * commits->draft.n; commits->at++) {
		struct change *change = put_order(&commits->draft, commits->at);
		unsigned n_legs;
		int rc;

		if (commit_slice_over(commits))
			return PHASE_MORE;
		if (commits->at == commits->draft.n && !versions_fit(commits))
			return commit_fail_at(commits, commits->grown);
		if (!change)
			continue;
		n_legs = dp_txn_leg_count(commits->txn);
		rc = change_put(commits, change);
		if (rc == 0) {
			if (dp_txn_leg_count(commits->txn) > n_legs)
				commits->grown = change;
			continue;
		}
		refused(commits, change, rc);
		if (!commit_leave_out(commits, change) && !commit_do_without(commits, change->op))
			return commit_fail_at(commits, change);
	}
	return commits->again ? PHASE_FAILED : PHASE_DONE;
}

/*
 * A match stays what it was when its flow is replaced; a rule need not, and a flow that was
 * narrowed to one source may take others.
 */
static bool
asks_for_packets(const struct change *change)
{
	switch (change->kind) {
	case CHANGE_ADD:
	case CHANGE_RENEW:
		return true;
	case CHANGE_REPLACE:
		return change_spec(change)->rule || change->flow->only;
	default:
		return false;
	}
}

/* Whether the kernel can be asked for the packets of all. */
enum phase_end
commit_want(struct commits *commits)
{
	struct flows *flows = commits->flows;
	int rc;

	for (; commits->at < commits->draft.n; commits->at++) {
		const struct change *change = commits->draft.list[commits->at];

		if (commit_slice_over(commits))
			return PHASE_MORE;
		if (!asks_for_packets(change))
			continue;
		if (flow_steer_want(flows, change_spec(change), commits->draft.n, &commits->wants,
			    &commits->fault) < 0)
			return commit_fail_at(commits, change);
		if (!commits->wanting && steering_wants_check(flows->steering, &commits->wants,
						 flows->ports, &commits->fault) < 0)
			commits->wanting = change;
	}
	rc = steering_wants_check(flows->steering, &commits->wants, flows->ports, &commits->fault);
	steering_wants_fini(&commits->wants);
	return rc < 0 ? commit_fail_at(commits, commits->wanting) : PHASE_DONE;
}

enum phase_end
commit_steer(struct commits *commits)
{
	for (; commits->at < commits->draft.n; commits->at++) {
		struct change *change = commits->draft.list[commits->at];

		if (commit_slice_over(commits))
			return PHASE_MORE;
		if (!asks_for_packets(change))
			continue;
		if (flow_steer(commits->flows, change_spec(change), &commits->fault) < 0)
			return commit_fail_at(commits, change);
		change->steered = true;
	}
	return PHASE_DONE;
}

static int
handle_compare(const void *a, const void *b)
{
	const struct change *left = *(struct change *const *)a, *right = *(struct change *const *)b;

	return (left->flow->handle > right->flow->handle) -
	       (left->flow->handle < right->flow->handle);
}

static void
last_note(void *arg, uint32_t handle, const struct dp_flow_stats *stats,
	const struct dp_leg_stats *legs, unsigned n_legs)
{
	const struct commits *commits = arg;
	struct flow flow = {.handle = handle};
	struct change wanted = {.flow = &flow}, *key = &wanted, **found;

	found = bsearch(&key, commits->reports, commits->n_reports, sizeof(key), handle_compare);
	if (!found)
		return;
	(*found)->last = *stats;
	memcpy((*found)->last_legs, legs, n_legs * sizeof(legs[0]));
}

static int
report_add(struct commits *commits, struct change *change)
{
	change->last_legs = calloc(change->flow->spec->n_legs + 1u, sizeof(change->last_legs[0]));
	if (!change->last_legs)
		return -1;
	commits->reports[commits->n_reports++] = change;
	return 0;
}

static int
reports_gather(struct commits *commits)
{
	size_t n = 0, i;

	if (!commits->draft.reports)
		return 0;
	for (i = 0; i < commits->draft.n; i++)
		n += commits->draft.list[i]->reports;
	commits->reports = calloc(n, sizeof(struct change *));
	if (!commits->reports)
		return -1;
	for (i = 0; i < commits->draft.n; i++) {
		struct change *change = commits->draft.list[i];

		if (change->reports && change_before(change) && report_add(commits, change) < 0)
			return -1;
	}
	qsort(commits->reports, commits->n_reports, sizeof(struct change *), handle_compare);
	dp_txn_on_removed(commits->txn, last_note, commits);
	return 0;
}

enum phase_end
commit_prepare(struct commits *commits)
{
	int rc;

	if (!commits->txn)
		return PHASE_DONE;
	if (reports_gather(commits) < 0) {
		fault_set(&commits->fault, FAULT_NO_ROOM, "", "no memory for last counters");
		return PHASE_FAILED;
	}
	rc = dp_txn_prepare(commits->txn);
	if (rc == 0)
		return PHASE_DONE;
	txn_commit_fault(rc, &commits->fault);
	return PHASE_FAILED;
}
