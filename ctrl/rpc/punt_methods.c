/* SPDX-License-Identifier: BSD-3-Clause */
/* Punted packets by the page, their first bytes in hex. */
#include "rpc/punt_methods.h"

#include "base/escape.h"
#include "rpc/methods.h"
#include "rpc/sequence_page.h"

static json_t *
punt_encode(const struct punt *punt, const struct ports *ports)
{
	char hex[2 * PUNTS_FRAME_MAX + 1];

	hex_write(punt->frame, punt->kept_bytes, hex);
	return json_pack("{s:I, s:I, s:s, s:s?, s:I, s:s}", "sequence", (json_int_t)punt->sequence,
		"time_ns", (json_int_t)punt->time_ns, "port", ports->info[punt->port].name, "flow",
		punt->flow[0] ? punt->flow : NULL, "frame_bytes", (json_int_t)punt->frame_bytes,
		"frame", hex);
}

json_t *
punt_list(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const struct punts *punts = &context->monitor->punts;
	struct sequence_page page;
	json_t *list;
	uint64_t i;

	(void)call;
	if (sequence_page_read(params, punts->last, PUNTS_MAX, &page, fault) < 0)
		return NULL;
	list = json_array();
	for (i = page.first; i < page.end; i++)
		json_array_append_new(
			list, punt_encode(punts_get(punts, i), context->flows->ports));
	return json_pack("{s:o, s:I}", "packets", list, "lost", (json_int_t)page.lost);
}
