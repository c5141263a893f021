/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of drop reasons come from the one list of <dp/stats.h>. */
#include "rpc/encode.h"

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

static json_t *
flow_encode(const struct event_entry *entry)
{
	json_t *json = json_pack("{s:s}", "flow", entry->flow.id);

	if (entry->kind == EVENT_FLOW_LATCHED)
		json_object_update_new(
			json, latched_encode(entry->flow.family, &entry->flow.latched));
	else if (entry->flow.counted)
		json_object_update_new(json, flow_counters_encode(&entry->flow.counters));
	return json;
}

static json_t *
neighbour_encode(const struct event_neighbour *neighbour, const struct ports *ports)
{
	static const uint8_t none[6];
	char address[ADDRESS_TEXT_MAX], mac[MAC_TEXT_MAX];
	const bool known = memcmp(neighbour->mac, none, sizeof(none)) != 0;

	address_format(neighbour->family, neighbour->address, address);
	mac_format(neighbour->mac, mac);
	return json_pack("{s:s, s:s, s:s*}", "port", ports->info[neighbour->port].name, "next_hop",
		address, "mac", known ? mac : NULL);
}

json_t *
actor_encode(const char *name, const char *via, uint32_t uid)
{
	json_t *actor = json_pack("{s:s, s:s}", "name", name, "via", via);

	if (uid != UINT32_MAX)
		json_object_set_new(actor, "uid", json_integer(uid));
	return actor;
}

static json_t *
fields_encode(const char *fields)
{
	json_t *list = json_array();

	while (*fields != '\0') {
		const size_t length = strcspn(fields, ",");

		json_array_append_new(list, json_stringn(fields, length));
		fields += length + (fields[length] == ',');
	}
	return list;
}

static json_t *
changed_encode(const struct event_changed *changed)
{
	return json_pack("{s:s, s:I, s:o, s:s, s:I, s:I, s:I, s:s*, s:o}", "flow", changed->id,
		"generation", (json_int_t)changed->generation, "actor",
		actor_encode(changed->who, changed->via, changed->uid), "method", changed->method,
		"legs_joined", (json_int_t)changed->joined, "legs_left", (json_int_t)changed->left,
		"legs_changed", (json_int_t)changed->changed, "leg",
		changed->leg[0] ? changed->leg : NULL, "fields", fields_encode(changed->fields));
}

static json_t *
commit_encode(const struct event_commit *commit)
{
	return json_pack("{s:I, s:o, s:s, s:I, s:I, s:I}", "generation",
		(json_int_t)commit->generation, "actor",
		actor_encode(commit->who, commit->via, commit->uid), "method", commit->text,
		"added", (json_int_t)commit->added, "changed", (json_int_t)commit->changed,
		"removed", (json_int_t)commit->removed);
}

static json_t *
rollback_encode(const struct event_commit *commit)
{
	return json_pack("{s:I, s:I, s:s*}", "generation", (json_int_t)commit->generation,
		commit->returns == STORE_RETURN_OF ? "of" : "to", (json_int_t)commit->returned,
		"reason", commit->text[0] ? commit->text : NULL);
}

static json_t *
rollback_failed_encode(const struct event_rollback_failed *failed)
{
	return json_pack("{s:I, s:s*, s:s}", "of", (json_int_t)failed->of, "flow",
		failed->flow[0] ? failed->flow : NULL, "reason", failed->reason);
}

/* Whose overload it is: a member named after the kind of it, or none. */
static json_t *
subject_encode(const struct event_overload *overload, const struct ports *ports)
{
	switch (overload->cause) {
	case OVERLOAD_WORKER_BUSY:
		return json_pack("{s:i, s:b, s:f}", "worker", overload->index, "over",
			overload->over, "busy_share", (double)overload->amount / 1000);
	case OVERLOAD_RX_MISSED:
	case OVERLOAD_RX_NO_BUFFER:
	case OVERLOAD_PUNTS_LOST:
		return json_pack("{s:s, s:I}", "port", ports->info[overload->index].name, "packets",
			(json_int_t)overload->amount);
	case OVERLOAD_WORKER_LATE:
		break;
	}
	return json_pack("{s:I}", "commits", (json_int_t)overload->amount);
}

static json_t *
overload_encode(const struct event_overload *overload, const struct ports *ports)
{
	static const char *const causes[] = {
		[OVERLOAD_WORKER_BUSY] = "worker_busy",
		[OVERLOAD_WORKER_LATE] = "worker_late",
		[OVERLOAD_RX_MISSED] = "rx_missed",
		[OVERLOAD_RX_NO_BUFFER] = "rx_no_buffer",
		[OVERLOAD_PUNTS_LOST] = "punts_lost",
	};
	json_t *json = json_pack("{s:s, s:I}", "cause", causes[overload->cause], "period_ms",
		(json_int_t)(overload->period_ns / 1000000));

	json_object_update_new(json, subject_encode(overload, ports));
	return json;
}

static json_t *
more_encode(const struct event_entry *entry, const struct ports *ports)
{
	switch (entry->kind) {
	case EVENT_PORT_UP:
	case EVENT_PORT_DOWN:
		return json_pack("{s:s}", "port", ports->info[entry->port].name);
	case EVENT_NEIGHBOUR_LOST:
	case EVENT_NEIGHBOUR_RESOLVED:
		return neighbour_encode(&entry->neighbour, ports);
	case EVENT_FLOW_CHANGED:
		return changed_encode(&entry->changed);
	case EVENT_COMMIT:
		return commit_encode(&entry->commit);
	case EVENT_ROLLBACK:
		return rollback_encode(&entry->commit);
	case EVENT_ROLLBACK_FAILED:
		return rollback_failed_encode(&entry->rollback_failed);
	case EVENT_OVERLOAD:
		return overload_encode(&entry->overload, ports);
	default:
		return flow_encode(entry);
	}
}

json_t *
event_encode(const struct event_entry *entry, const struct ports *ports)
{
	json_t *event = json_pack("{s:I, s:I, s:s}", "sequence", (json_int_t)entry->sequence,
		"time_ns", (json_int_t)entry->time_ns, "event", events_kind_name(entry->kind));

	json_object_update_new(event, more_encode(entry, ports));
	return event;
}
