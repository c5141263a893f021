/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shares a network interface between the data plane and the kernel. UDP to the local address, port
 * and VLANs of a flow, or within the ranges of a rule, is redirected to the AF_XDP socket of its
 * receive queue. If all flows of a local address and port accept given sources only, packets from
 * other sources are dropped, so that they do not occupy the socket's ring. Everything else, packets
 * that cannot be parsed to the end of the UDP header, and frames to another MAC address pass to the
 * kernel.
 *
 * The first fragment of a datagram has the UDP header and goes to the data plane, which drops and
 * counts it; later ones pass to the kernel, which may have an address in common with flows. Without
 * the first it discards them, and sends no ICMP (RFC 792, time exceeded): the sender is not told
 * that a port is closed.
 *
 * DPDK's AF_XDP driver loads this object (devarg xdp_prog), once per port, and inserts its sockets
 * into xsks_map. The control thread fills the keys: see ctrl/net/xdp_steer.h.
 *
 * Packets that are malformed behind a readable key are redirected: the data plane drops them for a
 * named reason and counts them, which the kernel would not do.
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
#define IPV4_OFFSET_MASK 0x1fff /* RFC 791, 3.1: fragment offset */
#define IPV6_OFFSET_MASK 0xfff8 /* RFC 8200, 4.5: fragment offset, in its field */
#define IPV4_IHL_MIN 5 /* RFC 791, 3.1: words of four bytes */
#define IPV6_EXTENSIONS_MAX 8 /* headers that the data plane skips, see docs/dataplane.md */

struct vlan_tag {
	__be16 tci;
	__be16 ether_type;
};

/* The fields that flows and rules match. */
struct packet {
	struct steer_key key;
	__u32 dst[4]; /* the key's address, as words */
	__u32 src[4];
	__u16 src_port; /* host order */
	__u16 dst_port; /* host order */
	__u16 source_port; /* network order */
};

/* RFC 8200, 4.3 to 4.6. */
struct ipv6_extension {
	__u8 next_header;
	__u8 length; /* in eight bytes, the first eight not counted; not of a Fragment header */
	union {
		struct {
			__u8 type;
			__u8 segments_left;
		} routing;
		__be16 fragment_offset;
	};
};

/* Position of the parser: nothing at or after `end` may be read. */
struct cursor {
	const __u8 *at;
	const __u8 *end;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, STEER_KEYS_MAX);
	__type(key, struct steer_key);
	__type(value, struct steer_uses);
} STEER_KEYS SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, STEER_PAIRS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct steer_pair);
	__type(value, __u32);
} STEER_PAIRS SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2 * STEER_KEYS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct steer_key);
	__type(value, __u32);
} STEER_NEAR SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct steer_tally);
} STEER_TALLY SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct steer_ranges);
} STEER_RANGES SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} STEER_ACTIVE SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct steer_port);
} STEER_PORT SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, STEER_MACS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct steer_mac);
	__type(value, __u32);
} STEER_MACS SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, STEER_QUEUES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} STEER_SOCKETS SEC(".maps");

/* Consume `bytes`; NULL if the frame ends before. */
static __always_inline const void *
cursor_take(struct cursor *cursor, __u32 bytes)
{
	const __u8 *field = cursor->at;

	if (field + bytes > cursor->end)
		return 0;
	cursor->at = field + bytes;
	return field;
}

/*
 * Ethernet and at most two tags: a single 802.1Q tag gives vlan, a single 802.1ad tag outer_vlan,
 * and of two the first gives outer_vlan and the second, an 802.1Q tag, vlan. Returns the EtherType
 * of the payload; 0: not supported, as is that of a third tag.
 */
static __always_inline __be16
parse_link(struct cursor *cursor, struct steer_key *key)
{
	const struct ethhdr *eth = cursor_take(cursor, sizeof(*eth));
	const struct vlan_tag *tag;
	__u16 id;

	if (!eth)
		return 0;
	if (eth->h_proto != bpf_htons(ETH_P_8021Q) && eth->h_proto != bpf_htons(ETH_P_8021AD))
		return eth->h_proto;
	tag = cursor_take(cursor, sizeof(*tag));
	if (!tag)
		return 0;
	id = bpf_ntohs(tag->tci) & VLAN_ID_MASK;
	if (tag->ether_type != bpf_htons(ETH_P_8021Q)) {
		if (eth->h_proto == bpf_htons(ETH_P_8021Q))
			key->vlan = id;
		else
			key->outer_vlan = id;
		return tag->ether_type;
	}
	key->outer_vlan = id;
	tag = cursor_take(cursor, sizeof(*tag));
	if (!tag)
		return 0;
	key->vlan = bpf_ntohs(tag->tci) & VLAN_ID_MASK;
	return tag->ether_type;
}

/* STEER_COUNT_steered if a UDP header follows, options skipped; else the reason. */
static __always_inline enum steer_count
parse_ipv4(struct cursor *cursor, struct packet *packet)
{
	const struct iphdr *ip = cursor_take(cursor, sizeof(*ip));

	if (!ip || ip->version != 4 || ip->ihl < IPV4_IHL_MIN)
		return STEER_COUNT_unreadable;
	if (ip->protocol != IPPROTO_UDP)
		return STEER_COUNT_not_udp;
	if (ip->frag_off & bpf_htons(IPV4_OFFSET_MASK))
		return STEER_COUNT_fragment;
	if (!cursor_take(cursor, (ip->ihl - IPV4_IHL_MIN) * 4))
		return STEER_COUNT_unreadable;
	packet->key.family = STEER_IPV4;
	__builtin_memcpy(packet->key.addr, &ip->daddr, sizeof(ip->daddr));
	packet->dst[0] = ip->daddr;
	packet->src[0] = ip->saddr;
	return STEER_COUNT_steered;
}

/*
 * Skip the extension headers that the data plane skips. A packet with another one passes to the
 * kernel.
 */
static __always_inline enum steer_count
parse_extensions(struct cursor *cursor, __u8 next_header)
{
	int i;

	for (i = 0; i < IPV6_EXTENSIONS_MAX && next_header != IPPROTO_UDP; i++) {
		const struct ipv6_extension *extension;

		if (next_header != IPPROTO_DSTOPTS && next_header != IPPROTO_ROUTING &&
			next_header != IPPROTO_HOPOPTS && next_header != IPPROTO_FRAGMENT)
			return STEER_COUNT_not_udp;
		if (next_header == IPPROTO_HOPOPTS && i != 0)
			return STEER_COUNT_unreadable;
		extension = cursor_take(cursor, 8);
		if (!extension)
			return STEER_COUNT_unreadable;
		if (next_header == IPPROTO_FRAGMENT) {
			if (extension->fragment_offset & bpf_htons(IPV6_OFFSET_MASK))
				return STEER_COUNT_fragment;
			next_header = extension->next_header;
			continue;
		}
		if (next_header == IPPROTO_ROUTING && extension->routing.segments_left != 0)
			return STEER_COUNT_unreadable;
		next_header = extension->next_header;
		if (!cursor_take(cursor, extension->length * 8))
			return STEER_COUNT_unreadable;
	}
	return next_header == IPPROTO_UDP ? STEER_COUNT_steered : STEER_COUNT_unreadable;
}

static __always_inline enum steer_count
parse_ipv6(struct cursor *cursor, struct packet *packet)
{
	const struct ipv6hdr *ip = cursor_take(cursor, sizeof(*ip));

	if (!ip || ip->version != 6)
		return STEER_COUNT_unreadable;
	packet->key.family = STEER_IPV6;
	__builtin_memcpy(packet->key.addr, &ip->daddr, sizeof(ip->daddr));
	__builtin_memcpy(packet->dst, &ip->daddr, sizeof(ip->daddr));
	__builtin_memcpy(packet->src, &ip->saddr, sizeof(ip->saddr));
	return parse_extensions(cursor, ip->nexthdr);
}

/* STEER_COUNT_steered if the packet can be parsed to the end of its UDP header; else the reason. */
static __always_inline enum steer_count
parse(struct cursor *cursor, struct packet *packet)
{
	enum steer_count count = STEER_COUNT_not_udp;
	const struct udphdr *udp;

	switch (parse_link(cursor, &packet->key)) {
	case 0:
		return STEER_COUNT_unreadable;
	case bpf_htons(ETH_P_IP):
		count = parse_ipv4(cursor, packet);
		break;
	case bpf_htons(ETH_P_IPV6):
		count = parse_ipv6(cursor, packet);
		break;
	}
	if (count != STEER_COUNT_steered)
		return count;
	udp = cursor_take(cursor, sizeof(*udp));
	if (!udp)
		return STEER_COUNT_unreadable;
	packet->key.port = udp->dest;
	packet->source_port = udp->source;
	packet->src_port = bpf_ntohs(udp->source);
	packet->dst_port = bpf_ntohs(udp->dest);
	return STEER_COUNT_steered;
}

/*
 * Not 0 if a < b: the sign of their difference. Written so that the compiler generates no branch,
 * as a loop of branches has too many paths for the verifier.
 */
static __always_inline __u32
below(__u16 a, __u16 b)
{
	__u32 difference = (__u32)a - b;

	__asm__ volatile("" : "+r"(difference));
	return difference >> 31;
}

/* Not 0 if the packet is outside the range. Without branches, see below(). */
static __always_inline __u32
range_differs(const struct steer_range *range, const struct packet *packet)
{
	__u32 differs = range->family ^ packet->key.family;
	int i;

#pragma unroll
	for (i = 0; i < 4; i++) {
		differs |= (packet->dst[i] & range->dst_mask[i]) ^ range->dst[i];
		differs |= (packet->src[i] & range->src_mask[i]) ^ range->src[i];
	}
	differs |= (packet->key.vlan & range->vlan_mask) ^ range->vlan;
	differs |= (packet->key.outer_vlan & range->outer_vlan_mask) ^ range->outer_vlan;
	differs |= below(packet->dst_port, range->dst_port_first);
	differs |= below(range->dst_port_last, packet->dst_port);
	differs |= below(packet->src_port, range->src_port_first);
	differs |= below(range->src_port_last, packet->src_port);
	return differs;
}

static __always_inline int
ranges_match(const struct packet *packet)
{
	const struct steer_ranges *ranges;
	const __u32 *active;
	__u32 place = 0;
	__u32 i;

	active = bpf_map_lookup_elem(&STEER_ACTIVE, &place);
	if (!active || *active == 0)
		return 0;
	place = *active - 1;
	ranges = bpf_map_lookup_elem(&STEER_RANGES, &place);
	if (!ranges)
		return 0;
	for (i = 0; i < STEER_RANGES_MAX && i < ranges->n; i++) {
		if (!range_differs(&ranges->ranges[i], packet))
			return 1;
	}
	return 0;
}

static __always_inline int
is_multicast(const struct packet *packet)
{
	if (packet->key.family == STEER_IPV4)
		return (packet->dst[0] & bpf_htonl(0xf0000000)) == bpf_htonl(0xe0000000);
	return packet->key.addr[0] == 0xff;
}

/*
 * Whether the frame was sent to this interface, or to the VLAN interface on it that it is for. RFC
 * 1812, 5.3.4: a link-layer multicast or broadcast is not forwarded, unless its destination is a
 * multicast address.
 */
static __always_inline int
mac_is_ours(const struct xdp_md *ctx, const struct packet *packet)
{
	const struct ethhdr *eth = (const struct ethhdr *)(long)ctx->data;
	struct steer_mac vlan = {.vlan = packet->key.vlan, .outer_vlan = packet->key.outer_vlan};
	const struct steer_port *port;
	const __u32 only = 0;
	__u8 differs = 0;
	int i;

	if ((const __u8 *)(eth + 1) > (const __u8 *)(long)ctx->data_end)
		return 0;
	if (eth->h_dest[0] & 1)
		return is_multicast(packet);
	port = bpf_map_lookup_elem(&STEER_PORT, &only);
	if (!port)
		return 0;
#pragma unroll
	for (i = 0; i < ETH_ALEN; i++)
		differs |= eth->h_dest[i] ^ port->mac[i];
	if (!differs)
		return 1;
	__builtin_memcpy(vlan.mac, eth->h_dest, sizeof(vlan.mac));
	return bpf_map_lookup_elem(&STEER_MACS, &vlan) != 0;
}

/* Whether a user of the key accepts the packet's source. */
static __always_inline int
source_is_wanted(const struct packet *packet, const struct steer_uses *uses)
{
	struct steer_pair pair = {.key = packet->key};

	if (uses->any)
		return 1;
	__builtin_memcpy(pair.source.addr, packet->src, sizeof(packet->src));
	pair.source.port = packet->source_port;
	return bpf_map_lookup_elem(&STEER_PAIRS, &pair) != 0;
}

/* Why a packet matches no key. */
static __always_inline enum steer_count
miss(const struct packet *packet)
{
	struct steer_key near = packet->key;

	near.vlan = near.outer_vlan = 0;
	near.near = STEER_NEAR_PORT;
	if (bpf_map_lookup_elem(&STEER_NEAR, &near))
		return STEER_COUNT_vlan;
	near.port = 0;
	near.near = STEER_NEAR_ADDRESS;
	return bpf_map_lookup_elem(&STEER_NEAR, &near) ? STEER_COUNT_port : STEER_COUNT_address;
}

static __always_inline enum steer_count
decide(const struct xdp_md *ctx)
{
	struct cursor cursor = {
		.at = (const __u8 *)(long)ctx->data,
		.end = (const __u8 *)(long)ctx->data_end,
	};
	struct packet packet = {0};
	enum steer_count count = parse(&cursor, &packet);
	const struct steer_uses *uses;

	if (count != STEER_COUNT_steered)
		return count;
	uses = bpf_map_lookup_elem(&STEER_KEYS, &packet.key);
	if (!uses || !source_is_wanted(&packet, uses)) {
		if (!ranges_match(&packet)) {
			if (!uses)
				return miss(&packet);
			count = STEER_COUNT_source;
		}
	}
	return mac_is_ours(ctx, &packet) ? count : STEER_COUNT_other_mac;
}

SEC("xdp")
int
STEER_PROGRAM(struct xdp_md *ctx)
{
	enum steer_count count = decide(ctx);
	struct steer_tally *tally;
	const __u32 only = 0;
	int verdict = XDP_PASS;

	if (count == STEER_COUNT_steered) {
		/* Without a socket for the queue, the action in the flags is used. */
		verdict = (int)bpf_redirect_map(&STEER_SOCKETS, ctx->rx_queue_index, XDP_PASS);
		if (verdict != XDP_REDIRECT)
			count = STEER_COUNT_no_socket;
	} else if (count == STEER_COUNT_source) {
		verdict = XDP_DROP;
	}
	tally = bpf_map_lookup_elem(&STEER_TALLY, &only);
	if (tally && count < STEER_COUNTS)
		tally->packets[count]++;
	return verdict;
}

char _license[] SEC("license") = "BSD-3-Clause";
