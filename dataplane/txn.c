/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Transactions: additions take their places unseen, commit makes them visible, hides what is to
 * go, waits one grace period for all of it, and only then gives memory back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "dp_private.h"

#define GRACE_TIMEOUT_S 1
#define GRACE_POLL_US 20

struct dp_txn {
	struct dp *dp;
	uint32_t *added;
	uint32_t *removed;
	unsigned n_added, room_added;
	unsigned n_removed, room_removed;
	dp_removed_fn on_removed;
	void *on_removed_arg;
};

/* Append to a growing array of handles. */
static int
handles_push(uint32_t **handles, unsigned *n, unsigned *room, uint32_t handle)
{
	if (*n == *room) {
		unsigned more = *room == 0 ? 16 : 2 * *room;
		uint32_t *grown = reallocarray(*handles, more, sizeof(**handles));

		if (grown == NULL)
			return -ENOMEM;
		*handles = grown;
		*room = more;
	}
	(*handles)[(*n)++] = handle;
	return 0;
}

/* Free what was retired by commits that could not wait for a slow worker. */
static void
retired_reap(struct dp *dp)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < dp->n_retired; i++) {
		struct retired r = dp->retired[i];

		if (rte_rcu_qsbr_check(dp->qsbr, r.token, false) == 1)
			flow_table_free(dp_handle_table(dp, r.handle), dp_handle_index(r.handle));
		else
			dp->retired[kept++] = r;
	}
	dp->n_retired = kept;
}

struct dp_txn *
dp_txn_begin(struct dp *dp)
{
	struct dp_txn *txn;

	if (dp->in_txn)
		return NULL;
	txn = calloc(1, sizeof(*txn));
	if (txn == NULL)
		return NULL;
	txn->dp = dp;
	dp->in_txn = true;
	retired_reap(dp);
	return txn;
}

static void
txn_free(struct dp_txn *txn)
{
	txn->dp->in_txn = false;
	free(txn->added);
	free(txn->removed);
	free(txn);
}

int
dp_txn_add(struct dp_txn *txn, const struct dp_flow *flow, uint32_t *handle)
{
	uint32_t family_bit = flow->key.family == DP_IPV6 ? DP_HANDLE_IPV6 : 0;
	struct flow_table *table = dp_handle_table(txn->dp, family_bit);
	uint32_t index;
	int ret;

	if (flow->key.port >= txn->dp->n_ports)
		return -EINVAL;
	ret = flow_table_add(table, flow, &index);
	if (ret < 0)
		return ret;
	ret = handles_push(&txn->added, &txn->n_added, &txn->room_added, index | family_bit);
	if (ret < 0) {
		flow_table_free(table, index);
		return ret;
	}
	*handle = index | family_bit;
	return 0;
}

int
dp_txn_remove(struct dp_txn *txn, uint32_t handle)
{
	struct flow_table *table = dp_handle_table(txn->dp, handle);
	uint32_t index = dp_handle_index(handle);
	int ret;

	if (index >= table->capacity || table->state[index] != FLOW_LIVE)
		return -ENOENT;
	ret = handles_push(&txn->removed, &txn->n_removed, &txn->room_removed, handle);
	if (ret == 0)
		table->state[index] = FLOW_REMOVED;
	return ret;
}

void
dp_txn_on_removed(struct dp_txn *txn, dp_removed_fn fn, void *arg)
{
	txn->on_removed = fn;
	txn->on_removed_arg = arg;
}

/* Wait until no worker can hold what was unlinked before; false when one takes too long. */
static bool
grace_wait(struct dp *dp, uint64_t token)
{
	const uint64_t deadline = rte_rdtsc() + GRACE_TIMEOUT_S * rte_get_tsc_hz();

	while (rte_rcu_qsbr_check(dp->qsbr, token, false) != 1) {
		if (rte_rdtsc() > deadline)
			return false;
		rte_delay_us_sleep(GRACE_POLL_US);
	}
	return true;
}

static void
removed_report(struct dp_txn *txn, uint32_t handle)
{
	const struct flow_table *table = dp_handle_table(txn->dp, handle);
	struct dp_leg_stats legs[DP_FLOW_LEGS_MAX];
	struct dp_flow_stats flow;

	if (txn->on_removed == NULL)
		return;
	flow_table_read(table, dp_handle_index(handle), &flow, legs);
	txn->on_removed(txn->on_removed_arg, handle, &flow, legs,
		flow_table_n_legs(table, dp_handle_index(handle)));
}

/* Which worker holds the grace period up is for people: name those that lag behind. */
static void
warn_of_laggards(const struct dp *dp, uint64_t token)
{
	for (unsigned w = 0; w < dp->n_workers; w++) {
		uint64_t seen = __atomic_load_n(&dp->qsbr->qsbr_cnt[w].cnt, __ATOMIC_RELAXED);

		if (seen != __RTE_QSBR_CNT_THR_OFFLINE && seen < token)
			dp_warn(dp, "worker on core %u passed no quiescent state for a second",
				dp->workers[w]->core);
	}
}

/* Keep what may not be freed yet. Where even that finds no memory it stays hidden, for good. */
static void
removed_retire(struct dp *dp, uint32_t handle, uint64_t token)
{
	struct retired *grown = reallocarray(dp->retired, dp->n_retired + 1, sizeof(*dp->retired));

	if (grown == NULL) {
		dp_warn(dp, "out of memory: a removed flow's place is lost until restart");
		return;
	}
	dp->retired = grown;
	dp->retired[dp->n_retired++] = (struct retired){.handle = handle, .token = token};
}

/* All that was unlinked goes: at once when the grace period ended in time, else later. */
static int
removed_finish(struct dp_txn *txn)
{
	struct dp *dp = txn->dp;
	uint64_t token = rte_rcu_qsbr_start(dp->qsbr);
	bool in_time = grace_wait(dp, token);

	if (!in_time)
		warn_of_laggards(dp, token);
	for (unsigned i = 0; i < txn->n_removed; i++) {
		uint32_t handle = txn->removed[i];

		removed_report(txn, handle);
		if (in_time)
			flow_table_free(dp_handle_table(dp, handle), dp_handle_index(handle));
		else
			removed_retire(dp, handle, token);
	}
	return in_time ? 0 : -ETIMEDOUT;
}

int
dp_txn_commit(struct dp_txn *txn)
{
	struct dp *dp = txn->dp;
	int ret = 0;

	for (unsigned i = 0; i < txn->n_added; i++)
		flow_table_publish(
			dp_handle_table(dp, txn->added[i]), dp_handle_index(txn->added[i]));
	for (unsigned i = 0; i < txn->n_removed; i++)
		flow_table_unlink(
			dp_handle_table(dp, txn->removed[i]), dp_handle_index(txn->removed[i]));
	if (txn->n_removed > 0)
		ret = removed_finish(txn);
	txn_free(txn);
	return ret;
}

void
dp_txn_abort(struct dp_txn *txn)
{
	struct dp *dp = txn->dp;

	for (unsigned i = 0; i < txn->n_added; i++)
		flow_table_free(dp_handle_table(dp, txn->added[i]), dp_handle_index(txn->added[i]));
	for (unsigned i = 0; i < txn->n_removed; i++)
		dp_handle_table(dp, txn->removed[i])->state[dp_handle_index(txn->removed[i])] =
			FLOW_LIVE;
	txn_free(txn);
}
