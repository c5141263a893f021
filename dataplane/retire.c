/* SPDX-License-Identifier: BSD-3-Clause */
#include "retire.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_cycles.h>

#include "dp_private.h"
#include "rules.h"

#define GRACE_TIMEOUT_S 1
#define GRACE_POLL_US 20

/* Wait until no worker can hold what was hidden before; false when one takes too long. */
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

/* Nobody holds it any more. */
static void
retired_free(struct dp *dp, const struct retired *retired)
{
	rules_destroy(retired->rules);
	if (retired->leaving.handle == DP_HANDLE_NONE)
		return;

	struct flow_table *table = dp_handle_table(dp, retired->leaving.handle);
	uint32_t index = dp_handle_index(retired->leaving.handle);

	if (retired->leaving.version != DP_HANDLE_NONE)
		flow_table_carry(table, index, dp_handle_index(retired->leaving.version),
			retired->leaving.from);
	flow_table_free(table, index);
	free(retired->leaving.from);
}

void
retired_reap(struct dp *dp)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < dp->n_retired; i++) {
		struct retired retired = dp->retired[i];

		if (rte_rcu_qsbr_check(dp->qsbr, retired.token, false) == 1)
			retired_free(dp, &retired);
		else
			dp->retired[kept++] = retired;
	}
	dp->n_retired = kept;
}

void
retired_fini(struct dp *dp)
{
	for (unsigned i = 0; i < dp->n_retired; i++)
		retired_free(dp, &dp->retired[i]);
	free(dp->retired);
	dp->retired = NULL;
	dp->n_retired = 0;
}

/* Keep what may not be freed yet. Where even that finds no memory it stays hidden, for good. */
static void
retired_keep(struct dp *dp, const struct retired *retired)
{
	struct retired *grown = reallocarray(dp->retired, dp->n_retired + 1, sizeof(*dp->retired));

	if (grown == NULL) {
		dp_warn(dp, "out of memory: a removed flow's place is lost until restart");
		return;
	}
	dp->retired = grown;
	dp->retired[dp->n_retired++] = *retired;
}

/* At the end of its grace period, or for a worker that is late. */
static void
retired_settle(struct dp *dp, const struct retired *retired, bool in_time)
{
	if (in_time)
		retired_free(dp, retired);
	else
		retired_keep(dp, retired);
}

/* Tell the last counters of a flow, or of a version that is replaced. */
static int
removed_report(struct dp *dp, uint32_t handle, dp_removed_fn on_removed, void *arg)
{
	const struct flow_table *table = dp_handle_table(dp, handle);
	const unsigned n_legs = flow_table_n_legs(table, dp_handle_index(handle));
	struct dp_leg_stats *legs = calloc(n_legs + 1, sizeof(*legs));
	struct dp_flow_stats flow;

	if (legs == NULL)
		return -ENOMEM;
	flow_table_read(table, dp_handle_index(handle), &flow, legs);
	on_removed(arg, handle, &flow, legs, n_legs);
	free(legs);
	return 0;
}

int
retire(struct dp *dp, struct leaving *leaving, unsigned n, struct rules *const rules[2],
	dp_removed_fn on_removed, void *arg)
{
	struct retired retired = {.token = 0};
	bool in_time;

	if (n == 0 && rules[0] == NULL && rules[1] == NULL)
		return 0;
	retired.token = rte_rcu_qsbr_start(dp->qsbr);
	in_time = grace_wait(dp, retired.token);
	if (in_time) {
		flow_table_rested(&dp->table4);
		flow_table_rested(&dp->table6);
		retired_reap(dp); /* older tokens are over too; what they carry comes first */
	} else {
		warn_of_laggards(dp, retired.token);
	}
	for (unsigned i = 0; i < n; i++) {
		retired.leaving = leaving[i];
		leaving[i].from = NULL;
		if (on_removed != NULL &&
			removed_report(dp, retired.leaving.handle, on_removed, arg) < 0)
			dp_warn(dp, "out of memory: last counters of a flow are lost");
		retired_settle(dp, &retired, in_time);
	}
	retired.leaving = (struct leaving){.handle = DP_HANDLE_NONE};
	for (unsigned i = 0; i < 2; i++) {
		retired.rules = rules[i];
		if (rules[i] != NULL)
			retired_settle(dp, &retired, in_time);
	}
	return in_time ? 0 : -ETIMEDOUT;
}
