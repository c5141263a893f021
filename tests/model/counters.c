/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counters of both sides, one by one; and the conservation laws of dp/stats.h on those of the data
 * plane alone, in case both sides are wrong in the same way.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session.h"

static bool
number_compare(const char *what, unsigned index, const char *name, uint64_t got, uint64_t expected)
{
	if (got == expected)
		return true;
	printf("%s %u: %s is %llu, expected %llu\n", what, index, name, (unsigned long long)got,
		(unsigned long long)expected);
	return false;
}

static bool
law_check(bool holds, const char *what, unsigned index, const char *law)
{
	if (!holds)
		printf("%s %u breaks the law %s\n", what, index, law);
	return holds;
}

static bool
port_compare(unsigned p, const struct dp_port_stats *got, const struct dp_port_stats *expected)
{
	bool ok = number_compare("port", p, "rx_packets", got->rx_packets, expected->rx_packets);

	ok &= number_compare("port", p, "rx_bytes", got->rx_bytes, expected->rx_bytes);
	ok &= number_compare("port", p, "forwarded", got->forwarded, expected->forwarded);
	ok &= number_compare("port", p, "punted", got->punted, expected->punted);
	ok &= number_compare("port", p, "copies", got->copies, expected->copies);
	ok &= number_compare("port", p, "tx_packets", got->tx_packets, expected->tx_packets);
	ok &= number_compare("port", p, "tx_bytes", got->tx_bytes, expected->tx_bytes);
	for (unsigned r = 0; r < DP_DROP_COUNT; r++)
		ok &= number_compare("port", p, dp_drop_name((enum dp_drop)r), got->drops[r],
			expected->drops[r]);
	return ok;
}

static bool
port_laws_check(unsigned p, const struct dp_port_stats *stats)
{
	uint64_t packets = stats->forwarded + stats->punted, copies = stats->tx_packets;
	bool ok;

	for (unsigned r = 0; r < DP_PACKET_DROP_COUNT; r++)
		packets += stats->drops[r];
	for (unsigned r = DP_COPY_DROP_FIRST; r < DP_DROP_COUNT; r++)
		copies += stats->drops[r];
	ok = law_check(stats->rx_packets == packets, "port", p,
		"rx_packets = forwarded + punted + packet drops");
	ok &= law_check(stats->copies == copies, "port", p, "copies = tx_packets + copy drops");
	return ok;
}

static bool
worker_compare(struct session *session)
{
	uint64_t rx_packets = 0, tx_packets = 0, in_bursts = 0;
	struct dp_worker_stats stats;
	bool ok;

	if (dp_worker_stats_get(session->rig.dp, 0, &stats) != 0)
		return false;
	for (unsigned p = 0; p < MODEL_PORTS; p++) {
		rx_packets += session->model.ports[p].rx_packets;
		tx_packets += session->model.ports[p].tx_packets;
	}
	for (unsigned i = 0; i <= DP_BURST_MAX; i++)
		in_bursts += i * stats.bursts[i];
	ok = number_compare("worker", 0, "rx_packets", stats.rx_packets, rx_packets);
	ok &= number_compare("worker", 0, "tx_packets", stats.tx_packets, tx_packets);
	ok &= number_compare("worker", 0, "packets in bursts", in_bursts, rx_packets);
	ok &= number_compare("worker", 0, "bursts of none", stats.bursts[0], 0);
	return ok;
}

bool
session_compare_ports(struct session *session)
{
	bool ok = true;

	for (unsigned p = 0; p < MODEL_PORTS; p++) {
		struct dp_port_stats stats;

		if (dp_port_stats_get(session->rig.dp, p, &stats) != 0)
			return false;
		ok &= port_compare(p, &stats, &session->model.ports[p]);
		ok &= port_laws_check(p, &stats);
	}
	return ok;
}

static bool
legs_compare(const char *what, unsigned index, const struct model_set *set,
	const struct dp_leg_stats *legs, unsigned n_legs)
{
	bool ok = number_compare(what, index, "number of legs", n_legs, set->n_legs);

	for (unsigned i = 0; ok && i < n_legs; i++) {
		const struct model_leg *leg = &set->legs[i];
		unsigned number = index * 10000 + i;

		ok &= number_compare("leg", number, "copies", legs[i].copies, leg->stats.copies);
		ok &= number_compare("leg", number, "bytes", legs[i].bytes, leg->stats.bytes);
		for (unsigned r = 0; r < DP_COPY_DROP_COUNT; r++)
			ok &= number_compare("leg", number,
				dp_drop_name((enum dp_drop)(r + DP_COPY_DROP_FIRST)),
				legs[i].drops[r], leg->stats.drops[r]);
		ok &= law_check(
			!leg->whole || legs[i].copies == set->forwarded - leg->forwarded_before,
			"leg", number, "copies = packets that the flow or stream forwarded");
	}
	return ok;
}

bool
flow_stats_compare(const struct model_flow *flow, const struct dp_flow_stats *stats,
	const struct dp_leg_stats *legs, unsigned n_legs)
{
	const struct dp_flow_stats *expected = &flow->stats;
	uint64_t packets = stats->forwarded + stats->punted;
	bool ok = number_compare("flow", 0, "packets", stats->packets, expected->packets);

	ok &= number_compare("flow", 0, "bytes", stats->bytes, expected->bytes);
	ok &= number_compare("flow", 0, "forwarded", stats->forwarded, expected->forwarded);
	ok &= number_compare("flow", 0, "punted", stats->punted, expected->punted);
	for (unsigned r = 0; r < DP_FLOW_DROP_COUNT; r++) {
		packets += stats->drops[r];
		ok &= number_compare("flow", 0,
			dp_drop_name((enum dp_drop)(r + DP_FLOW_DROP_FIRST)), stats->drops[r],
			expected->drops[r]);
	}
	ok &= law_check(
		stats->packets == packets, "flow", 0, "packets = forwarded + punted + flow drops");
	ok &= legs_compare("flow", 0, &flow->set, legs, n_legs);
	if (!ok)
		report_flow(flow);
	return ok;
}

static bool
streams_compare(struct dp *dp, const struct model_flow *flow)
{
	bool ok = true;

	for (unsigned i = 0; ok && i < flow->spec.n_streams; i++) {
		const struct model_stream *stream = &flow->streams[i];
		unsigned n_legs = stream->set.n_legs;
		struct dp_leg_stats *legs = model_alloc(n_legs, sizeof(*legs));
		struct dp_stream_stats stats;
		int ret = dp_stream_stats_get(dp, flow->handle, i, &stats, legs, n_legs);

		ok = number_compare("stream", i, "return value", (uint64_t)-ret, 0) &&
		     number_compare("stream", i, "packets", stats.packets, stream->stats.packets) &&
		     number_compare("stream", i, "bytes", stats.bytes, stream->stats.bytes) &&
		     legs_compare("stream", i, &stream->set, legs, n_legs);
		free(legs);
	}
	return ok;
}

static bool
flow_compare(struct dp *dp, const struct model_flow *flow)
{
	unsigned n_legs = flow->set.n_legs;
	struct dp_leg_stats *legs = model_alloc(n_legs, sizeof(*legs));
	struct dp_flow_stats stats;
	int ret = dp_flow_stats_get(dp, flow->handle, &stats, legs, n_legs);
	bool ok = ret == 0;

	if (!ok)
		printf("dp_flow_stats_get returned %d\n", ret);
	ok = ok && flow_stats_compare(flow, &stats, legs, n_legs);
	if (ok && !(latched_compare(dp, flow) && streams_compare(dp, flow))) {
		report_flow(flow);
		ok = false;
	}
	free(legs);
	return ok;
}

bool
session_compare_counters(struct session *session)
{
	const struct model *model = &session->model;
	unsigned n_flows =
		dp_flow_count(session->rig.dp, DP_IPV4) + dp_flow_count(session->rig.dp, DP_IPV6);
	bool ok = number_compare("tables", 0, "number of flows", n_flows, model->n_flows);

	ok &= session_compare_ports(session);
	ok &= worker_compare(session);
	for (unsigned i = 0; i < model->n_flows; i++)
		ok &= flow_compare(session->rig.dp, model->flows[i]);
	return ok;
}
