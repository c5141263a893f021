/* SPDX-License-Identifier: BSD-3-Clause */
/* What lies behind IP: UDP data of the media world, and IPv6 extension headers before it. */
#include <string.h>

#include "packets.h"
#include "world.h"

#define PAYLOAD_BEHIND_EXTENSIONS_MAX 1100 /* so that the frame has room for all of it */
#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

static void
put32(uint8_t *at, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static unsigned
payload_bytes(struct rng *rng)
{
	switch (rng_below(rng, 12)) {
	case 0:
		return rng_below(rng, 14); /* around the least that RTP and RTCP need */
	case 1:
		return rng_between(rng, 1400, RECIPE_PAYLOAD_MAX);
	case 2:
		return rng_between(rng, 1440, 1475); /* around what fits into 1500 bytes */
	case 3:
		return rng_below(rng, RECIPE_PAYLOAD_MAX + 1);
	default:
		return rng_between(rng, 12, 200);
	}
}

static void
payload_rtp(struct rng *rng, uint8_t *payload)
{
	payload[0] = (uint8_t)(0x80 + rng_below(rng, 64));
	payload[1] = (uint8_t)(world_payload_type(rng) + 128 * rng_below(rng, 2));
	put32(payload + 8, world_ssrc(rng));
}

static void
payload_rtcp(struct rng *rng, uint8_t *payload)
{
	static const uint8_t types[] = {191, 192, 193, 200, 201, 207, 223, 224};

	payload[0] = (uint8_t)(0x80 + rng_below(rng, 64));
	payload[1] = types[rng_below(rng, COUNT(types))];
	put32(payload + 4, world_ssrc(rng));
}

void
packet_payload_random(struct rng *rng, struct recipe *recipe)
{
	/* The ends of the ranges of RFC 7983. */
	static const uint8_t firsts[] = {0, 3, 4, 19, 20, 63, 64, 127, 128, 191, 192, 255};
	uint8_t *payload = recipe->payload;

	recipe->n_payload = payload_bytes(rng);
	rng_fill(rng, payload, recipe->n_payload > 12 ? recipe->n_payload : 12);
	switch (rng_below(rng, 8)) {
	case 0:
		payload[0] = firsts[rng_below(rng, COUNT(firsts))];
		break;
	case 1:
		payload[0] = (uint8_t)rng_between(rng, 20, 63);
		break;
	case 2:
		payload[0] = (uint8_t)rng_below(rng, 4);
		break;
	case 3:
		payload_rtcp(rng, payload);
		break;
	default:
		payload_rtp(rng, payload);
	}
}

/* Options that fill exactly n bytes; their types are ones that may be skipped. */
static void
options_fill(struct rng *rng, uint8_t *at, unsigned n)
{
	static const uint8_t types[] = {1, 5, 0x1e, 0x3f, 0x26};

	while (n > 0) {
		unsigned length;

		if (n == 1 || rng_one_in(rng, 4)) {
			*at++ = 0;
			n--;
			continue;
		}
		length = rng_below(rng, n - 1);
		if (length > 255)
			length = 255;
		at[0] = types[rng_below(rng, COUNT(types))];
		at[1] = (uint8_t)length;
		at += 2 + length;
		n -= 2 + length;
	}
}

/* One header at `at`; its length. */
static unsigned
extension_put(struct rng *rng, uint8_t *at, unsigned type)
{
	unsigned n_bytes =
		8 * (rng_one_in(rng, 6) ? rng_between(rng, 1, 32) : rng_between(rng, 1, 3));

	rng_fill(rng, at, n_bytes);
	at[1] = (uint8_t)(n_bytes / 8 - 1);
	if (type == 43)
		at[3] = 0;
	else
		options_fill(rng, at + 2, n_bytes - 2);
	/* An option of a type that must not be skipped, one that is too long, segments left. */
	if (rng_one_in(rng, 25))
		at[2 + rng_below(rng, n_bytes - 2)] ^= (uint8_t)(1u << rng_below(rng, 8));
	if (rng_one_in(rng, 40))
		at[1] = (uint8_t)(at[1] + rng_between(rng, 1, 3));
	return n_bytes;
}

void
packet_extensions(struct rng *rng, struct recipe *recipe)
{
	static const uint8_t types[] = {60, 43};
	static const uint8_t refused[] = {0, 44, 50, 51, 135, 139, 140, 59, 6};
	unsigned n_headers = rng_one_in(rng, 4) ? rng_between(rng, 7, 10) : rng_between(rng, 1, 3);
	unsigned type, n = 0;
	uint8_t *next = NULL; /* where the type of the next header is written */

	for (unsigned i = 0; i < n_headers && n + 256 <= RECIPE_EXTENSION_MAX; i++) {
		type = types[rng_below(rng, COUNT(types))];
		if (i == 0 && rng_one_in(rng, 2))
			type = 0;
		if (rng_one_in(rng, 40))
			type = refused[rng_below(rng, COUNT(refused))];
		if (next == NULL)
			recipe->first_header = type;
		else
			*next = (uint8_t)type;
		next = recipe->extension + n;
		n += extension_put(rng, next, type);
	}
	if (recipe->n_payload > PAYLOAD_BEHIND_EXTENSIONS_MAX)
		recipe->n_payload = PAYLOAD_BEHIND_EXTENSIONS_MAX;
	if (rng_one_in(rng, 20))
		recipe->protocol = refused[rng_below(rng, COUNT(refused))];
	*next = (uint8_t)recipe->protocol;
	recipe->n_extension = n;
}
