/* SPDX-License-Identifier: BSD-3-Clause */
/* The service checks the tables against the document, so that neither has more than the other. */
#include "rpc/methods.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "base/addr.h"
#include "base/escape.h"
#include "schema/schema.h"

#define METHODS_MAX 64

struct rpc_service *
methods_service_create(struct methods_context *context)
{
	static const struct rpc_method *const families[] = {system_methods, flow_methods,
		relay_methods, change_methods, state_methods, event_methods, trace_methods,
		inject_methods};
	struct rpc_method all[METHODS_MAX];
	size_t i, n = 0;

	for (i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		const struct rpc_method *method = families[i];

		for (; method->name && n < METHODS_MAX; method++)
			all[n++] = *method;
	}
	return rpc_service_create(schema_rpc_document(), all, n, context, context->audit);
}

void *
request_no_memory(struct fault *fault)
{
	return fault_null(fault, FAULT_NO_ROOM, "", "no memory for the request");
}

uint8_t *
param_bytes(const json_t *params, const char *name, size_t *n, struct fault *fault)
{
	const json_t *member = json_object_get(params, name);
	const size_t length = json_string_length(member);
	uint8_t *bytes = malloc(length / 2 + 1);

	*n = length / 2;
	if (!bytes)
		return request_no_memory(fault);
	if (hex_read(json_string_value(member), length, bytes) < 0) {
		free(bytes);
		fault_set(fault, FAULT_INVALID_VALUE, "",
			"found %zu hexadecimal digits, expected two a byte", length);
		fault_prefix(fault, "/%s", name);
		return NULL;
	}
	return bytes;
}

json_t *
hex_encode(const uint8_t *bytes, size_t n)
{
	char *hex = malloc(2 * n + 1);
	json_t *string = NULL;

	if (hex) {
		hex_write(bytes, n, hex);
		string = json_string(hex);
	}
	free(hex);
	return string;
}

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
	return json_pack("{s:s, s:i, s:I, s:o*}", "src", src, "src_port", ntohs(latched->src_port),
		"moves", (json_int_t)latched->moves, "ssrc",
		latched->has_ssrc ? json_integer(latched->ssrc) : NULL);
}

json_t *
actor_encode(const char *name, const char *via, uint32_t uid)
{
	return json_pack("{s:s, s:s, s:o*}", "name", name, "via", via, "uid",
		uid != UINT32_MAX ? json_integer(uid) : NULL);
}
