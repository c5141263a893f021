/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow_compile.h"

#include <errno.h>
#include <string.h>

#include <dp/stats.h>

#include "checksum.h"

#define VLAN_ID_MAX 4094
#define DSCP_MAX 63
#define PAYLOAD_TYPE_MAX 127
#define BURST_BYTES_MAX (UINT64_C(1) << 32)
#define TTL_LESS_ONE 0xfffe /* ~m + m' of a TTL that is one less, whatever it was */

static bool
vlan_in_range(uint16_t vlan)
{
	return vlan <= VLAN_ID_MAX;
}

static bool
police_in_range(const struct dp_police *police)
{
	return police->rate_bps == 0 ||
	       (police->rate_bps >= DP_RATE_BPS_MIN && police->rate_bps <= DP_RATE_BPS_MAX &&
		       police->burst_bytes >= 1 && police->burst_bytes <= BURST_BYTES_MAX &&
		       police->burst_bytes <= police->rate_bps * DP_BURST_PER_BPS_MAX);
}

static bool
leg_in_range(const struct dp_leg *leg)
{
	return (leg->family == DP_IPV4 || leg->family == DP_IPV6) &&
	       leg->next_hop < DP_NEXT_HOPS_MAX && vlan_in_range(leg->vlan) &&
	       vlan_in_range(leg->outer_vlan) &&
	       (leg->dscp <= DSCP_MAX || leg->dscp == DP_DSCP_KEEP) &&
	       leg->known.next_hop < DP_NEXT_HOPS_MAX && vlan_in_range(leg->known.vlan) &&
	       vlan_in_range(leg->known.outer_vlan) && police_in_range(&leg->police);
}

static bool
legs_in_range(const struct dp_leg *legs, unsigned n)
{
	if (n > DP_FLOW_LEGS_MAX)
		return false;
	for (unsigned i = 0; i < n; i++) {
		if (!leg_in_range(&legs[i]))
			return false;
	}
	return true;
}

static bool
stream_in_range(const struct dp_stream *stream)
{
	return (stream->has_ssrc || stream->has_payload_type) &&
	       stream->payload_type <= PAYLOAD_TYPE_MAX && stream->verdict < DP_VERDICT_COUNT &&
	       legs_in_range(stream->legs, stream->n_legs);
}

static bool
rule_in_range(const struct dp_rule *rule, enum dp_family family)
{
	const unsigned bits_max = family == DP_IPV4 ? 32 : 128;

	return rule->family == (uint8_t)family && rule->priority >= 1 &&
	       rule->priority <= DP_RULE_PRIORITY_MAX && rule->src_bits <= bits_max &&
	       rule->dst_bits <= bits_max && rule->src_port_first <= rule->src_port_last &&
	       rule->dst_port_first <= rule->dst_port_last &&
	       (rule->vlan == DP_RULE_ANY || vlan_in_range(rule->vlan)) &&
	       (rule->outer_vlan == DP_RULE_ANY || vlan_in_range(rule->outer_vlan));
}

static bool
match_in_range(const struct dp_flow *flow, enum dp_family family)
{
	if (flow->key.family != (uint8_t)family)
		return false;
	if (flow->rule != NULL)
		return rule_in_range(flow->rule, family);
	return vlan_in_range(flow->key.vlan) && vlan_in_range(flow->key.outer_vlan);
}

static bool
sources_in_range(const struct dp_flow *flow)
{
	if (flow->n_sources == 0)
		return true;
	return flow->n_sources >= 2 && flow->n_sources <= DP_SOURCES_MAX && flow->rule == NULL &&
	       flow->key.any_source && flow->latch == DP_LATCH_OPEN &&
	       flow->source_timeout_ms >= 1 &&
	       flow->source_timeout_ms <= DP_SOURCE_TIMEOUT_MS_MAX &&
	       flow->source_return_ms <= DP_SOURCE_RETURN_MS_MAX;
}

int
flow_check(const struct dp_flow *flow, enum dp_family family)
{
	if (!match_in_range(flow, family) || flow->verdict >= DP_VERDICT_COUNT ||
		flow->latch > DP_LATCH_FOLLOW || flow->n_allow > DP_ALLOW_MAX ||
		flow->n_streams > DP_STREAMS_MAX || !police_in_range(&flow->police) ||
		!legs_in_range(flow->legs, flow->n_legs))
		return -EINVAL;
	if (flow->latch != DP_LATCH_OPEN && flow->rule == NULL && !flow->key.any_source)
		return -EINVAL;
	if (flow->latch_by >= DP_LATCH_BY_COUNT ||
		(flow->latch == DP_LATCH_OPEN && flow->latch_by != DP_LATCH_BY_ANY))
		return -EINVAL;
	if (!sources_in_range(flow))
		return -EINVAL;
	for (unsigned i = 0; i < flow->n_allow; i++) {
		if (flow->allow[i].bits > (family == DP_IPV4 ? 32 : 128))
			return -EINVAL;
	}
	for (unsigned i = 0; i < DP_CLASS_COUNT; i++) {
		if (flow->class_verdict[i] >= DP_VERDICT_COUNT)
			return -EINVAL;
	}
	for (unsigned i = 0; i < flow->n_streams; i++) {
		if (!stream_in_range(&flow->streams[i]))
			return -EINVAL;
	}
	return 0;
}

/* Rewrites, in either family, and no more. */
static bool
leg_is_simple(const struct dp_leg *leg)
{
	return leg->outer_vlan == 0 && leg->known.outer_vlan == 0 && leg->one_in <= 1 &&
	       leg->police.rate_bps == 0;
}

bool
leg_is_ordinary(const struct dp_flow *flow, const struct dp_leg *leg)
{
	return leg->family == flow->key.family && leg_is_simple(leg);
}

/* All that it forwards goes to one simple leg. */
static bool
flow_has_simple_leg(const struct dp_flow *flow)
{
	return flow->verdict == DP_FORWARD && flow->n_streams == 0 && flow->n_legs == 1 &&
	       !flow->legs[0].down && leg_is_simple(&flow->legs[0]);
}

bool
flow_leg_is_inline(const struct dp_flow *flow)
{
	return flow_has_simple_leg(flow) &&
	       (leg_is_ordinary(flow, &flow->legs[0]) || flow_is_plain(flow));
}

bool
flow_is_plain(const struct dp_flow *flow)
{
	for (unsigned i = 0; i < DP_CLASS_COUNT; i++) {
		if (flow->class_verdict[i] != DP_FORWARD)
			return false;
	}
	return flow_has_simple_leg(flow) && !flow->down && flow->latch == DP_LATCH_OPEN &&
	       flow->n_allow == 0 && flow->n_sources == 0 && flow->police.rate_bps == 0;
}

static void
compile_key4(const struct dp_flow_key *key, struct flow_key4 *out)
{
	memset(out, 0, sizeof(*out));
	memcpy(&out->dst, key->dst, sizeof(out->dst));
	out->dst_port = key->dst_port;
	out->domain = flow_domain(key->port, key->vlan, key->outer_vlan);
	if (key->any_source) {
		out->domain |= FLOW_DOMAIN_LISTENER;
		return;
	}
	memcpy(&out->src, key->src, sizeof(out->src));
	out->src_port = key->src_port;
}

static void
compile_key6(const struct dp_flow_key *key, struct flow_key6 *out)
{
	memset(out, 0, sizeof(*out));
	memcpy(out->dst, key->dst, sizeof(out->dst));
	out->dst_port = key->dst_port;
	out->domain = flow_domain(key->port, key->vlan, key->outer_vlan);
	if (key->any_source) {
		out->domain |= FLOW_DOMAIN_LISTENER;
		return;
	}
	memcpy(out->src, key->src, sizeof(out->src));
	out->src_port = key->src_port;
}

void
flow_compile_key(const struct dp_flow_key *key, void *out, enum dp_family family)
{
	if (family == DP_IPV4)
		compile_key4(key, out);
	else
		compile_key6(key, out);
}

uint8_t
flow_match_flags(const struct dp_flow *flow)
{
	if (flow->rule != NULL)
		return REWRITE_ANY_SOURCE | REWRITE_ANY_DESTINATION;
	return flow->key.any_source ? REWRITE_ANY_SOURCE : 0;
}

static void
compile_tail(const struct dp_flow *flow, const struct dp_leg *leg, struct rewrite_tail *tail)
{
	memset(tail, 0, sizeof(*tail));
	tail->next_hop = leg->next_hop;
	tail->vlan_tci = rte_cpu_to_be_16(leg->vlan);
	if (leg->ttl != DP_TTL_DECREMENT) {
		tail->ttl = leg->ttl;
		tail->flags |= REWRITE_SET_TTL;
	}
	if (leg->dscp != DP_DSCP_KEEP) {
		tail->tos = (uint8_t)(leg->dscp << 2);
		tail->flags |= REWRITE_SET_DSCP;
	}
	tail->flags |= flow_match_flags(flow);
}

static size_t
address_bytes(uint8_t family)
{
	return family == DP_IPV4 ? sizeof(rte_be32_t) : 16;
}

/* The sum of m' and ~m over the addresses; what the key leaves open joins in at run time. */
static uint32_t
address_delta(const struct dp_flow *flow, const struct dp_leg *leg, uint8_t flags)
{
	const size_t old_bytes = address_bytes(flow->key.family);
	const size_t new_bytes = address_bytes(leg->family);
	uint32_t delta = checksum_sum(leg->src, new_bytes) + checksum_sum(leg->dst, new_bytes);

	if ((flags & REWRITE_ANY_DESTINATION) == 0)
		delta += checksum_sum_complement(flow->key.dst, old_bytes);
	if ((flags & REWRITE_ANY_SOURCE) == 0)
		delta += checksum_sum_complement(flow->key.src, old_bytes);
	return delta;
}

static uint32_t
port_delta(const struct dp_flow *flow, const struct dp_leg *leg, uint8_t flags)
{
	uint32_t delta = (uint32_t)leg->src_port + leg->dst_port;

	if ((flags & REWRITE_ANY_DESTINATION) == 0)
		delta += (uint16_t)~flow->key.dst_port;
	if ((flags & REWRITE_ANY_SOURCE) == 0)
		delta += (uint16_t)~flow->key.src_port;
	return delta;
}

void
flow_compile_rewrite(const struct dp_flow *flow, const struct dp_leg *leg, void *out)
{
	struct rewrite4 *rewrite4 = out;
	struct rewrite6 *rewrite6 = out;
	uint32_t addresses, ports;

	if (leg->family == DP_IPV4) {
		memset(rewrite4, 0, sizeof(*rewrite4));
		compile_tail(flow, leg, &rewrite4->tail);
		memcpy(&rewrite4->src, leg->src, sizeof(rewrite4->src));
		memcpy(&rewrite4->dst, leg->dst, sizeof(rewrite4->dst));
		rewrite4->src_port = leg->src_port;
		rewrite4->dst_port = leg->dst_port;
		addresses = address_delta(flow, leg, rewrite4->tail.flags);
		ports = port_delta(flow, leg, rewrite4->tail.flags);
		rewrite4->udp_delta = checksum_fold(addresses + ports);
		if (flow->key.family == DP_IPV6)
			addresses = checksum_sum(leg->src, sizeof(rewrite4->src)) +
				    checksum_sum(leg->dst, sizeof(rewrite4->dst));
		else if ((rewrite4->tail.flags & REWRITE_SET_TTL) == 0)
			addresses += TTL_LESS_ONE;
		rewrite4->ip_delta = checksum_fold(addresses);
	} else {
		memset(rewrite6, 0, sizeof(*rewrite6));
		compile_tail(flow, leg, &rewrite6->tail);
		memcpy(rewrite6->src, leg->src, sizeof(rewrite6->src));
		memcpy(rewrite6->dst, leg->dst, sizeof(rewrite6->dst));
		rewrite6->src_port = leg->src_port;
		rewrite6->dst_port = leg->dst_port;
		addresses = address_delta(flow, leg, rewrite6->tail.flags);
		ports = port_delta(flow, leg, rewrite6->tail.flags);
		rewrite6->udp_delta = checksum_fold(addresses + ports);
	}
}
