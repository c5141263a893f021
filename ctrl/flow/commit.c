/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who waits, who is committed together, and the phases that they go through, in the order in which
 * they run: stage, validate, prepare the data plane, write, activate, answer; and the way back.
 */
#include "flow/commit.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/log.h"
#include "base/timer.h"
#include "flow/flow_codec.h"
#include "flow/local_port.h"
#include "flow/plan.h"
#include "flow/receiver_legs.h"
#include "flow/staging.h"

#define SLICE_NS (2 * NS_PER_MS)
#define SLICE_CHECK_EVERY 32 /* steps between two reads of the clock */
#define GROUP_OPS_MAX 4096 /* more are committed on their own */
#define COMMIT_OBSERVERS_MAX 4
#define COMMIT_FLOWS_AT_ONCE 1024
#define ACTIVATE_AHEAD 8
#define ACTIVATE_ALIVE_EVERY (64 * 1024)
#define HOP_PARTED DP_NEXT_HOPS_MAX /* in place of an index: another leg has the reference */
#define EACH_NOTIFIED_MAX 256 /* changes of one group that are notified one by one */

STAILQ_HEAD(change_queue, change);

enum phase_end {
	PHASE_FAILED = -1, /* commits->fault, commits->offender */
	PHASE_MORE, /* to be done: the phase is called again, in this slice or the next */
	PHASE_DONE,
	PHASE_WAITS, /* for the store */
	PHASE_PLANNED, /* the plan is made, and the group goes back */
};

/*
 * A phase: `item` for each item of the draft, then `end` until it returns other than PHASE_MORE.
 * Each call is little work, and a slice may end after it. -1 of `item`, with commits->fault set:
 * the phase fails for that item. Either may be NULL.
 */
struct commit_phase {
	int (*item)(struct commits *commits, struct change_item *item);
	enum phase_end (*end)(struct commits *commits);
	bool reverse; /* the last item first */
};

struct commit_observer {
	change_observer_fn observe;
	void *arg;
};

struct commits {
	struct flows *flows;
	struct store *store;
	struct event_base *base;
	struct timer timer; /* the next slice */
	struct change_queue waiting;
	struct change_queue group;
	uint64_t generation; /* of the state as it is */
	uint64_t next_generation; /* that the group would make next */
	struct draft draft;
	struct dp_txn *txn;
	struct compiled compiled;
	size_t n_legs; /* of all versions and flows that come */
	struct change_item *grown; /* the last version by which there are more legs */
	bool adding; /* all versions are in the transaction */
	struct steering_wants wants;
	struct change_item *wanting; /* the first change by which they are too many */
	struct change_item **reports; /* those whose last counters are wanted, by handle */
	size_t n_reports;
	struct store_batch *batch; /* that is being filled */
	uint64_t released_ns; /* CLOCK_REALTIME: when the last local port was released */
	bool written; /* the store has answered, */
	bool write_failed; /* and refused */
	bool late; /* a worker was */
	/* Where the group stands. */
	const struct commit_phase *phase; /* of a list that ends with an empty one */
	bool running;
	bool decided; /* it is committed, or goes back */
	size_t at; /* the next item of the draft, of a phase that goes over them */
	struct change *change; /* the next of a phase that goes over them */
	size_t next; /* its next item */
	struct staging staging; /* of its items */
	bool staging_begun;
	struct flow *flow; /* the next, where all flows are gone through */
	uint64_t slice_ns; /* how long to work before others have their turn; 0: for one step */
	uint64_t slice_end_ns;
	unsigned n_checks; /* that were saved since the last */
	bool again; /* some of a partial change is left out, and it begins again without */
	bool failed; /* a phase did, */
	struct fault fault; /* and why, */
	struct change *offender; /* and whose fault it is; NULL: everybody's */
	struct commit_observer observers[COMMIT_OBSERVERS_MAX];
	unsigned n_observers;
	void (*alive)(void *arg); /* NULL: there is none */
	void *alive_arg;
};

static void pump(void *arg);

static enum phase_end
commit_fail(struct commits *commits, struct change *change)
{
	commits->offender = change;
	return PHASE_FAILED;
}

/* The requested item of the same change that is to blame for commits->fault of an item. */
static struct change_item *
item_blamed(struct commits *commits, struct change_item *item)
{
	struct change_item *blamed = receiver_legs_blamed(&commits->draft, item, &commits->fault);

	if (strcmp(item_flow(blamed), item_flow(item)) != 0 &&
		strncmp(commits->fault.pointer, "/legs", strlen("/legs")) != 0)
		commits->fault.pointer[0] = '\0'; /* into another flow */
	return blamed;
}

static void
item_leave_out(struct commits *commits, struct change_item *item)
{
	const struct fault *why = &commits->fault;

	if (item->left_out || item->pruned)
		return;
	item->left_out = strdup(why->message);
	if (!item->left_out)
		return;
	if (item->change->restores)
		log_line("warning: flow %s is left out: %s%s%s", item_flow(item), why->pointer,
			why->pointer[0] ? ": " : "", why->message);
	commits->again |= item->flow != NULL;
}

/* Leave out all receivers that are refused as one of their legs is. Whether there were any. */
static bool
receivers_leave_out(struct commits *commits, const struct change_item *legs)
{
	struct change_item *receiver;
	bool any = false;
	unsigned leg = 0;

	while ((receiver = receiver_legs_refused(&commits->draft, legs, &commits->fault, &leg))) {
		item_leave_out(commits, receiver);
		any |= receiver->left_out != NULL;
	}
	return any;
}

/*
 * An item cannot be done, for commits->fault. Of a partial change, who is to blame for that is left
 * out: PHASE_MORE, and the phase looks for more of them. What was staged of it is taken back with
 * the whole change, which begins again without it when the phase is over. Each time there is one
 * item less, or the change is refused, so this ends.
 */
static enum phase_end
item_refused(struct commits *commits, struct change_item *item)
{
	const enum fault_code code = commits->fault.code;
	struct change *change = item->change;
	const bool partial = change->partial && code != FAULT_INTERNAL && code != FAULT_STORE;
	struct change_item *blamed;

	if (partial && receivers_leave_out(commits, item))
		return PHASE_MORE;
	blamed = item_blamed(commits, item);
	if (partial)
		item_leave_out(commits, blamed);
	if (partial && blamed->left_out)
		return PHASE_MORE;
	item_fault_prefix(blamed, &commits->fault);
	return commit_fail(commits, change);
}

/* As the store will have it when those before this one are written. */
static bool
confirm_is_open(const struct commits *commits, const struct change *change)
{
	const struct change *before;
	struct store_state state = {0};

	if (commits->store)
		store_state(commits->store, &state);
	STAILQ_FOREACH(before, &commits->group, link)
	{
		if (before == change)
			break;
		if (before->confirm_within_s != 0 && change_has_effect(before))
			state.has_confirm = true;
		else if (before->ends_confirm)
			state.has_confirm = false;
	}
	return state.has_confirm;
}

/* All that it says can be staged, and in the state that it expects. */
static int
change_begin(struct commits *commits, struct change *change)
{
	if (change->confirm_within_s != 0 && confirm_is_open(commits, change))
		return fault_set(&commits->fault, FAULT_CONFLICT, "/confirm_within_s",
			"another generation is unconfirmed, see state.get; confirm it or roll "
			"it back first");
	if (change->conditional && change->if_generation != commits->next_generation - 1)
		return fault_set(&commits->fault, FAULT_STALE, "/if_generation",
			"found %llu, expected %llu, the current generation; check what has "
			"changed since, and try again",
			(unsigned long long)change->if_generation,
			(unsigned long long)commits->next_generation - 1);
	flow_db_number_avoid(&commits->flows->db, change->highest_number);
	staging_begin(&commits->staging, change);
	commits->staging_begun = true;
	return 0;
}

static void
change_staged(struct commits *commits, struct change *change)
{
	bool is_generation;
	size_t i;

	if (change->partial)
		change->left_out = 0;
	for (i = 0; change->partial && i < change->n_items; i++)
		change->left_out += change->items[i]->left_out != NULL;
	is_generation = change_is_generation(change);
	change->generation.number = commits->next_generation - !is_generation;
	commits->next_generation += is_generation;
	commits->change = STAILQ_NEXT(change, link);
	commits->staging_begun = false;
}

/* Operations that are read when it is their turn. */
static enum phase_end
change_load(struct commits *commits, struct change *change)
{
	const int rc = change->load(change->load_arg, change, &commits->fault);

	if (rc == 0)
		change->load = NULL;
	return rc < 0 ? commit_fail(commits, change) : PHASE_MORE;
}

static enum phase_end
commit_stage(struct commits *commits)
{
	struct change *change = commits->change;
	struct change_item *refused;

	if (!change)
		return PHASE_DONE;
	if (change->load)
		return change_load(commits, change);
	if (!commits->staging_begun && change_begin(commits, change) < 0)
		return commit_fail(commits, change);
	switch (staging_step(&commits->staging, &refused, &commits->fault)) {
	case STAGING_FAILED:
		return commit_fail(commits, change);
	case STAGING_REFUSED:
		return item_refused(commits, refused);
	case STAGING_MORE:
		return PHASE_MORE;
	case STAGING_DONE:
		break;
	}
	if (commits->again)
		return PHASE_FAILED;
	change_staged(commits, change);
	return PHASE_MORE;
}

static int
item_index(struct commits *commits, struct change_item *item)
{
	struct validate *validate = commits->flows->validate;
	const struct flow_spec *before = item_before(item), *spec = item_spec(item);

	if (item->kind == CHANGE_SET_DECLARED)
		return 0;
	if (item_runs(item)) {
		commits->n_legs += spec->n_all_legs;
		legs_carry(item->spec, item->kind == CHANGE_REPLACE ? before : NULL);
	}
	if (before)
		validate_remove(validate, before);
	if (spec && validate_insert(validate, spec, item->flow->sequence) < 0) {
		if (before)
			validate_insert(validate, before, item->flow->sequence);
		return fault_set(
			&commits->fault, FAULT_NO_ROOM, "", "no memory for flow %s", spec->id);
	}
	item->indexed = true;
	return 0;
}

/* Legs know the flow that they refer to by its number, which the data plane has as its cookie. */
static void
spec_link(const struct flow_db *db, struct flow_spec *spec)
{
	unsigned leg;

	for (leg = 0; leg < spec->n_all_legs; leg++) {
		if (spec->legs[leg].learned[0] != '\0' && !spec->legs[leg].carried)
			spec->legs[leg].dp.learned =
				flow_db_seek(db, spec->legs[leg].learned)->sequence;
	}
}

/* What is refused is perhaps left out: the others are not checked against it. */
static int
item_check(struct commits *commits, struct change_item *item)
{
	struct flows *flows = commits->flows;
	const struct flow_spec *before = item_before(item), *spec = item_spec(item);

	if (item->kind == CHANGE_SET_DECLARED)
		return 0;
	if (before &&
		validate_referred_check(flows->validate, before->id, spec, &commits->fault) < 0)
		goto err;
	if (!spec)
		return 0;
	if (validate_check(flows->validate, spec, flows->ports, &commits->fault) < 0)
		goto err;
	spec_link(&flows->db, item->spec);
	return 0;
err:
	if (spec)
		validate_remove(flows->validate, spec);
	return -1;
}

static bool
plans(const struct commits *commits)
{
	return STAILQ_FIRST(&commits->group)->plans;
}

/* While a transaction is open, repointing (flows.c) changes no handles or next hops. */
static enum phase_end
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

/* Take a reference on what a leg sends to; returns its index, or -1 with the fault set. */
static int
leg_hop_ref(struct flows *flows, const struct flow_leg *leg, struct fault *fault)
{
	const int rc = next_hops_ref(flows->hops, leg);

	if (rc == -ENOSPC)
		return fault_set(fault, FAULT_NO_ROOM, "",
			"found one next hop more than the limit of %u, including those of legs "
			"that this change removes",
			DP_NEXT_HOPS_MAX);
	if (rc == -ENOMEM)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory for a next hop");
	if (rc < 0)
		return fault_set(
			fault, FAULT_INTERNAL, "", "the next hop was refused: %s", strerror(-rc));
	return rc;
}

/* Take the reference of a leg that the flow does not have already; as leg_hop_ref(). */
static int
leg_hop_get(struct commits *commits, const struct change_item *item, struct flow_leg *leg)
{
	if (leg->carried) {
		const uint16_t hop = item->flow->hops[leg->from];

		leg->carried = next_hops_index(commits->flows->hops, leg, hop) == hop;
		if (leg->carried)
			return hop;
	}
	return leg_hop_ref(commits->flows, leg, &commits->fault);
}

/* Give back the first n_legs references of a flow. */
static void
hops_unref(struct flows *flows, const struct flow_spec *spec, const uint16_t *hops, unsigned n_legs,
	bool seen)
{
	while (n_legs-- > 0) {
		if (hops[n_legs] != HOP_PARTED)
			next_hops_unref(flows->hops, &spec->legs[n_legs], hops[n_legs], seen);
	}
}

/* Legs that are carried have one reference: it stays with the running flow. */
static void
carried_abandon(const struct change_item *item)
{
	unsigned leg;

	for (leg = 0; leg < item->spec->n_legs; leg++) {
		if (!item->spec->legs[leg].carried)
			continue;
		item->hops[leg] = HOP_PARTED;
		leg_sources_part(item->sources, leg);
	}
	legs_carry(item->spec, NULL);
}

/* It is the new version's, and what ran before has none any more. */
static void
carried_take(const struct change_item *item)
{
	const struct flow_spec *spec = item->flow->spec;
	unsigned leg;

	for (leg = 0; leg < spec->n_legs; leg++) {
		if (!spec->legs[leg].carried)
			continue;
		item->hops[spec->legs[leg].from] = HOP_PARTED;
		leg_sources_part(item->sources, spec->legs[leg].from);
	}
}

static void
legs_from(const struct flow_spec *spec, uint16_t *from)
{
	unsigned leg;

	for (leg = 0; leg < spec->n_legs; leg++)
		from[leg] = spec->legs[leg].from;
}

/* A plan takes no next hops as long as there are enough for every leg: it may write any index. */
static int
item_hops(struct commits *commits, struct change_item *item)
{
	struct flows *flows = commits->flows;
	const struct flow_spec *spec = item_spec(item);
	uint16_t from[DP_FLOW_LEGS_MAX];
	unsigned leg;
	int hop = 0;

	if (!item_runs(item))
		return 0;
	item->hops = calloc(spec->n_all_legs + 1, sizeof(item->hops[0]));
	if (!item->hops)
		return fault_set(&commits->fault, FAULT_NO_ROOM, "", "no memory for next hops");
	if (plans(commits) && commits->n_legs <= next_hops_left(flows->hops))
		return 0;
	next_hops_rehearse(flows->hops, plans(commits));
	for (leg = 0; leg < spec->n_all_legs && hop >= 0; leg++) {
		hop = leg_hop_get(commits, item, &spec->legs[leg]);
		item->hops[leg] = (uint16_t)hop;
	}
	next_hops_rehearse(flows->hops, false);
	item->hopped = hop >= 0;
	if (item->hopped && plans(commits))
		return 0;
	legs_from(spec, from);
	if (item->hopped && leg_sources_get(&flows->source_context, spec, from, item->flow->sources,
				    &item->sources) == 0)
		return 0;
	if (item->hopped)
		return fault_set(
			&commits->fault, FAULT_NO_ROOM, "", "no memory for learned sources");
	leg--;
	if (leg < spec->n_legs)
		fault_prefix(&commits->fault, "/legs/%u", leg - item->first_leg);
	else
		leg_path_prefix(spec, leg, &commits->fault);
	carried_abandon(item);
	hops_unref(flows, spec, item->hops, leg, false);
	return -1;
}

/* What goes makes room for what comes, also for its match. */
static int
item_remove(struct commits *commits, struct change_item *item)
{
	int rc;

	if (item->kind != CHANGE_REMOVE && item->kind != CHANGE_RECREATE)
		return 0;
	rc = dp_txn_remove(commits->txn, item->flow->handle);
	if (rc == 0)
		return 0;
	return fault_set(&commits->fault, FAULT_INTERNAL, "",
		"the data plane cannot remove flow %s: %s", item->flow->spec->id, strerror(-rc));
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
 * The numbers are of what was requested at once: the change that was refused and those after it.
 * A partial change may be refused flow by flow, so there it is that flow alone.
 */
static void
full_fault(struct commits *commits, const struct change_item *refused)
{
	const struct dp *dp = commits->flows->dp;
	const struct flow_spec *spec = item_spec(refused);
	const bool alone = refused->change->partial;
	const bool replacing = refused->kind == CHANGE_REPLACE;
	const enum dp_family family = spec->match.key.family == 6 ? DP_IPV6 : DP_IPV4;
	const unsigned flows_now = dp_txn_flow_count(commits->txn, family);
	const unsigned rules_now = dp_txn_rule_count(commits->txn, family);
	size_t n_legs = alone ? dp_flow_legs(&commits->compiled.flow) : 0;
	size_t n_flows = alone, n_rules = alone, n_together = 0, n_fitting = 0, i;

	for (i = 0; !alone && i < commits->draft.n; i++) {
		const struct change_item *item = commits->draft.list[i];
		const struct flow_spec *other = item_runs(item) ? item_spec(item) : NULL;
		const bool same_family = other && other->match.key.family == spec->match.key.family;
		const bool comes = other && !is_in(commits, i) && item->kind != CHANGE_REPLACE;

		n_together += same_family;
		n_fitting += same_family && is_in(commits, i);
		n_flows += same_family && comes;
		n_rules += same_family && comes && other->rule;
		if (comes && flow_compile(other, commits->flows->ports, item->hops, item->sources,
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
			"found %zu IPv%d flows that are added or replaced at once, of which "
			"%zu fit with those that are replaced or removed; use several steps",
			n_together, (int)family, n_fitting);
}

static int
item_insert(struct commits *commits, struct change_item *item)
{
	const struct flow_spec *spec = item_spec(item);
	const unsigned n_legs = dp_txn_leg_count(commits->txn);
	uint16_t from[DP_FLOW_LEGS_MAX];
	unsigned leg;
	int rc = flow_compile(
		spec, commits->flows->ports, item->hops, item->sources, &commits->compiled);

	commits->compiled.flow.latch_cookie = item->flow->sequence;
	legs_from(spec, from);
	for (leg = 0; leg < spec->n_legs; leg++) {
		if (spec->legs[leg].carried)
			from[leg] |= DP_LEG_SAME;
	}
	if (rc == 0 && item->kind == CHANGE_REPLACE)
		rc = dp_txn_replace(commits->txn, item->flow->handle, &commits->compiled.flow, from,
			&item->handle);
	else if (rc == 0)
		rc = dp_txn_add(commits->txn, &commits->compiled.flow, &item->handle);
	if (rc == 0) {
		if (dp_txn_leg_count(commits->txn) > n_legs)
			commits->grown = item;
		return 0;
	}
	if (rc == -ENOSPC)
		full_fault(commits, item);
	else if (rc == -ENOMEM)
		fault_set(&commits->fault, FAULT_NO_ROOM, "", "no memory for a flow of %u leg%s",
			spec->n_all_legs, plural_s(spec->n_all_legs));
	else
		fault_set(&commits->fault, FAULT_INTERNAL, "", "the data plane refused flow %s: %s",
			spec->id, strerror(-rc));
	return -1;
}

/* Versions first, as they may make room for more legs. */
static int
item_replace(struct commits *commits, struct change_item *item)
{
	return item->kind == CHANGE_REPLACE ? item_insert(commits, item) : 0;
}

/* Whether the legs of the versions fit, those of flows that are to come not counted. */
static enum phase_end
commit_replace(struct commits *commits)
{
	if (commits->grown &&
		dp_txn_leg_count(commits->txn) > dp_leg_capacity(commits->flows->dp)) {
		full_fault(commits, commits->grown);
		return item_refused(commits, commits->grown);
	}
	commits->adding = true;
	return PHASE_DONE;
}

static int
item_add(struct commits *commits, struct change_item *item)
{
	return item_runs(item) && item->kind != CHANGE_REPLACE ? item_insert(commits, item) : 0;
}

/*
 * A match stays what it was when its flow is replaced; a rule need not, and a flow that was
 * narrowed to one source may take others.
 */
static bool
asks_for_packets(const struct change_item *item)
{
	if (item->kind == CHANGE_REPLACE)
		return item->spec->rule || item->flow->only;
	return item_runs(item);
}

static int
item_want(struct commits *commits, struct change_item *item)
{
	struct flows *flows = commits->flows;

	if (!asks_for_packets(item))
		return 0;
	if (steering_want(flows->steering, &commits->wants, item_spec(item), commits->draft.n,
		    &commits->fault) < 0)
		return -1;
	if (!commits->wanting &&
		steering_wants_check(flows->steering, &commits->wants, &commits->fault) < 0)
		commits->wanting = item;
	return 0;
}

/* Whether steering has room for the packets of all. */
static enum phase_end
commit_wants_check(struct commits *commits)
{
	const struct flows *flows = commits->flows;
	const int rc = steering_wants_check(flows->steering, &commits->wants, &commits->fault);

	steering_wants_fini(&commits->wants);
	if (rc == 0)
		return PHASE_DONE;
	/* A start is refused rather than begun again for each flow too many. */
	if (commits->wanting->change->restores)
		return commit_fail(commits, commits->wanting->change);
	return item_refused(commits, commits->wanting);
}

static int
item_steer(struct commits *commits, struct change_item *item)
{
	const struct flow_spec *spec = item_spec(item);
	const char *port;
	int rc;

	if (!asks_for_packets(item))
		return 0;
	rc = steering_add(commits->flows->steering, spec);
	if (rc == 0) {
		rc = membership_add(commits->flows->memberships, spec);
		if (rc < 0)
			steering_del(commits->flows->steering, spec, NULL);
	}
	item->steered = rc == 0;
	if (rc == 0)
		return 0;
	port = spec->rule ? spec->rule->port : spec->match.port;
	return fault_set(&commits->fault, rc == -ENOSPC ? FAULT_NO_ROOM : FAULT_INTERNAL,
		spec->rule ? "/rule" : "/match/dst", "packets cannot be steered to %s%s: %s",
		port[0] ? "port " : "the ports", port, strerror(-rc));
}

static int
handle_compare(const void *a, const void *b)
{
	const struct change_item *left = *(struct change_item *const *)a,
				 *right = *(struct change_item *const *)b;

	return (left->flow->handle > right->flow->handle) -
	       (left->flow->handle < right->flow->handle);
}

static void
last_note(void *arg, uint32_t handle, const struct dp_flow_stats *stats,
	const struct dp_leg_stats *legs, unsigned n_legs)
{
	const struct commits *commits = arg;
	struct flow flow = {.handle = handle};
	struct change_item wanted = {.flow = &flow}, *key = &wanted, **found;

	found = bsearch(&key, commits->reports, commits->n_reports, sizeof(key), handle_compare);
	if (!found)
		return;
	(*found)->last->flow = *stats;
	memcpy((*found)->last->legs, legs, n_legs * sizeof(legs[0]));
}

static int
reports_gather(struct commits *commits)
{
	size_t n = 0, i;

	if (!commits->draft.reports)
		return 0;
	for (i = 0; i < commits->draft.n; i++)
		n += commits->draft.list[i]->reports;
	commits->reports = calloc(n, sizeof(struct change_item *));
	if (!commits->reports)
		return -1;
	for (i = 0; i < commits->draft.n; i++) {
		struct change_item *item = commits->draft.list[i];

		if (!item->reports || !item_before(item))
			continue;
		item->last = calloc(1, sizeof(*item->last) + item->flow->spec->n_legs *
								     sizeof(item->last->legs[0]));
		if (!item->last)
			return -1;
		if (item->flow->spec->dp.latch != DP_LATCH_OPEN)
			dp_flow_latched_get(
				commits->flows->dp, item->flow->handle, &item->last->latched);
		item->last->idle = item->flow->watch.idle;
		commits->reports[commits->n_reports++] = item;
	}
	qsort(commits->reports, commits->n_reports, sizeof(struct change_item *), handle_compare);
	dp_txn_on_removed(commits->txn, last_note, commits);
	return 0;
}

static enum phase_end
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

/* Count a flow of the current state, and whether the declaration leaves it alone. */
static void
plan_flow(const struct commits *commits, struct plan *plan, const struct flow *flow)
{
	plan_flow_count(plan, flow->spec);
	if (flow->item)
		return;
	if (commits->draft.declares && !draft_declared(&commits->draft, flow))
		plan->left_alone++;
	else
		plan->unchanged++;
}

/* Of the changes, which are gone through twice: what comes and changes, and then what goes. */
static int
plan_change(const struct commits *commits, struct plan *plan, size_t i)
{
	const size_t n = commits->draft.n;
	const struct change_item *item = commits->draft.list[i % n];

	if ((i >= n) != (item->kind == CHANGE_REMOVE))
		return 0;
	if (item->kind != CHANGE_SET_DECLARED)
		return plan_add(plan, item_before(item), item_spec(item));
	plan->set_declared++;
	return 0;
}

/* Who plans, and who commits a plan, is alone in the group. */
static enum phase_end
commit_plan(struct commits *commits)
{
	struct change *change = STAILQ_FIRST(&commits->group);
	struct plan **plan = change->plans ? &change->plan : &change->plan_now;
	const size_t n_steps = 2 * commits->draft.n;
	int rc = 0;

	if (!change->plans && (!change->if_plan || change->plan->generation == commits->generation))
		return PHASE_DONE;
	if (!*plan) {
		*plan = plan_create(commits->generation, commits->draft.n);
		commits->flow = flow_db_after(&commits->flows->db, 0);
		rc = *plan ? 0 : -1;
	} else if (commits->flow) {
		plan_flow(commits, *plan, commits->flow);
		commits->flow = flow_db_next(commits->flow);
	} else if (commits->at < n_steps) {
		rc = plan_change(commits, *plan, commits->at++);
	} else if (change->plans) {
		return PHASE_PLANNED;
	} else if (plan_equal_at(change->plan, *plan, commits->at - n_steps)) {
		return commits->at++ - n_steps < (*plan)->n ? PHASE_MORE : PHASE_DONE;
	} else {
		fault_set(&commits->fault, FAULT_STALE, "/if_plan",
			"flows of the transaction have changed since the plan for generation "
			"%llu; plan it again",
			(unsigned long long)change->plan->generation);
		return commit_fail(commits, change);
	}
	if (rc == 0)
		return PHASE_MORE;
	fault_set(&commits->fault, FAULT_NO_ROOM, "", "no memory for the plan");
	return commit_fail(commits, change);
}

static int
item_write(const struct commits *commits, const struct change_item *item)
{
	struct store_batch *batch = commits->batch;
	size_t bytes;
	char *text;

	if (item->effect == CHANGE_NONE)
		return 0;
	if (item->effect == CHANGE_REMOVE) {
		store_batch_remove(batch, item->id);
		return 0;
	}
	text = flow_text_encode(item->spec, &bytes);
	if (!text)
		return -ENOMEM;
	store_batch_insert(batch, item->spec->id, text, bytes, item->spec->last_leg_number,
		item->spec->declared);
	free(text);
	return 0;
}

/* A return that finds nothing to change ends the wait for a confirmation all the same. */
static bool
writes(const struct change *change)
{
	return change_is_generation(change) || (!change->restores && change->ends_confirm);
}

/* As much of it as a comment has room for. */
static void
left_out_comment(struct change *change)
{
	char *const comment = change->generation.comment;
	const size_t room = sizeof(change->generation.comment);
	size_t n = strlen(comment), i, bytes;

	n += (size_t)snprintf(comment + n, room - n, "; not rolled back: %llu flow%s",
		(unsigned long long)change->left_out, change->left_out == 1 ? "" : "s");
	for (i = 0; i < change->n_items; i++) {
		const struct change_item *item = change->items[i];

		bytes = item->left_out ? strlen(item_flow(item)) + 2 : 0;
		if (n + bytes + 5 >= room) {
			snprintf(comment + n, room - n, ", ...");
			return;
		}
		if (item->left_out)
			n += (size_t)snprintf(comment + n, room - n, ", %s", item_flow(item));
	}
}

static void
generation_write(struct store_batch *batch, struct change *change)
{
	struct store_generation *generation = &change->generation;
	struct store_confirm confirm = {
		.generation = generation->number,
		.previous = generation->number - 1,
		.within_ns = change->confirm_within_s * NS_PER_S,
	};

	generation->time_ns = clock_read_ns(CLOCK_REALTIME);
	confirm.deadline_ns = generation->time_ns + confirm.within_ns;
	if (change->partial && change->left_out > 0)
		left_out_comment(change);
	if (change_is_generation(change))
		store_batch_generation(batch, generation);
	if (change->confirm_within_s != 0 && change_has_effect(change)) {
		change->confirm_by_ns = confirm.deadline_ns;
		change->confirm_due_ns = clock_read_ns(CLOCK_MONOTONIC) + confirm.within_ns;
		store_batch_confirm(batch, &confirm);
	} else if (change->ends_confirm) {
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
	pump(commits);
}

/* Begin what a change writes, or write its next item. */
static int
batch_fill(struct commits *commits, struct change *change)
{
	if (!commits->batch)
		commits->batch = store_batch_create();
	if (!commits->batch)
		return -ENOMEM;
	if (commits->next == 0)
		generation_write(commits->batch, change);
	if (commits->next == change->n_items)
		return 0;
	return item_write(commits, change->items[commits->next++]);
}

static enum phase_end
commit_fill(struct commits *commits)
{
	struct change *change = commits->change;

	if (!commits->store || !change)
		return PHASE_DONE;
	if (writes(change) && batch_fill(commits, change) < 0) {
		fault_set(&commits->fault, FAULT_NO_ROOM, "", "no memory for the journal");
		return PHASE_FAILED;
	}
	if (!writes(change) || commits->next == change->n_items) {
		commits->change = STAILQ_NEXT(change, link);
		commits->next = 0;
	}
	return PHASE_MORE;
}

/*
 * The local port that the flow will not have any more is in quarantine also after a restart. It is
 * released later than those before it, as the pools release them (item_retire), unless the clock
 * was set back.
 */
static int
item_released(struct commits *commits, struct change_item *item)
{
	const struct flow_spec *before = item_before(item);
	char place[POOL_PLACE_TEXT_MAX];
	uint64_t now_ns;

	if (!commits->batch || !before ||
		!local_port_ends(commits->flows->pools, before, item_spec(item), place))
		return 0;
	now_ns = clock_read_ns(CLOCK_REALTIME);
	if (now_ns <= commits->released_ns && commits->released_ns - now_ns < NS_PER_S)
		now_ns = commits->released_ns + 1;
	commits->released_ns = now_ns;
	store_batch_released(commits->batch, place, now_ns);
	return 0;
}

static enum phase_end
commit_write(struct commits *commits)
{
	if (commits->written) {
		commits->written = false;
		return commits->write_failed ? PHASE_FAILED : PHASE_DONE;
	}
	if (!commits->batch)
		return PHASE_DONE;
	store_submit(commits->store, commits->batch, batch_done, commits);
	commits->batch = NULL;
	return PHASE_WAITS;
}

/* A worker that is late has the flows in its table all the same; the data plane warns. */
static enum phase_end
commit_run(struct commits *commits)
{
	int rc;

	if (!commits->txn)
		return PHASE_DONE;
	rc = dp_txn_commit_step(commits->txn, COMMIT_FLOWS_AT_ONCE);
	if (rc == -EAGAIN) {
		commits->n_checks = SLICE_CHECK_EVERY; /* a step is long enough to read the clock */
		return PHASE_MORE;
	}
	commits->txn = NULL;
	commits->late = rc < 0;
	return PHASE_DONE;
}

/* The old version stays with the change until it is retired. */
static void
item_activate(struct commits *commits, struct change_item *item)
{
	struct flow_db *db = &commits->flows->db;
	struct flow *flow = item->flow;
	struct leg_source *sources = item->sources;
	uint16_t *hops = item->hops;

	switch (item->kind) {
	case CHANGE_ADD:
		flow_db_activate(db, flow, hops);
		flow->sources = sources;
		item->hops = NULL;
		item->sources = NULL;
		break;
	case CHANGE_REPLACE:
	case CHANGE_RECREATE:
		flow_db_rekey(flow, item->spec);
		item->old_spec = flow->spec;
		item->hops = flow->hops;
		item->sources = flow->sources;
		flow->spec = item->spec;
		flow->hops = hops;
		flow->sources = sources;
		break;
	case CHANGE_REMOVE:
		flow_db_retire(db, flow);
		item->old_spec = flow->spec;
		return;
	case CHANGE_SET_DECLARED:
		flow->spec->declared = item->spec->declared;
		return;
	default:
		return;
	}
	flow->handle = item->handle;
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
	__builtin_prefetch(&draft->list[i + ACTIVATE_AHEAD]->flow->item, 1);
}

/* Readers see all of the new state from here on, so this is done in one go. */
static enum phase_end
commit_activate(struct commits *commits)
{
	size_t i;

	for (i = 0; i < commits->draft.n; i++) {
		if (i % ACTIVATE_ALIVE_EVERY == ACTIVATE_ALIVE_EVERY - 1 && commits->alive)
			commits->alive(commits->alive_arg);
		activate_prefetch(&commits->draft, i);
		item_activate(commits, commits->draft.list[i]);
	}
	commits->decided = true;
	commits->generation = commits->next_generation - 1;
	commits->flows->notify_each = commits->draft.n <= EACH_NOTIFIED_MAX;
	return PHASE_DONE;
}

/* What only the old version of a flow held goes. */
static void
old_release(struct commits *commits, struct change_item *item)
{
	struct flows *flows = commits->flows;
	const struct flow_spec *old = item->old_spec;
	const bool goes = item->kind == CHANGE_REMOVE;

	if (goes || item->steered) {
		steering_del(flows->steering, old, item->flow->only);
		membership_del(flows->memberships, old);
		free(item->flow->only);
		item->flow->only = NULL;
	}
	if (item->kind == CHANGE_REPLACE)
		carried_take(item);
	hops_unref(flows, old, goes ? item->flow->hops : item->hops, old->n_all_legs, true);
	leg_sources_put(
		&flows->source_context, old, goes ? item->flow->sources : item->sources, true);
	item->sources = NULL;
	if (goes)
		item->flow->sources = NULL;
	if (item->kind == CHANGE_REPLACE)
		local_port_release(flows->pools, old, true);
	else
		local_port_left(flows->pools, old);
}

static int
item_retire(struct commits *commits, struct change_item *item)
{
	struct flows *flows = commits->flows;
	struct flow *flow = item->flow;
	struct dp_latched forgotten;

	flow->item = NULL;
	if (item_runs(item)) {
		flows->db.n_legs += flow->spec->n_all_legs;
		item->spec_given = true;
	}
	if (item->old_spec) {
		flows->db.n_legs -= item->old_spec->n_all_legs;
		old_release(commits, item);
	}
	flow_sources_watch(flows, flow);
	if (item->kind == CHANGE_REPLACE) {
		legs_carry(flow->spec, NULL);
		flows_changed(flows, flow, flow);
		return 0;
	}
	if (item->old_spec)
		flows_changed(flows, NULL, flow);
	/* The latch stays while legs refer to it, but another flow is to learn its own source. */
	if (item->kind == CHANGE_RECREATE && flow->spec->dp.latch != DP_LATCH_OPEN) {
		dp_flow_forget(flows->dp, flow->handle, &forgotten);
		flows_source_moved(flows, flow);
	}
	if (item_runs(item))
		flows_changed(flows, flow, NULL);
	if (item->kind == CHANGE_NONE || item->kind == CHANGE_REMOVE)
		flow_db_remove(&flows->db, flow);
	return 0;
}

static void
staged_clear(struct commits *commits)
{
	free(commits->reports);
	commits->reports = NULL;
	commits->n_reports = 0;
	draft_clear(&commits->draft);
}

static enum phase_end
commit_retire(struct commits *commits)
{
	if (!commits->late && commits->draft.n > 0)
		next_hops_reclaim(commits->flows->hops);
	staged_clear(commits);
	if (!TAILQ_EMPTY(&commits->flows->moved))
		flows_refresh(commits->flows);
	return PHASE_DONE;
}

static enum phase_end
commit_answer(struct commits *commits)
{
	struct change *change;
	unsigned i;

	STAILQ_FOREACH(change, &commits->group, link)
	{
		change->late = commits->late;
		for (i = 0; i < commits->n_observers; i++)
			commits->observers[i].observe(commits->observers[i].arg, change);
		change->done(change->arg, change, NULL);
	}
	return PHASE_DONE;
}

/* A million changes take a while to free, too. */
static enum phase_end
commit_clear(struct commits *commits)
{
	struct change *change = STAILQ_FIRST(&commits->group);

	if (!change)
		return PHASE_DONE;
	if (!change_drop(change)) {
		STAILQ_REMOVE_HEAD(&commits->group, link);
		change_destroy(change);
	}
	return PHASE_MORE;
}

/* Abort after a failure or a plan: all that was acquired is released, in reverse. */

static int
item_release(struct commits *commits, struct change_item *item)
{
	struct flows *flows = commits->flows;
	const struct flow_spec *before = item_before(item), *spec = item_spec(item);

	if (item->steered) {
		steering_del(flows->steering, spec, NULL);
		membership_del(flows->memberships, spec);
	}
	if (item->hopped && item_runs(item)) {
		carried_abandon(item);
		hops_unref(flows, spec, item->hops, spec->n_all_legs, false);
		leg_sources_put(&flows->source_context, spec, item->sources, false);
		item->sources = NULL;
	}
	if (item->indexed && spec)
		validate_remove(flows->validate, spec);
	if (item->indexed && before)
		validate_insert(flows->validate, before, item->flow->sequence);
	draft_undo(&commits->draft, item);
	return 0;
}

static enum phase_end
commit_abort(struct commits *commits)
{
	if (commits->txn && dp_txn_abort_step(commits->txn, COMMIT_FLOWS_AT_ONCE) == -EAGAIN) {
		commits->n_checks = SLICE_CHECK_EVERY; /* as in commit_run() */
		return PHASE_MORE;
	}
	commits->txn = NULL;
	steering_wants_fini(&commits->wants);
	store_batch_destroy(commits->batch);
	commits->batch = NULL;
	staged_clear(commits);
	return PHASE_DONE;
}

static enum phase_end
commit_unstage(struct commits *commits)
{
	struct change *change = commits->change;

	if (!change)
		return PHASE_DONE;
	if (commits->next == change->n_items) {
		change->generation.added = change->generation.changed = change->generation.removed =
			0;
		commits->change = STAILQ_NEXT(change, link);
		commits->next = 0;
	} else if (change->items[change->n_items - 1]->pruned) {
		change_drop(change);
	} else {
		item_unstage(change->items[commits->next++]);
	}
	return PHASE_MORE;
}

/* A change with `keep` goes back to its owner; all others are destroyed later. */
static void
group_notify(struct commits *commits, const struct fault *fault)
{
	struct change_queue reported = STAILQ_HEAD_INITIALIZER(reported);
	struct change *change;

	STAILQ_CONCAT(&reported, &commits->group);
	while ((change = STAILQ_FIRST(&reported))) {
		STAILQ_REMOVE_HEAD(&reported, link);
		change->done(change->arg, change, fault);
		if (!change->keep)
			STAILQ_INSERT_TAIL(&commits->group, change, link);
	}
}

/*
 * A change is refused only when it is alone in its group. In a group of several the draft has of
 * each flow the last version only, so what an earlier change did is found wrong in a later one; and
 * all that is committed together stands in the tables together, old and new. So the offender is
 * asked again alone, once: there is then one change more that is alone, and this ends. A partial
 * change is asked again without what cannot be done of it.
 */
static bool
group_retries(struct commits *commits)
{
	struct change *offender = commits->offender;
	const bool again = commits->again;

	commits->again = false;
	if (again)
		return true;
	if (!offender || !STAILQ_NEXT(STAILQ_FIRST(&commits->group), link))
		return false;
	offender->alone = true;
	return true;
}

static enum phase_end
commit_refuse(struct commits *commits)
{
	const struct fault fault = commits->fault;

	if (group_retries(commits)) {
		commits->offender = NULL;
		STAILQ_CONCAT(&commits->group, &commits->waiting);
		STAILQ_CONCAT(&commits->waiting, &commits->group);
		return PHASE_DONE;
	}
	commits->offender = NULL;
	group_notify(commits, commits->failed ? &fault : NULL);
	return PHASE_DONE;
}

/* A plan goes as far as commit_plan(), and is aborted. */
static const struct commit_phase commit_phases[] = {
	{NULL, commit_stage},
	{item_index, NULL},
	{item_check, commit_begin},
	{item_hops, NULL},
	{item_remove, NULL},
	{item_replace, commit_replace},
	{item_add, NULL},
	{item_want, commit_wants_check},
	{NULL, commit_prepare},
	{NULL, commit_plan},
	{item_steer, NULL},
	{NULL, commit_fill},
	{item_released, commit_write},
	{NULL, commit_run},
	{NULL, commit_activate},
	{item_retire, commit_retire},
	{NULL, commit_answer},
	{NULL, commit_clear},
	{NULL, NULL},
};

static const struct commit_phase abort_phases[] = {
	{item_release, NULL, .reverse = true},
	{NULL, commit_abort},
	{NULL, commit_unstage},
	{NULL, commit_refuse},
	{NULL, commit_clear},
	{NULL, NULL},
};

static const struct commit_phase discard_phases[] = {
	{NULL, commit_clear},
	{NULL, NULL},
};

struct commits *
commits_create(
	struct flows *flows, struct store *store, struct event_base *base, uint64_t generation)
{
	struct commits *commits = calloc(1, sizeof(*commits));

	if (!commits)
		return NULL;
	commits->flows = flows;
	commits->store = store;
	commits->base = base;
	commits->generation = generation;
	commits->slice_ns = SLICE_NS;
	STAILQ_INIT(&commits->waiting);
	STAILQ_INIT(&commits->group);
	commits->draft =
		(struct draft){.db = &flows->db, .ports = flows->ports, .pools = flows->pools};
	commits->staging.draft = &commits->draft;
	timer_init(&commits->timer, base, pump, commits);
	return commits;
}

static void
phase_begin(struct commits *commits, const struct commit_phase *phase)
{
	commits->phase = phase;
	commits->at = 0;
	commits->change = STAILQ_FIRST(&commits->group);
	commits->staging_begun = false;
	commits->next = 0;
	commits->running = phase->item || phase->end;
}

static enum phase_end
phase_step(struct commits *commits)
{
	const struct commit_phase *phase = commits->phase;
	const size_t n = commits->draft.n;
	struct change_item *item;

	if (!phase->item || commits->at == n) {
		if (phase->item && commits->again && !commits->decided)
			return PHASE_FAILED;
		return phase->end ? phase->end(commits) : PHASE_DONE;
	}
	item = commits->draft.list[phase->reverse ? n - 1 - commits->at : commits->at];
	if (phase->item(commits, item) < 0 && item_refused(commits, item) == PHASE_FAILED)
		return PHASE_FAILED;
	commits->at++;
	return PHASE_MORE;
}

/* Whether it is time to let others have their turn. Cheap: reads the clock now and then. */
static bool
slice_is_over(struct commits *commits)
{
	if (!commits->base || (commits->slice_ns > 0 && ++commits->n_checks < SLICE_CHECK_EVERY))
		return false;
	commits->n_checks = 0;
	return clock_read_ns(CLOCK_MONOTONIC) >= commits->slice_end_ns;
}

/* Until the phase ends, or the slice: PHASE_MORE. */
static enum phase_end
phase_run(struct commits *commits)
{
	enum phase_end end;

	do
		end = phase_step(commits);
	while (end == PHASE_MORE && !slice_is_over(commits));
	return end;
}

/* Go back, or to the end if it is committed, in one go and without notifications. */
static void
group_break_off(struct commits *commits)
{
	commits->base = NULL;
	if (!commits->decided)
		phase_begin(commits, abort_phases);
	while (commits->running && commits->phase->end != commit_refuse &&
		commits->phase->end != commit_answer) {
		phase_run(commits);
		phase_begin(commits, commits->phase + 1);
	}
}

static void
queue_drop(struct change_queue *queue)
{
	struct change *change;

	while ((change = STAILQ_FIRST(queue))) {
		STAILQ_REMOVE_HEAD(queue, link);
		if (!change->keep)
			change_destroy(change);
	}
}

void
commits_destroy(struct commits *commits)
{
	if (!commits)
		return;
	if (commits->running)
		group_break_off(commits);
	queue_drop(&commits->group);
	queue_drop(&commits->waiting);
	staged_clear(commits);
	steering_wants_fini(&commits->wants);
	compiled_fini(&commits->compiled);
	staging_fini(&commits->staging);
	timer_disarm(&commits->timer);
	free(commits);
}

void
commits_slice_set(struct commits *commits, uint64_t slice_ns)
{
	commits->slice_ns = slice_ns;
}

uint64_t
commits_generation(const struct commits *commits)
{
	return commits->generation;
}

void
commits_alive_set(struct commits *commits, void (*alive)(void *arg), void *arg)
{
	commits->alive = alive;
	commits->alive_arg = arg;
}

void
commits_observe(struct commits *commits, change_observer_fn observe, void *arg)
{
	assert(commits->n_observers < COMMIT_OBSERVERS_MAX);
	commits->observers[commits->n_observers].observe = observe;
	commits->observers[commits->n_observers++].arg = arg;
}

/* Plans, what is not all there yet, and what says how all is to be see the state as it is. */
static bool
change_is_alone(const struct change *change)
{
	return change->plans || change->if_plan || change->discarded || change->alone ||
	       change->partial || change_is_whole(change) || change->n_items > GROUP_OPS_MAX;
}

static void
group_begin(struct commits *commits)
{
	struct change *change;
	size_t n_items = 0;

	while ((change = STAILQ_FIRST(&commits->waiting))) {
		const bool alone = change_is_alone(change);

		n_items += change->n_items;
		if (!STAILQ_EMPTY(&commits->group) && (alone || n_items > GROUP_OPS_MAX))
			break;
		STAILQ_REMOVE_HEAD(&commits->waiting, link);
		STAILQ_INSERT_TAIL(&commits->group, change, link);
		if (alone)
			break;
	}
	change = STAILQ_FIRST(&commits->group);
	commits->decided = change->discarded;
	phase_begin(commits, change->discarded ? discard_phases : commit_phases);
	commits->failed = false;
	commits->late = false;
	commits->next_generation = commits->generation + 1;
	commits->n_legs = 0;
	commits->grown = NULL;
	commits->adding = false;
	commits->wanting = NULL;
}

static void
pump(void *arg)
{
	struct commits *commits = arg;
	enum phase_end end;

	commits->slice_end_ns = clock_read_ns(CLOCK_MONOTONIC) + commits->slice_ns;
	while (commits->running || !STAILQ_EMPTY(&commits->waiting)) {
		if (!commits->running)
			group_begin(commits);
		end = phase_run(commits);
		switch (end) {
		case PHASE_WAITS:
			return;
		case PHASE_MORE:
			timer_arm(&commits->timer, 0);
			return;
		case PHASE_FAILED:
		case PHASE_PLANNED:
			commits->failed = end == PHASE_FAILED;
			commits->decided = true;
			phase_begin(commits, abort_phases);
			break;
		case PHASE_DONE:
			phase_begin(commits, commits->phase + 1);
		}
	}
}

/* Not at once: those who ask within the same round of the loop go together. */
void
commits_submit(struct commits *commits, struct change *change)
{
	STAILQ_INSERT_TAIL(&commits->waiting, change, link);
	if (commits->running)
		return;
	if (commits->base)
		timer_arm(&commits->timer, 0);
	else
		pump(commits);
}

void
commits_discard(struct commits *commits, struct change *change)
{
	if (!change)
		return;
	change->discarded = true;
	change->keep = false;
	commits_submit(commits, change);
}

void
commits_finish(struct commits *commits)
{
	while (commits->running || !STAILQ_EMPTY(&commits->waiting))
		event_base_loop(commits->base, EVLOOP_ONCE);
}
