/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of reasons come from the waist's one list; none is written here. */
#include "rpc/counter_json.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/addr.h"

/* The reasons from `first` on that occurred; *dropped is their sum. */
static json_t *
drops_encode(const uint64_t *counts, unsigned n, enum dp_drop first, uint64_t *dropped)
{
	json_t *drops = json_object();
	unsigned i;

	*dropped = 0;
	for (i = 0; i < n; i++) {
		if (counts[i] == 0)
			continue;
		*dropped += counts[i];
		json_object_set_new(drops, dp_drop_name((enum dp_drop)(first + i)),
			json_integer((json_int_t)counts[i]));
	}
	return drops;
}

json_t *
flow_counters_encode(const struct dp_flow_stats *stats)
{
	uint64_t dropped;
	json_t *drops =
		drops_encode(stats->drops, DP_FLOW_DROP_COUNT, DP_FLOW_DROP_FIRST, &dropped);

	return json_pack("{s:I, s:I, s:I, s:I, s:o}", "packets", (json_int_t)stats->packets,
		"bytes", (json_int_t)stats->bytes, "forwarded", (json_int_t)stats->forwarded,
		"punted", (json_int_t)stats->punted, "drops", drops);
}

json_t *
leg_counters_encode(const struct dp_leg_stats *stats)
{
	uint64_t dropped;
	json_t *drops =
		drops_encode(stats->drops, DP_COPY_DROP_COUNT, DP_COPY_DROP_FIRST, &dropped);

	return json_pack("{s:I, s:I, s:I, s:o}", "copies", (json_int_t)stats->copies, "bytes",
		(json_int_t)stats->bytes, "sent", (json_int_t)(stats->copies - dropped), "drops",
		drops);
}

json_t *
legs_counters_encode(const struct flow_leg *legs, const struct dp_leg_stats *stats, unsigned n_legs)
{
	json_t *list = json_array();
	unsigned i;

	for (i = 0; i < n_legs; i++) {
		json_t *leg = json_object();

		if (legs[i].id[0] != '\0')
			json_object_set_new(leg, "id", json_string(legs[i].id));
		json_object_update_new(leg, leg_counters_encode(&stats[i]));
		json_array_append_new(list, leg);
	}
	return list;
}

json_t *
latched_encode(uint8_t family, const struct dp_latched *latched)
{
	char src[ADDRESS_TEXT_MAX];

	address_format(family, latched->src, src);
	return json_pack("{s:s, s:i, s:I}", "src", src, "src_port", ntohs(latched->src_port),
		"moves", (json_int_t)latched->moves);
}

static json_t *
xdp_encode(const struct dp_port_stats *stats)
{
	json_t *counts = json_object();
	unsigned i;

	for (i = 0; i < DP_XDP_COUNT; i++)
		json_object_set_new(counts, dp_xdp_name((enum dp_xdp)i),
			json_integer((json_int_t)stats->xdp[i]));
	return counts;
}

static json_t *
interface_encode(const struct interface_losses *losses)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "rx_dropped", (json_int_t)losses->rx_dropped,
		"rx_missed", (json_int_t)losses->rx_missed, "rx_errors",
		(json_int_t)losses->rx_errors, "tx_dropped", (json_int_t)losses->tx_dropped,
		"tx_errors", (json_int_t)losses->tx_errors);
}

json_t *
port_counters_encode(const struct dp_port_info *info, const struct dp_port_stats *stats,
	const struct interface_losses *losses)
{
	json_t *drops = json_object();
	unsigned i;

	for (i = 0; i < DP_DROP_COUNT; i++)
		json_object_set_new(drops, dp_drop_name((enum dp_drop)i),
			json_integer((json_int_t)stats->drops[i]));
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:{s:I, s:I, s:I, s:I},"
			 " s:o*, s:o*}",
		"name", info->name, "rx_packets", (json_int_t)stats->rx_packets, "rx_bytes",
		(json_int_t)stats->rx_bytes, "forwarded", (json_int_t)stats->forwarded, "punted",
		(json_int_t)stats->punted, "copies", (json_int_t)stats->copies, "tx_packets",
		(json_int_t)stats->tx_packets, "tx_bytes", (json_int_t)stats->tx_bytes, "drops",
		drops, "nic", "missed", (json_int_t)stats->nic_missed, "no_buffer",
		(json_int_t)stats->nic_no_buffer, "rx_errors", (json_int_t)stats->nic_rx_errors,
		"tx_errors", (json_int_t)stats->nic_tx_errors, "xdp",
		strcmp(info->driver, "net_af_xdp") == 0 ? xdp_encode(stats) : NULL, "interface",
		losses ? interface_encode(losses) : NULL);
}

json_t *
steering_counts_encode(const struct steering_count *counts, unsigned n)
{
	json_t *passed = json_object(), *dropped = json_object();
	json_int_t steered = 0;
	unsigned i;

	for (i = 0; i < n; i++) {
		const json_int_t packets = (json_int_t)counts[i].packets;

		if (!counts[i].cause)
			steered = packets;
		else
			json_object_set_new(
				strcmp(counts[i].verdict, "dropped") == 0 ? dropped : passed,
				counts[i].cause, json_integer(packets));
	}
	return json_pack(
		"{s:I, s:o, s:o}", "steered", steered, "passed", passed, "dropped", dropped);
}
