/* SPDX-License-Identifier: BSD-3-Clause */
/* Classes of payload, and the index of streams against a search that goes through them all. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "draw.h"
#include "rtp.h"

/* RFC 7983, section 7, figure 3. */
Test(rtp, class_by_the_first_byte)
{
	for (unsigned first = 0; first < 256; first++) {
		const uint8_t payload[1] = {(uint8_t)first};
		enum dp_class expected = DP_CLASS_OTHER;

		if (first < 4)
			expected = DP_CLASS_STUN;
		else if (first > 19 && first < 64)
			expected = DP_CLASS_DTLS;
		else if (first > 127 && first < 192)
			expected = DP_CLASS_RTP;
		cr_expect_eq(rtp_class(payload, 1), expected, "%u", first);
	}
}

Test(rtp, an_empty_payload_is_of_no_class)
{
	cr_expect_eq(rtp_class(NULL, 0), DP_CLASS_OTHER);
}

/* docs/dataplane.md, step 6, said as slowly as it can be. */
struct header {
	bool has_ssrc, has_payload_type;
	uint32_t ssrc;
	uint8_t payload_type;
};

static struct header
naive_header(const uint8_t *payload, uint32_t bytes)
{
	struct header header = {.has_ssrc = false};
	bool rtcp;
	const uint8_t *ssrc;

	if (bytes < 8 || payload[0] < 128 || payload[0] > 191)
		return header;
	rtcp = payload[1] >= 192 && payload[1] <= 223;
	if (!rtcp && bytes < 12)
		return header;
	ssrc = payload + (rtcp ? 4 : 8);
	header.has_ssrc = true;
	header.ssrc = (uint32_t)ssrc[0] << 24 | (uint32_t)ssrc[1] << 16 | (uint32_t)ssrc[2] << 8 |
		      ssrc[3];
	header.has_payload_type = !rtcp;
	header.payload_type = payload[1] & 0x7f;
	return header;
}

static int
naive_find(const struct dp_stream *streams, unsigned n, const struct header *header, bool by_ssrc,
	bool by_payload_type)
{
	for (unsigned i = 0; i < n; i++) {
		const struct dp_stream *s = &streams[i];

		if (s->has_ssrc != by_ssrc || s->has_payload_type != by_payload_type)
			continue;
		if (by_ssrc && (!header->has_ssrc || header->ssrc != s->ssrc))
			continue;
		if (by_payload_type &&
			(!header->has_payload_type || header->payload_type != s->payload_type))
			continue;
		return (int)i;
	}
	return -1;
}

static int
naive_stream(const struct dp_stream *streams, unsigned n, const uint8_t *payload, uint32_t bytes)
{
	const struct header header = naive_header(payload, bytes);
	int found = naive_find(streams, n, &header, true, true);

	if (found < 0)
		found = naive_find(streams, n, &header, true, false);
	if (found < 0)
		found = naive_find(streams, n, &header, false, true);
	return found;
}

/* Few values, so that packets meet streams; 0 and the greatest among them. */
static uint32_t
draw_ssrc(uint64_t *state)
{
	static const uint32_t telling[] = {0, 1, 0x100, 0x10000, 0x1000000, UINT32_MAX};

	return draw_below(state, 4) == 0 ? telling[draw_below(state, RTE_DIM(telling))]
					 : draw_below(state, 128) << 20;
}

static bool
is_new(const struct dp_stream *streams, unsigned n, const struct dp_stream *s)
{
	for (unsigned i = 0; i < n; i++) {
		if (streams[i].has_ssrc == s->has_ssrc &&
			streams[i].has_payload_type == s->has_payload_type &&
			streams[i].ssrc == s->ssrc && streams[i].payload_type == s->payload_type)
			return false;
	}
	return true;
}

/* n streams, each selecting something else. `kinds`: bits of 1 SSRC, 2 payload type, 4 both. */
static void
draw_streams(uint64_t *state, struct dp_stream *streams, unsigned n, unsigned kinds)
{
	for (unsigned i = 0; i < n;) {
		const unsigned kind = 1 + draw_below(state, 3);
		struct dp_stream s = {.has_ssrc = kind & 1, .has_payload_type = kind >> 1};

		if ((kinds & 1u << (kind - 1)) == 0)
			continue;
		s.ssrc = s.has_ssrc ? draw_ssrc(state) : 0;
		s.payload_type =
			s.has_payload_type ? (uint8_t)draw_below(state, kind == 3 ? 8 : 128) : 0;
		if (is_new(streams, i, &s))
			streams[i++] = s;
	}
}

/* A copy that ends where the payload does, for the sanitizers to watch. */
static uint8_t *
draw_payload(uint64_t *state, uint32_t *bytes)
{
	static const uint8_t firsts[] = {127, 128, 129, 144, 191, 192, 0, 22};
	static const uint8_t seconds[] = {191, 192, 200, 223, 224, 127, 128};
	uint8_t whole[20];
	uint8_t *payload;
	rte_be32_t ssrc = rte_cpu_to_be_32(draw_ssrc(state));

	memcpy(whole + 4, &ssrc, sizeof(ssrc));
	ssrc = rte_cpu_to_be_32(draw_ssrc(state));
	memcpy(whole + 8, &ssrc, sizeof(ssrc));
	whole[0] = draw_below(state, 4) == 0 ? firsts[draw_below(state, RTE_DIM(firsts))] : 128;
	whole[1] = draw_below(state, 3) == 0
			   ? seconds[draw_below(state, RTE_DIM(seconds))]
			   : (uint8_t)(draw_below(state, 8) | (draw(state) & 0x80));
	*bytes = draw_below(state, 4) == 0 ? draw_below(state, 14) : sizeof(whole);
	payload = malloc(*bytes);
	cr_assert(*bytes == 0 || payload != NULL);
	if (*bytes > 0)
		memcpy(payload, whole, *bytes);
	return payload;
}

static unsigned
compare(uint64_t *state, const struct dp_stream *streams, unsigned n)
{
	struct stream_index *index = malloc(stream_index_bytes(n));
	unsigned matched = 0;

	cr_assert_not_null(index);
	stream_index_init(index, streams, n);
	for (unsigned i = 0; i < 2000; i++) {
		uint32_t bytes;
		uint8_t *payload = draw_payload(state, &bytes);
		int expected = naive_stream(streams, n, payload, bytes);

		matched += expected >= 0;
		cr_assert_eq(stream_find(index, payload, bytes), expected, "%u streams", n);
		free(payload);
	}
	free(index);
	return matched;
}

Test(rtp, streams_are_those_of_the_linear_search)
{
	static const unsigned sizes[] = {1, 2, 3, 4, 5, 7, 8, 33, 128, 255, DP_STREAMS_MAX};
	static struct dp_stream streams[DP_STREAMS_MAX];
	unsigned matched = 0;
	uint64_t state = 1;

	for (unsigned kinds = 1; kinds < 8; kinds++) {
		for (unsigned i = 0; i < RTE_DIM(sizes); i++) {
			/* There are 128 payload types, and not many more SSRCs here. */
			const unsigned n = kinds == 7 || sizes[i] < 128 ? sizes[i] : 100;

			draw_streams(&state, streams, n, kinds);
			matched += compare(&state, streams, n);
		}
	}
	cr_expect_gt(matched, 7 * RTE_DIM(sizes) * 2000 / 10, "only %u matched", matched);
}

/* As many as there may be, of SSRCs that differ in few bits. */
Test(rtp, an_index_is_never_more_than_half_full)
{
	struct dp_stream streams[DP_STREAMS_MAX];
	struct stream_index *index = malloc(stream_index_bytes(DP_STREAMS_MAX));

	cr_assert_not_null(index);
	for (unsigned i = 0; i < DP_STREAMS_MAX; i++)
		streams[i] = (struct dp_stream){.ssrc = i, .has_ssrc = 1};
	stream_index_init(index, streams, DP_STREAMS_MAX);
	cr_expect_eq(index->mask + 1, 2 * DP_STREAMS_MAX);
	for (uint32_t i = 0; i < 2 * DP_STREAMS_MAX; i++) {
		const uint8_t payload[12] = {
			[0] = 128, [10] = (uint8_t)(i >> 8), [11] = (uint8_t)i};

		cr_expect_eq(stream_find(index, payload, sizeof(payload)),
			i < DP_STREAMS_MAX ? (int)i : -1);
	}
	free(index);
}
