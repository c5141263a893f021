/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow_compile.h"

#include <errno.h>
#include <string.h>

#include <rte_malloc.h>

#include <dp/stats.h>

#include "checksum.h"

#define VLAN_ID_MAX 4094
#define DSCP_MAX 63

int
flow_check(const struct dp_flow *flow, enum dp_family family)
{
	if (flow->key.family != (uint8_t)family || flow->key.vlan > VLAN_ID_MAX)
		return -EINVAL;
	if (flow->n_legs == 0 || flow->n_legs > DP_FLOW_LEGS_MAX)
		return -EINVAL;
	for (unsigned i = 0; i < flow->n_legs; i++) {
		const struct dp_leg *leg = &flow->legs[i];

		if (leg->next_hop >= DP_NEXT_HOPS_MAX || leg->vlan > VLAN_ID_MAX)
			return -EINVAL;
		if (leg->dscp > DSCP_MAX && leg->dscp != DP_DSCP_KEEP)
			return -EINVAL;
	}
	return 0;
}

static void
compile_key4(const struct dp_flow_key *key, struct flow_key4 *out)
{
	memset(out, 0, sizeof(*out));
	memcpy(&out->dst, key->dst, sizeof(out->dst));
	out->dst_port = key->dst_port;
	out->port = key->port;
	out->vlan = key->vlan;
	if (key->any_source)
		return;
	memcpy(&out->src, key->src, sizeof(out->src));
	out->src_port = key->src_port;
}

static void
compile_key6(const struct dp_flow_key *key, struct flow_key6 *out)
{
	memset(out, 0, sizeof(*out));
	memcpy(out->dst, key->dst, sizeof(out->dst));
	out->dst_port = key->dst_port;
	out->port = key->port;
	out->vlan = key->vlan;
	if (key->any_source)
		return;
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

static void
compile_tail(const struct dp_flow_key *key, const struct dp_leg *leg, struct rewrite_tail *tail)
{
	memset(tail, 0, sizeof(*tail));
	tail->next_hop = leg->next_hop;
	tail->vlan_tci = rte_cpu_to_be_16(leg->vlan);
	tail->ttl = leg->ttl;
	if (leg->dscp != DP_DSCP_KEEP) {
		tail->tos = (uint8_t)(leg->dscp << 2);
		tail->flags |= REWRITE_SET_DSCP;
	}
	if (key->any_source)
		tail->flags |= REWRITE_ANY_SOURCE;
}

/* The sum of m' and ~m over the addresses; a listener's old source joins in at run time. */
static uint32_t
address_delta(const struct dp_flow_key *key, const struct dp_leg *leg, size_t address_bytes)
{
	uint32_t delta = checksum_sum(leg->src, address_bytes) +
			 checksum_sum(leg->dst, address_bytes) +
			 checksum_sum_complement(key->dst, address_bytes);

	if (!key->any_source)
		delta += checksum_sum_complement(key->src, address_bytes);
	return delta;
}

static uint32_t
port_delta(const struct dp_flow_key *key, const struct dp_leg *leg)
{
	uint32_t delta = (uint32_t)leg->src_port + leg->dst_port + (uint16_t)~key->dst_port;

	if (!key->any_source)
		delta += (uint16_t)~key->src_port;
	return delta;
}

void
flow_compile_rewrite(
	const struct dp_flow_key *key, const struct dp_leg *leg, void *out, enum dp_family family)
{
	if (family == DP_IPV4) {
		struct rewrite4 *rewrite = out;
		uint32_t delta = address_delta(key, leg, sizeof(rewrite->src));

		memcpy(&rewrite->src, leg->src, sizeof(rewrite->src));
		memcpy(&rewrite->dst, leg->dst, sizeof(rewrite->dst));
		rewrite->src_port = leg->src_port;
		rewrite->dst_port = leg->dst_port;
		rewrite->ip_delta = checksum_fold(delta);
		rewrite->udp_delta = checksum_fold(delta + port_delta(key, leg));
		compile_tail(key, leg, &rewrite->tail);
	} else {
		struct rewrite6 *rewrite = out;
		uint32_t delta = address_delta(key, leg, sizeof(rewrite->src));

		memcpy(rewrite->src, leg->src, sizeof(rewrite->src));
		memcpy(rewrite->dst, leg->dst, sizeof(rewrite->dst));
		rewrite->src_port = leg->src_port;
		rewrite->dst_port = leg->dst_port;
		rewrite->udp_delta = checksum_fold(delta + port_delta(key, leg));
		rewrite->reserved = 0;
		compile_tail(key, leg, &rewrite->tail);
	}
}

struct leg_set *
flow_compile_legs(const struct dp_flow *flow, unsigned n_workers, int socket)
{
	enum dp_family family = (enum dp_family)flow->key.family;
	size_t rewrites = RTE_CACHE_LINE_ROUNDUP(
		sizeof(struct leg_set) + flow->n_legs * rewrite_bytes(family));
	size_t row = flow->n_legs * sizeof(struct flow_counters);
	size_t drops = flow->n_legs * DP_COPY_DROP_COUNT * sizeof(uint64_t);
	struct leg_set *set = rte_zmalloc_socket(
		"leg_set", rewrites + n_workers * row + drops, RTE_CACHE_LINE_SIZE, socket);

	if (set == NULL)
		return NULL;
	set->n_legs = flow->n_legs;
	set->counters = RTE_PTR_ADD(set, rewrites);
	set->drops = RTE_PTR_ADD(set->counters, n_workers * row);
	for (unsigned i = 0; i < flow->n_legs; i++)
		flow_compile_rewrite(&flow->key, &flow->legs[i],
			set->rewrites + i * rewrite_bytes(family), family);
	return set;
}
