/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For a packet that no flow matches: the flow that it misses by least, and the fields in which it
 * does. Flows that receive at the same address and port, or take the same pair of ends, on another
 * port or VLAN are found by the index of validation; others, of another source, address or UDP
 * port, among the newest NEAREST_SCAN_MAX flows, so that a million of them stop nothing. Pure.
 * Control thread.
 */
#ifndef CTRL_MONITOR_PACKET_TRACE_H
#define CTRL_MONITOR_PACKET_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include "flow/flow_db.h"
#include "flow/validate.h"

#define NEAREST_SCAN_MAX 8192 /* some two milliseconds */

enum near_field {
	NEAR_PORT, /* of ingress */
	NEAR_OUTER_VLAN,
	NEAR_VLAN,
	NEAR_SRC,
	NEAR_SRC_PORT,
	NEAR_DST,
	NEAR_DST_PORT,
	NEAR_FIELDS
};

struct nearest {
	const struct flow_spec *spec; /* NULL: none has enough in common with the packet */
	unsigned differs; /* bits 1 << enum near_field */
	size_t n_scanned; /* flows that were compared, those of the index not counted */
};

/*
 * Fields of a flow that the packet differs in, bits as above; the packet as an exact match has it.
 * UINT_MAX: it is of another family.
 */
unsigned nearest_differs(const struct flow_spec *spec, const struct flow_match *packet);

/* What is found is borrowed from the flows. */
void nearest_find(const struct flow_db *db, const struct validate *validate,
	const struct flow_match *packet, struct nearest *nearest);

/* A UDP packet made of its fields, to be traced. */

#define PACKET_HEADERS_MAX 70 /* bytes: Ethernet, two tags, IPv6, UDP */

/* Addresses and UDP ports in network order; an IPv4 address stands in the first four bytes. */
struct packet_fields {
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
enum packet_checksum {
	PACKET_CHECKSUM_RIGHT,
	PACKET_CHECKSUM_WRONG,
	PACKET_CHECKSUM_PARTIAL, /* of the pseudo-header alone: the sender left the rest to its
				   device */
	PACKET_CHECKSUM_NONE, /* zero */
};

/*
 * Check the checksum of UDP at `udp`, all of whose bytes are there, against the addresses and
 * family of `ends`; the numbers are in host order. Any thread.
 */
enum packet_checksum packet_udp_check(
	const struct packet_fields *ends, const uint8_t *udp, uint16_t *found, uint16_t *expected);

/*
 * Write the frame, with all checksums; it has room for PACKET_HEADERS_MAX + payload_bytes. Returns
 * its length. Any thread.
 */
size_t packet_build(const struct packet_fields *probe, uint8_t *frame);

#endif
