/* SPDX-License-Identifier: BSD-3-Clause */
/* Random streams of random flows. */
#include <string.h>

#include "flows.h"
#include "world.h"

#define RTP_PAYLOAD_TYPES 128

static bool
stream_is_new(const struct draft *draft, unsigned n, const struct dp_stream *stream)
{
	for (unsigned i = 0; i < n; i++) {
		const struct dp_stream *other = &draft->streams[i];

		if (other->has_ssrc == stream->has_ssrc && other->ssrc == stream->ssrc &&
			other->has_payload_type == stream->has_payload_type &&
			other->payload_type == stream->payload_type)
			return false;
	}
	return true;
}

void
streams_random(struct draft *draft, struct rng *rng)
{
	struct dp_flow *flow = &draft->flow;
	bool many = rng_one_in(rng, 20);
	unsigned n_tries = many ? DP_STREAMS_MAX : rng_between(rng, 1, 8);

	for (unsigned i = 0; i < n_tries; i++) {
		struct dp_stream stream = {0};

		stream.has_ssrc = !rng_one_in(rng, 3);
		stream.has_payload_type = stream.has_ssrc == 0 || rng_one_in(rng, 2);
		if (stream.has_ssrc != 0)
			stream.ssrc = many ? i : world_ssrc(rng);
		if (stream.has_payload_type != 0)
			stream.payload_type =
				(uint8_t)(rng_one_in(rng, 10) ? rng_below(rng, RTP_PAYLOAD_TYPES)
							      : world_payload_type(rng));
		if (!stream_is_new(draft, flow->n_streams, &stream))
			continue;
		if (rng_one_in(rng, 4))
			verdict_random(rng, &stream.verdict);
		if (stream.verdict == DP_FORWARD || rng_one_in(rng, 4)) {
			stream.n_legs = (uint16_t)rng_between(rng, 1, 3);
			stream.legs = legs_random(rng, flow->key.family, stream.n_legs);
		}
		draft->streams[flow->n_streams++] = stream;
	}
	flow->streams = draft->streams;
}

/* A stream selects what it did; its legs are the ones it had, or more, fewer or other ones. */
static void
stream_keep(
	struct dp_stream *stream, struct rng *rng, unsigned family, const struct model_stream *old)
{
	unsigned n_old = old->set.n_legs, n_legs = n_old;
	struct dp_leg *legs;

	*stream = old->spec;
	if (rng_one_in(rng, 4))
		n_legs = rng_between(rng, 1, 4);
	legs = legs_random(rng, family, n_legs);
	for (unsigned i = 0; i < n_legs && i < n_old; i++) {
		legs[i] = old->set.legs[i].spec;
		if (rng_one_in(rng, 4))
			leg_change(rng, family, &legs[i]);
	}
	stream->legs = legs;
	stream->n_legs = (uint16_t)n_legs;
}

void
streams_keep(struct draft *draft, struct rng *rng, const struct model_flow *old)
{
	struct dp_flow *flow = &draft->flow;

	flow->n_streams = old->spec.n_streams;
	for (unsigned i = 0; i < flow->n_streams; i++)
		stream_keep(&draft->streams[i], rng, flow->key.family, &old->streams[i]);
	flow->streams = draft->streams;
}

bool
streams_have_legs(const struct dp_flow *flow)
{
	for (unsigned i = 0; i < flow->n_streams; i++) {
		if (flow->streams[i].n_legs > 0)
			return true;
	}
	return false;
}
