/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What becomes of a received frame, step by step as in docs/dataplane.md, "What a flow does to a
 * packet, in order": up to the legs.
 */
#include "model.h"

#include <arpa/inet.h>
#include <string.h>

#define NS_PER_MS UINT64_C(1000000)
#define RTP_BYTES_MIN 12
#define RTCP_BYTES_MIN 8

static bool
source_is_allowed(const struct model_flow *flow, const struct model_packet *packet)
{
	for (unsigned i = 0; i < flow->spec.n_allow; i++) {
		if (model_prefix_has(flow->allow[i].address, flow->allow[i].bits, packet->src))
			return true;
	}
	return flow->spec.n_allow == 0;
}

static enum dp_class
payload_class(const struct model_packet *packet)
{
	unsigned first;

	if (packet->payload_bytes == 0)
		return DP_CLASS_OTHER;
	first = packet->payload[0];
	if (first <= 3)
		return DP_CLASS_STUN;
	if (first >= 20 && first <= 63)
		return DP_CLASS_DTLS;
	return first >= 128 && first <= 191 ? DP_CLASS_RTP : DP_CLASS_OTHER;
}

/* What streams are told apart by. */
struct rtp {
	bool has_ssrc, has_payload_type;
	uint32_t ssrc;
	unsigned payload_type;
};

static struct rtp
rtp_parse(const struct model_packet *packet)
{
	const uint8_t *payload = packet->payload, *ssrc;
	struct rtp rtp = {0};
	bool is_rtcp;

	if (packet->payload_bytes < RTCP_BYTES_MIN || payload_class(packet) != DP_CLASS_RTP)
		return rtp;
	is_rtcp = payload[1] >= 192 && payload[1] <= 223;
	if (!is_rtcp && packet->payload_bytes < RTP_BYTES_MIN)
		return rtp;
	ssrc = is_rtcp ? payload + 4 : payload + 8;
	rtp.has_ssrc = true;
	rtp.ssrc = ssrc[0] * 0x1000000u + ssrc[1] * 0x10000u + ssrc[2] * 0x100u + ssrc[3];
	rtp.has_payload_type = !is_rtcp;
	rtp.payload_type = payload[1] % 128;
	return rtp;
}

/*
 * Whether the payload is what moves the latch, and if it does so by its SSRC, of which media: the
 * SSRC in *rtp.
 */
static bool
latch_wants(const struct dp_flow *spec, const struct model_packet *packet, const struct rtp *rtp)
{
	switch (spec->latch_by) {
	case DP_LATCH_BY_ANY:
		return true;
	case DP_LATCH_BY_SSRC:
		return rtp->has_ssrc && rtp->has_payload_type;
	case DP_LATCH_BY_RTCP_SSRC:
		return rtp->has_ssrc && !rtp->has_payload_type;
	default:
		return (unsigned)payload_class(packet) ==
		       (unsigned)spec->latch_by - DP_LATCH_BY_CLASS;
	}
}

/* The learned source has sent this SSRC. */
static void
latch_adopt(struct model_latch *latch, uint32_t ssrc, uint64_t now_ns)
{
	struct dp_latched *learned = &latch->learned;

	const uint64_t silence_ns = DP_LATCH_ADOPT_MS * NS_PER_MS;

	if (learned->has_ssrc != 0 && learned->ssrc == ssrc) {
		if (now_ns >= latch->seen_ns + silence_ns / 4)
			latch->seen_ns = now_ns;
		return;
	}
	if (learned->has_ssrc != 0 &&
		(now_ns < latch->seen_ns + silence_ns || now_ns < latch->learned_ns + silence_ns))
		return;
	learned->has_ssrc = 1;
	learned->ssrc = ssrc;
	latch->seen_ns = now_ns;
}

static bool
latch_admits(struct model_flow *flow, const struct model_packet *packet, uint64_t now_ns)
{
	const struct dp_flow *spec = &flow->spec;
	const struct rtp rtp = rtp_parse(packet);
	const bool wanted = latch_wants(spec, packet, &rtp);
	const uint32_t *ssrc = wanted && (spec->latch_by == DP_LATCH_BY_SSRC ||
						 spec->latch_by == DP_LATCH_BY_RTCP_SSRC)
				       ? &rtp.ssrc
				       : NULL;
	const struct dp_latched *latched;

	if (flow->latch == NULL)
		return true;
	latched = &flow->latch->learned;
	if (latched->valid != 0) {
		if (memcmp(latched->src, packet->src, 16) == 0 &&
			ntohs(latched->src_port) == packet->src_port) {
			if (ssrc != NULL)
				latch_adopt(flow->latch, *ssrc, now_ns);
			return true;
		}
		if (spec->latch == DP_LATCH_FIRST)
			return false;
		if (ssrc != NULL && (latched->has_ssrc == 0 || latched->ssrc != *ssrc))
			return false;
		if (now_ns - flow->latch->learned_ns < spec->latch_interval_ms * NS_PER_MS)
			return false;
	}
	if (!wanted)
		return false;
	model_latch_learn(flow->latch, packet, ssrc, now_ns);
	return true;
}

/* The stream that wants exactly these fields of the packet; NULL = none. */
static struct model_stream *
stream_with(struct model_flow *flow, const struct rtp *rtp, bool want_ssrc, bool want_payload_type)
{
	if ((want_ssrc && !rtp->has_ssrc) || (want_payload_type && !rtp->has_payload_type))
		return NULL;
	for (unsigned i = 0; i < flow->spec.n_streams; i++) {
		const struct dp_stream *spec = &flow->streams[i].spec;

		if ((spec->has_ssrc != 0) == want_ssrc &&
			(spec->has_payload_type != 0) == want_payload_type &&
			(!want_ssrc || spec->ssrc == rtp->ssrc) &&
			(!want_payload_type || spec->payload_type == rtp->payload_type))
			return &flow->streams[i];
	}
	return NULL;
}

static struct model_stream *
stream_find(struct model_flow *flow, const struct model_packet *packet)
{
	const struct rtp rtp = rtp_parse(packet);
	struct model_stream *stream = stream_with(flow, &rtp, true, true);

	if (stream == NULL)
		stream = stream_with(flow, &rtp, true, false);
	if (stream == NULL)
		stream = stream_with(flow, &rtp, false, true);
	return stream;
}

static bool
set_has_leg_up(const struct model_set *set)
{
	for (unsigned i = 0; i < set->n_legs; i++) {
		if (set->legs[i].spec.down == 0)
			return true;
	}
	return false;
}

enum dp_drop
model_punt_admit(struct model *model)
{
	/* A frame is a byte of this bucket, which holds an eighth of a second. */
	const struct dp_police police = {
		.rate_bps = model->config.punt_rate * UINT64_C(8),
		.burst_bytes = model->config.punt_rate < 8 ? 1 : model->config.punt_rate / 8,
	};

	if (!model_bucket_take(&model->punt_bucket, &police, 1, model->now_ns))
		return DP_DROP_punt_limited;
	if (model->punted.n_frames == model->config.punt_places)
		return DP_DROP_punt_full;
	return DP_DROP_COUNT;
}

/* Steps 6 to 8 and the choice between 9 and 10. */
static enum dp_drop
stream_act(struct model *model, struct model_flow *flow, const struct model_packet *packet,
	struct model_set **set)
{
	struct model_stream *stream = stream_find(flow, packet);
	unsigned verdict = stream != NULL ? stream->spec.verdict : flow->spec.verdict;
	struct model_set *legs = stream != NULL ? &stream->set : &flow->set;

	if (!model_bucket_take(&flow->bucket, &flow->spec.police, packet->ip_bytes, model->now_ns))
		return DP_DROP_policed;
	if (stream != NULL) {
		stream->stats.packets++;
		stream->stats.bytes += packet->ip_bytes;
	}
	if (verdict == DP_PUNT)
		return model_punt_admit(model);
	if (verdict == DP_DROP || !set_has_leg_up(legs))
		return DP_DROP_flow_drop;
	*set = legs;
	return DP_DROP_COUNT;
}

enum dp_drop
model_flow_act(struct model *model, struct model_flow *flow, const struct model_packet *packet,
	struct model_set **set)
{
	unsigned verdict;

	*set = NULL;
	flow->stats.packets++;
	flow->stats.bytes += packet->ip_bytes;
	if (flow->spec.down != 0)
		return DP_DROP_flow_down;
	if (!source_is_allowed(flow, packet))
		return DP_DROP_source_refused;
	verdict = flow->spec.class_verdict[payload_class(packet)];
	if (verdict == DP_DROP)
		return DP_DROP_class_drop;
	if (verdict == DP_PUNT)
		return model_punt_admit(model);
	if (!latch_admits(flow, packet, model->now_ns))
		return DP_DROP_source_refused;
	if (flow->choice.n > 0) {
		const enum dp_drop reason =
			model_choice_act(&flow->choice, &flow->spec, packet, model->now_ns);

		if (reason != DP_DROP_COUNT)
			return reason;
	}
	return stream_act(model, flow, packet, set);
}
