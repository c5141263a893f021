/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A packet, made of its fields or given whole, is traced by the data plane. Each stage of the
 * answer is an object that says what it checked, and the outcome.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dp/dp.h>
#include <dp/trace.h>

#include "base/addr.h"
#include "base/escape.h"
#include "flow/flow_codec.h"
#include "flow/validate.h"
#include "rpc/methods.h"
#include "rpc/packet.h"

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
	if (step == trace->step && trace->exception)
		json_object_set_new(stage, "kernel",
			json_string(dp_exception_name((enum dp_exception)(trace->exception - 1))));
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
		"kernel_beside", json_boolean(port->ifindex && !port->kernel_path));
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
sources_add(json_t *stages, const struct dp_trace *trace)
{
	static const char *const said[] = {
		[DP_TRACE_SOURCE_ACTIVE] = "active",
		[DP_TRACE_SOURCE_TAKES_OVER] = "takes_over",
		[DP_TRACE_SOURCE_RETURNS] = "returns",
		[DP_TRACE_SOURCE_STANDBY] = "standby",
		[DP_TRACE_SOURCE_UNLISTED] = "unlisted",
	};
	json_t *stage = step_add(stages, "sources", trace, DP_TRACE_SOURCES);

	json_object_set_new(stage, "choice", json_string(said[trace->source]));
	number_add(stage, "active", trace->sources.active);
}

static void
latch_add(json_t *stages, const struct dp_trace *trace)
{
	static const char *const said[] = {
		[DP_TRACE_LATCH_SAME] = "same",
		[DP_TRACE_LATCH_LEARNS] = "learns",
		[DP_TRACE_LATCH_MOVES] = "moves",
		[DP_TRACE_LATCH_REFUSES] = "other",
		[DP_TRACE_LATCH_NOT_BY] = "not_by",
		[DP_TRACE_LATCH_OTHER_SSRC] = "other_ssrc",
	};
	const struct dp_latched *latched = &trace->latched;
	json_t *stage = step_add(stages, "latch", trace, DP_TRACE_LATCH), *source = json_null();

	json_object_set_new(stage, "mode",
		json_string(trace->latch_mode == DP_LATCH_FIRST ? "first" : "follow"));
	if (trace->latch_by != DP_LATCH_BY_ANY)
		json_object_set_new(stage, "by",
			json_string(flow_latch_by_word((enum dp_latch_by)trace->latch_by)));
	json_object_set_new(stage, "source", json_string(said[trace->latch]));
	if (latched->valid) {
		source = json_object();
		endpoint_add(source, "src", "src_port", trace->key.family, latched->src,
			latched->src_port);
		number_add(source, "moves", latched->moves);
		if (latched->has_ssrc)
			number_add(source, "ssrc", latched->ssrc);
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
	if (trace->sources.n && trace->step >= DP_TRACE_SOURCES)
		sources_add(stages, trace);
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

static json_t *
leg_hop_encode(const struct dp_next_hop *hop)
{
	char src[MAC_TEXT_MAX], dst[MAC_TEXT_MAX];

	mac_format(hop->src_mac, src);
	mac_format(hop->dst_mac, dst);
	return json_pack("{s:b, s:s?, s:s?, s:i}", "resolved", hop->mtu != 0, "mac",
		hop->mtu ? dst : NULL, "src_mac", hop->mtu ? src : NULL, "mtu", hop->mtu);
}

/* NULL: the flow has changed since. */
static const struct flow_leg *
traced_leg(
	const struct dp_trace *trace, const struct dp_trace_leg *leg, const struct flow_spec *spec)
{
	unsigned first = 0, n = spec->n_legs;

	if (trace->has_stream) {
		n = trace->stream < spec->n_streams ? spec->streams[trace->stream].dp.n_legs : 0;
		first = n > 0 ? spec->streams[trace->stream].first_leg : 0;
	}
	return leg->index < n ? &spec->legs[first + leg->index] : NULL;
}

/*
 * One leg's copy. spec: NULL when the flow is not known; what is said of the leg itself is then
 * left out. New reference, NULL without memory.
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
	const struct flow_leg *of = spec ? traced_leg(trace, leg, spec) : NULL;
	json_t *object = json_pack("{s:i, s:s, s:s, s:b, s:o}", "index", leg->index, "outcome",
		outcomes[leg->outcome], "port", egress->name, "link_up", egress->link_up,
		"next_hop", leg_hop_encode(&leg->hop));

	if (of && of->id[0] != '\0') /* legs of streams have none */
		json_object_set_new(object, "id", json_string(of->id));
	if (of && of->learned[0] != '\0')
		json_object_set_new(object, "learned", json_string(of->learned));
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

/*
 * For a packet that no flow matches: the flow that it misses by least, and the fields in which it
 * does. Flows that receive at the same address and port, or take the same pair of ends, on another
 * port or VLAN are found by the index of validation; others, of another source, address or UDP
 * port, among the newest NEAREST_SCAN_MAX flows, so that a million of them stop nothing.
 */
#define NEAREST_SCAN_MAX 8192 /* some two milliseconds */
#define WEIGHT_MAX 5 /* more than that is another flow's packet altogether */

enum near_field {
	NEAR_PORT, /* of ingress */
	NEAR_OUTER_VLAN,
	NEAR_VLAN,
	NEAR_SRC,
	NEAR_SRC_PORT,
	NEAR_DST,
	NEAR_DST_PORT,
	NEAR_FIELDS
};

/* Fields weigh by how seldom they are what was got wrong: an address more than a port or a VLAN. */
static const struct {
	const char *name;
	unsigned weight;
} near_fields[NEAR_FIELDS] = {
	[NEAR_PORT] = {"port", 1},
	[NEAR_OUTER_VLAN] = {"outer_vlan", 1},
	[NEAR_VLAN] = {"vlan", 1},
	[NEAR_SRC] = {"src", 2},
	[NEAR_SRC_PORT] = {"src_port", 1},
	[NEAR_DST] = {"dst", 4},
	[NEAR_DST_PORT] = {"dst_port", 2},
};

struct nearest {
	const struct flow_spec *spec; /* NULL: none has enough in common with the packet */
	unsigned differs; /* bits 1 << enum near_field */
	unsigned weight; /* of these */
	size_t n_scanned; /* flows that were compared, those of the index not counted */
};

/* A match as the rule that takes the same packets. */
static struct flow_rule
rule_of_match(const struct flow_match *match)
{
	const uint8_t bits = (uint8_t)(8 * address_size(match->key.family));
	struct flow_rule of = {.rule = {.src_port_last = UINT16_MAX,
				       .dst_port_first = ntohs(match->key.dst_port),
				       .dst_port_last = ntohs(match->key.dst_port),
				       .vlan = match->key.vlan,
				       .outer_vlan = match->key.outer_vlan,
				       .dst_bits = bits}};

	memcpy(of.port, match->port, sizeof(of.port));
	memcpy(of.rule.dst, match->key.dst, sizeof(of.rule.dst));
	if (match->key.any_source)
		return of;
	memcpy(of.rule.src, match->key.src, sizeof(of.rule.src));
	of.rule.src_bits = bits;
	of.rule.src_port_first = of.rule.src_port_last = ntohs(match->key.src_port);
	return of;
}

static bool
range_has(uint16_t first, uint16_t last, uint16_t port)
{
	return ntohs(port) >= first && ntohs(port) <= last;
}

static bool
vlan_has(uint16_t wanted, uint16_t vlan)
{
	return wanted == DP_RULE_ANY || wanted == vlan;
}

/* Fields of a flow that the packet differs in, bits as above. */
static unsigned
nearest_differs(const struct flow_spec *spec, const struct flow_match *packet)
{
	const struct flow_rule of = spec->rule ? *spec->rule : rule_of_match(&spec->match);
	const struct dp_rule *rule = &of.rule;
	const bool fits[NEAR_FIELDS] = {
		[NEAR_PORT] = !of.port[0] || strcmp(of.port, packet->port) == 0,
		[NEAR_OUTER_VLAN] = vlan_has(rule->outer_vlan, packet->key.outer_vlan),
		[NEAR_VLAN] = vlan_has(rule->vlan, packet->key.vlan),
		[NEAR_SRC] = address_in_prefix(rule->src, rule->src_bits, packet->key.src),
		[NEAR_SRC_PORT] =
			range_has(rule->src_port_first, rule->src_port_last, packet->key.src_port),
		[NEAR_DST] = address_in_prefix(rule->dst, rule->dst_bits, packet->key.dst),
		[NEAR_DST_PORT] =
			range_has(rule->dst_port_first, rule->dst_port_last, packet->key.dst_port),
	};
	unsigned differs = 0, i;

	for (i = 0; i < NEAR_FIELDS; i++)
		differs |= (unsigned)!fits[i] << i;
	return differs;
}

static void
nearest_compare(
	struct nearest *nearest, const struct flow_spec *spec, const struct flow_match *packet)
{
	unsigned differs, weight = 0, i;

	if (spec->match.key.family != packet->key.family)
		return;
	differs = nearest_differs(spec, packet);
	for (i = 0; i < NEAR_FIELDS; i++)
		weight += differs & 1u << i ? near_fields[i].weight : 0;
	if (weight > WEIGHT_MAX || (nearest->spec && weight >= nearest->weight))
		return;
	nearest->spec = spec;
	nearest->differs = differs;
	nearest->weight = weight;
}

/* What is found is borrowed from the flows. */
static struct nearest
nearest_find(
	const struct flow_db *db, const struct validate *validate, const struct flow_match *packet)
{
	struct nearest nearest = {0};
	const struct flow *flow = NULL;
	unsigned kind, i;

	for (kind = 0; kind < ENDPOINT_KINDS; kind++) {
		struct endpoint *at =
			endpoints_first(validate, (enum endpoint_kind)kind, &packet->key);

		for (i = 0; at && i < NEAREST_SCAN_MAX; i++) {
			/* The index also has what is about to be installed. */
			if (flow_db_find(db, at->spec->id))
				nearest_compare(&nearest, at->spec, packet);
			at = endpoints_next(at, (enum endpoint_kind)kind, &packet->key);
		}
	}
	while (nearest.n_scanned < NEAREST_SCAN_MAX && (flow = flow_db_before(db, flow))) {
		if (flow->presence == FLOW_LIVE)
			nearest_compare(&nearest, flow->spec, packet);
		nearest.n_scanned++;
	}
	return nearest;
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

static void
prefix_text(uint8_t family, const uint8_t address[16], unsigned bits, char text[NEAR_TEXT_MAX])
{
	size_t n;

	address_format(family, address, text);
	n = strlen(text);
	if (bits < 8 * address_size(family))
		snprintf(text + n, NEAR_TEXT_MAX - n, "/%u", bits);
}

static void
field_text(
	enum near_field field, uint8_t family, const struct flow_rule *of, char text[NEAR_TEXT_MAX])
{
	const struct dp_rule *rule = &of->rule;

	switch (field) {
	case NEAR_PORT:
		snprintf(text, NEAR_TEXT_MAX, "%s", of->port);
		break;
	case NEAR_OUTER_VLAN:
		vlan_text(rule->outer_vlan, text);
		break;
	case NEAR_VLAN:
		vlan_text(rule->vlan, text);
		break;
	case NEAR_SRC:
		prefix_text(family, rule->src, rule->src_bits, text);
		break;
	case NEAR_SRC_PORT:
		range_text(rule->src_port_first, rule->src_port_last, text);
		break;
	case NEAR_DST:
		prefix_text(family, rule->dst, rule->dst_bits, text);
		break;
	default:
		range_text(rule->dst_port_first, rule->dst_port_last, text);
		break;
	}
}

/*
 * {"flow": id, "differs": [{"field", "packet", "flow"}...], "looked_at", "flows"} of a flow that
 * the packet misses; "flows" is how many there are.
 */
static json_t *
nearest_encode(const struct nearest *nearest, const struct flow_match *packet, size_t n_flows)
{
	const struct flow_spec *spec = nearest->spec;
	const struct flow_rule found = rule_of_match(packet);
	const struct flow_rule wanted = spec->rule ? *spec->rule : rule_of_match(&spec->match);
	json_t *differs = json_array();
	unsigned i;

	for (i = 0; i < NEAR_FIELDS; i++) {
		char of_packet[NEAR_TEXT_MAX], of_flow[NEAR_TEXT_MAX];

		if (!(nearest->differs & 1u << i))
			continue;
		field_text((enum near_field)i, packet->key.family, &found, of_packet);
		field_text((enum near_field)i, packet->key.family, &wanted, of_flow);
		json_array_append_new(
			differs, json_pack("{s:s, s:s, s:s}", "field", near_fields[i].name,
					 "packet", of_packet, "flow", of_flow));
	}
	return json_pack("{s:s, s:o, s:I, s:I}", "flow", spec->id, "differs", differs, "looked_at",
		(json_int_t)nearest->n_scanned, "flows", (json_int_t)n_flows);
}

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

static int
fields_read(struct packet_trace *trace, const json_t *params, struct fault *fault)
{
	struct packet_fields fields = {
		.key = {.src_port = htons(number_of(params, "src_port")),
			.dst_port = htons(number_of(params, "dst_port")),
			.vlan = number_of(params, "vlan"),
			.outer_vlan = number_of(params, "outer_vlan")},
		.ttl = (uint8_t)number_of(params, "ttl"),
		.dscp = (uint8_t)number_of(params, "dscp"),
	};
	static const uint8_t src_mac[6] = {0x02}; /* locally administered */
	const char *src = param_text(params, "src"), *dst = param_text(params, "dst");
	struct packet_link link;
	uint8_t *payload;

	fields.key.family = address_parse(src, fields.key.src);
	if (address_parse(dst, fields.key.dst) != fields.key.family)
		return fault_set(fault, FAULT_INVALID_VALUE, "/dst",
			"found %s for a packet from %s, expected an address of the same family",
			dst, src);
	payload = param_bytes(params, "payload", &fields.payload_bytes, fault);
	if (!payload)
		return -1;
	fields.payload = payload;
	trace->frame = malloc(PACKET_HEADERS_MAX + fields.payload_bytes);
	packet_link_make(&link, trace->port.mac, src_mac, &fields.key);
	if (trace->frame)
		trace->frame_bytes = packet_build(&fields, &link, trace->frame);
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
		trace->frame = param_bytes(params, "frame", &trace->frame_bytes, fault);
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
	memset(match, 0, sizeof(*match));
	memcpy(match->port, trace->port.name, strlen(trace->port.name));
	match->key = trace->trace.key;
	match->key.port = 0;
	match->key.any_source = trace->trace.match == DP_TRACE_LISTENER;
	if (!match->key.any_source)
		return;
	memset(match->key.src, 0, sizeof(match->key.src));
	match->key.src_port = 0;
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
	nearest = nearest_find(&flows->db, flows->validate, &packet);
	if (nearest.spec)
		json_object_set_new(result, "nearest",
			nearest_encode(&nearest, &packet, flow_db_count(&flows->db)));
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
	const struct dp_flow_key *key = &trace->trace.key;
	const size_t at = trace->trace.l2_bytes +
			  (key->family == 4 ? 20 : 40u + trace->trace.extension_bytes);
	const uint8_t *udp = trace->frame + at;
	json_t *parse = json_array_get(stages, 0);
	uint16_t bytes, found, expected;
	struct udphdr header;
	uint32_t pseudo;
	const char *said;

	if (trace->trace.step == DP_TRACE_PARSE ||
		trace->frame_bytes < at + sizeof(header) + trace->trace.payload_bytes)
		return;
	memcpy(&header, udp, sizeof(header));
	bytes = ntohs(header.len);
	found = ntohs(header.check);
	pseudo = packet_sum_pseudo_header(key, bytes);
	/* The sum is of all bytes: without the field, it is less by what stands there. */
	expected = packet_udp_checksum(pseudo + packet_sum(udp, bytes) + (uint16_t)~found);
	if (found == 0)
		said = "none";
	else if (found == expected)
		said = "right";
	else if ((found ^ packet_sum_finish(pseudo)) == 0xffff)
		said = "partial"; /* of the pseudo-header: Linux leaves the rest to a device */
	else
		said = "wrong";
	json_object_set_new(parse, "udp_checksum", json_string(said));
	if (found == 0 || found == expected)
		return;
	number_add(parse, "checksum_found", found);
	number_add(parse, "checksum_expected", expected);
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
	if (port < 0)
		return fault_null(fault, FAULT_NOT_FOUND, "/port",
			"found %s, expected the name of a port, see port.list", name);
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
out:
	json_decref(trace.legs);
	free(trace.frame);
	return result;
}

const struct rpc_method trace_methods[] = {
	{"packet.trace", packet_trace},
	{NULL, NULL},
};
