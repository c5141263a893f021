/* SPDX-License-Identifier: BSD-3-Clause */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "laws.h"

#define BATCHES_A_SECOND 200 /* transactions, unless their flows would be too many for one */
#define KEYS (1u << 20) /* different ones that come and go */
#define READS_A_SLICE 256 /* between two looks at the clock */
#define IDLE_US 50

int
loop_load_init(struct loop_load *load, const struct loop_rig *rig)
{
	memset(load, 0, sizeof(*load));
	load->rig = rig;
	load->legs = calloc(rig->options->legs, sizeof(*load->legs));
	if (load->legs == NULL)
		fprintf(stderr, "closed-loop: no memory for counters\n");
	return load->legs == NULL ? -1 : 0;
}

static void
removed(void *arg, uint32_t handle, const struct dp_flow_stats *flow,
	const struct dp_leg_stats *legs, unsigned n_legs)
{
	struct loop_load *load = arg;

	(void)handle;
	(void)legs;
	(void)n_legs;
	load->removed++;
	load->met += flow->packets;
}

/* One transaction: what the one before installed goes, `n` others come. */
static void
flows_exchange(struct loop_load *load, unsigned n)
{
	const struct loop_options *o = load->rig->options;
	struct dp_txn *txn = dp_txn_begin(load->rig->dp);

	if (txn == NULL) {
		load->failures++;
		return;
	}
	dp_txn_on_removed(txn, removed, load);
	for (unsigned i = 0; i < load->n_handles; i++)
		load->failures += dp_txn_remove(txn, load->handles[i]) < 0;
	load->n_handles = 0;
	for (unsigned i = 0; i < n; i++) {
		const unsigned key = (unsigned)(load->installed % KEYS);
		uint32_t *handle = &load->handles[load->n_handles];

		if (loop_flow_add_idle(o, txn, o->flows + key, handle) < 0) {
			load->failures++;
			continue;
		}
		load->n_handles++;
		load->installed++;
	}
	load->failures += dp_txn_commit(txn) < 0;
}

/* Counters of the next so many flows, round and round. */
static void
counters_read(struct loop_load *load)
{
	const struct loop_rig *rig = load->rig;
	const struct loop_options *o = rig->options;
	const unsigned n_legs = o->streams > 0 ? 0 : o->legs;

	for (unsigned i = 0; i < READS_A_SLICE; i++) {
		struct dp_flow_stats stats;
		const uint32_t handle = rig->handles[load->reads++ % o->flows];

		load->failures +=
			dp_flow_stats_get(rig->dp, handle, &stats, load->legs, n_legs) < 0;
	}
}

void
loop_load_run(struct loop_load *load, unsigned us)
{
	const struct loop_options *o = load->rig->options;
	const uint64_t hz = rte_get_tsc_hz(), start = rte_rdtsc();
	const uint64_t duration = hz / 1000000 * us;
	const unsigned share = o->updates / BATCHES_A_SECOND + 1;
	const unsigned batch = share < LOOP_BATCH_FLOWS ? share : LOOP_BATCH_FLOWS;
	uint64_t elapsed;

	while ((elapsed = rte_rdtsc() - start) < duration) {
		/* Since the first call: what a window leaves over, the next makes up for. */
		const double seconds = load->seconds + (double)elapsed / (double)hz;

		if (seconds * o->updates >= (double)(load->installed + batch))
			flows_exchange(load, batch);
		else if (seconds * o->reads * o->flows >= (double)(load->reads + READS_A_SLICE))
			counters_read(load);
		else
			rte_delay_us_sleep(IDLE_US);
	}
	load->seconds += (double)elapsed / (double)hz;
}

void
loop_load_fini(struct loop_load *load)
{
	if (load->n_handles > 0)
		flows_exchange(load, 0);
	free(load->legs);
	load->legs = NULL;
}

bool
loop_load_sound(const struct loop_load *load)
{
	const struct dp *dp = load->rig->dp;
	const unsigned flows = dp_flow_count(dp, DP_IPV4) + dp_flow_count(dp, DP_IPV6);
	bool ok = law("control", "updates and reads that were refused", load->failures, 0);

	ok &= law("control", "flows removed", load->removed, load->installed);
	ok &= law("control", "flows left", flows, load->rig->options->flows);
	return law("control", "packets of flows that none belongs to", load->met, 0) && ok;
}
