/* SPDX-License-Identifier: BSD-3-Clause */
/* A function for each kind of members that an event may have. */
#include "rpc/event_json.h"

#include <string.h>

#include "base/addr.h"
#include "rpc/counter_json.h"

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

static json_t *
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
