/* SPDX-License-Identifier: BSD-3-Clause */
/* A UDP packet made of its fields, to be traced. */
#ifndef CTRL_STATE_PROBE_H
#define CTRL_STATE_PROBE_H

#include <stddef.h>
#include <stdint.h>

#define PROBE_HEADERS_MAX 70 /* bytes: Ethernet, two tags, IPv6, UDP */

/* Addresses and UDP ports in network order; an IPv4 address stands in the first four bytes. */
struct probe {
	uint8_t src_mac[6];
	uint8_t dst_mac[6];
	uint8_t src[16];
	uint8_t dst[16];
	uint16_t src_port;
	uint16_t dst_port;
	uint16_t vlan; /* 0 = no such tag */
	uint16_t outer_vlan;
	uint8_t family; /* 4 or 6 */
	uint8_t ttl;
	uint8_t dscp;
	const uint8_t *payload; /* borrowed */
	size_t payload_bytes; /* the datagram has to be below 65536 bytes */
};

/* What a packet says of its own bytes. */
enum probe_checksum {
	PROBE_CHECKSUM_RIGHT,
	PROBE_CHECKSUM_WRONG,
	PROBE_CHECKSUM_PARTIAL, /* of the pseudo-header alone: the sender left the rest to its
				   device */
	PROBE_CHECKSUM_NONE, /* zero */
};

/*
 * Check the checksum of UDP at `udp`, all of whose bytes are there, against the addresses and
 * family of `ends`; the numbers are in host order. Any thread.
 */
enum probe_checksum probe_udp_check(
	const struct probe *ends, const uint8_t *udp, uint16_t *found, uint16_t *expected);

/*
 * Write the frame, with all checksums; it has room for PROBE_HEADERS_MAX + payload_bytes. Returns
 * its length. Any thread.
 */
size_t probe_build(const struct probe *probe, uint8_t *frame);

#endif
