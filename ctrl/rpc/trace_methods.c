/* SPDX-License-Identifier: BSD-3-Clause */
/* One packet, made of its fields or given whole, is traced by the data plane. */
#include "rpc/trace_methods.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <dp/trace.h>

#include "base/addr.h"
#include "base/escape.h"
#include "monitor/packet_trace.h"
#include "rpc/methods.h"
#include "rpc/trace_json.h"

/* The sender's, of a packet that is made of fields: locally administered, nobody's. */
static const uint8_t probe_mac[6] = {0x02};

/* What one call is about. */
struct packet_trace {
	const struct methods_context *context;
	struct dp_port_info port;
	struct dp_trace trace;
	const struct flow *flow; /* see flow_of() */
	uint8_t *frame;
	size_t frame_bytes;
	bool is_made; /* of fields: its checksums are right */
	json_t *legs;
	bool no_memory;
};

static uint16_t
number_of(const json_t *object, const char *name)
{
	return (uint16_t)json_integer_value(json_object_get(object, name));
}

/* Bytes of a member in hex, to be given to free(); NULL with *fault set. */
static uint8_t *
bytes_of(const json_t *object, const char *name, size_t *n, struct fault *fault)
{
	const json_t *member = json_object_get(object, name);
	const size_t length = json_string_length(member);
	uint8_t *bytes = malloc(length / 2 + 1);

	*n = length / 2;
	if (!bytes) {
		fault_set(fault, FAULT_NO_ROOM, "", "no memory for the packet");
		return NULL;
	}
	if (hex_read(json_string_value(member), length, bytes) < 0) {
		free(bytes);
		fault_set(fault, FAULT_INVALID_VALUE, "",
			"found %zu hexadecimal digits, expected two a byte", length);
		fault_prefix(fault, "/%s", name);
		return NULL;
	}
	return bytes;
}

static int
addresses_read(const json_t *fields, struct packet_fields *probe, struct fault *fault)
{
	const char *src = json_string_value(json_object_get(fields, "src"));
	const char *dst = json_string_value(json_object_get(fields, "dst"));

	probe->family = address_parse(src, probe->src);
	if (address_parse(dst, probe->dst) != probe->family)
		return fault_set(fault, FAULT_INVALID_VALUE, "/dst",
			"found %s for a packet from %s, expected an address of the same family",
			dst, src);
	return 0;
}

static int
fields_read(struct packet_trace *trace, const json_t *fields, struct fault *fault)
{
	struct packet_fields probe = {
		.src_port = htons(number_of(fields, "src_port")),
		.dst_port = htons(number_of(fields, "dst_port")),
		.vlan = number_of(fields, "vlan"),
		.outer_vlan = number_of(fields, "outer_vlan"),
		.ttl = (uint8_t)number_of(fields, "ttl"),
		.dscp = (uint8_t)number_of(fields, "dscp"),
	};
	uint8_t *payload;

	if (addresses_read(fields, &probe, fault) < 0)
		return -1;
	payload = bytes_of(fields, "payload", &probe.payload_bytes, fault);
	if (!payload)
		return -1;
	probe.payload = payload;
	memcpy(probe.src_mac, probe_mac, sizeof(probe_mac));
	memcpy(probe.dst_mac, trace->port.mac, sizeof(probe.dst_mac));
	trace->frame = malloc(PACKET_HEADERS_MAX + probe.payload_bytes);
	if (trace->frame)
		trace->frame_bytes = packet_build(&probe, trace->frame);
	free(payload);
	return trace->frame ? 0 : fault_set(fault, FAULT_NO_ROOM, "", "no memory for the packet");
}

static int
packet_read(struct packet_trace *trace, const json_t *params, struct fault *fault)
{
	const json_t *fields = json_object_get(params, "fields");

	if (!fields == !json_object_get(params, "frame"))
		return fault_set(fault, FAULT_INVALID_VALUE, "",
			"found %s, expected the packet either as frame or as fields",
			fields ? "both frame and fields" : "neither frame nor fields");
	if (!fields) {
		trace->frame = bytes_of(params, "frame", &trace->frame_bytes, fault);
		return trace->frame ? 0 : -1;
	}
	trace->is_made = true;
	if (fields_read(trace, fields, fault) == 0)
		return 0;
	fault_prefix(fault, "/fields");
	return -1;
}

static int
port_read(const struct methods_context *context, const json_t *params, struct fault *fault)
{
	const char *name = json_string_value(json_object_get(params, "port"));
	const int port = ports_find(context->flows->ports, name);

	if (port < 0)
		fault_set(fault, FAULT_NOT_FOUND, "/port",
			"found %s, expected the name of a port; port.list has them", name);
	return port;
}

/* What an exact flow's or a listener's match says that takes the packet. */
static void
match_of(const struct packet_trace *trace, struct flow_match *match)
{
	const struct dp_flow_key *key = &trace->trace.key;

	memset(match, 0, sizeof(*match));
	memcpy(match->port, trace->port.name, strlen(trace->port.name));
	memcpy(match->dst, key->dst, sizeof(match->dst));
	match->dst_port = key->dst_port;
	match->vlan = key->vlan;
	match->outer_vlan = key->outer_vlan;
	match->family = key->family;
	match->any_source = trace->trace.match == DP_TRACE_LISTENER;
	if (match->any_source)
		return;
	memcpy(match->src, key->src, sizeof(match->src));
	match->src_port = key->src_port;
}

/* Rules are found by their handle alone, one flow after the other. */
static const struct flow *
rule_of(const struct packet_trace *trace)
{
	const struct flow *flow = flow_db_after(&trace->context->flows->db, 0);

	while (flow && (!flow->spec->rule || flow->handle != trace->trace.handle))
		flow = flow_db_next(flow);
	return flow;
}

/* The flow that has the packet, looked for once; NULL when none has. */
static const struct flow *
flow_of(struct packet_trace *trace)
{
	struct flow_match match;

	if (trace->flow || trace->trace.handle == DP_HANDLE_NONE)
		return trace->flow;
	if (trace->trace.match == DP_TRACE_RULE) {
		trace->flow = rule_of(trace);
	} else {
		match_of(trace, &match);
		trace->flow = flow_db_match_seek(&trace->context->flows->db, &match);
	}
	return trace->flow;
}

/* What a packet that is no flow's nearly is. */
static void
nearest_add(const struct packet_trace *trace, json_t *result)
{
	const struct flows *flows = trace->context->flows;
	struct flow_match packet;
	struct nearest nearest;

	if (trace->trace.step != DP_TRACE_CLASSIFY)
		return;
	match_of(trace, &packet);
	nearest_find(&flows->db, validate_endpoints(flows->validate), &packet, &nearest);
	if (nearest.spec)
		json_object_set_new(result, "nearest",
			trace_nearest_encode(&nearest, &packet, flow_db_count(&flows->db)));
}

static void
leg_take(void *arg, const struct dp_trace_leg *leg)
{
	struct packet_trace *trace = arg;
	const struct flow *flow = flow_of(trace);
	struct dp_port_info egress;

	dp_port_info_get(trace->context->dp, leg->hop.port, &egress);
	egress.link_up = !dp_port_is_down(trace->context->dp, leg->hop.port);
	if (json_array_append_new(trace->legs,
		    trace_leg_encode(&trace->trace, leg, flow ? flow->spec : NULL, &egress)) < 0)
		trace->no_memory = true;
}

/* The data plane updates checksums and looks at none of UDP's: what is wrong stays so. */
static void
checksum_add(const struct packet_trace *trace, json_t *stages)
{
	static const char *const said[] = {
		[PACKET_CHECKSUM_RIGHT] = "right",
		[PACKET_CHECKSUM_WRONG] = "wrong",
		[PACKET_CHECKSUM_PARTIAL] = "partial",
		[PACKET_CHECKSUM_NONE] = "none",
	};
	const struct dp_flow_key *key = &trace->trace.key;
	const size_t at = trace->trace.l2_bytes +
			  (key->family == 4 ? 20 : 40u + trace->trace.extension_bytes);
	struct packet_fields ends = {.family = key->family};
	json_t *parse = json_array_get(stages, 0);
	enum packet_checksum checksum;
	uint16_t found, expected;

	if (trace->trace.step == DP_TRACE_PARSE ||
		trace->frame_bytes < at + 8 + trace->trace.payload_bytes)
		return;
	memcpy(ends.src, key->src, sizeof(ends.src));
	memcpy(ends.dst, key->dst, sizeof(ends.dst));
	checksum = packet_udp_check(&ends, trace->frame + at, &found, &expected);
	json_object_set_new(parse, "udp_checksum", json_string(said[checksum]));
	if (checksum == PACKET_CHECKSUM_RIGHT || checksum == PACKET_CHECKSUM_NONE)
		return;
	json_object_set_new(parse, "checksum_found", json_integer(found));
	json_object_set_new(parse, "checksum_expected", json_integer(expected));
}

static json_t *
result_encode(struct packet_trace *trace, uint32_t end)
{
	static const char *const verdicts[] = {"forward", "drop", "punt"};
	const struct flow *flow = flow_of(trace);
	char *hex = malloc(2 * trace->frame_bytes + 1);
	json_t *result;

	if (!hex)
		return NULL;
	hex_write(trace->frame, trace->frame_bytes, hex);
	result = json_pack("{s:s, s:s, s:s, s:s?, s:i, s:i, s:o, s:i, s:O}", "port",
		trace->port.name, "frame", hex, "verdict", verdicts[trace->trace.verdict], "flow",
		flow ? flow->spec->id : NULL, "worker", trace->trace.worker, "workers",
		trace->trace.n_workers, "stages", trace_stages_encode(&trace->trace, &trace->port),
		"n_legs", (int)trace->trace.n_legs, "legs", trace->legs);
	free(hex);
	nearest_add(trace, result);
	if (!trace->is_made)
		checksum_add(trace, json_object_get(result, "stages"));
	if (end < trace->trace.n_legs)
		json_object_set_new(result, "next", json_integer(end));
	return result;
}

static json_t *
packet_trace_run(
	struct packet_trace *trace, uint16_t port, const json_t *params, struct fault *fault)
{
	const struct dp_trace_request request = {
		.frame = trace->frame,
		.frame_bytes = (uint32_t)trace->frame_bytes,
		.port = port,
		.first_leg = number_of(params, "legs_after"),
		.n_legs = number_of(params, "limit"),
	};
	const int ret = dp_trace(trace->context->dp, &request, &trace->trace, leg_take, trace);

	if (ret == -EMSGSIZE)
		fault_set(fault, FAULT_INVALID_VALUE, "",
			"found a frame of %zu bytes, expected at most %u", trace->frame_bytes,
			DP_TRACE_FRAME_MAX);
	else if (ret < 0 || trace->no_memory)
		fault_set(fault, FAULT_NO_ROOM, "", "no memory for the trace");
	else
		return result_encode(trace, (uint32_t)request.first_leg + request.n_legs);
	return NULL;
}

json_t *
packet_trace(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	struct packet_trace trace = {.context = ctx};
	const int port = port_read(ctx, params, fault);
	json_t *result = NULL;

	(void)call;
	if (port < 0)
		return NULL;
	dp_port_info_get(trace.context->dp, (unsigned)port, &trace.port);
	trace.legs = json_array();
	if (packet_read(&trace, params, fault) == 0)
		result = packet_trace_run(&trace, (uint16_t)port, params, fault);
	json_decref(trace.legs);
	free(trace.frame);
	return result;
}
