/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A packet, made of its fields or given whole, is traced by the data plane. Each stage of the
 * answer is an object that says what it checked, and the outcome.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dp/dp.h>
#include <dp/trace.h>

#include "base/addr.h"
#include "base/escape.h"
#include "monitor/packet_trace.h"
#include "rpc/methods.h"

static const char *const verdict_names[] = {
	[DP_FORWARD] = "forward",
	[DP_DROP] = "drop",
	[DP_PUNT] = "punt",
};

static void
reason_add(json_t *object, unsigned drop)
{
	if (drop >= DP_DROP_COUNT)
		return;
	json_object_set_new(object, "reason", json_string(dp_drop_name((enum dp_drop)drop)));
	json_object_set_new(object, "help", json_string(dp_drop_help((enum dp_drop)drop)));
}

/* A new stage at the end of the list; borrowed. */
static json_t *
stage_add(json_t *stages, const char *name, const char *outcome)
{
	json_t *stage = json_pack("{s:s, s:s}", "stage", name, "outcome", outcome);

	json_array_append_new(stages, stage);
	return stage;
}

/* One of the flow's steps: passed, or the one at which it was decided. */
static json_t *
step_add(json_t *stages, const char *name, const struct dp_trace *trace, enum dp_trace_step step)
{
	json_t *stage = stage_add(
		stages, name, step == trace->step ? verdict_names[trace->verdict] : "pass");

	if (step == trace->step)
		reason_add(stage, trace->drop);
	return stage;
}

static void
number_add(json_t *object, const char *name, uint64_t number)
{
	json_object_set_new(object, name, json_integer((json_int_t)number));
}

static void
endpoint_add(json_t *object, const char *address_name, const char *port_name, uint8_t family,
	const uint8_t address[16], uint16_t port)
{
	char text[ADDRESS_TEXT_MAX];

	address_format(family, address, text);
	json_object_set_new(object, address_name, json_string(text));
	number_add(object, port_name, ntohs(port));
}

static void
parse_add(json_t *stages, const struct dp_trace *trace, const struct dp_port_info *port)
{
	const struct dp_flow_key *key = &trace->key;
	json_t *stage = step_add(stages, "parse", trace, DP_TRACE_PARSE);

	if (trace->step == DP_TRACE_PARSE)
		return;
	number_add(stage, "vlan", key->vlan);
	number_add(stage, "outer_vlan", key->outer_vlan);
	endpoint_add(stage, "src", "src_port", key->family, key->src, key->src_port);
	endpoint_add(stage, "dst", "dst_port", key->family, key->dst, key->dst_port);
	number_add(stage, "ttl", trace->ttl);
	number_add(stage, "dscp", trace->tos >> 2);
	number_add(stage, "ip_bytes", trace->ip_bytes);
	number_add(stage, "payload_bytes", trace->payload_bytes);
	number_add(stage, "extension_bytes", trace->extension_bytes);
	number_add(stage, "mtu", port->mtu);
}

static void
search_add(json_t *stages, const struct dp_trace *trace, const struct dp_port_info *port)
{
	static const char *const names[] = {
		[DP_TRACE_EXACT] = "exact",
		[DP_TRACE_LISTENER] = "listener",
		[DP_TRACE_RULE] = "rules",
	};
	unsigned i;

	for (i = DP_TRACE_EXACT; i <= DP_TRACE_RULE; i++) {
		if (trace->looked & 1 << i)
			stage_add(stages, names[i], trace->match == i ? "match" : "miss");
	}
	if (trace->match != DP_TRACE_NONE)
		return;
	json_object_set_new(step_add(stages, "unmatched", trace, DP_TRACE_CLASSIFY),
		"kernel_beside", json_boolean(port->ifindex));
}

static void
police_add(json_t *object, const struct dp_trace_police *police)
{
	number_add(object, "rate_bps", police->config.rate_bps);
	number_add(object, "burst_bytes", police->config.burst_bytes);
	number_add(object, "left_bytes", police->left_bytes);
}

static void
class_add(json_t *stages, const struct dp_trace *trace)
{
	static const char *const names[] = {
		[DP_CLASS_STUN] = "stun",
		[DP_CLASS_DTLS] = "dtls",
		[DP_CLASS_RTP] = "rtp",
		[DP_CLASS_OTHER] = "other",
	};

	json_object_set_new(step_add(stages, "class", trace, DP_TRACE_CLASS), "class",
		json_string(names[trace->payload_class]));
}

static void
latch_add(json_t *stages, const struct dp_trace *trace)
{
	static const char *const said[] = {
		[DP_TRACE_LATCH_SAME] = "same",
		[DP_TRACE_LATCH_LEARNS] = "learns",
		[DP_TRACE_LATCH_MOVES] = "moves",
		[DP_TRACE_LATCH_REFUSES] = "other",
	};
	const struct dp_latched *latched = &trace->latched;
	json_t *stage = step_add(stages, "latch", trace, DP_TRACE_LATCH), *source = json_null();

	json_object_set_new(stage, "mode",
		json_string(trace->latch_mode == DP_LATCH_FIRST ? "first" : "follow"));
	json_object_set_new(stage, "source", json_string(said[trace->latch]));
	if (latched->valid) {
		source = json_object();
		endpoint_add(source, "src", "src_port", trace->key.family, latched->src,
			latched->src_port);
		number_add(source, "moves", latched->moves);
	}
	json_object_set_new(stage, "latched", source);
}

/* Steps that the flow does not have are left out. */
static void
steps_add(json_t *stages, const struct dp_trace *trace)
{
	if (trace->down)
		step_add(stages, "admin", trace, DP_TRACE_ADMIN);
	if (trace->n_allow && trace->step >= DP_TRACE_ALLOW)
		number_add(step_add(stages, "allow", trace, DP_TRACE_ALLOW), "prefixes",
			trace->n_allow);
	if (trace->has_classes && trace->step >= DP_TRACE_CLASS)
		class_add(stages, trace);
	if (trace->latch_mode != DP_LATCH_OPEN && trace->step >= DP_TRACE_LATCH)
		latch_add(stages, trace);
	if (trace->n_streams && trace->step >= DP_TRACE_STREAM)
		json_object_set_new(step_add(stages, "stream", trace, DP_TRACE_STREAM), "stream",
			trace->has_stream ? json_integer(trace->stream) : json_null());
	if (trace->police.config.rate_bps && trace->step >= DP_TRACE_POLICE)
		police_add(step_add(stages, "police", trace, DP_TRACE_POLICE), &trace->police);
	if (trace->step == DP_TRACE_ACTION)
		step_add(stages, "action", trace, DP_TRACE_ACTION);
}

/*
 * The stages in the order in which the packet met them, up to the one that decided. New reference.
 */
static json_t *
trace_stages_encode(const struct dp_trace *trace, const struct dp_port_info *port)
{
	json_t *stages = json_array();

	parse_add(stages, trace, port);
	if (trace->step >= DP_TRACE_CLASSIFY)
		search_add(stages, trace, port);
	if (trace->step > DP_TRACE_CLASSIFY)
		steps_add(stages, trace);
	return stages;
}

/* A string in hexadecimal; NULL: no memory. */
static json_t *
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

static json_t *
leg_hop_encode(const struct dp_next_hop *hop)
{
	char src[MAC_TEXT_MAX], dst[MAC_TEXT_MAX];

	mac_format(hop->src_mac, src);
	mac_format(hop->dst_mac, dst);
	return json_pack("{s:b, s:s?, s:s?, s:i}", "resolved", hop->mtu != 0, "mac",
		hop->mtu ? dst : NULL, "src_mac", hop->mtu ? src : NULL, "mtu", hop->mtu);
}

/*
 * One leg's copy. spec: NULL when the flow is not known; the leg's id is then left out. New
 * reference, NULL without memory.
 */
static json_t *
trace_leg_encode(const struct dp_trace *trace, const struct dp_trace_leg *leg,
	const struct flow_spec *spec, const struct dp_port_info *egress)
{
	static const char *const outcomes[] = {
		[DP_TRACE_SENT] = "sent",
		[DP_TRACE_DOWN] = "down",
		[DP_TRACE_SAMPLED_OUT] = "sampled_out",
		[DP_TRACE_DROPPED] = "drop",
	};
	json_t *object = json_pack("{s:i, s:s, s:s, s:b, s:o}", "index", leg->index, "outcome",
		outcomes[leg->outcome], "port", egress->name, "link_up", egress->link_up,
		"next_hop", leg_hop_encode(&leg->hop));

	if (spec && !trace->has_stream && leg->index < spec->n_legs) /* legs of streams have none */
		json_object_set_new(object, "id", json_string(spec->legs[leg->index].id));
	reason_add(object, leg->drop);
	if (leg->one_in > 1) {
		number_add(object, "one_in", leg->one_in);
		number_add(object, "nth", trace->nth);
	}
	if (leg->police.config.rate_bps) {
		json_object_set_new(object, "police", json_object());
		police_add(json_object_get(object, "police"), &leg->police);
	}
	if (leg->outcome != DP_TRACE_SENT)
		return object;
	number_add(object, "frame_bytes", leg->frame_bytes);
	if (json_object_set_new(object, "frame", hex_encode(leg->frame, leg->frame_bytes)) == 0)
		return object;
	json_decref(object);
	return NULL;
}

#define NEAR_TEXT_MAX (ADDRESS_TEXT_MAX + 8)

static void
vlan_text(uint16_t vlan, char text[NEAR_TEXT_MAX])
{
	if (vlan)
		snprintf(text, NEAR_TEXT_MAX, "%u", vlan);
	else
		strcpy(text, "none");
}

static void
range_text(uint16_t first, uint16_t last, char text[NEAR_TEXT_MAX])
{
	if (first == last)
		snprintf(text, NEAR_TEXT_MAX, "%u", first);
	else
		snprintf(text, NEAR_TEXT_MAX, "%u-%u", first, last);
}

/* A field of a match, or of a rule where there is one. */
static void
field_text(enum near_field field, const struct flow_match *match, const struct flow_rule *rule,
	char text[NEAR_TEXT_MAX])
{
	const bool of_source = field == NEAR_SRC || field == NEAR_SRC_PORT;
	const uint16_t port = ntohs(of_source ? match->src_port : match->dst_port);
	const struct dp_rule *r = rule ? &rule->rule : NULL;
	size_t n;

	switch (field) {
	case NEAR_PORT:
		snprintf(text, NEAR_TEXT_MAX, "%s", rule ? rule->port : match->port);
		return;
	case NEAR_OUTER_VLAN:
		vlan_text(r ? r->outer_vlan : match->outer_vlan, text);
		return;
	case NEAR_VLAN:
		vlan_text(r ? r->vlan : match->vlan, text);
		return;
	case NEAR_SRC_PORT:
		range_text(r ? r->src_port_first : port, r ? r->src_port_last : port, text);
		return;
	case NEAR_DST_PORT:
		range_text(r ? r->dst_port_first : port, r ? r->dst_port_last : port, text);
		return;
	default:
		break;
	}
	if (!r) {
		address_format(match->family, of_source ? match->src : match->dst, text);
		return;
	}
	address_format(match->family, of_source ? r->src : r->dst, text);
	n = strlen(text);
	snprintf(text + n, NEAR_TEXT_MAX - n, "/%u", of_source ? r->src_bits : r->dst_bits);
}

/*
 * {"flow": id, "differs": [{"field", "packet", "flow"}...], "looked_at", "flows"} of a flow that
 * the packet misses; "flows" is how many there are.
 */
static json_t *
trace_nearest_encode(const struct nearest *nearest, const struct flow_match *packet, size_t n_flows)
{
	static const char *const names[NEAR_FIELDS] = {
		[NEAR_PORT] = "port",
		[NEAR_OUTER_VLAN] = "outer_vlan",
		[NEAR_VLAN] = "vlan",
		[NEAR_SRC] = "src",
		[NEAR_SRC_PORT] = "src_port",
		[NEAR_DST] = "dst",
		[NEAR_DST_PORT] = "dst_port",
	};
	const struct flow_spec *spec = nearest->spec;
	json_t *differs = json_array();
	unsigned i;

	for (i = 0; i < NEAR_FIELDS; i++) {
		char found[NEAR_TEXT_MAX], wanted[NEAR_TEXT_MAX];

		if (!(nearest->differs & 1u << i))
			continue;
		field_text((enum near_field)i, packet, NULL, found);
		field_text((enum near_field)i, &spec->match, spec->rule, wanted);
		json_array_append_new(differs, json_pack("{s:s, s:s, s:s}", "field", names[i],
						       "packet", found, "flow", wanted));
	}
	return json_pack("{s:s, s:o, s:I, s:I}", "flow", spec->id, "differs", differs, "looked_at",
		(json_int_t)nearest->n_scanned, "flows", (json_int_t)n_flows);
}

/* The sender's, of a packet that is made of fields: locally administered. */
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
	const char *src = param_text(fields, "src"), *dst = param_text(fields, "dst");
	uint8_t *payload;

	probe.family = address_parse(src, probe.src);
	if (address_parse(dst, probe.dst) != probe.family)
		return fault_set(fault, FAULT_INVALID_VALUE, "/dst",
			"found %s for a packet from %s, expected an address of the same family",
			dst, src);
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

/* The flow of the packet, searched for once; NULL: it has none. */
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
	nearest_find(&flows->db, flows->validate, &packet, &nearest);
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

/* The data plane updates checksums and checks none of UDP's: what is wrong stays so. */
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
	const struct flow *flow = flow_of(trace);
	json_t *result;

	result = json_pack("{s:s, s:o, s:s, s:s?, s:i, s:i, s:o, s:i, s:O}", "port",
		trace->port.name, "frame", hex_encode(trace->frame, trace->frame_bytes), "verdict",
		verdict_names[trace->trace.verdict], "flow", flow ? flow->spec->id : NULL, "worker",
		trace->trace.worker, "workers", trace->trace.n_workers, "stages",
		trace_stages_encode(&trace->trace, &trace->port), "n_legs",
		(int)trace->trace.n_legs, "legs", trace->legs);
	if (!result)
		return NULL;
	nearest_add(trace, result);
	if (!trace->is_made)
		checksum_add(trace, json_object_get(result, "stages"));
	if (end < trace->trace.n_legs)
		json_object_set_new(result, "next", json_integer(end));
	return result;
}

static json_t *
packet_trace(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	struct packet_trace trace = {.context = ctx};
	const char *name = param_text(params, "port");
	const int port = ports_find(trace.context->flows->ports, name);
	struct dp_trace_request request = {
		.port = (uint16_t)port,
		.first_leg = number_of(params, "legs_after"),
		.n_legs = number_of(params, "limit"),
	};
	json_t *result = NULL;
	int rc;

	(void)call;
	if (port < 0) {
		fault_set(fault, FAULT_NOT_FOUND, "/port",
			"found %s, expected the name of a port, see port.list", name);
		return NULL;
	}
	dp_port_info_get(trace.context->dp, (unsigned)port, &trace.port);
	if (packet_read(&trace, params, fault) < 0)
		goto out;
	request.frame = trace.frame;
	request.frame_bytes = (uint32_t)trace.frame_bytes;
	trace.legs = json_array();
	rc = dp_trace(trace.context->dp, &request, &trace.trace, leg_take, &trace);
	if (rc == -EMSGSIZE) {
		fault_set(fault, FAULT_INVALID_VALUE, "",
			"found a frame of %zu bytes, expected at most %u", trace.frame_bytes,
			DP_TRACE_FRAME_MAX);
		goto out;
	}
	if (rc >= 0 && !trace.no_memory)
		result = result_encode(&trace, (uint32_t)request.first_leg + request.n_legs);
	if (!result)
		fault_set(fault, FAULT_NO_ROOM, "", "no memory for the trace");
out:
	json_decref(trace.legs);
	free(trace.frame);
	return result;
}

const struct rpc_method trace_methods[] = {
	{"packet.trace", packet_trace},
	{NULL, NULL},
};
