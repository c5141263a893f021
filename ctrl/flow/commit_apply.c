/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a valid draft to a prepared transaction of the data plane. A plan comes as far, so that it
 * meets each limit that a commit would meet, and goes back from there. Packets are asked for before
 * any worker knows the flow: they are counted as dropped rather than go to the kernel.
 */
#include "flow/commit_apply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/escape.h"
#include "flow/flow_codec.h"
#include "flow/flows.h"

/* A leg of a version keeps its next hop when it would be handed to the same; the others want one.
 */
static int
hops_begin(struct change *change)
{
	const struct flow *flow = change->flow;
	const struct flow_spec *spec = change_spec(change), *before = flow->spec;
	unsigned leg, old;

	change->hops = reallocarray(NULL, spec->n_all_legs + 1, sizeof(change->hops[0]));
	if (!change->hops)
		return -ENOMEM;
	for (leg = 0; leg < spec->n_all_legs; leg++) {
		change->hops[leg] = HOP_WANTED;
		if (change->kind != CHANGE_REPLACE)
			continue;
		/* Those of streams follow the flow's own, in order. */
		old = leg < spec->n_legs ? change->from[leg] : before->n_legs + leg - spec->n_legs;
		if (old < before->n_all_legs && old != DP_LEG_NEW &&
			leg_hops_same(&before->legs[old], &spec->legs[leg]))
			change->hops[leg] = flow->hops[old];
	}
	return 0;
}

static bool
plans(const struct commits *commits)
{
	return STAILQ_FIRST(&commits->group)->plans;
}

/* While a transaction is open, repointing (flows.c) changes no handles or next hops. */
enum phase_end
commit_begin(struct commits *commits)
{
	if (commits->draft.n == 0)
		return PHASE_DONE;
	commits->txn = dp_txn_begin(commits->flows->dp);
	if (commits->txn)
		return PHASE_DONE;
	fault_set(&commits->fault, FAULT_NO_ROOM, "", "no memory for a transaction");
	return PHASE_FAILED;
}

int
change_legs_count(struct commits *commits, struct change *change)
{
	if (change_runs(change))
		commits->plan_legs += change_spec(change)->n_all_legs;
	return 0;
}

/* A plan needs no next hops as long as there are enough for every leg. */
static bool
plan_hops_fit(const struct commits *commits, struct change *change)
{
	unsigned leg;

	if (!plans(commits) || commits->plan_legs > next_hops_left(commits->flows->hops))
		return false;
	for (leg = 0; leg < change_spec(change)->n_all_legs; leg++) {
		if (change->hops[leg] == HOP_WANTED)
			change->hops[leg] = DP_NEXT_HOPS_MAX - 1;
	}
	return true;
}

int
change_hops(struct commits *commits, struct change *change)
{
	struct flows *flows = commits->flows;
	int rc;

	if (!change_runs(change))
		return 0;
	if (hops_begin(change) < 0)
		return fault_set(&commits->fault, FAULT_NO_ROOM, "", "no memory for next hops");
	if (plan_hops_fit(commits, change))
		return 0;
	next_hops_rehearse(flows->hops, plans(commits));
	rc = leg_hops_ref(
		flows, change_spec(change), change->hops, change->first_leg, &commits->fault);
	next_hops_rehearse(flows->hops, false);
	change->hopped = rc == 0;
	return rc == 0 || commit_leave_out(commits, change) ? 0 : -1;
}

/* What goes makes room for what comes, also for its match. */
int
change_remove(struct commits *commits, struct change *change)
{
	int rc;

	if (change->kind != CHANGE_REMOVE && change->kind != CHANGE_RECREATE)
		return 0;
	rc = dp_txn_remove(commits->txn, change->flow->handle);
	if (rc == 0)
		return 0;
	return fault_set(&commits->fault, FAULT_INTERNAL, "", "the data plane keeps flow %s: %s",
		change->flow->spec->id, strerror(-rc));
}

/* Whether that change is in the transaction, while the one at commits->at is refused. */
static bool
is_in(const struct commits *commits, size_t i)
{
	if (commits->draft.list[i]->kind == CHANGE_REPLACE)
		return commits->adding || i < commits->at;
	return commits->adding && i < commits->at;
}

/*
 * The data plane has one error for every table that is full; which one it was shows in their fill.
 * The numbers are of what was asked for at once: the change that was refused and those after it.
 * What is restored or partial may be refused flow by flow, so there it is that change alone.
 */
static void
full_fault(struct commits *commits, const struct change *refused)
{
	const struct dp *dp = commits->flows->dp;
	const struct flow_spec *spec = change_spec(refused);
	const struct proposal *proposal = refused->op->owner;
	const bool alone = proposal->restores || proposal->partial;
	const bool replacing = refused->kind == CHANGE_REPLACE;
	const enum dp_family family = spec->match.family == 6 ? DP_IPV6 : DP_IPV4;
	const unsigned flows_now = dp_txn_flow_count(commits->txn, family);
	const unsigned rules_now = dp_txn_rule_count(commits->txn, family);
	size_t n_legs = alone ? dp_flow_legs(&commits->compiled.flow) : 0;
	size_t n_flows = alone, n_rules = alone, n_together = 0, n_fitting = 0, i;

	for (i = 0; !alone && i < commits->draft.n; i++) {
		const struct change *change = commits->draft.list[i];
		const struct flow_spec *other = change_runs(change) ? change_spec(change) : NULL;
		const bool same_family = other && other->match.family == spec->match.family;
		const bool comes = other && !is_in(commits, i) && change->kind != CHANGE_REPLACE;

		n_together += same_family;
		n_fitting += same_family && is_in(commits, i);
		n_flows += same_family && comes;
		n_rules += same_family && comes && other->rule;
		if (comes && flow_compile(other, commits->flows->ports, change->hops,
				     &commits->compiled) == 0)
			n_legs += dp_flow_legs(&commits->compiled.flow);
	}
	n_flows += flows_now;
	n_rules += rules_now;
	n_legs += dp_txn_leg_count(commits->txn);
	if (!replacing && flows_now >= dp_flow_capacity(dp, family))
		fault_set(&commits->fault, FAULT_NO_ROOM, "",
			"found %zu IPv%d flow%s in all, expected at most %u (tables.ipv%d_flows)",
			n_flows, (int)family, plural_s(n_flows), dp_flow_capacity(dp, family),
			(int)family);
	else if (!replacing && spec->rule && rules_now >= DP_RULES_MAX)
		fault_set(&commits->fault, FAULT_NO_ROOM, "/rule",
			"found %zu IPv%d rule%s in all, expected at most %d", n_rules, (int)family,
			plural_s(n_rules), DP_RULES_MAX);
	else if (n_legs > dp_leg_capacity(dp))
		fault_set(&commits->fault, FAULT_NO_ROOM, "/legs",
			"found %zu leg%s in all, expected at most %u (tables.legs)", n_legs,
			plural_s(n_legs), dp_leg_capacity(dp));
	else
		fault_set(&commits->fault, FAULT_NO_ROOM, "",
			"found %zu IPv%d flows that are added or replaced at once, of which %zu "
			"fit beside those that they replace or that go; do it in several steps",
			n_together, (int)family, n_fitting);
}

static int
change_insert(struct commits *commits, struct change *change)
{
	const struct flow_spec *spec = change_spec(change);
	const unsigned n_legs = dp_txn_leg_count(commits->txn);
	int rc = flow_compile(spec, commits->flows->ports, change->hops, &commits->compiled);

	if (rc == 0 && change->kind == CHANGE_REPLACE)
		rc = dp_txn_replace(commits->txn, change->flow->handle, &commits->compiled.flow,
			change->from, &change->handle);
	else if (rc == 0)
		rc = dp_txn_add(commits->txn, &commits->compiled.flow, &change->handle);
	if (rc == 0) {
		if (dp_txn_leg_count(commits->txn) > n_legs)
			commits->grown = change;
		return 0;
	}
	if (rc == -ENOSPC)
		full_fault(commits, change);
	else if (rc == -ENOMEM)
		fault_set(&commits->fault, FAULT_NO_ROOM, "", "no memory for a flow of %u leg%s",
			spec->n_all_legs, plural_s(spec->n_all_legs));
	else
		fault_set(&commits->fault, FAULT_INTERNAL, "", "the data plane refused flow %s: %s",
			spec->id, strerror(-rc));
	return commit_leave_out(commits, change) || commit_do_without(commits, change->op) ? 0 : -1;
}

/* Versions first, as they may make room for more legs. */
int
change_replace(struct commits *commits, struct change *change)
{
	return change->kind == CHANGE_REPLACE ? change_insert(commits, change) : 0;
}

/* Whether the legs of the versions fit, those of flows that are to come not counted. */
enum phase_end
commit_replace(struct commits *commits)
{
	if (commits->grown &&
		dp_txn_leg_count(commits->txn) > dp_leg_capacity(commits->flows->dp)) {
		full_fault(commits, commits->grown);
		return commit_fail_at(commits, commits->grown);
	}
	commits->adding = true;
	return PHASE_DONE;
}

int
change_add(struct commits *commits, struct change *change)
{
	return change_runs(change) && change->kind != CHANGE_REPLACE
		       ? change_insert(commits, change)
		       : 0;
}

enum phase_end
commit_add(struct commits *commits)
{
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
	case CHANGE_RECREATE:
		return true;
	case CHANGE_REPLACE:
		return change_spec(change)->rule || change->flow->only;
	default:
		return false;
	}
}

int
change_want(struct commits *commits, struct change *change)
{
	struct flows *flows = commits->flows;

	if (!asks_for_packets(change))
		return 0;
	if (flow_steer_want(flows, change_spec(change), commits->draft.n, &commits->wants,
		    &commits->fault) < 0)
		return -1;
	if (!commits->wanting && steering_wants_check(flows->steering, &commits->wants,
					 flows->ports, &commits->fault) < 0)
		commits->wanting = change;
	return 0;
}

/* Whether the kernel can be asked for the packets of all. */
enum phase_end
commit_wants_check(struct commits *commits)
{
	const struct flows *flows = commits->flows;
	const int rc = steering_wants_check(
		flows->steering, &commits->wants, flows->ports, &commits->fault);

	steering_wants_fini(&commits->wants);
	return rc < 0 ? commit_fail_at(commits, commits->wanting) : PHASE_DONE;
}

int
change_steer(struct commits *commits, struct change *change)
{
	if (!asks_for_packets(change))
		return 0;
	if (flow_steer(commits->flows, change_spec(change), &commits->fault) < 0)
		return -1;
	change->steered = true;
	return 0;
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

		if (!change->reports || !change_before(change))
			continue;
		change->last_legs =
			calloc(change->flow->spec->n_legs + 1u, sizeof(change->last_legs[0]));
		if (!change->last_legs)
			return -1;
		commits->reports[commits->n_reports++] = change;
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
	if (rc == -ENOMEM)
		fault_set(&commits->fault, FAULT_NO_ROOM, "", "no memory to compile the rules");
	else
		fault_set(&commits->fault, FAULT_INTERNAL, "",
			"the data plane refused to commit: %s", strerror(-rc));
	return PHASE_FAILED;
}

/* From a prepared transaction to a state that is durable, running, and the one that readers see. */

#define COMMIT_FLOWS_AT_ONCE 1024
#define ACTIVATE_AHEAD 8
#define EACH_NOTIFIED_MAX 256 /* changes of one group that are notified one by one */

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
	commits->resume(commits);
}

/* One proposal after the other, one op after the other; commits->op is the next. */
static enum phase_end
batch_fill(struct commits *commits)
{
	struct proposal *proposal;

	for (; (proposal = commits->proposal); commits->proposal = STAILQ_NEXT(proposal, link)) {
		if (commits->op == 0 && writes(proposal))
			generation_write(commits->batch, proposal);
		while (writes(proposal) && commits->op < proposal->n_ops) {
			if (op_write(commits->batch, proposal->ops[commits->op]) < 0) {
				fault_set(&commits->fault, FAULT_NO_ROOM, "",
					"no memory for the journal");
				return PHASE_FAILED;
			}
			commits->op++; /* a slice may end: what is begun is not begun again */
			if (commit_slice_over(commits) && commits->op < proposal->n_ops)
				return PHASE_MORE;
		}
		commits->op = 0;
	}
	return PHASE_DONE;
}

enum phase_end
commit_write(struct commits *commits)
{
	const struct proposal *proposal;
	enum phase_end end;

	if (commits->written) {
		commits->written = false;
		return commits->write_failed ? PHASE_FAILED : PHASE_DONE;
	}
	STAILQ_FOREACH(proposal, &commits->group, link)
	{
		if (writes(proposal))
			break;
	}
	if (!commits->store || !proposal)
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
		commits->n_checks = SLICE_CHECK_EVERY; /* a step is long enough to read the clock */
		if (commit_slice_over(commits))
			return PHASE_MORE;
	}
	commits->txn = NULL;
	commits->late = rc < 0;
	return PHASE_DONE;
}

/* The old version stays with the change until it is retired. */
static void
change_activate(struct commits *commits, struct change *change)
{
	struct flow_db *db = &commits->flows->db;
	struct flow *flow = change->flow;
	uint16_t *hops = change->hops;

	switch (change->kind) {
	case CHANGE_ADD:
		flow_db_activate(db, flow, hops);
		change->hops = NULL;
		break;
	case CHANGE_REPLACE:
	case CHANGE_RECREATE:
		flow_db_rekey(flow, change->op->spec);
		change->old_spec = flow->spec;
		change->hops = flow->hops;
		flow->spec = change->op->spec;
		flow->hops = hops;
		break;
	case CHANGE_REMOVE:
		flow_db_retire(db, flow);
		change->old_spec = flow->spec;
		return;
	case CHANGE_SET_DECLARED:
		flow->spec->declared = change->op->spec->declared;
		return;
	default:
		return;
	}
	flow->handle = change->handle;
}

/* What a flip will touch soon: a million of them would wait for memory otherwise. */
static void
activate_prefetch(const struct draft *draft, size_t i)
{
	if (i + 2 * ACTIVATE_AHEAD < draft->n)
		__builtin_prefetch(draft->list[i + 2 * ACTIVATE_AHEAD], 1);
	if (i + ACTIVATE_AHEAD >= draft->n)
		return;
	__builtin_prefetch(draft->list[i + ACTIVATE_AHEAD]->flow, 1);
	__builtin_prefetch(&draft->list[i + ACTIVATE_AHEAD]->flow->change, 1);
}

/* Readers see all of the new state from here on, so this is done in one go. */
enum phase_end
commit_activate(struct commits *commits)
{
	size_t i;

	for (i = 0; i < commits->draft.n; i++) {
		activate_prefetch(&commits->draft, i);
		change_activate(commits, commits->draft.list[i]);
	}
	commits->generation = commits->next_generation - 1;
	commits->flows->notify_each = commits->draft.n <= EACH_NOTIFIED_MAX;
	return PHASE_DONE;
}

/* What only the old version of a flow held goes. */
static void
old_release(struct commits *commits, struct change *change)
{
	struct flows *flows = commits->flows;
	const struct flow_spec *old = change->old_spec;
	const bool goes = change->kind == CHANGE_REMOVE;

	if (goes || change->steered) {
		flow_unsteer(flows, old, change->flow->only);
		flow_widen(change->flow);
	}
	leg_hops_unref(flows, old, goes ? change->flow->hops : change->hops, true);
}

int
change_retire(struct commits *commits, struct change *change)
{
	struct flows *flows = commits->flows;
	struct flow *flow = change->flow;

	flow->change = NULL;
	if (change->old_spec)
		flows->db.n_legs -= change->old_spec->n_all_legs;
	if (change_runs(change)) {
		flows->db.n_legs += flow->spec->n_all_legs;
		change->op->spec_given = true;
	}
	switch (change->kind) {
	case CHANGE_NONE:
		flow_db_remove(&flows->db, flow);
		break;
	case CHANGE_ADD:
		flows_changed(flows, flow, NULL);
		break;
	case CHANGE_REPLACE:
		old_release(commits, change);
		flows_changed(flows, flow, flow);
		break;
	case CHANGE_RECREATE:
		old_release(commits, change);
		flows_changed(flows, NULL, flow);
		flows_changed(flows, flow, NULL);
		break;
	case CHANGE_REMOVE:
		old_release(commits, change);
		flows_changed(flows, NULL, flow);
		flow_db_remove(&flows->db, flow);
		break;
	}
	return 0;
}

enum phase_end
commit_retire(struct commits *commits)
{
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
