/* SPDX-License-Identifier: BSD-3-Clause */
/* Events by the page, and as they come. */
#include "rpc/event_methods.h"

#include <inttypes.h>
#include <string.h>

#include "monitor/events.h"
#include "rpc/event_feed.h"
#include "rpc/event_json.h"
#include "rpc/methods.h"
#include "rpc/sequence_page.h"

json_t *
event_list(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const struct events *events = &context->monitor->events;
	struct sequence_page page;
	json_t *list;
	uint64_t i;

	(void)call;
	if (sequence_page_read(params, events->last, EVENTS_MAX, &page, fault) < 0)
		return NULL;
	list = json_array();
	for (i = page.first; i < page.end; i++)
		json_array_append_new(
			list, event_encode(events_get(events, i), context->flows->ports));
	return json_pack("{s:o, s:I}", "events", list, "lost", (json_int_t)page.lost);
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

json_t *
events_subscribe(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const uint64_t last = context->monitor->events.last;
	const json_t *named = json_object_get(params, "after");
	const uint64_t after = named ? (uint64_t)json_integer_value(named) : last;
	const uint64_t queue = (uint64_t)json_integer_value(json_object_get(params, "queue"));

	if (after > last) {
		fault_set(fault, FAULT_NOT_FOUND, "/after",
			"found %" PRIu64 ", expected at most %" PRIu64
			", the last since sluiced started; leave it out to begin now",
			after, last);
		return NULL;
	}
	if (event_feed_subscribe(context->feed, rpc_call_session(call),
		    kinds_read(json_object_get(params, "kinds")), queue, after, fault) < 0)
		return NULL;
	return json_pack("{s:I}", "sequence", (json_int_t)after);
}

json_t *
events_unsubscribe(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;

	(void)params;
	if (event_feed_unsubscribe(context->feed, rpc_call_session(call)))
		return json_object();
	fault_set(fault, FAULT_NOT_FOUND, "",
		"this connection has not subscribed; events.subscribe does");
	return NULL;
}
