/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a valid draft to a prepared transaction of the data plane. Packets are asked for before any
 * worker knows the flow: they are counted as dropped rather than go to the kernel.
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

/* From here on nobody else changes handles or next hops of flows (route_follow.c). */
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
		if (n > 0 && leg_hops_get(commits->flows, list, n, &at, &commits->fault) < 0) {
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

/* The data plane refused a change. */
static void
refused(struct commits *commits, const struct change *change, int error)
{
	struct txn_refusal refusal = {
		.spec = change_spec(change),
		.replacing = change->kind == CHANGE_REPLACE,
		.error = error,
	};
	size_t other;

	for (other = 0; other < commits->at; other++) {
		const struct change *before = commits->draft.list[other];

		refusal.n_pending +=
			before->kind == CHANGE_ADD &&
			change_spec(before)->match.family == refusal.spec->match.family;
	}
	txn_fault(commits->flows->dp, &refusal, &commits->fault);
}

enum phase_end
commit_put_in(struct commits *commits)
{
	for (; commits->at < commits->draft.n; commits->at++) {
		struct change *change = commits->draft.list[commits->at];
		int rc;

		if (commit_slice_over(commits))
			return PHASE_MORE;
		if (!change_runs(change))
			continue;
		rc = change_put(commits, change);
		if (rc == 0)
			continue;
		refused(commits, change, rc);
		if (!commit_leave_out(commits, change))
			return commit_fail_at(commits, change);
	}
	return PHASE_DONE;
}

/* A match stays what it was when its flow is replaced; a rule need not. */
static bool
asks_for_packets(const struct change *change)
{
	switch (change->kind) {
	case CHANGE_ADD:
	case CHANGE_RENEW:
		return true;
	case CHANGE_REPLACE:
		return change_spec(change)->rule != NULL;
	default:
		return false;
	}
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
