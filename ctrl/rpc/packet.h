/* SPDX-License-Identifier: BSD-3-Clause */
/* UDP packets as bytes, made of fields and read back. Pure functions, any thread. */
#ifndef CTRL_RPC_PACKET_H
#define CTRL_RPC_PACKET_H

#include <stddef.h>
#include <stdint.h>

#include <dp/flow.h>

#define PACKET_LINK_MAX 22 /* bytes: Ethernet, two tags */
#define PACKET_HEADERS_MAX 70 /* bytes: the same, IPv6, UDP */

/* All that stands before the IP header. */
struct packet_link {
	uint8_t bytes[PACKET_LINK_MAX];
	size_t n;
};

struct packet_fields {
	struct dp_flow_key key; /* port and any_source are of no use here */
	uint8_t ttl;
	uint8_t dscp;
	const uint8_t *payload; /* borrowed */
	size_t payload_bytes; /* the datagram has to be below 65536 bytes */
};

/* With the tags and the family of the key. */
void packet_link_make(struct packet_link *link, const uint8_t dst_mac[6], const uint8_t src_mac[6],
	const struct dp_flow_key *key);

/*
 * Write the frame, with all checksums, into room for PACKET_HEADERS_MAX + payload_bytes. Returns
 * its length.
 */
size_t packet_build(
	const struct packet_fields *fields, const struct packet_link *link, uint8_t *frame);

/*
 * Link layer, addresses and UDP ports of a frame that a worker has punted, and so has checked: UDP
 * behind at most two tags, without IP options and extension headers. The VLANs of *key stay 0. Of
 * the frame, n_bytes are there: PACKET_HEADERS_MAX suffice. 0, or -EINVAL: they do not.
 */
int packet_parse(
	const uint8_t *frame, size_t n_bytes, struct dp_flow_key *key, struct packet_link *link);

/* RFC 1071: the one's complement sum, not yet folded; an odd last byte counts as a high one. */
uint32_t packet_sum(const uint8_t *bytes, size_t n);
uint32_t packet_sum_pseudo_header(const struct dp_flow_key *key, uint16_t udp_bytes);
uint16_t packet_sum_finish(uint32_t sum);

/* The same of UDP, where a checksum of zero would say that there is none (RFC 768). */
uint16_t packet_udp_checksum(uint32_t sum);

#endif
