/* SPDX-License-Identifier: BSD-3-Clause */
/* Events by the page. What an event says beside its kind and flow is a member of its own. */
#include "rpc/event_methods.h"

#include "rpc/counter_json.h"
#include "rpc/methods.h"
#include "rpc/sequence_page.h"

static json_t *
event_encode(const struct event_entry *entry)
{
	static const char *const kinds[] = {
		[EVENT_FLOW_EXPIRED] = "flow_expired",
		[EVENT_FLOW_LATCHED] = "flow_latched",
	};
	json_t *event = json_pack("{s:I, s:I, s:s, s:s}", "sequence", (json_int_t)entry->sequence,
		"time_ns", (json_int_t)entry->time_ns, "event", kinds[entry->kind], "flow",
		entry->flow);

	switch (entry->kind) {
	case EVENT_FLOW_EXPIRED:
		json_object_update_new(event, flow_counters_encode(&entry->counters));
		break;
	case EVENT_FLOW_LATCHED:
		json_object_update_new(
			event, latched_encode(entry->source.family, &entry->source.latched));
		break;
	}
	return event;
}

json_t *
event_list(void *ctx, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const struct events *events = &context->watchers->events;
	struct sequence_page page;
	json_t *list;
	uint64_t i;

	if (sequence_page_read(params, events->last, EVENTS_MAX, &page, fault) < 0)
		return NULL;
	list = json_array();
	for (i = page.first; i < page.end; i++)
		json_array_append_new(list, event_encode(events_get(events, i)));
	return json_pack("{s:o, s:I}", "events", list, "lost", (json_int_t)page.lost);
}
