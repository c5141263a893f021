/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shares a network interface between the data plane and the kernel. UDP to a local address, port
 * and VLAN that some flow wants goes to the AF_XDP socket of the queue that it came in on;
 * everything else, and everything that we cannot read to the end of its UDP header, goes on to the
 * kernel as if we were not there.
 *
 * DPDK's AF_XDP driver loads this object (devarg xdp_prog), once a port, and puts its sockets into
 * xsks_map. The keys are the control thread's to fill: see ctrl/net/steer.h.
 *
 * What is malformed behind a readable key is steered all the same: the data plane refuses it by
 * name and counts it, which the kernel would not do for a flow of ours.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "steer_layout.h"

#define VLAN_ID_MASK 0x0fff /* IEEE 802.1Q, 9.6: the low 12 bits of the TCI */
#define IPV4_FRAGMENT_MASK 0x3fff /* RFC 791, 3.1: more fragments, fragment offset */
#define IPV4_IHL_MIN 5 /* RFC 791, 3.1: words of four bytes */

struct vlan_tag {
	__be16 tci;
	__be16 ether_type;
};

/* Where the parser stands: nothing at or after `end` may be read. */
struct cursor {
	const __u8 *at;
	const __u8 *end;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, STEER_KEYS_MAX);
	__type(key, struct steer_key);
	__type(value, __u32);
} STEER_KEYS SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, STEER_QUEUES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} STEER_SOCKETS SEC(".maps");

/* Take `bytes` from the front; NULL when the frame ends before. */
static __always_inline const void *
cursor_take(struct cursor *cursor, __u32 bytes)
{
	const __u8 *field = cursor->at;

	if (field + bytes > cursor->end)
		return 0;
	cursor->at = field + bytes;
	return field;
}

/* Ethernet and at most one 802.1Q tag. Returns the EtherType of the payload, 0 = not ours. */
static __always_inline __be16
parse_link(struct cursor *cursor, struct steer_key *key)
{
	const struct ethhdr *eth = cursor_take(cursor, sizeof(*eth));
	const struct vlan_tag *tag;

	if (!eth)
		return 0;
	if (eth->h_proto != bpf_htons(ETH_P_8021Q))
		return eth->h_proto;
	tag = cursor_take(cursor, sizeof(*tag));
	if (!tag)
		return 0;
	key->vlan = bpf_ntohs(tag->tci) & VLAN_ID_MASK;
	return tag->ether_type;
}

/* True when an unfragmented UDP header follows, options skipped. */
static __always_inline int
parse_ipv4(struct cursor *cursor, struct steer_key *key)
{
	const struct iphdr *ip = cursor_take(cursor, sizeof(*ip));

	if (!ip || ip->version != 4 || ip->ihl < IPV4_IHL_MIN || ip->protocol != IPPROTO_UDP)
		return 0;
	if (ip->frag_off & bpf_htons(IPV4_FRAGMENT_MASK))
		return 0;
	if (!cursor_take(cursor, (ip->ihl - IPV4_IHL_MIN) * 4))
		return 0;
	key->family = STEER_IPV4;
	__builtin_memcpy(key->addr, &ip->daddr, sizeof(ip->daddr));
	return 1;
}

/* True when a UDP header follows at once; extension headers are the kernel's. */
static __always_inline int
parse_ipv6(struct cursor *cursor, struct steer_key *key)
{
	const struct ipv6hdr *ip = cursor_take(cursor, sizeof(*ip));

	if (!ip || ip->version != 6 || ip->nexthdr != IPPROTO_UDP)
		return 0;
	key->family = STEER_IPV6;
	__builtin_memcpy(key->addr, &ip->daddr, sizeof(ip->daddr));
	return 1;
}

SEC("xdp")
int
STEER_PROGRAM(struct xdp_md *ctx)
{
	struct cursor cursor = {
		.at = (const __u8 *)(long)ctx->data,
		.end = (const __u8 *)(long)ctx->data_end,
	};
	struct steer_key key = {0};
	const struct udphdr *udp;
	int is_udp = 0;

	switch (parse_link(&cursor, &key)) {
	case bpf_htons(ETH_P_IP):
		is_udp = parse_ipv4(&cursor, &key);
		break;
	case bpf_htons(ETH_P_IPV6):
		is_udp = parse_ipv6(&cursor, &key);
		break;
	}
	if (!is_udp)
		return XDP_PASS;
	udp = cursor_take(&cursor, sizeof(*udp));
	if (!udp)
		return XDP_PASS;
	key.port = udp->dest;
	if (!bpf_map_lookup_elem(&STEER_KEYS, &key))
		return XDP_PASS;
	/* A queue that has no socket falls back to the action in the flags. */
	return bpf_redirect_map(&STEER_SOCKETS, ctx->rx_queue_index, XDP_PASS);
}

char _license[] SEC("license") = "BSD-3-Clause";
