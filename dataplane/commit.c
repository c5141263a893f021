/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A commit, in phases that can be interrupted after any flow. view.h says what workers see;
 * `grace` is a grace period, which is polled, not waited for:
 *
 *	old	VIEW_OLD; grace	workers check states, and ignore what is to be added
 *	publish			legs to learned sources that come are told of moves (latch.h)
 *	show			additions are inserted into the table
 *	mark			what leaves is marked, which only the new view reads
 *	flip	VIEW_NEW; grace	the one store that makes all changes effective
 *	activate		additions become live
 *	unlink			removed flows and old versions leave the table, and their legs
 *				are told of moves no longer
 *	stable	VIEW_STABLE; grace
 *	reclaim			deferred buckets are available again
 *	report			final counters: no worker can count any more
 *
 * Without additions the old view is not needed, without removals the new one; and a single flow
 * needs neither, as one store adds, removes or replaces it.
 */
#include <errno.h>
#include <stdlib.h>

#include <rte_cycles.h>

#include "dp_private.h"
#include "retire.h"
#include "rule_set.h"
#include "view.h"

#define GRACE_POLL_US 20
#define REPORT_COST 4 /* weight of a flow in a step: its counters are in other cache lines */

/* Returns true when the phase is over, false when there is more to do or to wait for. */
typedef bool (*phase_fn)(struct dp_txn *txn, unsigned *budget);

static bool
is_single(const struct dp_txn *txn)
{
	return txn->n_added + txn->n_leaving <= 1;
}

/* Something that workers may have a pointer to is removed. */
static bool
removes_any(const struct dp_txn *txn)
{
	const struct dp *dp = txn->dp;

	return txn->n_leaving > 0 || dp->rules4.changing || dp->rules6.changing;
}

static void
view_set(struct dp_txn *txn, enum view view)
{
	__atomic_store_n(&txn->dp->view, (uint32_t)view, __ATOMIC_RELEASE);
	grace_begin(txn);
}

/* The next one of the phase's n flows, while the step has budget. */
static bool
next_flow(struct dp_txn *txn, unsigned n, unsigned cost, unsigned *budget, unsigned *i)
{
	if (txn->at == n || *budget == 0)
		return false;
	*budget -= RTE_MIN(*budget, cost);
	*i = txn->at++;
	return true;
}

static bool
phase_grace(struct dp_txn *txn, unsigned *budget)
{
	(void)budget;
	return grace_is_over(txn);
}

static bool
phase_old(struct dp_txn *txn, unsigned *budget)
{
	(void)budget;
	if (txn->n_added > 0 && !is_single(txn))
		view_set(txn, VIEW_OLD);
	return true;
}

static bool
phase_publish(struct dp_txn *txn, unsigned *budget)
{
	const struct dp *dp = txn->dp;
	unsigned i;

	if (dp->table4.learned == NULL && dp->table6.learned == NULL && dp->legs.learned == NULL)
		return true;
	while (next_flow(txn, txn->n_added + txn->n_leaving, 1, budget, &i)) {
		const uint32_t handle =
			i < txn->n_added ? txn->added[i] : txn->leaving[i - txn->n_added].version;

		if (handle != DP_HANDLE_NONE)
			flow_table_publish(
				dp_handle_table(txn->dp, handle), dp_handle_index(handle));
	}
	return txn->at == txn->n_added + txn->n_leaving;
}

static bool
phase_show(struct dp_txn *txn, unsigned *budget)
{
	unsigned i;

	while (next_flow(txn, txn->n_added, 1, budget, &i)) {
		const uint32_t handle = txn->added[i];

		flow_table_show(dp_handle_table(txn->dp, handle), dp_handle_index(handle));
	}
	return txn->at == txn->n_added;
}

static bool
phase_mark(struct dp_txn *txn, unsigned *budget)
{
	unsigned i;

	if (is_single(txn))
		return true;
	while (next_flow(txn, txn->n_leaving, 1, budget, &i)) {
		const struct leaving *leaving = &txn->leaving[i];
		struct flow_table *table = dp_handle_table(txn->dp, leaving->handle);
		const uint32_t index = dp_handle_index(leaving->handle);

		if (leaving->version == DP_HANDLE_NONE)
			flow_table_leave(table, index);
		else
			flow_table_supersede(table, index, dp_handle_index(leaving->version));
	}
	return txn->at == txn->n_leaving;
}

static bool
phase_flip(struct dp_txn *txn, unsigned *budget)
{
	struct dp *dp = txn->dp;

	(void)budget;
	if (is_single(txn))
		return true;
	rule_set_offer(&dp->rules4, &dp->table4);
	rule_set_offer(&dp->rules6, &dp->table6);
	view_set(txn, removes_any(txn) ? VIEW_NEW : VIEW_STABLE);
	return true;
}

static bool
phase_activate(struct dp_txn *txn, unsigned *budget)
{
	unsigned i;

	while (next_flow(txn, txn->n_added, 1, budget, &i)) {
		const uint32_t handle = txn->added[i];

		flow_table_activate(dp_handle_table(txn->dp, handle), dp_handle_index(handle));
	}
	return txn->at == txn->n_added;
}

static bool
phase_unlink(struct dp_txn *txn, unsigned *budget)
{
	unsigned i;

	while (next_flow(txn, txn->n_leaving, 1, budget, &i)) {
		const struct leaving *leaving = &txn->leaving[i];
		struct flow_table *table = dp_handle_table(txn->dp, leaving->handle);
		const uint32_t index = dp_handle_index(leaving->handle);

		if (leaving->version == DP_HANDLE_NONE)
			flow_table_unlink(table, index);
		else
			flow_table_swap(table, index, dp_handle_index(leaving->version));
		flow_table_withdraw(table, index);
	}
	return txn->at == txn->n_leaving;
}

static bool
phase_stable(struct dp_txn *txn, unsigned *budget)
{
	struct dp *dp = txn->dp;

	(void)budget;
	if (!removes_any(txn))
		return true;
	txn->old_rules[0] = rule_set_publish(&dp->rules4, &dp->table4);
	txn->old_rules[1] = rule_set_publish(&dp->rules6, &dp->table6);
	view_set(txn, VIEW_STABLE);
	return true;
}

/* Buckets deferred before this commit are free again; older counters are moved before newer ones.
 */
static bool
phase_reclaim(struct dp_txn *txn, unsigned *budget)
{
	struct dp *dp = txn->dp;

	(void)budget;
	if (txn->token == 0 || !grace_has_ended(txn))
		return true;
	flow_table_reclaim(&dp->table4);
	flow_table_reclaim(&dp->table6);
	retired_carry(dp);
	txn->carried = true;
	return true;
}

static bool
phase_report(struct dp_txn *txn, unsigned *budget)
{
	unsigned i;

	while (next_flow(txn, txn->n_leaving, REPORT_COST, budget, &i))
		leaving_report(txn, i);
	return txn->at == txn->n_leaving;
}

static const phase_fn phases[] = {
	phase_old,
	phase_grace,
	phase_publish,
	phase_show,
	phase_mark,
	phase_flip,
	phase_grace,
	phase_activate,
	phase_unlink,
	phase_stable,
	phase_grace,
	phase_reclaim,
	phase_report,
};

#define N_PHASES (sizeof(phases) / sizeof(phases[0]))

/* Whether some flow needs a successor: not one that changes alone. */
static int
successors_prepare(struct dp_txn *txn)
{
	int ret = 0;

	for (unsigned i = 0; i < txn->n_leaving && ret == 0 && !is_single(txn); i++) {
		const struct leaving *leaving = &txn->leaving[i];
		struct flow_table *table = dp_handle_table(txn->dp, leaving->handle);

		if (leaving->version != DP_HANDLE_NONE)
			ret = flow_table_successors_prepare(table);
	}
	return ret;
}

int
dp_txn_prepare(struct dp_txn *txn)
{
	struct dp *dp = txn->dp;

	if (txn->prepared)
		return 0;
	if (dp->legs.n_taken > dp->legs.capacity)
		return -ENOSPC;
	if (txn->last_legs == NULL)
		txn->last_legs = malloc(DP_FLOW_LEGS_MAX * sizeof(*txn->last_legs));
	if (txn->last_legs == NULL || successors_prepare(txn) < 0 ||
		rule_set_compile(&dp->rules4, DP_IPV4, dp->legs.node) < 0 ||
		rule_set_compile(&dp->rules6, DP_IPV6, dp->legs.node) < 0)
		return -ENOMEM;
	txn->prepared = true;
	return 0;
}

int
dp_txn_commit_step(struct dp_txn *txn, unsigned max_flows)
{
	struct dp *dp = txn->dp;
	unsigned budget = RTE_MAX(max_flows, 1u);
	int ret;

	ret = dp_txn_prepare(txn);
	if (ret < 0) {
		dp_txn_abort(txn);
		return ret;
	}
	dp->committing = true;
	for (; txn->phase < N_PHASES; txn->phase++, txn->at = 0) {
		if (!phases[txn->phase](txn, &budget))
			return -EAGAIN;
	}
	ret = txn->late ? -ETIMEDOUT : 0;
	dp->committing = false;
	dp->in_txn = false;
	retired_keep(txn);
	retired_reap(dp, RTE_MAX(budget / REPORT_COST, (unsigned)RETIRE_AT_ONCE));
	return ret;
}

int
dp_txn_commit(struct dp_txn *txn)
{
	int ret;

	while ((ret = dp_txn_commit_step(txn, UINT32_MAX)) == -EAGAIN)
		rte_delay_us_sleep(GRACE_POLL_US);
	return ret;
}
