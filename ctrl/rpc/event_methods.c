/* SPDX-License-Identifier: BSD-3-Clause */
/* Events by the page. */
#include "rpc/event_methods.h"

#include "rpc/event_json.h"
#include "rpc/methods.h"
#include "rpc/sequence_page.h"

json_t *
event_list(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const struct events *events = &context->watchers->events;
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
