/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is inside a datagram: its class by the first byte (RFC 7983), and which stream of its flow
 * it belongs to by the RTP header (RFC 3550) or that of RTCP (RFC 5761).
 */
#ifndef DATAPLANE_RTP_H
#define DATAPLANE_RTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <rte_bitops.h>
#include <rte_byteorder.h>
#include <rte_common.h>

#include <dp/flow.h>

#include "vector.h"

#define RTP_HEADER_BYTES 12
#define RTP_SSRC_OFFSET 8
#define RTCP_HEADER_BYTES 8
#define RTCP_SSRC_OFFSET 4
#define RTP_TYPE_MASK 0x7f

static inline enum dp_class
rtp_class(const uint8_t *payload, uint32_t bytes)
{
	if (bytes == 0)
		return DP_CLASS_OTHER;
	if (payload[0] >= 128 && payload[0] <= 191)
		return DP_CLASS_RTP;
	if (payload[0] <= 3)
		return DP_CLASS_STUN;
	return payload[0] >= 20 && payload[0] <= 63 ? DP_CLASS_DTLS : DP_CLASS_OTHER;
}

/* What a stream selects by, in the order in which they are looked for. */
enum stream_kind { STREAM_BOTH, STREAM_SSRC, STREAM_TYPE, STREAM_KINDS };

/* A selector and its stream; together they make an open-addressed hash table. */
struct stream_slot {
	uint64_t key; /* stream_key() */
	int16_t stream; /* -1 = free */
	uint8_t reserved[6];
};

struct stream_index {
	uint32_t mask;
	bool has[STREAM_KINDS];
	struct stream_slot slots[];
};

static inline uint64_t
stream_key(enum stream_kind kind, uint32_t ssrc, uint8_t type)
{
	return (uint64_t)kind << 40 | (uint64_t)(kind == STREAM_SSRC ? 0 : type) << 32 |
	       (kind == STREAM_TYPE ? 0 : ssrc);
}

static inline uint32_t
stream_hash(uint64_t key)
{
	return (uint32_t)crc32c_u64(0xffffffff, key);
}

/* Half of the slots at least are free, so a search ends. */
static inline uint32_t
stream_slots(unsigned n)
{
	return rte_align32pow2(2 * RTE_MAX(n, 1u));
}

static inline size_t
stream_index_bytes(unsigned n)
{
	return sizeof(struct stream_index) + stream_slots(n) * sizeof(struct stream_slot);
}

static inline enum stream_kind
stream_kind_of(const struct dp_stream *stream)
{
	if (stream->has_ssrc && stream->has_payload_type)
		return STREAM_BOTH;
	return stream->has_ssrc ? STREAM_SSRC : STREAM_TYPE;
}

/* Fill an index of stream_index_bytes(n). Of two that select the same the first one wins. */
static inline void
stream_index_init(struct stream_index *index, const struct dp_stream *streams, unsigned n)
{
	memset(index, 0, sizeof(*index));
	index->mask = stream_slots(n) - 1;
	for (uint32_t i = 0; i <= index->mask; i++)
		index->slots[i] = (struct stream_slot){.stream = -1};
	for (unsigned i = 0; i < n; i++) {
		const enum stream_kind kind = stream_kind_of(&streams[i]);
		const uint64_t key = stream_key(kind, streams[i].ssrc, streams[i].payload_type);
		uint32_t at = stream_hash(key) & index->mask;

		while (index->slots[at].stream >= 0)
			at = (at + 1) & index->mask;
		index->slots[at] = (struct stream_slot){.key = key, .stream = (int16_t)i};
		index->has[kind] = true;
	}
}

static inline int
stream_probe(const struct stream_index *index, enum stream_kind kind, uint32_t ssrc, uint8_t type)
{
	const uint64_t key = stream_key(kind, ssrc, type);
	uint32_t at = stream_hash(key) & index->mask;

	if (!index->has[kind])
		return -1;
	while (index->slots[at].stream >= 0 && index->slots[at].key != key)
		at = (at + 1) & index->mask;
	return index->slots[at].stream;
}

static inline uint32_t
rtp_ssrc(const uint8_t *at)
{
	uint32_t ssrc;

	memcpy(&ssrc, at, sizeof(ssrc));
	return rte_be_to_cpu_32(ssrc);
}

/* The second byte of what is of DP_CLASS_RTP: RFC 5761, section 4. */
static inline bool
rtp_is_rtcp(const uint8_t *payload)
{
	return payload[1] >= 192 && payload[1] <= 223;
}

/* The stream that a payload belongs to, or -1. */
static inline int
stream_find(const struct stream_index *index, const uint8_t *payload, uint32_t bytes)
{
	int stream;

	if (bytes < RTCP_HEADER_BYTES || rtp_class(payload, bytes) != DP_CLASS_RTP)
		return -1;
	if (rtp_is_rtcp(payload))
		return stream_probe(index, STREAM_SSRC, rtp_ssrc(payload + RTCP_SSRC_OFFSET), 0);
	if (bytes < RTP_HEADER_BYTES)
		return -1;

	const uint32_t ssrc = rtp_ssrc(payload + RTP_SSRC_OFFSET);
	const uint8_t type = payload[1] & RTP_TYPE_MASK;

	stream = stream_probe(index, STREAM_BOTH, ssrc, type);
	if (stream < 0)
		stream = stream_probe(index, STREAM_SSRC, ssrc, type);
	return stream < 0 ? stream_probe(index, STREAM_TYPE, ssrc, type) : stream;
}

/* Whether a payload may open or move a latch; if an SSRC has a say in it, it is in *ssrc. */
static inline bool
latch_is_moved_by(const uint8_t *payload, uint32_t bytes, enum dp_latch_by by, uint32_t *ssrc)
{
	const bool rtcp = by == DP_LATCH_BY_RTCP_SSRC;

	if (by == DP_LATCH_BY_ANY)
		return true;
	if (by >= DP_LATCH_BY_CLASS)
		return rtp_class(payload, bytes) == (enum dp_class)(by - DP_LATCH_BY_CLASS);
	if (bytes < (rtcp ? RTCP_HEADER_BYTES : RTP_HEADER_BYTES) ||
		rtp_class(payload, bytes) != DP_CLASS_RTP || rtp_is_rtcp(payload) != rtcp)
		return false;
	*ssrc = rtp_ssrc(payload + (rtcp ? RTCP_SSRC_OFFSET : RTP_SSRC_OFFSET));
	return true;
}

#endif
