/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames that are changed after they were built. */
#include <string.h>

#include "packets.h"

#define HEADERS_BYTES 80 /* where most of what is read lies */

static unsigned
read16(const uint8_t *at)
{
	return at[0] * 256u + at[1];
}

static void
write16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* Add to a word so that a sum which lacks `missing` to zero does not lack it any more. */
static void
word_add(uint8_t *at, unsigned missing)
{
	write16(at, (read16(at) + missing) % 65535);
}

static void
spoil_once(struct rng *rng, struct test_frame *frame)
{
	unsigned near = frame->n_bytes < HEADERS_BYTES ? frame->n_bytes : HEADERS_BYTES;
	unsigned at = rng_below(rng, rng_one_in(rng, 8) ? frame->n_bytes : near);

	switch (rng_below(rng, 5)) {
	case 0: /* any value */
		frame->bytes[at] = (uint8_t)rng_next(rng);
		break;
	case 1: /* one bit */
		frame->bytes[at] ^= (uint8_t)(1u << rng_below(rng, 8));
		break;
	case 2: /* an end of the range */
		frame->bytes[at] = rng_one_in(rng, 2) ? 0 : 0xff;
		break;
	case 3: /* one byte less */
		memmove(frame->bytes + at, frame->bytes + at + 1, frame->n_bytes - at - 1);
		frame->n_bytes = frame->n_bytes > 1 ? frame->n_bytes - 1 : 1;
		break;
	default: /* cut off */
		frame->n_bytes = at + 1;
	}
}

/* Where IPv4 lies behind at most two tags, and 20 bytes of it are there; NULL = nowhere. */
static uint8_t *
ip4_find(struct test_frame *frame)
{
	for (unsigned at = 12; at <= 20 && at + 22 <= frame->n_bytes; at += 4) {
		unsigned type = read16(frame->bytes + at);

		if (type == 0x0800)
			return frame->bytes + at + 2;
		if (type != 0x8100 && type != 0x88a8)
			return NULL;
	}
	return NULL;
}

static void
ip4_checksum_mend(struct test_frame *frame)
{
	uint8_t *ip = ip4_find(frame);

	if (ip == NULL)
		return;
	write16(ip + 10, 0);
	write16(ip + 10, model_checksum(model_sum(ip, 20)));
}

void
packet_spoil(struct rng *rng, struct test_frame *frame)
{
	unsigned n = rng_one_in(rng, 3) ? rng_between(rng, 1, 8) : 1;

	for (unsigned i = 0; i < n; i++)
		spoil_once(rng, frame);
	/* So that what lies behind the header's checksum is reached. */
	if (rng_one_in(rng, 2))
		ip4_checksum_mend(frame);
}

/* Make the header's checksum zero, as it comes or as it leaves, and write zero in either way. */
static void
aim_header(struct rng *rng, const struct model_packet *packet, const struct dp_leg *leg,
	struct test_frame *frame)
{
	static const struct dp_next_hop hop;
	uint8_t sent[4096], *ip = ip4_find(frame);
	struct dp_leg plain = *leg;

	if (ip == NULL || packet->family != DP_IPV4)
		return;
	plain.vlan = plain.outer_vlan = 0;
	if (leg->family == DP_IPV4 && rng_one_in(rng, 2)) {
		model_frame_build(packet, &plain, &hop, sent);
		word_add(ip + 4, read16(sent + 14 + 10));
	} else {
		word_add(ip + 4, read16(ip + 10));
	}
	ip4_checksum_mend(frame);
	if (read16(ip + 10) == 0 && rng_one_in(rng, 2))
		write16(ip + 10, 0xffff);
}

/* The same for UDP: a word of the payload makes up for what is missing to zero. */
static void
aim_udp(struct rng *rng, const struct model_packet *packet, const struct dp_leg *leg,
	struct test_frame *frame)
{
	static const struct dp_next_hop hop;
	uint8_t sent[4096], *udp = frame->bytes + (packet->udp - frame->bytes);
	unsigned n_payload = packet->payload_bytes, n_sent, checksum;
	bool none = packet->udp_checksum == 0;

	if (n_payload < 2)
		return;
	checksum = packet->udp_checksum;
	if (rng_one_in(rng, 2) || checksum == 0) {
		n_sent = model_frame_build(packet, leg, &hop, sent);
		checksum = read16(sent + n_sent - packet->udp_bytes + 6);
	}
	/* The payload grows by what the checksum would have been, which shrinks it to zero. */
	word_add(udp + 8 + (n_payload - 2) / 2 * 2, checksum);
	if (none)
		return;
	write16(udp + 6, 0);
	checksum = model_checksum(model_endpoints_sum(packet->family, packet->src, packet->dst,
					  packet->src_port, packet->dst_port) +
				  17 + packet->udp_length + model_sum(udp, packet->udp_length) -
				  packet->src_port - packet->dst_port);
	write16(udp + 6, checksum == 0 ? 0xffff : checksum);
}

void
packet_aim(struct rng *rng, const struct dp_leg *leg, struct test_frame *frame)
{
	struct model_packet packet;
	enum dp_drop reason;

	if (!model_parse(&packet, frame->port, frame->bytes, frame->n_bytes, &reason))
		return;
	if (rng_one_in(rng, 3))
		aim_header(rng, &packet, leg, frame);
	else
		aim_udp(rng, &packet, leg, frame);
}
