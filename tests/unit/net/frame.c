/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <string.h>

#include <criterion/criterion.h>

#include "frame.h"

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define PROTOCOL_UDP 17
#define OPTION_NO_OPERATION 1

static uint8_t *
put_u16(uint8_t *at, unsigned value)
{
	*at++ = (uint8_t)(value >> 8);
	*at++ = (uint8_t)value;
	return at;
}

static uint8_t
protocol_of(uint8_t given)
{
	if (given == FRAME_PROTOCOL_ZERO)
		return 0;
	return given ? given : PROTOCOL_UDP;
}

static void
put_address(uint8_t *at, int family, const char *given, const char *otherwise)
{
	cr_assert_eq(inet_pton(family, given ? given : otherwise, at), 1);
}

static uint8_t *
put_link(uint8_t *at, const struct frame *frame)
{
	static const uint8_t macs[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
	unsigned by_family = frame->family == 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;

	memcpy(at, macs, sizeof(macs));
	if (memcmp(frame->dst_mac, "\0\0\0\0\0", 6) != 0)
		memcpy(at, frame->dst_mac, 6);
	at += sizeof(macs);
	for (int i = 0; i < FRAME_TAGS_MAX; i++) {
		if (!frame->tpid[i])
			continue;
		at = put_u16(at, frame->tpid[i]);
		at = put_u16(at, frame->tci[i]);
	}
	return put_u16(at, frame->ether_type ? frame->ether_type : by_family);
}

static uint8_t *
put_ipv4(uint8_t *at, const struct frame *frame)
{
	unsigned ihl = frame->ihl ? frame->ihl : 5;
	unsigned words = ihl < 5 ? 5 : ihl;
	unsigned version = frame->version ? frame->version : 4;

	memset(at, 0, 20);
	memset(at + 20, OPTION_NO_OPERATION, (words - 5) * 4);
	at[0] = (uint8_t)(version << 4 | ihl);
	put_u16(at + 2, words * 4 + 8 + FRAME_PAYLOAD_BYTES);
	put_u16(at + 6, frame->fragment);
	at[8] = 64;
	at[9] = protocol_of(frame->protocol);
	put_address(at + 12, AF_INET, frame->src, "198.51.100.9");
	put_address(at + 16, AF_INET, frame->dst, NULL);
	return at + words * 4;
}

/* The next header field of the header before the i-th extension header. */
static uint8_t
next_header(const struct frame *frame, int i)
{
	uint8_t type = i < FRAME_EXTENSIONS_MAX ? frame->extensions[i].type : 0;

	return protocol_of(type ? type : frame->protocol);
}

/* Their options are zeros, which are Pad1 (RFC 8200, 4.2). */
static uint8_t *
put_extensions(uint8_t *at, const struct frame *frame)
{
	for (int i = 0; i < FRAME_EXTENSIONS_MAX && frame->extensions[i].type; i++) {
		const struct frame_extension *extension = &frame->extensions[i];
		size_t bytes = (extension->words + 1u) * 8;

		memset(at, 0, bytes);
		at[0] = next_header(frame, i + 1);
		at[1] = extension->words;
		at[3] = extension->segments_left;
		at += bytes;
	}
	return at;
}

static uint8_t *
put_ipv6(uint8_t *at, const struct frame *frame)
{
	unsigned version = frame->version ? frame->version : 6;
	uint8_t *end;

	memset(at, 0, 40);
	at[0] = (uint8_t)(version << 4);
	at[6] = next_header(frame, 0);
	at[7] = 64;
	put_address(at + 8, AF_INET6, frame->src, "2001:db8:1::9");
	put_address(at + 24, AF_INET6, frame->dst, NULL);
	end = put_extensions(at + 40, frame);
	put_u16(at + 4, (unsigned)(end - at) - 40 + 8 + FRAME_PAYLOAD_BYTES);
	return end;
}

size_t
frame_build(const struct frame *frame, uint8_t bytes[FRAME_MAX], size_t *header_bytes)
{
	uint8_t *at = put_link(bytes, frame);

	at = frame->family == 4 ? put_ipv4(at, frame) : put_ipv6(at, frame);
	at = put_u16(at, frame->src_port ? frame->src_port : 40000);
	at = put_u16(at, frame->dst_port);
	at = put_u16(at, frame->udp_length ? frame->udp_length : 8 + FRAME_PAYLOAD_BYTES);
	at = put_u16(at, 0);
	*header_bytes = (size_t)(at - bytes);
	memset(at, 0xa5, FRAME_PAYLOAD_BYTES);
	return *header_bytes + FRAME_PAYLOAD_BYTES;
}
