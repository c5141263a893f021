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
protocol_of(const struct frame *frame)
{
	if (frame->protocol == FRAME_PROTOCOL_ZERO)
		return 0;
	return frame->protocol ? frame->protocol : PROTOCOL_UDP;
}

static uint8_t *
put_link(uint8_t *at, const struct frame *frame)
{
	static const uint8_t macs[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
	unsigned by_family = frame->family == 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;

	memcpy(at, macs, sizeof(macs));
	at += sizeof(macs);
	for (int i = 0; i < 2; i++) {
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
	at[9] = protocol_of(frame);
	inet_pton(AF_INET, "198.51.100.9", at + 12);
	cr_assert_eq(inet_pton(AF_INET, frame->dst, at + 16), 1);
	return at + words * 4;
}

static uint8_t *
put_ipv6(uint8_t *at, const struct frame *frame)
{
	unsigned version = frame->version ? frame->version : 6;

	memset(at, 0, 40);
	at[0] = (uint8_t)(version << 4);
	put_u16(at + 4, 8 + FRAME_PAYLOAD_BYTES);
	at[6] = protocol_of(frame);
	at[7] = 64;
	inet_pton(AF_INET6, "2001:db8:1::9", at + 8);
	cr_assert_eq(inet_pton(AF_INET6, frame->dst, at + 24), 1);
	return at + 40;
}

size_t
frame_build(const struct frame *frame, uint8_t bytes[FRAME_MAX], size_t *header_bytes)
{
	uint8_t *at = put_link(bytes, frame);

	at = frame->family == 4 ? put_ipv4(at, frame) : put_ipv6(at, frame);
	at = put_u16(at, 40000);
	at = put_u16(at, frame->dst_port);
	at = put_u16(at, frame->udp_length ? frame->udp_length : 8 + FRAME_PAYLOAD_BYTES);
	at = put_u16(at, 0);
	*header_bytes = (size_t)(at - bytes);
	memset(at, 0xa5, FRAME_PAYLOAD_BYTES);
	return *header_bytes + FRAME_PAYLOAD_BYTES;
}
