/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random frames: most for a flow that is installed, many of them with something about them that is
 * odd or wrong. A recipe says in numbers what a frame is to be (packets.c, packet_odd.c), is turned
 * into bytes (packet_build.c), and the bytes may be spoiled after that (packet_spoil.c).
 */
#ifndef MODEL_PACKETS_H
#define MODEL_PACKETS_H

#include "model.h"
#include "rng.h"

#define TEST_FRAME_MAX 2000
#define RECIPE_EXTENSION_MAX 640
#define RECIPE_PAYLOAD_MAX 1600
#define RECIPE_TAGS_MAX 4

struct test_frame {
	unsigned port;
	unsigned n_bytes;
	unsigned split; /* bytes in the first of two buffers; 0 = one buffer holds all */
	uint8_t bytes[TEST_FRAME_MAX];
};

enum recipe_checksum { CHECKSUM_RIGHT, CHECKSUM_ZERO, CHECKSUM_WRONG };

struct recipe {
	unsigned port;
	unsigned n_tags;
	unsigned tpid[RECIPE_TAGS_MAX], tci[RECIPE_TAGS_MAX];
	unsigned family;
	unsigned ethertype;
	uint8_t src[16], dst[16];
	unsigned src_port, dst_port;
	unsigned version, header_words; /* IPv4 */
	unsigned tos, id, flags, ttl, flow_label;
	unsigned protocol; /* behind the extension headers */
	unsigned first_header; /* IPv6: `protocol`, or the first extension header */
	int length_error, udp_length_error; /* added to the fields */
	bool header_checksum_wrong;
	enum recipe_checksum udp_checksum;
	unsigned n_extension; /* IPv4 options or IPv6 extension headers */
	uint8_t extension[RECIPE_EXTENSION_MAX];
	unsigned n_payload, n_trailer, n_padding; /* trailer: in the IP payload, behind UDP's */
	uint8_t payload[RECIPE_PAYLOAD_MAX];
};

/* A frame for `flow`, or, NULL, for a flow of the model or for none of them. */
void packet_random(struct rng *rng, const struct model *model, const struct model_flow *flow,
	struct test_frame *frame);

/*
 * A frame of `flow`, of which nothing is odd but in one of 30: what the data plane forwards four at
 * a time. `faulty`: something is.
 */
void packet_ordinary(struct rng *rng, const struct model *model, const struct model_flow *flow,
	bool faulty, struct test_frame *frame);

/* How much alike packets are. */
enum likeness {
	LIKE_NONE,
	LIKE_PORT, /* they come in by the same port */
	LIKE_FRAME, /* and are of the same family, with the same tags */
};

/*
 * A flow that sends to one leg, or polices before that, and whose packets are like those of `like`.
 * NULL: none was found.
 */
const struct model_flow *packet_ordinary_flow(struct rng *rng, const struct model *model,
	const struct model_flow *like, enum likeness likeness);

void packet_build(struct rng *rng, const struct recipe *recipe, struct test_frame *frame);

/* UDP data: RTP, RTCP, STUN, DTLS, something else, nothing. */
void packet_payload_random(struct rng *rng, struct recipe *recipe);

/* One or more odd things, most of them a reason to drop the frame. */
void packet_odd(struct rng *rng, struct recipe *recipe);

/* IPv6 extension headers: most chains are fit to be skipped, some in one point not. */
void packet_extensions(struct rng *rng, struct recipe *recipe);

/*
 * Change two bytes of the payload, or the IPv4 identification, so that a checksum is zero when it
 * comes or when a leg of this kind sends it: the two names of zero are where checksums go wrong.
 */
void packet_aim(struct rng *rng, const struct dp_leg *leg, struct test_frame *frame);

/* Truncate, overwrite, flip, insert or remove bytes, anywhere. */
void packet_spoil(struct rng *rng, struct test_frame *frame);

#endif
