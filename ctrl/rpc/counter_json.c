/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of reasons come from the waist's one list; none is written here. */
#include "rpc/counter_json.h"

json_t *
flow_counters_encode(const struct dp_flow_stats *stats)
{
	return json_pack("{s:I, s:I}", "packets", (json_int_t)stats->packets, "bytes",
		(json_int_t)stats->bytes);
}

json_t *
leg_counters_encode(const struct dp_leg_stats *stats)
{
	json_t *drops = json_object();
	uint64_t dropped = 0;
	unsigned i;

	for (i = 0; i < DP_COPY_DROP_COUNT; i++) {
		const enum dp_drop reason = (enum dp_drop)(DP_COPY_DROP_FIRST + i);

		if (stats->drops[i] == 0)
			continue;
		dropped += stats->drops[i];
		json_object_set_new(
			drops, dp_drop_name(reason), json_integer((json_int_t)stats->drops[i]));
	}
	return json_pack("{s:I, s:I, s:I, s:o}", "copies", (json_int_t)stats->copies, "bytes",
		(json_int_t)stats->bytes, "sent", (json_int_t)(stats->copies - dropped), "drops",
		drops);
}

json_t *
legs_counters_encode(const struct dp_leg_stats *stats, unsigned n_legs)
{
	json_t *legs = json_array();
	unsigned i;

	for (i = 0; i < n_legs; i++)
		json_array_append_new(legs, leg_counters_encode(&stats[i]));
	return legs;
}

json_t *
port_counters_encode(const char *name, const struct dp_port_stats *stats)
{
	json_t *drops = json_object();
	unsigned i;

	for (i = 0; i < DP_DROP_COUNT; i++)
		json_object_set_new(drops, dp_drop_name((enum dp_drop)i),
			json_integer((json_int_t)stats->drops[i]));
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:{s:I, s:I, s:I, s:I}}", "name",
		name, "rx_packets", (json_int_t)stats->rx_packets, "rx_bytes",
		(json_int_t)stats->rx_bytes, "forwarded", (json_int_t)stats->forwarded, "copies",
		(json_int_t)stats->copies, "tx_packets", (json_int_t)stats->tx_packets, "tx_bytes",
		(json_int_t)stats->tx_bytes, "drops", drops, "nic", "missed",
		(json_int_t)stats->nic_missed, "no_buffer", (json_int_t)stats->nic_no_buffer,
		"rx_errors", (json_int_t)stats->nic_rx_errors, "tx_errors",
		(json_int_t)stats->nic_tx_errors);
}
