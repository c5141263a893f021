/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Transactions of random additions, replacements and removals, errors among them, made on the data
 * plane and, when it has committed, on the model.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session.h"

#define CHANGES_MAX 8
#define STEPS_MAX 1000

enum change_kind { CHANGE_ADD, CHANGE_REPLACE, CHANGE_REMOVE };

struct change {
	enum change_kind kind;
	struct draft draft; /* add, replace */
	uint32_t handle; /* replace, remove: the flow's before */
	uint32_t new_handle;
	bool done; /* the data plane took it */
	struct model_flow last; /* replace, remove: the flow as it was at last, less its streams */
};

struct transaction {
	struct session *session;
	struct dp_txn *txn;
	unsigned n_changes;
	struct change changes[CHANGES_MAX];
	unsigned n_removed; /* calls of dp_removed_fn */
	bool agree;
	struct model_flow aims[CHANGES_MAX]; /* what its flows match */
};

static const char *const kind_names[] = {"dp_txn_add", "dp_txn_replace", "dp_txn_remove"};

/* Is this handle replaced or removed in this transaction already? */
static bool
handle_is_taken(const struct transaction *t, uint32_t handle)
{
	for (unsigned i = 0; i < t->n_changes; i++) {
		const struct change *change = &t->changes[i];

		if (change->done && change->kind != CHANGE_ADD && change->handle == handle)
			return true;
	}
	return false;
}

/* Would the key collide with a flow that is or will be there? */
static bool
key_is_taken(const struct transaction *t, const struct dp_flow *flow)
{
	const struct model_flow *there;

	if (flow->rule != NULL)
		return false;
	for (unsigned i = 0; i < t->n_changes; i++) {
		const struct change *change = &t->changes[i];

		if (change->done && change->kind == CHANGE_ADD && change->draft.flow.rule == NULL &&
			memcmp(&change->draft.flow.key, &flow->key, sizeof(flow->key)) == 0)
			return true;
	}
	there = model_key_find(&t->session->model, &flow->key);
	if (there == NULL)
		return false;
	for (unsigned i = 0; i < t->n_changes; i++) {
		const struct change *change = &t->changes[i];

		if (change->done && change->kind == CHANGE_REMOVE &&
			change->handle == there->handle)
			return false;
	}
	return true;
}

static bool
result_compare(struct change *change, int ret, int expected)
{
	change->done = ret == 0;
	if (ret == expected)
		return true;
	printf("%s returned %d (%s), expected %d (%s)\n", kind_names[change->kind], ret,
		strerror(-ret), expected, strerror(-expected));
	return false;
}

static bool
change_add(struct transaction *t, struct change *change)
{
	int expected = key_is_taken(t, &change->draft.flow) ? -EEXIST : 0;

	return result_compare(
		change, dp_txn_add(t->txn, &change->draft.flow, &change->new_handle), expected);
}

static bool
change_replace(struct transaction *t, struct change *change)
{
	int expected = handle_is_taken(t, change->handle) ? -ENOENT : 0;

	return result_compare(change,
		dp_txn_replace(t->txn, change->handle, &change->draft.flow, change->draft.from,
			&change->new_handle),
		expected);
}

static bool
change_remove(struct transaction *t, struct change *change)
{
	bool there = model_flow_find(&t->session->model, change->handle) != NULL;
	int expected = !there || handle_is_taken(t, change->handle) ? -ENOENT : 0;

	return result_compare(change, dp_txn_remove(t->txn, change->handle), expected);
}

/* A cookie that no other flow has, also none of this transaction. */
static uint64_t
cookie_new(const struct transaction *t, unsigned family)
{
	for (;;) {
		const uint64_t cookie = cookie_random(&t->session->rng, &t->session->model, family);
		bool taken = cookie_is_taken(&t->session->model, cookie);

		for (unsigned i = 0; i < t->n_changes; i++)
			taken |= t->changes[i].draft.flow.latch_cookie == cookie;
		if (!taken)
			return cookie;
	}
}

/* One change at random: the more flows there are, the more are removed. */
static bool
change_random(struct transaction *t)
{
	struct session *session = t->session;
	const struct model *model = &session->model;
	struct change *change = &t->changes[t->n_changes];
	const struct model_flow *flow = NULL;
	bool ok;

	memset(change, 0, sizeof(*change));
	if (model->n_flows > 0)
		flow = model->flows[rng_below(&session->rng, model->n_flows)];
	if (flow == NULL || rng_below(&session->rng, 2 * session->flows_aim) > model->n_flows) {
		change->kind = CHANGE_ADD;
		draft_init(&change->draft, &session->rng, &session->style);
		change->draft.flow.latch_cookie = cookie_new(t, change->draft.flow.key.family);
		draft_learn(&change->draft, &session->rng, &session->style, model);
		ok = change_add(t, change);
	} else if (rng_one_in(&session->rng, 2)) {
		change->kind = CHANGE_REPLACE;
		change->handle = flow->handle;
		draft_init_from(&change->draft, &session->rng, &session->style, flow);
		draft_learn(&change->draft, &session->rng, &session->style, model);
		ok = change_replace(t, change);
	} else {
		change->kind = CHANGE_REMOVE;
		change->handle = flow->handle;
		if (rng_one_in(&session->rng, 20))
			change->handle ^= 1u << rng_below(&session->rng, 32);
		ok = change_remove(t, change);
	}
	t->n_changes++;
	return ok;
}

/*
 * A leg that the new version carries on may count on before the report: take the reported value,
 * if it is no less than when the new version became effective and no more than it is now.
 */
static void
carried_take(const struct transaction *t, struct change *change, const struct dp_leg_stats *legs,
	unsigned n_legs)
{
	const struct model_flow *flow = model_flow_find(&t->session->model, change->new_handle);

	for (unsigned i = 0; i < flow->set.n_legs; i++) {
		const struct dp_leg_stats *now = &flow->set.legs[i].stats;
		const unsigned from = change->draft.from[i];
		struct model_leg *last;

		if (from == DP_LEG_NEW || from >= n_legs)
			continue;
		last = &change->last.set.legs[from];
		if (legs[from].copies < last->stats.copies || legs[from].copies > now->copies ||
			legs[from].bytes < last->stats.bytes || legs[from].bytes > now->bytes)
			continue;
		last->whole = last->whole && legs[from].copies == last->stats.copies;
		last->stats = legs[from];
	}
}

/* dp_removed_fn: final counters of a flow that is removed, or of the version that is replaced. */
static void
on_removed(void *arg, uint32_t handle, const struct dp_flow_stats *flow,
	const struct dp_leg_stats *legs, unsigned n_legs)
{
	struct transaction *t = arg;
	const struct model_flow *known = model_flow_find(&t->session->model, handle);

	t->n_removed++;
	for (unsigned i = 0; i < t->n_changes; i++) {
		struct change *change = &t->changes[i];

		if (!change->done || change->kind == CHANGE_ADD || change->handle != handle)
			continue;
		if (change->kind == CHANGE_REPLACE)
			carried_take(t, change, legs, n_legs);
		known = &change->last;
	}
	if (known == NULL) {
		printf("told of the removal of handle %x, which is no flow's\n", handle);
		t->agree = false;
		return;
	}
	if (!flow_stats_compare(known, flow, legs, n_legs)) {
		printf("(final counters, as its removal was told)\n");
		t->agree = false;
	}
}

/* Keep what is compared with its final counters. */
static void
last_keep(struct change *change, const struct model_flow *flow)
{
	struct model_flow *last = &change->last;

	*last = *flow;
	last->spec.n_streams = 0;
	last->spec.allow = last->allow;
	if (last->spec.rule != NULL)
		last->spec.rule = &last->rule;
	last->set.legs = model_alloc(flow->set.n_legs, sizeof(*last->set.legs));
	for (unsigned i = 0; i < flow->set.n_legs; i++)
		last->set.legs[i] = flow->set.legs[i];
}

static void
change_apply(struct model *model, struct change *change)
{
	if (change->kind != CHANGE_ADD)
		last_keep(change, model_flow_find(model, change->handle));
	if (change->kind == CHANGE_ADD)
		model_flow_add(model, &change->draft.flow, change->new_handle);
	else if (change->kind == CHANGE_REPLACE)
		model_flow_replace(model, change->handle, &change->draft.flow, change->draft.from,
			change->new_handle);
	else
		model_flow_remove(model, change->handle);
	/* A latch that nobody uses any more is not there for a flow that is added behind. */
	model_latches_collect(model);
}

/* The changes become effective: on the model, at once. */
static void
transaction_apply(struct transaction *t)
{
	for (unsigned i = 0; i < t->n_changes; i++) {
		if (t->changes[i].done)
			change_apply(&t->session->model, &t->changes[i]);
	}
}

static unsigned
changes_count(const struct transaction *t, enum change_kind kind)
{
	unsigned n = 0;

	for (unsigned i = 0; i < t->n_changes; i++)
		n += t->changes[i].done && t->changes[i].kind == kind;
	return n;
}

/* What all flows match that come or go, so that packets for them come before and after that. */
static void
aims_set(struct transaction *t)
{
	unsigned n = 0;

	for (unsigned i = 0; i < t->n_changes; i++) {
		const struct change *change = &t->changes[i];
		struct model_flow *aim = &t->aims[n];
		const struct model_flow *flow = model_flow_find(&t->session->model, change->handle);

		if (!change->done || change->kind == CHANGE_REPLACE)
			continue;
		memset(aim, 0, sizeof(*aim));
		if (change->kind == CHANGE_ADD) {
			aim->spec = change->draft.flow;
			aim->rule = change->draft.rule;
		} else {
			aim->spec = flow->spec;
			aim->rule = flow->rule;
		}
		if (aim->spec.rule != NULL)
			aim->spec.rule = &aim->rule;
		n++;
	}
	t->session->aims = t->aims;
	t->session->n_aims = n;
}

/*
 * Commit in the smallest steps, with packets after each. They meet the old flows until one step,
 * and the new ones from then on. As dp_txn_commit(), or -ECANCELED after a difference.
 */
static int
transaction_step(struct transaction *t)
{
	const bool adds = changes_count(t, CHANGE_ADD) > 0;
	struct session *session = t->session;
	bool effective = false, same = true, was_old = false;
	int ret = -EAGAIN;

	aims_set(t);
	for (unsigned i = 0; i < STEPS_MAX && ret == -EAGAIN && same; i++) {
		ret = dp_txn_commit_step(t->txn, 1);
		if (!effective && (ret == 0 || rig_is_changed(&session->rig, adds, &was_old))) {
			transaction_apply(t);
			effective = true;
		}
		session->n_between_steps++;
		same = session_traffic(session);
		if (!same)
			printf("(after step %u of a commit, %s)\n", i + 1,
				effective ? "which is effective" : "which is not effective yet");
	}
	session->n_aims = 0;
	if (ret == -EAGAIN) {
		dp_txn_on_removed(t->txn, NULL, NULL);
		(void)dp_txn_commit(t->txn);
	}
	return same ? ret : -ECANCELED;
}

static bool
transaction_commit(struct transaction *t)
{
	const unsigned n_leaving =
		changes_count(t, CHANGE_REPLACE) + changes_count(t, CHANGE_REMOVE);
	int ret;

	dp_txn_on_removed(t->txn, on_removed, t);
	/* A change that is alone has no step that it is effective from. */
	if (n_leaving + changes_count(t, CHANGE_ADD) > 1 && rng_one_in(&t->session->rng, 4)) {
		ret = transaction_step(t);
	} else {
		transaction_apply(t);
		ret = dp_txn_commit(t->txn);
	}
	if (ret != 0) {
		printf("dp_txn_commit returned %d (%s)\n", ret, strerror(-ret));
		return false;
	}
	if (n_leaving == t->n_removed)
		return t->agree;
	printf("dp_removed_fn was called %u times, expected %u\n", t->n_removed, n_leaving);
	return false;
}

static bool
transaction_begin(struct transaction *t, struct session *session)
{
	t->session = session;
	t->n_changes = 0;
	t->n_removed = 0;
	t->agree = true;
	t->txn = dp_txn_begin(session->rig.dp);
	if (t->txn == NULL)
		printf("dp_txn_begin returned NULL\n");
	return t->txn != NULL;
}

bool
session_change(struct session *session)
{
	struct transaction *t = model_alloc(1, sizeof(*t));
	unsigned n = rng_between(&session->rng, 1, CHANGES_MAX);
	bool ok = transaction_begin(t, session);

	while (ok && n-- > 0)
		ok = change_random(t);
	if (t->txn != NULL && (!ok || rng_one_in(&session->rng, 10)))
		dp_txn_abort(t->txn);
	else
		ok = ok && transaction_commit(t);
	for (unsigned i = 0; i < t->n_changes; i++) {
		draft_fini(&t->changes[i].draft);
		free(t->changes[i].last.set.legs);
	}
	free(t);
	return ok;
}

bool
session_clear(struct session *session)
{
	struct transaction t;
	unsigned n = session->model.n_flows;

	if (!transaction_begin(&t, session))
		return false;
	for (unsigned i = 0; i < n; i++) {
		if (dp_txn_remove(t.txn, session->model.flows[i]->handle) != 0)
			t.agree = false;
	}
	dp_txn_on_removed(t.txn, on_removed, &t);
	if (dp_txn_commit(t.txn) != 0 || !t.agree || t.n_removed != n) {
		printf("not all of %u flows can be removed: %u were\n", n, t.n_removed);
		return false;
	}
	while (session->model.n_flows > 0)
		model_flow_remove(&session->model, session->model.flows[0]->handle);
	model_latches_collect(&session->model);
	if (dp_flow_count(session->rig.dp, DP_IPV4) + dp_flow_count(session->rig.dp, DP_IPV6) ==
			0 &&
		dp_leg_count(session->rig.dp) == 0)
		return true;
	printf("flows or legs are left when all are removed\n");
	return false;
}

bool
session_next_hops(struct session *session, bool all)
{
	for (unsigned i = 0; i < MODEL_NEXT_HOPS; i++) {
		struct dp_next_hop hop;
		int ret;

		if (!all && !rng_one_in(&session->rng, 4 * MODEL_NEXT_HOPS))
			continue;
		hop = next_hop_random(&session->rng);
		ret = dp_next_hop_set(session->rig.dp, i, &hop);
		if (ret != 0) {
			printf("dp_next_hop_set returned %d\n", ret);
			return false;
		}
		session->model.hops[i] = hop;
	}
	for (unsigned p = 0; p < MODEL_PORTS; p++) {
		if (!rng_one_in(&session->rng, session->model.down[p] ? 4 : 100))
			continue;
		session->model.down[p] = !session->model.down[p];
		dp_port_down_set(session->rig.dp, p, session->model.down[p]);
	}
	return true;
}
