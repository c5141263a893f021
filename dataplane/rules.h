/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flows that are matched by rule, compiled for the third stage of classification: a trie of DPDK's
 * (rte_acl) that finds the first of up to DP_RULES_MAX rules for a burst of packets at once. A set
 * of rules never changes once workers see it; another one is built aside and swapped in.
 */
#ifndef DATAPLANE_RULES_H
#define DATAPLANE_RULES_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_ip.h>
#include <rte_memory.h>

#include <dp/flow.h>
#include <dp/stats.h>

#define RULES_NONE UINT32_MAX /* no rule matches */
#define RULES_PACKETS_MAX 128 /* looked up at once */

struct rules;

struct rule_entry {
	struct dp_rule rule;
	uint32_t index; /* what rules_find() answers; not RULES_NONE */
};

/*
 * The key of rules, in network order, as the trie reads it: one byte, which is the ingress port,
 * then words. The order of the packet, so that addresses and ports are one copy.
 */
struct rule_packet {
	rte_be32_t domain; /* port in 8 bits, outer VLAN id in 12, VLAN id in 12 */
	union {
		struct {
			rte_be32_t src;
			rte_be32_t dst;
			rte_be32_t ports; /* source, destination */
		} v4;
		struct {
			rte_be32_t src[4];
			rte_be32_t dst[4];
			rte_be32_t ports;
		} v6;
	};
};
static_assert(offsetof(struct rule_packet, v4.ports) == 12, "the packet's order");
static_assert(offsetof(struct rule_packet, v6.ports) == 36, "the packet's order");
static_assert(sizeof(struct rule_packet) == 40, "ten words");

/*
 * A packet's: `ip` has no options and no extension headers, and UDP follows it. `domain` is made of
 * ingress port and VLAN ids as flow_domain() does.
 */
static __rte_always_inline void
rule_packet_set(struct rule_packet *packet, const void *ip, uint32_t domain, enum dp_family family)
{
	packet->domain = rte_cpu_to_be_32(domain);
	if (family == DP_IPV4)
		memcpy(&packet->v4, RTE_PTR_ADD(ip, offsetof(struct rte_ipv4_hdr, src_addr)),
			sizeof(packet->v4));
	else
		memcpy(&packet->v6, RTE_PTR_ADD(ip, offsetof(struct rte_ipv6_hdr, src_addr)),
			sizeof(packet->v6));
}

/*
 * Compile n rules (1..DP_RULES_MAX) of one family, in order of precedence: the first that matches
 * wins. Entries are borrowed for the call. socket: NUMA node of the memory, or SOCKET_ID_ANY. NULL:
 * no memory. Control thread; rules_destroy() it after a grace period.
 */
struct rules *rules_build(
	enum dp_family family, const struct rule_entry *entries, unsigned n, int socket);

/* NULL is ignored. Control thread. */
void rules_destroy(struct rules *rules);

/*
 * For each of n packets (up to RULES_PACKETS_MAX) of the rules' family the index of the first entry
 * that matches, or RULES_NONE. Returns for how many no entry matches. Any worker.
 */
unsigned rules_find(
	const struct rules *rules, const struct rule_packet *packets, uint32_t *index, unsigned n);

#endif
