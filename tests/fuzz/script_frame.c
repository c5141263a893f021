/* SPDX-License-Identifier: BSD-3-Clause */
#include <netinet/in.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "script.h"

#define PAYLOAD_HEAD_BYTES 12
#define EXTENSION_BYTES 8

/* Frame under construction. */
struct draft {
	uint8_t *frame;
	size_t bytes;
};

static void *
draft_add(struct draft *draft, size_t bytes)
{
	void *at = draft->frame + draft->bytes;

	memset(at, 0, bytes);
	draft->bytes += bytes;
	return at;
}

static void
tags_draw(struct draft *draft, struct cursor *cursor, uint16_t ether_type)
{
	const unsigned n = take_below(cursor, 8) % 4;
	uint16_t type;

	for (unsigned i = 0; i < n; i++) {
		type = htons(
			take_below(cursor, 4) == 0 ? RTE_ETHER_TYPE_QINQ : RTE_ETHER_TYPE_VLAN);
		memcpy(draft_add(draft, sizeof(type)), &type, sizeof(type));
		type = htons((uint16_t)take_below(cursor, 2));
		memcpy(draft_add(draft, sizeof(type)), &type, sizeof(type));
	}
	type = htons(ether_type);
	memcpy(draft_add(draft, sizeof(type)), &type, sizeof(type));
}

static void
udp_draw(struct draft *draft, struct cursor *cursor)
{
	struct rte_udp_hdr udp = {0};
	const size_t payload = take_word(cursor) % 600;
	uint8_t *head;

	udp.src_port = htons((uint16_t)(5000 + take_below(cursor, 3)));
	udp.dst_port = htons((uint16_t)(5000 + take_below(cursor, 3)));
	udp.dgram_len = htons((uint16_t)(sizeof(udp) + payload));
	udp.dgram_cksum = (uint16_t)take_word(cursor);
	memcpy(draft_add(draft, sizeof(udp)), &udp, sizeof(udp));
	head = draft_add(draft, payload);
	take_bytes(cursor, head, payload < PAYLOAD_HEAD_BYTES ? payload : PAYLOAD_HEAD_BYTES);
}

static void
ip4_draw(struct draft *draft, struct cursor *cursor)
{
	struct rte_ipv4_hdr ip = {.version_ihl = 0x45, .next_proto_id = IPPROTO_UDP};
	const size_t start = draft->bytes;

	draft_add(draft, sizeof(ip));
	ip.time_to_live = take_byte(cursor);
	ip.type_of_service = take_byte(cursor);
	ip.src_addr = htonl(0xc0000200 | take_below(cursor, 4));
	ip.dst_addr = htonl(0xc0000200 | take_below(cursor, 4));
	udp_draw(draft, cursor);
	ip.total_length = htons((uint16_t)(draft->bytes - start));
	ip.hdr_checksum = rte_ipv4_cksum(&ip);
	memcpy(draft->frame + start, &ip, sizeof(ip));
}

static void
ip6_draw(struct draft *draft, struct cursor *cursor)
{
	static const uint8_t types[] = {
		IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, IPPROTO_ROUTING, IPPROTO_FRAGMENT, IPPROTO_ESP};
	struct rte_ipv6_hdr ip = {.vtc_flow = htonl(0x60000000), .proto = IPPROTO_UDP};
	const unsigned n_extensions = take_below(cursor, 16) % 10;
	const size_t start = draft->bytes;
	uint8_t *next = &ip.proto;

	draft_add(draft, sizeof(ip));
	ip.hop_limits = take_byte(cursor);
	memcpy(&ip.src_addr, (const uint8_t[]){0x20, 0x01, 0x0d, 0xb8}, 4);
	memcpy(&ip.dst_addr, (const uint8_t[]){0x20, 0x01, 0x0d, 0xb8}, 4);
	((uint8_t *)&ip.src_addr)[15] = (uint8_t)take_below(cursor, 4);
	((uint8_t *)&ip.dst_addr)[15] = (uint8_t)take_below(cursor, 4);
	for (unsigned i = 0; i < (n_extensions > 6 ? n_extensions : n_extensions / 4); i++) {
		uint8_t *extension = draft_add(draft, EXTENSION_BYTES);

		*next = types[take_below(cursor, sizeof(types))];
		take_bytes(cursor, extension + 2, EXTENSION_BYTES - 2);
		next = extension;
	}
	*next = IPPROTO_UDP;
	udp_draw(draft, cursor);
	ip.payload_len = htons((uint16_t)(draft->bytes - start - sizeof(ip)));
	memcpy(draft->frame + start, &ip, sizeof(ip));
}

/* Spoil some bytes, add padding or cut the frame short. */
static size_t
frame_spoil(struct draft *draft, struct cursor *cursor)
{
	const unsigned n = take_below(cursor, 8) % 5;

	for (unsigned i = 0; i < n; i++) {
		/* Mostly in the headers. */
		const size_t at = take_word(cursor) % (i % 2 == 0 ? 64 : draft->bytes);

		draft->frame[at < draft->bytes ? at : 0] ^= take_byte(cursor);
	}
	switch (take_below(cursor, 8)) {
	case 1:
		return take_word(cursor) % (draft->bytes + 1);
	case 2:
		return draft->bytes + take_below(cursor, 20);
	default:
		return draft->bytes;
	}
}

size_t
script_frame_draw(uint8_t *frame, struct cursor *cursor)
{
	struct draft draft = {.frame = frame};

	memset(frame, 0, SCRIPT_FRAME_MAX);
	draft_add(&draft, 2 * RTE_ETHER_ADDR_LEN);
	if (take_below(cursor, 2) != 0) {
		tags_draw(&draft, cursor, RTE_ETHER_TYPE_IPV6);
		ip6_draw(&draft, cursor);
	} else {
		tags_draw(&draft, cursor, RTE_ETHER_TYPE_IPV4);
		ip4_draw(&draft, cursor);
	}
	return frame_spoil(&draft, cursor);
}
