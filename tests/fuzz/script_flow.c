/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>

#include "script.h"

static void
address_draw(uint8_t address[16], struct cursor *cursor, enum dp_family family)
{
	memset(address, 0, 16);
	if (family == DP_IPV4)
		memcpy(address, (const uint8_t[]){192, 0, 2}, 3);
	else
		memcpy(address, (const uint8_t[]){0x20, 0x01, 0x0d, 0xb8}, 4);
	address[family == DP_IPV4 ? 3 : 15] = (uint8_t)take_below(cursor, 4);
}

static uint16_t
port_draw(struct cursor *cursor)
{
	return htons((uint16_t)(5000 + take_below(cursor, 3)));
}

static struct dp_police
police_draw(struct cursor *cursor)
{
	struct dp_police police = {0, 0};

	if (take_below(cursor, 4) == 0) {
		police.rate_bps = DP_RATE_BPS_MIN + take_word(cursor);
		police.burst_bytes = 1 + take_word(cursor) % 100000;
	}
	return police;
}

static void
leg_draw(struct dp_leg *leg, struct cursor *cursor, enum dp_family family)
{
	const uint8_t odd = take_byte(cursor);

	memset(leg, 0, sizeof(*leg));
	leg->family = (odd & 1) != 0 ? (uint8_t)(DP_IPV4 + DP_IPV6 - family) : (uint8_t)family;
	address_draw(leg->src, cursor, (enum dp_family)leg->family);
	address_draw(leg->dst, cursor, (enum dp_family)leg->family);
	leg->src_port = port_draw(cursor);
	leg->dst_port = port_draw(cursor);
	leg->next_hop = (uint16_t)take_below(cursor, 3);
	leg->vlan = (odd & 2) != 0 ? (uint16_t)(take_word(cursor) % 4095) : 0;
	leg->outer_vlan = (odd & 4) != 0 ? (uint16_t)(take_word(cursor) % 4095) : 0;
	leg->dscp = (odd & 8) != 0 ? (uint8_t)take_below(cursor, 64) : DP_DSCP_KEEP;
	leg->ttl = (odd & 16) != 0 ? take_byte(cursor) : DP_TTL_DECREMENT;
	leg->down = (odd & 0xe0) == 0xe0;
	leg->one_in = (odd & 32) != 0 ? take_below(cursor, 5) : 0;
	leg->police = police_draw(cursor);
}

static void
streams_draw(struct script_flow *out, struct cursor *cursor, enum dp_family family)
{
	out->flow.streams = out->streams;
	out->flow.n_streams = (uint16_t)take_below(cursor, SCRIPT_STREAMS_MAX + 1);
	for (unsigned i = 0; i < out->flow.n_streams; i++) {
		struct dp_stream *stream = &out->streams[i];

		stream->has_ssrc = (uint8_t)take_below(cursor, 2);
		stream->has_payload_type = (uint8_t)(!stream->has_ssrc || take_below(cursor, 2));
		stream->ssrc = take_below(cursor, 3);
		stream->payload_type = (uint8_t)(96 + take_below(cursor, 3));
		stream->verdict = (uint8_t)take_below(cursor, DP_VERDICT_COUNT);
		stream->n_legs = (uint16_t)take_below(cursor, 3);
		stream->legs = out->stream_legs[i];
		for (unsigned k = 0; k < stream->n_legs; k++)
			leg_draw(&out->stream_legs[i][k], cursor, family);
	}
}

static void
rule_draw(struct script_flow *out, struct cursor *cursor, enum dp_family family)
{
	struct dp_rule *rule = &out->rule;
	const unsigned whole = family == DP_IPV4 ? 32 : 128;

	rule->family = (uint8_t)family;
	rule->priority = 1 + take_below(cursor, 4);
	if (take_below(cursor, 2) != 0) {
		rule->src_bits = (uint8_t)whole;
		address_draw(rule->src, cursor, family);
	}
	if (take_below(cursor, 2) != 0) {
		rule->dst_bits = (uint8_t)whole;
		address_draw(rule->dst, cursor, family);
	}
	rule->src_port_last = UINT16_MAX;
	rule->dst_port_first = (uint16_t)(5000 + take_below(cursor, 3));
	rule->dst_port_last = (uint16_t)(rule->dst_port_first + take_below(cursor, 3));
	rule->port = take_below(cursor, 2) != 0 ? DP_RULE_ANY : 0;
	rule->vlan = take_below(cursor, 2) != 0 ? DP_RULE_ANY : 0;
	rule->outer_vlan = DP_RULE_ANY;
	out->flow.rule = rule;
}

static void
match_draw(struct script_flow *out, struct cursor *cursor)
{
	const enum dp_family family = take_below(cursor, 2) != 0 ? DP_IPV6 : DP_IPV4;
	struct dp_flow_key *key = &out->flow.key;
	const unsigned kind = take_below(cursor, 4);

	key->family = (uint8_t)family;
	if (kind == 0) {
		rule_draw(out, cursor, family);
		return;
	}
	address_draw(key->dst, cursor, family);
	key->dst_port = port_draw(cursor);
	key->vlan = (uint16_t)take_below(cursor, 2);
	key->outer_vlan = (uint16_t)(take_below(cursor, 4) == 0);
	key->any_source = kind == 1;
	if (key->any_source)
		return;
	address_draw(key->src, cursor, family);
	key->src_port = port_draw(cursor);
}

static void
policy_draw(struct script_flow *out, struct cursor *cursor, enum dp_family family)
{
	struct dp_flow *flow = &out->flow;

	flow->verdict = (uint8_t)(take_below(cursor, 4) == 0 ? take_below(cursor, 3) : DP_FORWARD);
	flow->down = take_below(cursor, 8) == 7;
	flow->latch = flow->rule != NULL || flow->key.any_source ? (uint8_t)take_below(cursor, 3)
								 : DP_LATCH_OPEN;
	flow->latch_interval_ms = take_below(cursor, 100);
	if (flow->latch != DP_LATCH_OPEN)
		flow->latch_by = (uint8_t)(flow->latch_interval_ms % DP_LATCH_BY_COUNT);
	for (unsigned i = 0; i < DP_CLASS_COUNT; i++)
		flow->class_verdict[i] = (uint8_t)take_below(cursor, DP_VERDICT_COUNT);
	flow->n_allow = (uint8_t)take_below(cursor, 3);
	flow->allow = out->allow;
	for (unsigned i = 0; i < flow->n_allow; i++) {
		address_draw(out->allow[i].address, cursor, family);
		out->allow[i].bits = (uint8_t)(family == DP_IPV4 ? 32 : 128);
	}
	flow->police = police_draw(cursor);
}

void
script_flow_draw(struct script_flow *out, struct cursor *cursor, const struct script_flow *like)
{
	enum dp_family family;

	memset(out, 0, sizeof(*out));
	if (like == NULL) {
		match_draw(out, cursor);
	} else {
		out->flow.key = like->flow.key;
		if (like->flow.rule != NULL)
			rule_draw(out, cursor, (enum dp_family)like->flow.key.family);
	}
	family = (enum dp_family)out->flow.key.family;
	/* Half of them plain, or with nothing but legs. */
	if (take_below(cursor, 2) != 0) {
		policy_draw(out, cursor, family);
		streams_draw(out, cursor, family);
	}
	out->flow.n_legs = (uint16_t)take_below(cursor, SCRIPT_LEGS_MAX + 1);
	out->flow.legs = out->legs;
	for (unsigned i = 0; i < out->flow.n_legs; i++)
		leg_draw(&out->legs[i], cursor, family);
}
