/* SPDX-License-Identifier: BSD-3-Clause */
#include "retire.h"

#include <stdlib.h>

#include <rte_cycles.h>

#include "dp_private.h"
#include "rules.h"
#include "warn.h"

#define GRACE_TIMEOUT_MS 1000
#define GRACE_TIMEOUT_LATE_MS 10 /* once a worker hangs: for the others */

void
grace_begin(struct dp_txn *txn)
{
	const uint64_t ms = txn->late ? GRACE_TIMEOUT_LATE_MS : GRACE_TIMEOUT_MS;

	txn->token = rte_rcu_qsbr_start(txn->dp->qsbr);
	txn->deadline_tsc = rte_rdtsc() + ms * (rte_get_tsc_hz() / MS_PER_S);
	txn->waiting = true;
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

bool
grace_has_ended(const struct dp_txn *txn)
{
	return rte_rcu_qsbr_check(txn->dp->qsbr, txn->token, false) == 1;
}

bool
grace_is_over(struct dp_txn *txn)
{
	if (!txn->waiting || grace_has_ended(txn)) {
		txn->waiting = false;
		return true;
	}
	if (rte_rdtsc() < txn->deadline_tsc)
		return false;
	if (!txn->late)
		warn_of_laggards(txn->dp, txn->token);
	txn->late = true;
	txn->waiting = false;
	return true;
}

/* What a flow that is replaced has counted goes on in its version. */
static void
leaving_carry(struct dp *dp, struct leaving *leaving)
{
	if (leaving->version == DP_HANDLE_NONE)
		return;
	flow_table_carry(dp_handle_table(dp, leaving->handle), dp_handle_index(leaving->handle),
		dp_handle_index(leaving->version), leaving->from);
}

void
leaving_report(struct dp_txn *txn, unsigned i)
{
	struct leaving *leaving = &txn->leaving[i];
	const struct flow_table *table = dp_handle_table(txn->dp, leaving->handle);
	const uint32_t index = dp_handle_index(leaving->handle);
	struct dp_flow_stats flow;

	if (txn->on_removed != NULL) {
		flow_table_read(table, index, &flow, txn->last_legs);
		txn->on_removed(txn->on_removed_arg, leaving->handle, &flow, txn->last_legs,
			flow_table_n_legs(table, index));
	}
	if (txn->carried)
		leaving_carry(txn->dp, leaving);
}

static unsigned
places_count(const struct dp_txn *txn)
{
	return txn->aborted ? txn->n_added + txn->n_leaving : txn->n_leaving;
}

/* The i-th handle that the transaction frees; DP_HANDLE_NONE: none. */
static uint32_t
freed_handle(const struct dp_txn *txn, unsigned i)
{
	if (!txn->aborted)
		return txn->leaving[i].handle;
	return i < txn->n_added ? txn->added[i] : txn->leaving[i - txn->n_added].version;
}

/* What goes with the i-th handle, so that a million are not freed in one go at the end. */
static void
from_free(struct dp_txn *txn, unsigned i)
{
	const unsigned n_before = txn->aborted ? txn->n_added : 0;

	if (i >= n_before)
		free(txn->leaving[i - n_before].from);
}

/* Returns whether all entries of the transaction are free. */
static bool
places_free(struct dp_txn *txn, unsigned *budget)
{
	const unsigned n = places_count(txn);

	for (; txn->at != n && *budget != 0; txn->at++, --*budget) {
		const uint32_t handle = freed_handle(txn, txn->at);

		if (!txn->aborted && !txn->carried)
			leaving_carry(txn->dp, &txn->leaving[txn->at]);
		if (handle != DP_HANDLE_NONE)
			flow_table_free(dp_handle_table(txn->dp, handle), dp_handle_index(handle));
		from_free(txn, txn->at);
	}
	return txn->at == n;
}

static void
txn_destroy(struct dp_txn *txn)
{
	free(txn->added);
	free(txn->leaving);
	free(txn->last_legs);
	free(txn);
}

static void
retired_destroy(struct dp *dp, struct dp_txn *txn)
{
	STAILQ_REMOVE_HEAD(&dp->retired, link);
	rules_destroy(txn->old_rules[0]);
	rules_destroy(txn->old_rules[1]);
	txn_destroy(txn);
}

void
retired_keep(struct dp_txn *txn)
{
	txn->at = 0;
	STAILQ_INSERT_TAIL(&txn->dp->retired, txn, link);
}

unsigned
retired_reap(struct dp *dp, unsigned max_flows)
{
	unsigned budget = max_flows;
	struct dp_txn *txn;

	while ((txn = STAILQ_FIRST(&dp->retired)) != NULL && grace_has_ended(txn) &&
		places_free(txn, &budget))
		retired_destroy(dp, txn);
	return max_flows - budget;
}

void
retired_carry(struct dp *dp)
{
	struct dp_txn *txn;

	STAILQ_FOREACH(txn, &dp->retired, link)
	{
		for (unsigned i = txn->at; i < txn->n_leaving && !txn->aborted && !txn->carried;
			i++)
			leaving_carry(dp, &txn->leaving[i]);
		txn->carried = true;
	}
}

void
retired_fini(struct dp *dp)
{
	unsigned budget = UINT32_MAX;
	struct dp_txn *txn;

	while ((txn = STAILQ_FIRST(&dp->retired)) != NULL) {
		places_free(txn, &budget);
		retired_destroy(dp, txn);
	}
}
