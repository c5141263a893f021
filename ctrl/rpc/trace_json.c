/* SPDX-License-Identifier: BSD-3-Clause */
/* Each stage is an object that says what it looked at and what came of it. */
#include "rpc/trace_json.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dp/dp.h>

#include "base/addr.h"
#include "base/escape.h"

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

/* Steps that the flow does not have are not told of. */
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

json_t *
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

static int
frame_add(json_t *object, const struct dp_trace_leg *leg)
{
	char *hex = malloc(2 * (size_t)leg->frame_bytes + 1);

	if (!hex)
		return -1;
	hex_write(leg->frame, leg->frame_bytes, hex);
	number_add(object, "frame_bytes", leg->frame_bytes);
	json_object_set_new(object, "frame", json_string(hex));
	free(hex);
	return 0;
}

/* The id that the operator or we gave; legs of streams have none. */
static void
leg_id_add(json_t *object, const struct dp_trace *trace, const struct dp_trace_leg *leg,
	const struct flow_spec *spec)
{
	if (spec && !trace->has_stream && leg->index < spec->n_legs)
		json_object_set_new(object, "id", json_string(spec->legs[leg->index].id));
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

json_t *
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

	leg_id_add(object, trace, leg, spec);
	reason_add(object, leg->drop);
	if (leg->one_in > 1) {
		number_add(object, "one_in", leg->one_in);
		number_add(object, "nth", trace->nth);
	}
	if (leg->police.config.rate_bps) {
		json_object_set_new(object, "police", json_object());
		police_add(json_object_get(object, "police"), &leg->police);
	}
	if (leg->outcome == DP_TRACE_SENT && frame_add(object, leg) < 0) {
		json_decref(object);
		return NULL;
	}
	return object;
}

struct near_text {
	char s[ADDRESS_TEXT_MAX + 8];
};

static void
vlan_text(uint16_t vlan, struct near_text *text)
{
	if (vlan)
		snprintf(text->s, sizeof(text->s), "%u", vlan);
	else
		snprintf(text->s, sizeof(text->s), "none");
}

static void
range_text(uint16_t first, uint16_t last, struct near_text *text)
{
	if (first == last)
		snprintf(text->s, sizeof(text->s), "%u", first);
	else
		snprintf(text->s, sizeof(text->s), "%u-%u", first, last);
}

/* A field of a match, or of a rule where there is one. */
static void
field_text(enum near_field field, const struct flow_match *match, const struct flow_rule *rule,
	struct near_text *text)
{
	const bool of_source = field == NEAR_SRC || field == NEAR_SRC_PORT;
	const uint16_t port = ntohs(of_source ? match->src_port : match->dst_port);
	const struct dp_rule *r = rule ? &rule->rule : NULL;
	size_t n;

	switch (field) {
	case NEAR_PORT:
		snprintf(text->s, sizeof(text->s), "%s", rule ? rule->port : match->port);
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
		address_format(match->family, of_source ? match->src : match->dst, text->s);
		return;
	}
	address_format(match->family, of_source ? r->src : r->dst, text->s);
	n = strlen(text->s);
	snprintf(text->s + n, sizeof(text->s) - n, "/%u", of_source ? r->src_bits : r->dst_bits);
}

json_t *
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
		struct near_text found, wanted;

		if (!(nearest->differs & 1u << i))
			continue;
		field_text((enum near_field)i, packet, NULL, &found);
		field_text((enum near_field)i, &spec->match, spec->rule, &wanted);
		json_array_append_new(differs, json_pack("{s:s, s:s, s:s}", "field", names[i],
						       "packet", found.s, "flow", wanted.s));
	}
	return json_pack("{s:s, s:o, s:I, s:I}", "flow", spec->id, "differs", differs, "looked_at",
		(json_int_t)nearest->n_scanned, "flows", (json_int_t)n_flows);
}
