/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Events and punted packets by the page, and events as notifications, which are sent in turns of
 * the subscriber's user. For a client that does not read, events wait in the ring, as many as it
 * requested; a gap has the number of those that it missed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/escape.h"
#include "flow/relay_flows.h"
#include "rpc/methods.h"

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

/* "" stands for a text that there is none of. */
static const char *
text_or_null(const char *text)
{
	return text[0] ? text : NULL;
}

/* The relay and the side that the flow is of, or is a receiver of, if it is of one. */
static void
relay_add(json_t *json, const struct event_flow *flow)
{
	const enum relay_flow receives = relay_receiver_side(flow->id, flow->relay_bytes);
	enum relay_flow side = relay_flow_find(flow->id, flow->relay_bytes, flow->id);

	if (flow->relay_bytes == 0)
		return;
	json_object_set_new(json, "relay", json_stringn(flow->id, flow->relay_bytes));
	if (receives < RELAY_FLOWS) {
		side = receives;
		json_object_set_new(json, "receiver",
			json_string(relay_receiver_name(flow->id, flow->relay_bytes)));
	}
	if (side < RELAY_FLOWS)
		json_object_set_new(json, "side", json_string(relay_flow_member(side)));
}

static json_t *
leg_encode(const struct event_leg *leg)
{
	char from[ADDRESS_TEXT_MAX];

	address_format(leg->family, leg->from, from);
	return json_pack("{s:s*, s:s, s:s}", "leg", text_or_null(leg->leg), "error",
		icmp_error_name((enum icmp_error_kind)leg->error), "from", from);
}

static json_t *
switch_encode(uint8_t family, const struct event_switch *switched)
{
	char src[ADDRESS_TEXT_MAX];

	address_format(family, switched->source.address, src);
	return json_pack("{s:s, s:i, s:i, s:i, s:I, s:s}", "src", src, "src_port",
		ntohs(switched->source.port), "active", switched->active, "previous",
		switched->previous, "switches", (json_int_t)switched->switches, "why",
		switched->returned ? "returned" : "silent");
}

static json_t *
more_encode(const struct event_entry *entry, const struct ports *ports)
{
	const struct event_changed *changed = &entry->changed;
	const struct event_commit *commit = &entry->commit;
	const struct event_rollback_failed *failed = &entry->rollback_failed;
	const struct event_pool *pool = &entry->pool;
	json_t *json, *more = NULL;

	switch (entry->kind) {
	case EVENT_PORT_UP:
	case EVENT_PORT_DOWN:
		return json_pack("{s:s}", "port", ports->info[entry->port].name);
	case EVENT_NEIGHBOUR_LOST:
	case EVENT_NEIGHBOUR_RESOLVED:
	case EVENT_BACKUP_TAKEN:
	case EVENT_BACKUP_LEFT:
		return neighbour_encode(&entry->neighbour, ports);
	case EVENT_SOURCE_SWITCHED:
		more = switch_encode(entry->flow.family, &entry->flow.switched);
		break;
	case EVENT_FLOW_LATCHED:
	case EVENT_FLOW_FORGOTTEN:
		more = latched_encode(entry->flow.family, &entry->flow.latched);
		break;
	case EVENT_FLOW_EXPIRED:
	case EVENT_MEDIA_TIMEOUT:
	case EVENT_MEDIA_RESUMED:
		more = flow_counters_encode(&entry->flow.counters);
		break;
	case EVENT_FLOW_CHANGED:
		return json_pack("{s:s, s:I, s:o, s:s, s:I, s:I, s:I, s:s*, s:o}", "flow",
			changed->id, "generation", (json_int_t)changed->generation, "actor",
			actor_encode(changed->who, changed->via, changed->uid), "method",
			changed->method, "legs_joined", (json_int_t)changed->joined, "legs_left",
			(json_int_t)changed->left, "legs_changed", (json_int_t)changed->changed,
			"leg", text_or_null(changed->leg), "fields",
			fields_encode(changed->fields));
	case EVENT_COMMIT:
		return json_pack("{s:I, s:o, s:s, s:I, s:I, s:I}", "generation",
			(json_int_t)commit->generation, "actor",
			actor_encode(commit->who, commit->via, commit->uid), "method", commit->text,
			"added", (json_int_t)commit->added, "changed", (json_int_t)commit->changed,
			"removed", (json_int_t)commit->removed);
	case EVENT_ROLLBACK:
		return json_pack("{s:I, s:I, s:s*}", "generation", (json_int_t)commit->generation,
			commit->returns == STORE_RETURN_OF ? "of" : "to",
			(json_int_t)commit->returned, "reason", text_or_null(commit->text));
	case EVENT_ROLLBACK_FAILED:
		return json_pack("{s:I, s:s*, s:s}", "of", (json_int_t)failed->of, "flow",
			text_or_null(failed->flow), "reason", failed->reason);
	case EVENT_OVERLOAD:
		return overload_encode(&entry->overload, ports);
	case EVENT_POOL_USAGE:
		return json_pack("{s:s, s:i, s:b, s:I, s:I, s:I}", "pool", pool->name, "percent",
			pool->percent, "over", pool->over, "size", (json_int_t)pool->size, "free",
			(json_int_t)pool->free, "quarantined", (json_int_t)pool->quarantined);
	case EVENT_LEG_UNREACHABLE:
	case EVENT_LEG_REACHABLE:
		more = leg_encode(&entry->leg);
		break;
	default:
		break;
	}
	json = json_pack("{s:s}", "flow", entry->flow.id);
	relay_add(json, &entry->flow);
	if (more)
		json_object_update_new(json, more);
	return json;
}

/* {"sequence", "time_ns", "event"} and what events of that kind say beside it. */
static json_t *
event_encode(const struct event_entry *entry, const struct ports *ports)
{
	json_t *event = json_pack("{s:I, s:I, s:s}", "sequence", (json_int_t)entry->sequence,
		"time_ns", (json_int_t)entry->time_ns, "event", events_kind_name(entry->kind));

	json_object_update_new(event, more_encode(entry, ports));
	return event;
}

static int
after_check(uint64_t after, uint64_t last, const char *remedy, struct fault *fault)
{
	if (after <= last)
		return 0;
	return fault_set(fault, FAULT_NOT_FOUND, "/after",
		"found %" PRIu64 ", expected at most %" PRIu64
		", the last since sluiced started; %s",
		after, last, remedy);
}

#define TURN_EVENTS_MAX 16 /* sent to a subscriber, before others have their turns */

struct subscriber {
	LIST_ENTRY(subscriber) link;
	const struct methods_context *context;
	struct rpc_session *session;
	struct rpc_watch watch;
	struct rpc_turn turn;
	bool waiting; /* for the client to read */
	struct event_reader reader;
};

/* False: not now, because the client has to read first or memory is short. */
static bool
event_notify(struct subscriber *subscriber, json_t *event)
{
	int rc;

	if (!event)
		return false;
	rc = rpc_session_notify(subscriber->session, "event", event);
	subscriber->waiting = rc == -ENOBUFS;
	return rc == 0;
}

/* Send the next event, and before it how many were lost. False when there is none now. */
static bool
next_notify(struct subscriber *subscriber)
{
	const struct methods_context *context = subscriber->context;
	struct event_reader *reader = &subscriber->reader;
	const struct event_entry *entry = event_reader_next(reader, &context->monitor->events);

	if (reader->lost > 0) {
		if (!event_notify(
			    subscriber, json_pack("{s:I, s:I, s:s, s:I}", "sequence",
						(json_int_t)reader->position, "time_ns",
						(json_int_t)clock_read_ns(CLOCK_REALTIME), "event",
						"gap", "lost", (json_int_t)reader->lost)))
			return false;
		reader->lost = 0;
	}
	if (!entry || !event_notify(subscriber, event_encode(entry, context->flows->ports)))
		return false;
	event_reader_consume(reader, entry);
	return true;
}

static void
subscriber_run(void *arg)
{
	struct subscriber *subscriber = arg;
	unsigned n = 0;

	while (!subscriber->waiting && n < TURN_EVENTS_MAX && next_notify(subscriber))
		n++;
	if (n == TURN_EVENTS_MAX)
		rpc_turn_request(&subscriber->turn);
}

static void
event_raised(void *arg)
{
	const struct methods_context *context = arg;
	struct subscriber *subscriber;

	LIST_FOREACH (subscriber, &context->subscribers, link) {
		if (!subscriber->waiting)
			rpc_turn_request(&subscriber->turn);
	}
}

static void
client_reads(void *arg)
{
	struct subscriber *subscriber = arg;

	subscriber->waiting = false;
	rpc_turn_request(&subscriber->turn);
}

static void
subscriber_destroy(void *arg)
{
	struct subscriber *subscriber = arg;

	rpc_turn_cancel(&subscriber->turn);
	rpc_session_unwatch(subscriber->session, &subscriber->watch);
	LIST_REMOVE(subscriber, link);
	free(subscriber);
}

/* The subscriber of that session; NULL: it has not subscribed. */
static struct subscriber *
subscriber_find(const struct methods_context *context, const struct rpc_session *session)
{
	struct subscriber *subscriber;

	LIST_FOREACH (subscriber, &context->subscribers, link) {
		if (subscriber->session == session)
			break;
	}
	return subscriber;
}

static struct subscriber *
subscriber_create(struct methods_context *context, struct rpc_session *session)
{
	struct subscriber *subscriber = calloc(1, sizeof(*subscriber));

	if (!subscriber)
		return NULL;
	*subscriber = (struct subscriber){
		.context = context,
		.session = session,
		.watch = {.closed = subscriber_destroy, .drained = client_reads, .arg = subscriber},
		.turn = {.user = session->user, .run = subscriber_run, .arg = subscriber},
	};
	if (rpc_session_watch(session, &subscriber->watch) < 0) {
		free(subscriber);
		return NULL;
	}
	LIST_INSERT_HEAD(&context->subscribers, subscriber, link);
	events_observe(&context->monitor->events, event_raised, context);
	return subscriber;
}

/* The bits of an array of names, which the schema has checked; all without one. */
static uint32_t
kinds_read(const json_t *names)
{
	uint32_t kinds = 0;
	json_t *name;
	unsigned kind;
	size_t i;

	if (!names)
		return EVENT_KINDS_ALL;
	json_array_foreach (names, i, name) {
		for (kind = 0; kind < EVENT_KINDS; kind++) {
			if (strcmp(events_kind_name(kind), json_string_value(name)) == 0)
				kinds |= UINT32_C(1) << kind;
		}
	}
	return kinds;
}

/* In place of what the session had subscribed to. */
static json_t *
events_subscribe(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	struct methods_context *context = ctx;
	struct events *events = &context->monitor->events;
	struct rpc_session *session = rpc_call_session(call);
	const json_t *named = json_object_get(params, "after");
	const uint64_t after = named ? (uint64_t)json_integer_value(named) : events->last;
	struct subscriber *subscriber;

	if (after_check(after, events->last, "leave it out to begin now", fault) < 0)
		return NULL;
	subscriber = subscriber_find(context, session);
	if (!subscriber)
		subscriber = subscriber_create(context, session);
	if (!subscriber)
		return fault_null(fault, FAULT_NO_ROOM, "", "no memory for the subscription");
	event_reader_init(&subscriber->reader, events, kinds_read(json_object_get(params, "kinds")),
		param_number(params, "queue"), after);
	rpc_turn_request(&subscriber->turn);
	return json_pack("{s:I}", "sequence", (json_int_t)after);
}

static json_t *
events_unsubscribe(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	struct subscriber *subscriber = subscriber_find(ctx, rpc_call_session(call));

	(void)params;
	if (!subscriber)
		return fault_null(fault, FAULT_NOT_FOUND, "",
			"this connection has not subscribed; events.subscribe does");
	subscriber_destroy(subscriber);
	return json_object();
}

static json_t *
punt_encode(const struct methods_context *context, uint64_t sequence)
{
	const struct punt *punt = punts_get(&context->monitor->punts, sequence);
	const struct ports *ports = context->flows->ports;
	char hex[2 * PUNTS_FRAME_MAX + 1];

	hex_write(punt->frame, punt->kept_bytes, hex);
	return json_pack("{s:I, s:I, s:s, s:s?, s:I, s:I, s:s}", "sequence",
		(json_int_t)punt->sequence, "time_ns", (json_int_t)punt->time_ns, "port",
		ports->info[punt->port].name, "flow", punt->flow[0] ? punt->flow : NULL, "answers",
		(json_int_t)punt->answers, "frame_bytes", (json_int_t)punt->frame_bytes, "frame",
		hex);
}

static json_t *
event_entry_encode(const struct methods_context *context, uint64_t sequence)
{
	return event_encode(events_get(&context->monitor->events, sequence), context->flows->ports);
}

/* A page of a ring of `size` entries whose newest is `last`. */
static json_t *
ring_page(const struct methods_context *context, const json_t *params, const char *name,
	uint64_t last, unsigned size,
	json_t *(*encode)(const struct methods_context *context, uint64_t sequence),
	struct fault *fault)
{
	const uint64_t after = param_number(params, "after");
	const uint64_t limit = param_number(params, "limit");
	json_t *list;
	uint64_t lost, first, i;

	if (after_check(after, last, "begin again with 0", fault) < 0)
		return NULL;
	first = sequence_first(last, size, after, &lost);
	list = json_array();
	for (i = first; i <= last && i < first + limit; i++)
		json_array_append_new(list, encode(context, i));
	return json_pack("{s:o, s:I}", name, list, "lost", (json_int_t)lost);
}

static json_t *
event_list(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;

	(void)call;
	return ring_page(context, params, "events", context->monitor->events.last, EVENTS_MAX,
		event_entry_encode, fault);
}

static json_t *
punt_list(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;

	(void)call;
	return ring_page(context, params, "packets", context->monitor->punts.last, PUNTS_MAX,
		punt_encode, fault);
}

const struct rpc_method event_methods[] = {
	{"event.list", event_list},
	{"events.subscribe", events_subscribe},
	{"events.unsubscribe", events_unsubscribe},
	{"punt.list", punt_list},
	{NULL, NULL},
};
