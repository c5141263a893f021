/* SPDX-License-Identifier: BSD-3-Clause */
/* What can be odd or wrong about a frame whose every other field is as it should be. */
#include <string.h>

#include "packets.h"

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

static void
odd_tags(struct rng *rng, struct recipe *recipe)
{
	static const uint16_t tpids[] = {0x8100, 0x88a8, 0x8100, 0x9100};

	recipe->n_tags = rng_below(rng, RECIPE_TAGS_MAX + 1);
	for (unsigned i = 0; i < recipe->n_tags; i++) {
		recipe->tpid[i] = tpids[rng_below(rng, COUNT(tpids))];
		if (rng_one_in(rng, 2))
			recipe->tci[i] = rng_one_in(rng, 2) ? 0 : 5;
	}
}

static void
odd_ethertype(struct rng *rng, struct recipe *recipe)
{
	static const uint16_t types[] = {0x0800, 0x86dd, 0x0806, 0x8864, 0x88cc, 0x0800 + 1};

	recipe->ethertype = types[rng_below(rng, COUNT(types))];
}

static void
odd_version(struct rng *rng, struct recipe *recipe)
{
	recipe->version = rng_below(rng, 16);
	if (rng_one_in(rng, 2))
		recipe->header_words = rng_below(rng, 16);
}

/* IPv4 options that are there. Of IPv6 these are extension headers. */
static void
odd_options(struct rng *rng, struct recipe *recipe)
{
	if (recipe->family == DP_IPV6) {
		packet_extensions(rng, recipe);
		return;
	}
	recipe->header_words = rng_between(rng, 6, 15);
	recipe->n_extension = (recipe->header_words - 5) * 4;
	memset(recipe->extension, 1, recipe->n_extension); /* No Operation */
}

static void
odd_fragment(struct rng *rng, struct recipe *recipe)
{
	recipe->flags |= rng_one_in(rng, 2) ? 0x2000 : 1u << rng_below(rng, 13);
	if (recipe->family == DP_IPV6) {
		recipe->first_header = 44;
		recipe->n_extension = 8;
		rng_fill(rng, recipe->extension, 8);
		recipe->extension[0] = 17;
	}
}

static void
odd_protocol(struct rng *rng, struct recipe *recipe)
{
	static const uint8_t protocols[] = {
		0, 1, 6, 41, 43, 44, 50, 51, 58, 59, 60, 132, 135, 136, 139, 140, 253, 255};

	recipe->protocol = protocols[rng_below(rng, COUNT(protocols))];
	if (recipe->n_extension == 0)
		recipe->first_header = recipe->protocol;
}

/* A few bytes more or less, or any number. */
static int
odd_length(struct rng *rng)
{
	if (rng_one_in(rng, 4))
		return (int)rng_below(rng, 65536);
	return (int)rng_between(rng, 0, 48) - 24;
}

/* An IP datagram that ends inside its UDP header; the frame goes on. */
static void
odd_short(struct rng *rng, struct recipe *recipe)
{
	recipe->n_payload = recipe->n_trailer = 0;
	recipe->length_error = -(int)rng_between(rng, 1, 8);
}

void
packet_odd(struct rng *rng, struct recipe *recipe)
{
	do {
		switch (rng_below(rng, 11)) {
		case 0:
			odd_tags(rng, recipe);
			break;
		case 1:
			odd_ethertype(rng, recipe);
			break;
		case 2:
			odd_version(rng, recipe);
			break;
		case 3:
			odd_options(rng, recipe);
			break;
		case 4:
			odd_fragment(rng, recipe);
			break;
		case 5:
			odd_protocol(rng, recipe);
			break;
		case 6:
			recipe->length_error = odd_length(rng);
			break;
		case 7:
			recipe->udp_length_error = odd_length(rng);
			break;
		case 8:
			odd_short(rng, recipe);
			break;
		case 9:
			recipe->udp_checksum = CHECKSUM_ZERO;
			break;
		default:
			recipe->header_checksum_wrong = true;
		}
	} while (rng_one_in(rng, 4));
}
