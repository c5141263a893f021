/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Classification: exact key, else martian, else listener, else rule. Every flow is looked at for
 * every packet.
 */
#include "model.h"

#include <arpa/inet.h>
#include <string.h>

bool
model_prefix_has(const uint8_t *prefix, unsigned bits, const uint8_t *address)
{
	for (unsigned i = 0; i < bits; i++) {
		unsigned mask = 0x80u >> (i % 8);

		if ((prefix[i / 8] & mask) != (address[i / 8] & mask))
			return false;
	}
	return true;
}

struct martian {
	uint8_t address[16];
	unsigned family, bits;
	bool as_src, as_dst;
};

/* docs/dataplane.md, after RFC 6890. */
static const struct martian martians[] = {
	{{0}, DP_IPV4, 8, true, true},
	{{127}, DP_IPV4, 8, true, true},
	{{224}, DP_IPV4, 4, true, false},
	{{240}, DP_IPV4, 4, true, false},
	{{255, 255, 255, 255}, DP_IPV4, 32, true, true},
	{{0}, DP_IPV6, 128, true, true},
	{{[15] = 1}, DP_IPV6, 128, true, true},
	{{0xff}, DP_IPV6, 8, true, false},
	{{[10] = 0xff, [11] = 0xff}, DP_IPV6, 96, true, true},
};

static bool
is_martian(const struct model_packet *packet)
{
	for (unsigned i = 0; i < sizeof(martians) / sizeof(martians[0]); i++) {
		const struct martian *m = &martians[i];

		if (m->family != packet->family)
			continue;
		if (m->as_src && model_prefix_has(m->address, m->bits, packet->src))
			return true;
		if (m->as_dst && model_prefix_has(m->address, m->bits, packet->dst))
			return true;
	}
	return false;
}

static bool
key_has(const struct dp_flow_key *key, const struct model_packet *packet)
{
	if (key->family != packet->family || key->port != packet->port ||
		key->vlan != packet->vlan || key->outer_vlan != packet->outer_vlan)
		return false;
	if (memcmp(key->dst, packet->dst, 16) != 0 || ntohs(key->dst_port) != packet->dst_port)
		return false;
	return key->any_source != 0 ||
	       (memcmp(key->src, packet->src, 16) == 0 && ntohs(key->src_port) == packet->src_port);
}

static bool
rule_has(const struct dp_rule *rule, const struct model_packet *packet)
{
	return rule->family == packet->family &&
	       (rule->port == DP_RULE_ANY || rule->port == packet->port) &&
	       (rule->vlan == DP_RULE_ANY || rule->vlan == packet->vlan) &&
	       (rule->outer_vlan == DP_RULE_ANY || rule->outer_vlan == packet->outer_vlan) &&
	       model_prefix_has(rule->src, rule->src_bits, packet->src) &&
	       model_prefix_has(rule->dst, rule->dst_bits, packet->dst) &&
	       packet->src_port >= rule->src_port_first &&
	       packet->src_port <= rule->src_port_last &&
	       packet->dst_port >= rule->dst_port_first && packet->dst_port <= rule->dst_port_last;
}

/* The exact flow or the listener of a packet. */
static struct model_flow *
match_key(const struct model *model, const struct model_packet *packet, unsigned any_source)
{
	for (unsigned i = 0; i < model->n_flows; i++) {
		const struct dp_flow *spec = &model->flows[i]->spec;

		if (spec->rule == NULL && spec->key.any_source == any_source &&
			key_has(&spec->key, packet))
			return model->flows[i];
	}
	return NULL;
}

static struct model_flow *
match_rule(const struct model *model, const struct model_packet *packet)
{
	struct model_flow *best = NULL;

	for (unsigned i = 0; i < model->n_flows; i++) {
		struct model_flow *flow = model->flows[i];

		if (flow->spec.rule == NULL || !rule_has(&flow->rule, packet))
			continue;
		if (best == NULL || flow->rule.priority > best->rule.priority ||
			(flow->rule.priority == best->rule.priority && flow->age < best->age))
			best = flow;
	}
	return best;
}

struct model_flow *
model_match(const struct model *model, const struct model_packet *packet, enum dp_drop *reason)
{
	struct model_flow *flow = match_key(model, packet, 0);

	*reason = DP_DROP_COUNT;
	if (flow == NULL && is_martian(packet)) {
		*reason = DP_DROP_martian;
		return NULL;
	}
	if (flow == NULL)
		flow = match_key(model, packet, 1);
	if (flow == NULL)
		flow = match_rule(model, packet);
	if (flow == NULL)
		*reason = DP_DROP_no_flow;
	return flow;
}

struct model_flow *
model_key_find(const struct model *model, const struct dp_flow_key *key)
{
	for (unsigned i = 0; i < model->n_flows; i++) {
		const struct dp_flow *spec = &model->flows[i]->spec;

		if (spec->rule == NULL && memcmp(&spec->key, key, sizeof(*key)) == 0)
			return model->flows[i];
	}
	return NULL;
}
