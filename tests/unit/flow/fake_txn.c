/* SPDX-License-Identifier: BSD-3-Clause */
/* The transactions of the fake data plane: what is done counts at commit, and not before. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "fake_dp.h"

struct dp_txn {
	struct dp *dp;
	dp_removed_fn removed;
	void *removed_arg;
};

static struct dp_txn the_txn;

struct dp_txn *
dp_txn_begin(struct dp *dp)
{
	if (dp->fail_begin || dp->txn)
		return NULL;
	the_txn = (struct dp_txn){.dp = dp};
	dp->txn = &the_txn;
	return dp->txn;
}

const struct dp *
fake_txn_dp(const struct dp_txn *txn)
{
	return txn->dp;
}

/* An array of none may be NULL, which memcpy() does not take. */
static void
items_copy(void *to, const void *from, size_t bytes)
{
	if (bytes > 0)
		memcpy(to, from, bytes);
}

static struct dp_leg *
legs_copy(const struct dp_leg *legs, unsigned n)
{
	struct dp_leg *copy = calloc(n + 1, sizeof(*copy));

	items_copy(copy, legs, n * sizeof(*copy));
	return copy;
}

static void
flow_copy(const struct dp_flow *flow, struct fake_flow *out)
{
	memset(out, 0, sizeof(*out));
	out->key = flow->key;
	out->flow = *flow;
	out->legs = legs_copy(flow->legs, flow->n_legs);
	out->flow.legs = out->legs;
	out->has_rule = flow->rule != NULL;
	if (flow->rule)
		out->rule = *flow->rule;
	items_copy(out->streams, flow->streams, flow->n_streams * sizeof(out->streams[0]));
	for (unsigned i = 0; i < flow->n_streams; i++)
		out->streams[i].legs = legs_copy(flow->streams[i].legs, flow->streams[i].n_legs);
	out->flow.streams = out->streams;
	items_copy(out->allow, flow->allow, flow->n_allow * sizeof(out->allow[0]));
	out->numbers = calloc(flow->n_legs + 1u, sizeof(out->numbers[0]));
	out->state = FAKE_ADDED;
	out->version_of = DP_HANDLE_NONE;
}

static void
flow_drop(struct fake_flow *flow)
{
	for (unsigned i = 0; i < flow->flow.n_streams; i++)
		free((void *)(uintptr_t)flow->streams[i].legs);
	free(flow->legs);
	free(flow->numbers);
	memset(flow, 0, sizeof(*flow));
}

/* A place for a flow: its handle, or a negative errno. */
static int
flow_place(struct dp *dp, const struct dp_flow *flow, bool version)
{
	unsigned i = 0;

	if (dp->fail_add && dp->adds_before_fail-- == 0)
		return dp->fail_add;
	if (!version && dp_txn_flow_count(dp->txn, DP_IPV4) >= dp->capacity)
		return -ENOSPC;
	while (i < FAKE_FLOWS_MAX && dp->flows[i].state != FAKE_FREE)
		i++;
	if (i == FAKE_FLOWS_MAX)
		return -ENOSPC;
	flow_copy(flow, &dp->flows[i]);
	if (version || dp_leg_count(dp) <= dp->leg_capacity)
		return (int)i;
	flow_drop(&dp->flows[i]);
	return -ENOSPC;
}

int
dp_txn_add(struct dp_txn *txn, const struct dp_flow *flow, uint32_t *handle)
{
	int place = flow_place(txn->dp, flow, false);
	struct fake_flow *made;

	if (place < 0)
		return place;
	*handle = (uint32_t)place;
	made = &txn->dp->flows[*handle];
	made->origin = *handle;
	for (unsigned i = 0; i < flow->n_legs; i++)
		made->numbers[i] = made->last_number++;
	return 0;
}

int
dp_txn_replace(struct dp_txn *txn, uint32_t handle, const struct dp_flow *flow,
	const uint16_t *from, uint32_t *new_handle)
{
	struct fake_flow *old = &txn->dp->flows[handle], *made;
	int place;

	if (old->state != FAKE_LIVE)
		return -ENOENT;
	if (memcmp(&old->key, &flow->key, sizeof(flow->key)) != 0 || old->has_rule != !!flow->rule)
		return -EINVAL;
	place = flow_place(txn->dp, flow, true);
	if (place < 0)
		return place;
	*new_handle = (uint32_t)place;
	made = &txn->dp->flows[*new_handle];
	made->version_of = handle;
	made->origin = old->origin;
	made->more_packets = old->more_packets;
	made->latched = old->latched;
	made->last_number = old->last_number;
	for (unsigned i = 0; i < flow->n_legs; i++) {
		const uint16_t leg = from[i] & (uint16_t)~DP_LEG_SAME;

		if (from[i] == DP_LEG_NEW) {
			made->numbers[i] = made->last_number++;
			continue;
		}
		made->numbers[i] = old->numbers[leg];
		if (from[i] != leg && memcmp(&old->legs[leg], &flow->legs[i], sizeof(*made->legs)))
			abort(); /* it is not the same */
	}
	old->state = FAKE_REPLACED;
	return 0;
}

int
dp_txn_remove(struct dp_txn *txn, uint32_t handle)
{
	struct fake_flow *flow = &txn->dp->flows[handle];

	if (txn->dp->fail_remove)
		return txn->dp->fail_remove;
	if (flow->state != FAKE_LIVE)
		return -ENOENT;
	flow->state = FAKE_REMOVED;
	return 0;
}

void
dp_txn_on_removed(struct dp_txn *txn, dp_removed_fn fn, void *arg)
{
	txn->removed = fn;
	txn->removed_arg = arg;
}

static void
gone_report(const struct dp_txn *txn, uint32_t handle)
{
	struct fake_flow *flow = &txn->dp->flows[handle];
	const unsigned n_legs = flow->flow.n_legs;
	struct dp_leg_stats *legs = calloc(n_legs + 1, sizeof(*legs));
	struct dp_flow_stats stats;

	flow->state = FAKE_LIVE;
	dp_flow_stats_get(txn->dp, handle, &stats, legs, n_legs);
	if (txn->removed)
		txn->removed(txn->removed_arg, handle, &stats, legs, n_legs);
	free(legs);
	flow_drop(flow);
}

int
dp_txn_prepare(struct dp_txn *txn)
{
	const struct dp *dp = txn->dp;

	for (unsigned i = 0; i < FAKE_FLOWS_MAX && dp->no_room_for != 0; i++) {
		if (dp->flows[i].state == FAKE_ADDED &&
			dp->flows[i].flow.latch_cookie == dp->no_room_for)
			return -ENOSPC;
	}
	return dp->fail_prepare;
}

int
dp_txn_commit_step(struct dp_txn *txn, unsigned max_flows)
{
	struct dp *dp = txn->dp;

	(void)max_flows;
	if (dp->steps_to_commit > 0) {
		dp->steps_to_commit--;
		return -EAGAIN;
	}
	dp->txn = NULL;
	dp->n_commits++;
	for (uint32_t i = 0; i < FAKE_FLOWS_MAX; i++) {
		const enum fake_flow_state state = dp->flows[i].state;

		if (state == FAKE_ADDED)
			dp->flows[i].state = FAKE_LIVE;
		if (state == FAKE_REMOVED || state == FAKE_REPLACED)
			gone_report(txn, i);
	}
	return dp->fail_commit;
}

int
dp_txn_abort_step(struct dp_txn *txn, unsigned max_flows)
{
	struct dp *dp = txn->dp;

	(void)max_flows;
	dp->abort_begun = !dp->abort_begun;
	if (dp->abort_begun)
		return -EAGAIN;
	dp->txn = NULL;
	dp->n_aborts++;
	for (unsigned i = 0; i < FAKE_FLOWS_MAX; i++) {
		if (dp->flows[i].state == FAKE_ADDED)
			flow_drop(&dp->flows[i]);
		if (dp->flows[i].state == FAKE_REMOVED || dp->flows[i].state == FAKE_REPLACED)
			dp->flows[i].state = FAKE_LIVE;
	}
	return 0;
}

void
dp_txn_abort(struct dp_txn *txn)
{
	while (dp_txn_abort_step(txn, UINT_MAX) == -EAGAIN)
		;
}

int
dp_txn_commit(struct dp_txn *txn)
{
	int rc = dp_txn_prepare(txn);

	if (rc < 0) {
		dp_txn_abort(txn);
		return rc;
	}
	do {
		rc = dp_txn_commit_step(txn, UINT_MAX);
	} while (rc == -EAGAIN);
	return rc;
}
