/* SPDX-License-Identifier: BSD-3-Clause */
/* Counters of flows, streams and legs, and what flows have learned, against the case. */
#include "check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
check_legs(const char *id, const struct case_leg_counts *expected, const struct dp_leg_stats *found)
{
	bool all_ok = true;

	for (size_t i = 0; i < expected->n; i++) {
		const struct dp_leg_stats *leg = &expected->of[i];
		bool ok = check_number(id, "leg copies", found[i].copies, leg->copies);

		ok &= check_number(id, "leg bytes", found[i].bytes, leg->bytes);
		for (unsigned r = 0; r < DP_COPY_DROP_COUNT; r++)
			ok &= check_number(id, dp_drop_name((enum dp_drop)(DP_COPY_DROP_FIRST + r)),
				found[i].drops[r], leg->drops[r]);
		if (!ok)
			printf("# that was leg %zu\n", i);
		all_ok &= ok;
	}
	return all_ok;
}

bool
check_flow_counts(const struct case_counts *expected, const struct dp_flow_stats *flow,
	const struct dp_leg_stats *legs, unsigned n_legs)
{
	const struct dp_flow_stats *stats = &expected->stats;
	uint64_t drops = 0;
	bool ok = true;

	ok &= check_number(expected->id, "packets", flow->packets, stats->packets);
	ok &= check_number(expected->id, "bytes", flow->bytes, stats->bytes);
	ok &= check_number(expected->id, "forwarded", flow->forwarded, stats->forwarded);
	ok &= check_number(expected->id, "punted", flow->punted, stats->punted);
	for (unsigned r = 0; r < DP_FLOW_DROP_COUNT; r++) {
		drops += flow->drops[r];
		ok &= check_number(expected->id,
			dp_drop_name((enum dp_drop)(DP_FLOW_DROP_FIRST + r)), flow->drops[r],
			stats->drops[r]);
	}
	ok &= check_number(expected->id, "packets = forwarded + punted + drops", flow->packets,
		flow->forwarded + flow->punted + drops);
	return check_number(expected->id, "legs", n_legs, expected->legs.n) &&
	       check_legs(expected->id, &expected->legs, legs) && ok;
}

static bool
check_stream(const struct rig *rig, const struct rig_flow *live, unsigned i,
	const struct case_stream_counts *expected)
{
	struct dp_leg_stats *legs = calloc(expected->legs.n + 1, sizeof(*legs));
	const char *id = live->flow->id;
	struct dp_stream_stats stats;
	bool ok = legs != NULL && dp_stream_stats_get(rig->dp, live->handle, i, &stats, legs,
					  (unsigned)expected->legs.n) == 0;

	if (ok) {
		ok &= check_number(id, "stream packets", stats.packets, expected->stats.packets);
		ok &= check_number(id, "stream bytes", stats.bytes, expected->stats.bytes);
		ok &= check_legs(id, &expected->legs, legs);
	}
	if (!ok)
		printf("# that was stream %u of %s\n", i, id);
	free(legs);
	return ok;
}

static bool
check_flow(const struct rig *rig, const struct case_counts *expected)
{
	const struct rig_flow *live = rig_flow_find(rig, expected->id);
	struct dp_leg_stats *legs = calloc(expected->legs.n + 1, sizeof(*legs));
	struct dp_flow_stats stats;
	bool ok = live != NULL && legs != NULL &&
		  dp_flow_stats_get(
			  rig->dp, live->handle, &stats, legs, (unsigned)expected->legs.n) == 0;

	if (ok) {
		ok &= check_flow_counts(expected, &stats, legs, live->flow->flow.n_legs);
		ok &= check_number(
			expected->id, "streams", live->flow->flow.n_streams, expected->n_streams);
	} else {
		printf("# %s: its counters cannot be read\n", expected->id);
	}
	for (unsigned i = 0; ok && i < expected->n_streams; i++)
		ok &= check_stream(rig, live, i, &expected->streams[i]);
	free(legs);
	return ok;
}

bool
check_flows(const struct rig *rig)
{
	size_t n_live = 0;
	bool ok = true;

	for (size_t i = 0; i < rig->n_flows; i++)
		n_live += rig->flows[i].live;
	ok &= check_number("flows", "installed in the rig", n_live, rig->c->n_counts);
	ok &= check_number("flows", "installed in the data plane",
		dp_flow_count(rig->dp, DP_IPV4) + dp_flow_count(rig->dp, DP_IPV6), n_live);
	for (size_t i = 0; i < rig->c->n_counts; i++)
		ok &= check_flow(rig, &rig->c->counts[i]);
	return ok;
}

/* All but the name of the state. */
static bool
check_source(const struct case_latched *expected, const struct dp_latched *found)
{
	const struct dp_latched *source = &expected->source;
	bool ok = check_number(expected->id, "latched", found->valid, source->valid);

	ok &= check_number(expected->id, "latched port", found->src_port, source->src_port);
	ok &= check_number(expected->id, "latched moves", found->moves, source->moves);
	ok &= check_number(expected->id, "latched ingress", found->port, source->port);
	ok &= check_number(expected->id, "latched VLAN", found->vlan, source->vlan);
	ok &= check_number(
		expected->id, "latched outer VLAN", found->outer_vlan, source->outer_vlan);
	ok &= check_number(
		expected->id, "latched SSRC is known", found->has_ssrc, source->has_ssrc);
	ok &= check_number(expected->id, "latched SSRC", found->ssrc, source->ssrc);
	if (memcmp(found->src, source->src, sizeof(found->src)) != 0 ||
		memcmp(found->mac, source->mac, sizeof(found->mac)) != 0) {
		printf("# %s: latched to another address\n", expected->id);
		ok = false;
	}
	return ok;
}

bool
check_latched(const struct rig *rig, const struct case_latched *expected)
{
	const struct rig_flow *live = rig_flow_find(rig, expected->id);
	struct dp_latched found;

	if (live == NULL || dp_flow_latched_get(rig->dp, live->handle, &found) != 0) {
		printf("# %s: its latched source cannot be read\n", expected->id);
		return false;
	}
	return check_source(expected, &found);
}

bool
check_forget(const struct rig *rig, const struct case_latched *expected)
{
	const struct rig_flow *live = rig_flow_find(rig, expected->id);
	struct dp_latched found;

	if (live == NULL || dp_flow_forget(rig->dp, live->handle, &found) != 0) {
		printf("# %s: it does not forget\n", expected->id);
		return false;
	}
	return check_source(expected, &found);
}
