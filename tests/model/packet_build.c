/* SPDX-License-Identifier: BSD-3-Clause */
/* From a recipe to the bytes of a frame, with the checksums that it should have. */
#include <string.h>

#include "packets.h"

static void
put8(struct test_frame *frame, unsigned value)
{
	frame->bytes[frame->n_bytes++] = (uint8_t)value;
}

static void
put16(struct test_frame *frame, unsigned value)
{
	put8(frame, value >> 8 & 0xff);
	put8(frame, value & 0xff);
}

static void
put_bytes(struct test_frame *frame, const uint8_t *bytes, unsigned n)
{
	memcpy(frame->bytes + frame->n_bytes, bytes, n);
	frame->n_bytes += n;
}

static void
put_random(struct test_frame *frame, struct rng *rng, unsigned n)
{
	rng_fill(rng, frame->bytes + frame->n_bytes, n);
	frame->n_bytes += n;
}

static void
build_ethernet(struct rng *rng, const struct recipe *recipe, struct test_frame *frame)
{
	put_random(frame, rng, 12);
	/* A destination that is no group, most often, as what is learned from it answers. */
	if (!rng_one_in(rng, 8))
		frame->bytes[0] &= 0xfe;
	for (unsigned i = 0; i < recipe->n_tags; i++) {
		put16(frame, recipe->tpid[i]);
		put16(frame, recipe->tci[i]);
	}
	put16(frame, recipe->ethertype);
}

static void
build_ip4(const struct recipe *recipe, unsigned n_payload, struct test_frame *frame)
{
	const uint8_t *header = frame->bytes + frame->n_bytes;
	unsigned length = 20 + recipe->n_extension + n_payload, checksum;

	put8(frame, recipe->version % 16 * 16 + recipe->header_words % 16);
	put8(frame, recipe->tos);
	put16(frame, length + (unsigned)recipe->length_error);
	put16(frame, recipe->id);
	put16(frame, recipe->flags);
	put8(frame, recipe->ttl);
	put8(frame, recipe->protocol);
	put16(frame, 0);
	put_bytes(frame, recipe->src, 4);
	put_bytes(frame, recipe->dst, 4);
	put_bytes(frame, recipe->extension, recipe->n_extension);
	checksum = model_checksum(model_sum(header, 20 + recipe->n_extension));
	if (recipe->header_checksum_wrong)
		checksum ^= 0x0100;
	frame->n_bytes -= 10 + recipe->n_extension;
	put16(frame, checksum);
	frame->n_bytes += 8 + recipe->n_extension;
}

static void
build_ip6(const struct recipe *recipe, unsigned n_payload, struct test_frame *frame)
{
	unsigned length = recipe->n_extension + n_payload;

	put16(frame, recipe->version % 16 << 12 | recipe->tos << 4 | recipe->flow_label >> 16);
	put16(frame, recipe->flow_label);
	put16(frame, length + (unsigned)recipe->length_error);
	put8(frame, recipe->first_header);
	put8(frame, recipe->ttl);
	put_bytes(frame, recipe->src, 16);
	put_bytes(frame, recipe->dst, 16);
	put_bytes(frame, recipe->extension, recipe->n_extension);
}

static unsigned
udp_checksum(struct rng *rng, const struct recipe *recipe, unsigned length)
{
	uint64_t sum = model_endpoints_sum(recipe->family, recipe->src, recipe->dst,
			       recipe->src_port, recipe->dst_port) +
		       17 + 2 * (uint64_t)length + model_sum(recipe->payload, recipe->n_payload);
	unsigned checksum = model_checksum(sum);

	if (recipe->udp_checksum == CHECKSUM_ZERO)
		return 0;
	if (recipe->udp_checksum == CHECKSUM_WRONG)
		return rng_below(rng, 65536);
	return checksum == 0 ? 0xffff : checksum;
}

void
packet_build(struct rng *rng, const struct recipe *recipe, struct test_frame *frame)
{
	unsigned length = 8 + recipe->n_payload;

	frame->port = recipe->port;
	frame->n_bytes = 0;
	build_ethernet(rng, recipe, frame);
	if (recipe->family == DP_IPV4)
		build_ip4(recipe, length + recipe->n_trailer, frame);
	else
		build_ip6(recipe, length + recipe->n_trailer, frame);
	put16(frame, recipe->src_port);
	put16(frame, recipe->dst_port);
	put16(frame, length + (unsigned)recipe->udp_length_error);
	put16(frame, udp_checksum(rng, recipe, length));
	put_bytes(frame, recipe->payload, recipe->n_payload);
	put_random(frame, rng, recipe->n_trailer + recipe->n_padding);
}
