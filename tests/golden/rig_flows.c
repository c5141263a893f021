/* SPDX-License-Identifier: BSD-3-Clause */
/* Flows of a rig: transactions, and which handle is whose. */
#include "rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

const struct rig_flow *
rig_flow_find(const struct rig *rig, const char *id)
{
	for (size_t i = 0; i < rig->n_flows; i++) {
		if (rig->flows[i].live && strcmp(rig->flows[i].flow->id, id) == 0)
			return &rig->flows[i];
	}
	return NULL;
}

const char *
rig_flow_name(const struct rig *rig, uint32_t handle)
{
	for (size_t i = rig->n_flows; i > 0; i--) {
		if (rig->flows[i - 1].handle == handle)
			return rig->flows[i - 1].flow->id;
	}
	return NULL;
}

/* A version of a flow, live from now on. Pointers into rig->flows end here. */
static int
flow_append(struct rig *rig, const struct case_flow *flow, uint32_t handle)
{
	struct rig_flow *grown = reallocarray(rig->flows, rig->n_flows + 1, sizeof(*grown));

	if (grown == NULL)
		return -1;
	rig->flows = grown;
	grown[rig->n_flows++] = (struct rig_flow){.handle = handle, .flow = flow, .live = true};
	return 0;
}

static void
flow_retire(struct rig *rig, uint32_t handle)
{
	for (size_t i = 0; i < rig->n_flows; i++) {
		if (rig->flows[i].handle == handle)
			rig->flows[i].live = false;
	}
}

/*
 * The flow with the states of what control knows, which are asked for now. *legs is to be freed. 0
 * or a negative errno.
 */
static int
flow_known(const struct rig *rig, const struct case_flow *of, struct dp_flow *flow,
	struct dp_leg **legs)
{
	*flow = of->flow;
	*legs = calloc(of->legs.n + 1, sizeof(**legs));
	if (*legs == NULL)
		return -ENOMEM;
	flow->legs = *legs;
	for (size_t i = 0; i < of->legs.n; i++) {
		struct dp_leg *leg = &(*legs)[i];
		struct dp_latched latched;
		int ret;

		*leg = of->legs.of[i];
		if (leg->known.state == 0)
			continue;
		ret = dp_latch_get(rig->dp, leg->learned, &latched);
		if (ret < 0)
			return ret;
		leg->known.state = latched.state;
	}
	return 0;
}

int
rig_flows_install(struct rig *rig, char *error, size_t error_size)
{
	const struct golden_case *c = rig->c;
	struct dp_txn *txn;

	for (size_t i = 0; i < c->n_hops; i++) {
		if (dp_next_hop_set(rig->dp, (unsigned)i, &c->hops[i]) < 0)
			return -1;
	}
	txn = dp_txn_begin(rig->dp);
	if (txn == NULL)
		return -1;
	for (size_t i = 0; i < c->n_flows; i++) {
		uint32_t handle;
		int ret = dp_txn_add(txn, &c->flows[i].flow, &handle);

		if (ret < 0 || flow_append(rig, &c->flows[i], handle) < 0) {
			snprintf(error, error_size, "dp_txn_add of flow %s: %s", c->flows[i].id,
				strerror(-ret));
			dp_txn_abort(txn);
			return -1;
		}
	}
	return dp_txn_commit(txn);
}

/* What is known of an operation while its transaction is open. */
struct rig_op {
	const struct case_op *op;
	uint32_t old_handle, new_handle;
	unsigned n_told; /* calls of dp_removed_fn */
	bool ok;
};

struct rig_ops {
	size_t n;
	struct rig_op of[16];
};

static void
left_check(void *arg, uint32_t handle, const struct dp_flow_stats *flow,
	const struct dp_leg_stats *legs, unsigned n_legs)
{
	struct rig_ops *ops = arg;

	for (size_t i = 0; i < ops->n; i++) {
		struct rig_op *o = &ops->of[i];

		if (o->op->kind != CASE_ADD && o->old_handle == handle) {
			o->n_told++;
			o->ok = check_flow_counts(&o->op->left, flow, legs, n_legs);
		}
	}
}

/* Legs of the new version carry on those of the old one that have the same name. */
static void
legs_pair(const struct case_legs *old, const struct case_legs *legs, uint16_t *from)
{
	for (size_t i = 0; i < legs->n; i++) {
		from[i] = DP_LEG_NEW;
		for (size_t j = 0; j < old->n && legs->ids[i] != NULL; j++) {
			if (old->ids[j] != NULL && strcmp(old->ids[j], legs->ids[i]) == 0)
				from[i] = (uint16_t)j;
		}
	}
}

static int
op_put(struct rig *rig, struct dp_txn *txn, struct rig_op *o)
{
	const struct case_flow *flow = &o->op->flow;
	const struct rig_flow *old;
	uint16_t from[DP_FLOW_LEGS_MAX];
	struct dp_leg *legs;
	struct dp_flow known;
	int ret;

	if (o->op->kind == CASE_ADD)
		return dp_txn_add(txn, &flow->flow, &o->new_handle);
	old = rig_flow_find(rig, o->op->id);
	if (old == NULL)
		return -1;
	o->old_handle = old->handle;
	if (o->op->kind == CASE_REMOVE)
		return dp_txn_remove(txn, old->handle);
	legs_pair(&old->flow->legs, &flow->legs, from);
	ret = flow_known(rig, flow, &known, &legs);
	if (ret == 0)
		ret = dp_txn_replace(txn, old->handle, &known, from, &o->new_handle);
	free(legs);
	return ret;
}

static bool
ops_put(struct rig *rig, struct dp_txn *txn, struct rig_ops *ops)
{
	for (size_t i = 0; i < ops->n; i++) {
		int ret = op_put(rig, txn, &ops->of[i]);

		if (ret < 0) {
			printf("# change of flow %s: %s\n", ops->of[i].op->id, strerror(-ret));
			return false;
		}
	}
	return true;
}

/* The transaction is done: which flows are there now, and were we told of those that left? */
static bool
ops_drain(struct rig *rig, const struct rig_ops *ops)
{
	bool ok = true;

	for (size_t i = 0; i < ops->n; i++) {
		const struct rig_op *o = &ops->of[i];

		if (o->op->kind != CASE_ADD) {
			flow_retire(rig, o->old_handle);
			ok &= o->ok && check_number(o->op->id, "told that it left", o->n_told, 1);
		}
	}
	for (size_t i = 0; i < ops->n; i++) {
		const struct rig_op *o = &ops->of[i];

		if (o->op->kind != CASE_REMOVE)
			ok &= flow_append(rig, &o->op->flow, o->new_handle) == 0;
	}
	return ok;
}

bool
rig_txn(struct rig *rig, const struct case_event *event)
{
	struct rig_ops ops = {.n = event->n_ops};
	struct dp_txn *txn = dp_txn_begin(rig->dp);

	if (txn == NULL || ops.n > sizeof(ops.of) / sizeof(ops.of[0]))
		return false;
	for (size_t i = 0; i < ops.n; i++)
		ops.of[i].op = &event->ops[i];
	if (!ops_put(rig, txn, &ops)) {
		dp_txn_abort(txn);
		return false;
	}
	dp_txn_on_removed(txn, left_check, &ops);
	return dp_txn_commit(txn) == 0 && ops_drain(rig, &ops);
}
