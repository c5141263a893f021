/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Transactions as they are filled and forgotten: additions and new versions take their places
 * unseen. What commit makes of them is in commit.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dp_private.h"
#include "flow_compile.h"
#include "retire.h"
#include "rule_set.h"

/* Places of former transactions that are freed with each flow: they shrink as new ones are taken.
 */
#define REAP_A_FLOW 2

/* Make room for one more element. */
static int
array_grow(void **array, unsigned n, unsigned *room, size_t bytes)
{
	unsigned more = *room == 0 ? 16 : 2 * *room;
	void *grown;

	if (n < *room)
		return 0;
	grown = reallocarray(*array, more, bytes);
	if (grown == NULL)
		return -ENOMEM;
	*array = grown;
	*room = more;
	return 0;
}

static int
added_grow(struct dp_txn *txn)
{
	void *added = txn->added;
	int ret = array_grow(&added, txn->n_added, &txn->room_added, sizeof(*txn->added));

	txn->added = added;
	return ret;
}

static int
leaving_grow(struct dp_txn *txn)
{
	void *leaving = txn->leaving;
	int ret = array_grow(&leaving, txn->n_leaving, &txn->room_leaving, sizeof(*txn->leaving));

	txn->leaving = leaving;
	return ret;
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
	retired_reap(dp, RETIRE_AT_ONCE);
	return txn;
}

static bool
port_exists(const struct dp *dp, const struct dp_flow *flow)
{
	if (flow->rule != NULL)
		return flow->rule->port == DP_RULE_ANY || flow->rule->port < dp->n_ports;
	return flow->key.port < dp->n_ports;
}

/* Where room is short, all that former transactions still hold is freed. Whether that was any. */
static bool
room_is_made(struct dp_txn *txn, int error)
{
	return error == -ENOSPC && retired_reap(txn->dp, UINT32_MAX) > 0;
}

int
dp_txn_add(struct dp_txn *txn, const struct dp_flow *flow, uint32_t *handle)
{
	const uint32_t family_bit = flow->key.family == DP_IPV6 ? FLOW_HANDLE_IPV6 : 0;
	struct flow_table *table = dp_handle_table(txn->dp, family_bit);
	uint32_t index;
	int ret;

	if (txn->prepared || !port_exists(txn->dp, flow))
		return -EINVAL;
	retired_reap(txn->dp, REAP_A_FLOW);
	ret = added_grow(txn);
	if (ret == 0)
		ret = flow_table_add(table, flow, &index);
	if (room_is_made(txn, ret))
		ret = flow_table_add(table, flow, &index);
	if (ret < 0)
		return ret;
	if (flow->rule != NULL) {
		ret = rule_set_add(dp_handle_rules(txn->dp, family_bit), flow->rule, index);
		if (ret < 0) {
			flow_table_free(table, index);
			return ret;
		}
	}
	*handle = index | family_bit;
	txn->added[txn->n_added++] = *handle;
	return 0;
}

/* A copy of the origin of each leg; one element at least, so that NULL means no memory. */
static uint16_t *
from_copy(const uint16_t *from, unsigned n)
{
	uint16_t *copy = malloc((n + 1) * sizeof(*copy));

	for (unsigned i = 0; copy != NULL && i < n; i++)
		copy[i] = leg_origin(from[i]);
	return copy;
}

static bool
is_live(const struct dp *dp, uint32_t handle)
{
	const struct flow_table *table = dp_handle_table_const(dp, handle);
	const uint32_t index = dp_handle_index(handle);

	return index < table->n_entries && table->state[index] == FLOW_LIVE;
}

int
dp_txn_replace(struct dp_txn *txn, uint32_t handle, const struct dp_flow *flow,
	const uint16_t *from, uint32_t *new_handle)
{
	struct flow_table *table = dp_handle_table(txn->dp, handle);
	const uint32_t old = dp_handle_index(handle);
	struct leaving leaving = {.handle = handle};
	uint32_t index;
	int ret;

	if (!is_live(txn->dp, handle))
		return -ENOENT;
	if (txn->prepared || !port_exists(txn->dp, flow))
		return -EINVAL;
	retired_reap(txn->dp, REAP_A_FLOW);
	leaving.from = from_copy(from, flow->n_legs);
	ret = leaving.from == NULL ? -ENOMEM : leaving_grow(txn);
	if (ret == 0)
		ret = flow_table_version(table, old, flow, from, &index);
	if (room_is_made(txn, ret))
		ret = flow_table_version(table, old, flow, from, &index);
	if (ret < 0) {
		free(leaving.from);
		return ret;
	}
	if (flow->rule != NULL) {
		ret = rule_set_replace(dp_handle_rules(txn->dp, handle), old, flow->rule, index);
		if (ret < 0) {
			flow_table_keep(table, old);
			flow_table_free(table, index);
			free(leaving.from);
			return ret;
		}
	}
	leaving.version = index | (handle & FLOW_HANDLE_IPV6);
	txn->leaving[txn->n_leaving++] = leaving;
	*new_handle = leaving.version;
	return 0;
}

int
dp_txn_remove(struct dp_txn *txn, uint32_t handle)
{
	struct flow_table *table = dp_handle_table(txn->dp, handle);
	const uint32_t index = dp_handle_index(handle);
	int ret;

	if (!is_live(txn->dp, handle))
		return -ENOENT;
	if (txn->prepared)
		return -EINVAL;
	ret = leaving_grow(txn);
	if (ret == 0 && flow_table_is_rule(table, index))
		ret = rule_set_remove(dp_handle_rules(txn->dp, handle), index);
	if (ret < 0)
		return ret;
	flow_table_remove(table, index);
	txn->leaving[txn->n_leaving++] =
		(struct leaving){.handle = handle, .version = DP_HANDLE_NONE};
	return 0;
}

void
dp_txn_on_removed(struct dp_txn *txn, dp_removed_fn fn, void *arg)
{
	txn->on_removed = fn;
	txn->on_removed_arg = arg;
}

unsigned
dp_flow_legs(const struct dp_flow *flow)
{
	unsigned n = flow_leg_is_inline(flow) ? 0 : flow->n_legs;

	for (unsigned i = 0; i < flow->n_streams; i++)
		n += flow->streams[i].n_legs;
	return n;
}

unsigned
dp_txn_flow_count(const struct dp_txn *txn, enum dp_family family)
{
	return family == DP_IPV4 ? txn->dp->table4.n_taken : txn->dp->table6.n_taken;
}

unsigned
dp_txn_rule_count(const struct dp_txn *txn, enum dp_family family)
{
	const struct rule_set *set = family == DP_IPV4 ? &txn->dp->rules4 : &txn->dp->rules6;

	return set->changing ? set->n_next : set->n;
}

unsigned
dp_txn_leg_count(const struct dp_txn *txn)
{
	return txn->dp->legs.n_taken;
}

static void
added_abandon(struct dp *dp, uint32_t handle)
{
	flow_table_abandon(dp_handle_table(dp, handle), dp_handle_index(handle));
}

static void
leaving_keep(struct dp *dp, const struct leaving *leaving)
{
	flow_table_keep(dp_handle_table(dp, leaving->handle), dp_handle_index(leaving->handle));
	if (leaving->version != DP_HANDLE_NONE)
		added_abandon(dp, leaving->version);
}

int
dp_txn_abort_step(struct dp_txn *txn, unsigned max_flows)
{
	const unsigned n = txn->n_added + txn->n_leaving;
	unsigned budget = RTE_MAX(max_flows, 1u);
	struct dp *dp = txn->dp;

	if (dp->committing) /* there is no way back */
		return dp_txn_commit_step(txn, max_flows) == -EAGAIN ? -EAGAIN : 0;
	for (; txn->at < n && budget > 0; txn->at++, budget--) {
		if (txn->at < txn->n_added)
			added_abandon(dp, txn->added[txn->at]);
		else
			leaving_keep(dp, &txn->leaving[txn->at - txn->n_added]);
	}
	if (txn->at < n)
		return -EAGAIN;
	rule_set_abort(&dp->rules4);
	rule_set_abort(&dp->rules6);
	dp->in_txn = false;
	txn->aborted = true;
	retired_keep(txn);
	retired_reap(dp, RETIRE_AT_ONCE);
	return 0;
}

void
dp_txn_abort(struct dp_txn *txn)
{
	if (txn->dp->committing)
		(void)dp_txn_commit(txn);
	else
		(void)dp_txn_abort_step(txn, UINT32_MAX);
}
