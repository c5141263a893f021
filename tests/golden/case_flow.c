/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flows of a case: from the shape that flow.install takes to the plain structures of the waist,
 * with the counters that the case expects.
 */
#include "case.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOP_MTU_BYTES 1500

/* 4 or 6, or -1 when it is no address. `out` is zeroed first. */
static int
address_decode(const char *text, uint8_t out[16])
{
	memset(out, 0, 16);
	if (inet_pton(AF_INET, text, out) == 1)
		return DP_IPV4;
	return inet_pton(AF_INET6, text, out) == 1 ? DP_IPV6 : -1;
}

static int
mac_decode(const char *text, uint8_t mac[6])
{
	return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3],
		       &mac[4], &mac[5]) == 6
		       ? 0
		       : -1;
}

static int
match_decode(json_t *match, struct dp_flow_key *key, json_error_t *at)
{
	const char *port, *src = NULL, *dst;
	int vlan = 0, src_port = 0, dst_port, index, family;

	if (json_unpack_ex(match, at, JSON_STRICT, "{s:s, s?:i, s?:s, s?:i, s:s, s:i}", "port",
		    &port, "vlan", &vlan, "src", &src, "src_port", &src_port, "dst", &dst,
		    "dst_port", &dst_port) < 0)
		return -1;
	index = case_port_index(port);
	family = address_decode(dst, key->dst);
	if (index < 0 || family < 0 || (src != NULL && address_decode(src, key->src) != family))
		return -1;
	key->port = (uint16_t)index;
	key->family = (uint8_t)family;
	key->vlan = (uint16_t)vlan;
	key->src_port = htons((uint16_t)src_port);
	key->dst_port = htons((uint16_t)dst_port);
	key->any_source = src == NULL;
	return 0;
}

/* Legs to one neighbour share its next hop. Without a MAC it is one that is not resolved. */
static int
hop_index(struct golden_case *c, unsigned port, const char *mac, uint16_t *index)
{
	struct dp_next_hop hop = {.port = (uint16_t)port};
	struct dp_next_hop *grown;

	if (mac != NULL) {
		hop.mtu = HOP_MTU_BYTES;
		case_port_mac(port, hop.src_mac);
		if (mac_decode(mac, hop.dst_mac) < 0)
			return -1;
	}
	for (size_t i = 0; i < c->n_hops; i++) {
		if (memcmp(&c->hops[i], &hop, sizeof(hop)) == 0) {
			*index = (uint16_t)i;
			return 0;
		}
	}
	grown = reallocarray(c->hops, c->n_hops + 1, sizeof(hop));
	if (grown == NULL)
		return -1;
	c->hops = grown;
	c->hops[c->n_hops] = hop;
	*index = (uint16_t)c->n_hops++;
	return 0;
}

static int
leg_decode(
	struct golden_case *c, json_t *item, unsigned family, struct dp_leg *leg, json_error_t *at)
{
	const char *port, *src, *dst, *mac = NULL;
	int src_port, dst_port, vlan = 0, dscp = DP_DSCP_KEEP, ttl = DP_TTL_DECREMENT, index;

	if (json_unpack_ex(item, at, JSON_STRICT,
		    "{s:s, s:s, s:i, s:s, s:i, s?:i, s?:i, s?:i, s?:s}", "port", &port, "src", &src,
		    "src_port", &src_port, "dst", &dst, "dst_port", &dst_port, "vlan", &vlan,
		    "dscp", &dscp, "ttl", &ttl, "mac", &mac) < 0)
		return -1;
	index = case_port_index(port);
	if (index < 0 || address_decode(src, leg->src) != (int)family ||
		address_decode(dst, leg->dst) != (int)family)
		return -1;
	leg->src_port = htons((uint16_t)src_port);
	leg->dst_port = htons((uint16_t)dst_port);
	leg->vlan = (uint16_t)vlan;
	leg->dscp = (uint8_t)dscp;
	leg->ttl = (uint8_t)ttl;
	return hop_index(c, (unsigned)index, mac, &leg->next_hop);
}

static int
leg_stats_decode(json_t *item, struct dp_leg_stats *stats)
{
	json_t *drops, *count;
	json_int_t copies, bytes;
	const char *name;

	if (json_unpack(item, "{s:I, s:I, s:o}", "copies", &copies, "bytes", &bytes, "drops",
		    &drops) < 0)
		return -1;
	stats->copies = (uint64_t)copies;
	stats->bytes = (uint64_t)bytes;
	json_object_foreach (drops, name, count) {
		int reason = case_drop_index(name);

		if (reason < DP_COPY_DROP_FIRST)
			return -1;
		stats->drops[reason - DP_COPY_DROP_FIRST] = (uint64_t)json_integer_value(count);
	}
	return 0;
}

static int
stats_decode(const json_t *counters, struct case_flow *flow)
{
	json_t *legs, *item = json_object_get(counters, flow->id);
	json_int_t packets, bytes;

	if (json_unpack(item, "{s:I, s:I, s:o}", "packets", &packets, "bytes", &bytes, "legs",
		    &legs) < 0 ||
		json_array_size(legs) != flow->flow.n_legs)
		return -1;
	flow->stats.packets = (uint64_t)packets;
	flow->stats.bytes = (uint64_t)bytes;
	for (size_t i = 0; i < flow->flow.n_legs; i++) {
		if (leg_stats_decode(json_array_get(legs, i), &flow->leg_stats[i]) < 0)
			return -1;
	}
	return 0;
}

static int
flow_decode(struct golden_case *c, json_t *item, const json_t *counters, struct case_flow *flow,
	json_error_t *at)
{
	json_t *match, *legs;
	size_t n_legs;

	if (json_unpack_ex(item, at, JSON_STRICT, "{s:s, s:o, s:o}", "id", &flow->id, "match",
		    &match, "legs", &legs) < 0 ||
		match_decode(match, &flow->flow.key, at) < 0)
		return -1;
	n_legs = json_array_size(legs);
	flow->legs = calloc(n_legs + 1, sizeof(*flow->legs));
	flow->leg_stats = calloc(n_legs + 1, sizeof(*flow->leg_stats));
	if (flow->legs == NULL || flow->leg_stats == NULL)
		return -1;
	flow->flow.n_legs = (uint16_t)n_legs;
	flow->flow.legs = flow->legs;
	for (size_t i = 0; i < n_legs; i++) {
		if (leg_decode(c, json_array_get(legs, i), flow->flow.key.family, &flow->legs[i],
			    at) < 0)
			return -1;
	}
	return stats_decode(counters, flow);
}

int
case_flows_decode(struct golden_case *c, const json_t *flows, const json_t *counters, char *error,
	size_t error_size)
{
	size_t n_items = json_array_size(flows);

	c->flows = calloc(n_items + 1, sizeof(*c->flows));
	if (c->flows == NULL)
		return -1;
	for (c->n_flows = 0; c->n_flows < n_items;) {
		json_t *item = json_array_get(flows, c->n_flows);
		struct case_flow *flow = &c->flows[c->n_flows++];
		json_error_t at = {.text = "a value or its counters are wrong"};

		if (flow_decode(c, item, counters, flow, &at) < 0) {
			snprintf(error, error_size, "flow %zu: %s", c->n_flows - 1, at.text);
			return -1;
		}
	}
	return 0;
}

void
case_flows_fini(struct golden_case *c)
{
	for (size_t i = 0; i < c->n_flows; i++) {
		free(c->flows[i].legs);
		free(c->flows[i].leg_stats);
	}
	free(c->flows);
	free(c->hops);
}
