/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The contract between the steering program in the kernel (steer.bpf.c) and the control thread
 * that fills its maps (ctrl/net/xdp_steer.c): names by which user space recognises our program and
 * its maps, and the bytes of a key and of a range. Written once, compiled for both, so it needs
 * only <stdint.h>.
 */
#ifndef STEER_LAYOUT_H
#define STEER_LAYOUT_H

#include <stdint.h>

/* The kernel keeps 15 characters of a name. */
#define STEER_PROGRAM sluice_steer
#define STEER_KEYS sluice_keys /* hash: struct steer_key -> struct steer_uses */
#define STEER_PAIRS sluice_pairs /* hash: struct steer_pair -> uint32_t, how often it was added */
#define STEER_NEAR sluice_near /* hash: struct steer_key -> uint32_t, keys that it stands for */
#define STEER_RANGES sluice_ranges /* array of two: struct steer_ranges, one of them in use */
#define STEER_ACTIVE sluice_active /* array of one: uint32_t, see struct steer_ranges */
#define STEER_PORT sluice_port /* array of one: struct steer_port */
#define STEER_TALLY sluice_tally /* array of one, a CPU each: struct steer_tally */
#define STEER_SOCKETS xsks_map /* the name that DPDK's AF_XDP driver looks for */

#define STEER_TEXT_OF(token) #token
#define STEER_TEXT(token) STEER_TEXT_OF(token)

#define STEER_KEYS_MAX 65536 /* keys of one port; 6 MiB of kernel memory a port */
#define STEER_PAIRS_MAX 262144 /* sources of one port; some 100 bytes each, as they come */
#define STEER_RANGES_MAX 64 /* ranges of one port */
#define STEER_QUEUES_MAX 128 /* rx queues of one port */

#define STEER_IPV4 4
#define STEER_IPV6 6

/* A local address on which the data plane wants UDP. Keys are compared byte by byte. */
struct steer_key {
	uint8_t addr[16]; /* IPv4: the first four bytes, the rest zero */
	uint16_t port; /* network order */
	uint16_t vlan; /* host order, id of the only or inner tag, 1..4094; 0 = none */
	uint16_t outer_vlan; /* host order, id of the outer tag (IEEE 802.1ad), 1..4094; 0 = none */
	uint8_t family; /* STEER_IPV4 or STEER_IPV6 */
	uint8_t near; /* STEER_NEAR_...; zero but in STEER_NEAR */
};

_Static_assert(sizeof(struct steer_key) == 24, "a steering key has no padding");

/* Less of a key, to say by what a packet missed them all. */
#define STEER_NEAR_PORT 1 /* address and port, the VLANs zero */
#define STEER_NEAR_ADDRESS 2 /* the address alone */

/* By how many a key is used. While `any` is 0, its packets must come from a source of STEER_PAIRS.
 */
struct steer_uses {
	uint32_t any; /* that take packets of any source, or for whose source there was no room */
	uint32_t pairs; /* that take those of one source */
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
 * UDP that the data plane wants by ranges. A packet is in the range when its family is the same,
 * its ports are within the bounds, and every other field, taken with the mask, is the value here.
 */
struct steer_range {
	uint32_t dst[4]; /* as it stands in the packet; IPv4: the first word, the rest zero */
	uint32_t dst_mask[4];
	uint32_t src[4];
	uint32_t src_mask[4];
	uint16_t dst_port_first, dst_port_last; /* host order, inclusive */
	uint16_t src_port_first, src_port_last; /* host order, inclusive */
	uint16_t vlan, vlan_mask; /* host order; mask 0 = any */
	uint16_t outer_vlan, outer_vlan_mask;
	uint32_t family; /* STEER_IPV4 or STEER_IPV6 */
	uint32_t uses; /* how often it was added; nothing to the program */
};

_Static_assert(sizeof(struct steer_range) == 88, "a steering range has no padding");

/*
 * All ranges of a port. A new set is written whole into the place that is not in use, and then put
 * into use by its number: STEER_ACTIVE is 0 while there are no ranges, else 1 + the place.
 */
struct steer_ranges {
	uint32_t n;
	uint32_t reserved; /* zero */
	struct steer_range ranges[STEER_RANGES_MAX];
};

_Static_assert(sizeof(struct steer_ranges) == 8 + 88 * STEER_RANGES_MAX, "no padding");

/* What the program leaves to the kernel, by the first reason that it finds. */
#define STEER_PASSED(X) \
	X(unreadable, "headers cut off, malformed or not to be skipped") \
	X(not_udp, "neither UDP over IPv4 nor over IPv6: ARP, TCP, ICMP and the like") \
	X(fragment, "IP fragment") \
	X(address, "UDP to an address at which no flow receives") \
	X(port, "UDP to a flow's address, at a UDP port at which none receives") \
	X(vlan, "UDP to a flow's address and port, in VLANs in which none receives") \
	X(other_mac, "sent to another MAC address, or to all (RFC 1812, 5.3.4)") \
	X(no_socket, "on a queue of the NIC that the port does not poll")

/* What it drops. */
#define STEER_DROPPED(X) X(source, "at an address where flows take other sources only")

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

#endif
