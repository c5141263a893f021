/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The interface between the steering program in the kernel (steer.bpf.c) and the control thread
 * that fills its maps (ctrl/net/xdp_steer.c): names of the program and its maps, and the layout of
 * keys and ranges. Compiled for both, so it includes only <stdint.h>.
 */
#ifndef STEER_LAYOUT_H
#define STEER_LAYOUT_H

#include <stdint.h>

/* The kernel keeps 15 characters of a name. */
#define STEER_PROGRAM sluice_steer
#define STEER_KEYS sluice_keys /* hash: struct steer_key -> struct steer_uses */
#define STEER_PAIRS sluice_pairs /* hash: struct steer_pair -> uint32_t, how often it was added */
#define STEER_NEAR sluice_near /* hash: struct steer_key -> uint32_t, number of keys it covers */
#define STEER_RANGES sluice_ranges /* array of two: struct steer_ranges, one of them in use */
#define STEER_ACTIVE sluice_active /* array of one: uint32_t, see struct steer_ranges */
#define STEER_PORT sluice_port /* array of one: struct steer_port */
#define STEER_MACS sluice_macs /* hash: struct steer_mac -> uint32_t, not used */
#define STEER_TALLY sluice_tally /* array of one, per CPU: struct steer_tally */
#define STEER_SOCKETS xsks_map /* name required by DPDK's AF_XDP driver */

#define STEER_TEXT_OF(token) #token
#define STEER_TEXT(token) STEER_TEXT_OF(token)

#define STEER_KEYS_MAX 65536 /* keys of one port; 6 MiB of kernel memory per port */
#define STEER_PAIRS_MAX 262144 /* sources of one port; about 100 bytes each, on demand */
#define STEER_RANGES_MAX 64 /* ranges of one port */
#define STEER_MACS_MAX 4096 /* VLAN interfaces of one port that have MAC addresses of their own */
#define STEER_QUEUES_MAX 128 /* rx queues of one port */

#define STEER_IPV4 4
#define STEER_IPV6 6

/* A local address whose UDP is redirected to the data plane. Keys are compared byte by byte. */
struct steer_key {
	uint8_t addr[16]; /* IPv4: the first four bytes, the rest zero */
	uint16_t port; /* network order */
	uint16_t vlan; /* host order, id of the only or inner tag, 1..4094; 0 = none */
	uint16_t outer_vlan; /* host order, id of the outer tag (IEEE 802.1ad), 1..4094; 0 = none */
	uint8_t family; /* STEER_IPV4 or STEER_IPV6 */
	uint8_t near; /* STEER_NEAR_...; zero except in STEER_NEAR */
};

_Static_assert(sizeof(struct steer_key) == 24, "a steering key has no padding");

/* Parts of a key, to report why a packet matches no key. */
#define STEER_NEAR_PORT 1 /* address and port, the VLANs zero */
#define STEER_NEAR_ADDRESS 2 /* the address only */

/* Users of a key. While `any` is 0, its packets must have a source of STEER_PAIRS. */
struct steer_uses {
	uint32_t any; /* users that accept any source, or whose source did not fit the map */
	uint32_t pairs; /* users that accept one source */
};

struct steer_end {
	uint8_t addr[16]; /* as in a key */
	uint16_t port; /* network order */
	uint16_t reserved; /* zero */
};

struct steer_pair {
	struct steer_key key;
	struct steer_end source;
};

_Static_assert(sizeof(struct steer_pair) == 44, "a pair has no padding");

/*
 * UDP that is redirected by ranges. A packet is in the range if its family is the same, its ports
 * are within the bounds, and every other field, masked, equals the value here.
 */
struct steer_range {
	uint32_t dst[4]; /* network order; IPv4: the first word, the rest zero */
	uint32_t dst_mask[4];
	uint32_t src[4];
	uint32_t src_mask[4];
	uint16_t dst_port_first, dst_port_last; /* host order, inclusive */
	uint16_t src_port_first, src_port_last; /* host order, inclusive */
	uint16_t vlan, vlan_mask; /* host order; mask 0 = any */
	uint16_t outer_vlan, outer_vlan_mask;
	uint32_t family; /* STEER_IPV4 or STEER_IPV6 */
	uint32_t uses; /* how often it was added; not used by the program */
};

_Static_assert(sizeof(struct steer_range) == 88, "a steering range has no padding");

/*
 * All ranges of a port. A new set is written to the inactive element, and then activated by its
 * number: STEER_ACTIVE is 0 without ranges, else 1 + the index of the element.
 */
struct steer_ranges {
	uint32_t n;
	uint32_t reserved; /* zero */
	struct steer_range ranges[STEER_RANGES_MAX];
};

_Static_assert(sizeof(struct steer_ranges) == 8 + 88 * STEER_RANGES_MAX, "no padding");

/* Packets that the program passes to the kernel, by the first reason that applies. */
#define STEER_PASSED(X) \
	X(unreadable, "headers truncated, malformed or not supported") \
	X(not_udp, "neither UDP over IPv4 nor over IPv6: ARP, TCP, ICMP and others") \
	X(fragment, "IP fragment, not the first of its datagram") \
	X(address, "UDP to an address of no flow") \
	X(port, "UDP to the address of a flow, to a UDP port of no flow") \
	X(vlan, "UDP to the address and port of a flow, in VLANs of no flow") \
	X(other_mac, "to another MAC address, or broadcast (RFC 1812, 5.3.4)") \
	X(no_socket, "on a queue of the NIC that the port does not poll")

/* Packets that the program drops. */
#define STEER_DROPPED(X) X(source, "all flows at the address and port accept other sources only")

#define STEER_COUNT_ENUM(name, help) STEER_COUNT_##name,
enum steer_count {
	STEER_COUNT_steered, /* given to a socket of the port */
	STEER_PASSED(STEER_COUNT_ENUM) STEER_DROPPED(STEER_COUNT_ENUM) STEER_COUNTS
};

/* Packets since the program was loaded. */
struct steer_tally {
	uint64_t packets[STEER_COUNTS]; /* [enum steer_count] */
};

/* What the program knows of its interface. */
struct steer_port {
	uint8_t mac[6]; /* frames to another one are the kernel's */
	uint16_t reserved; /* zero */
};

_Static_assert(sizeof(struct steer_port) == 8, "an address changes in one store");

/* A VLAN interface of the kernel with another MAC address: frames to it in that VLAN are ours, too.
 */
struct steer_mac {
	uint8_t mac[6];
	uint16_t vlan; /* as in a key */
	uint16_t outer_vlan;
	uint16_t reserved; /* zero */
};

_Static_assert(sizeof(struct steer_mac) == 12, "a MAC address of a VLAN has no padding");

#endif
