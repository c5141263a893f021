/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzz the parser alone. One frame at a time: besides not to read behind a frame, whose end the
 * sanitizer sees, it has to agree with itself: what the few tests at once let pass, the tests one
 * by one find no fault with, and the other way round. Four frames at a time, which are the quarters
 * of the input, or four times all of it, and a pass of runs of these: what the quads make of them
 * is what one at a time makes.
 */
#include <stdlib.h>
#include <string.h>

#include "lane.h"

#define RUN_MAX 8 /* of a frame, in a pass */

/* All that may be read of a frame before its length is known: two tags, IPv6, UDP. */
#define HEADERS_MAX (VLAN_L2_BYTES + sizeof(struct rte_vlan_hdr) + UDP6_BYTES)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input_frame {
	const uint8_t *bytes;
	uint16_t n_bytes;
};

static void
require(bool ok)
{
	if (!ok)
		abort();
}

static void
datagram_check(const uint8_t *ip, uint32_t bytes, rte_be16_t type)
{
	uint16_t l3_bytes = 0;
	uint32_t skip_bytes = 0, again = 0;
	union flow_key key;

	if (type == RTE_BE16(RTE_ETHER_TYPE_IPV4)) {
		const enum dp_drop reason = parse_ip4((const void *)ip, bytes, &l3_bytes);

		require(reason == parse_ip4_fault((const void *)ip, bytes));
		require(reason != PARSE_OK || (l3_bytes >= UDP4_BYTES && l3_bytes <= bytes));
		if (reason == PARSE_OK)
			parse_key4((const void *)ip, 0, &key.v4);
	} else if (type == RTE_BE16(RTE_ETHER_TYPE_IPV6)) {
		const enum dp_drop reason =
			parse_ip6((const void *)ip, bytes, &l3_bytes, &skip_bytes);

		require(reason == parse_ip6_fault((const void *)ip, bytes, &again));
		require(reason != PARSE_OK ||
			(l3_bytes >= UDP6_BYTES && l3_bytes + skip_bytes <= bytes));
		if (reason == PARSE_OK && skip_bytes == 0)
			parse_key6((const void *)ip, 0, &key.v6);
	}
}

/* An mbuf around a copy of the frame, in a buffer of `room` bytes. */
static struct rte_mbuf
mbuf_create(const struct input_frame *frame, size_t room)
{
	uint8_t *buffer = malloc(room);

	require(buffer != NULL || room == 0);
	if (frame->n_bytes > 0)
		memcpy(buffer, frame->bytes, frame->n_bytes);
	return (struct rte_mbuf){.buf_addr = buffer,
		.nb_segs = 1,
		.refcnt = 2, /* so that it is not freed when it is dropped */
		.data_len = frame->n_bytes,
		.pkt_len = frame->n_bytes};
}

static void
frame_check(const struct input_frame *frame)
{
	struct rte_mbuf m = mbuf_create(frame, frame->n_bytes);
	struct parsed_tags tags;
	rte_be16_t type;

	if (parse_ethernet(&m, &type) == PARSE_OK) {
		tags = (struct parsed_tags){.l2_bytes = RTE_ETHER_HDR_LEN, .ether_type = type};
		if (!parse_is_tag(type) || parse_tags(&m, type, &tags) == PARSE_OK)
			datagram_check((const uint8_t *)m.buf_addr + tags.l2_bytes,
				(uint32_t)frame->n_bytes - tags.l2_bytes, tags.ether_type);
	}
	free(m.buf_addr);
}

/* Empty lanes, and tables with nothing in them. */
static void
lcore_reset(struct lcore *lc)
{
	static struct bucket none;
	static struct flow_table table = {.buckets = &none};

	lc->table4 = lc->table6 = &table;
	lane_init(&lc->lane4, &table);
	lane_init(&lc->lane6, &table);
	memset(lc->counters, 0, sizeof(*lc->counters));
}

static void
lane_compare(struct lane *alone, struct lane *four, enum dp_family family)
{
	const size_t key_bytes =
		family == DP_IPV4 ? sizeof(struct flow_key4) : sizeof(struct flow_key6);

	require(alone->n == four->n);
	for (size_t i = 0; i < alone->n; i++) {
		require((uint8_t *)alone->ips[i] - rte_pktmbuf_mtod(alone->packets[i], uint8_t *) ==
			(uint8_t *)four->ips[i] - rte_pktmbuf_mtod(four->packets[i], uint8_t *));
		require(alone->l2_bytes[i] == four->l2_bytes[i]);
		require(alone->l3_bytes[i] == four->l3_bytes[i]);
		require(alone->hash[i] == four->hash[i]);
		require(memcmp(lane_key(alone, i, family), lane_key(four, i, family), key_bytes) ==
			0);
	}
}

static rte_be16_t
type_at(const struct input_frame *frame, size_t offset)
{
	rte_be16_t type = 0;

	if (offset + sizeof(type) <= frame->n_bytes)
		memcpy(&type, frame->bytes + offset, sizeof(type));
	return type;
}

/* No tag or one of 802.1Q, and the same family: then what is faultless is parsed as a quad. */
static bool
frames_are_alike(const struct input_frame frames[QUAD])
{
	const size_t offset = offsetof(struct rte_ether_hdr, ether_type);
	rte_be16_t type = type_at(&frames[0], offset);

	for (size_t i = 1; i < QUAD; i++) {
		if (type_at(&frames[i], offset) != type)
			return false;
	}
	if (type == RTE_BE16(RTE_ETHER_TYPE_VLAN)) {
		type = type_at(&frames[0], VLAN_TYPE_OFFSET);
		for (size_t i = 1; i < QUAD; i++) {
			if (type_at(&frames[i], VLAN_TYPE_OFFSET) != type)
				return false;
		}
	}
	return type == RTE_BE16(RTE_ETHER_TYPE_IPV4) || type == RTE_BE16(RTE_ETHER_TYPE_IPV6);
}

/* Parse the frames one at a time. Whether none is refused, or has extension headers. */
static bool
parse_alone(struct lcore *lc, struct rte_mbuf *m, size_t n)
{
	bool ordinary = true;

	lcore_reset(lc);
	for (size_t i = 0; i < n; i++) {
		const enum dp_drop reason = parse_packet(lc, 0, &m[i]);

		if (reason != PARSE_OK)
			lc->counters[0].drops[reason]++;
		/* A frame without its extension headers starts later. */
		if (reason != PARSE_OK || m[i].data_off != 0)
			ordinary = false;
	}
	return ordinary;
}

static void
mbufs_create(struct rte_mbuf *m, struct rte_mbuf **list, const struct input_frame *frames, size_t n,
	size_t room)
{
	for (size_t i = 0; i < n; i++) {
		m[i] = mbuf_create(&frames[i], RTE_MAX(frames[i].n_bytes, room));
		list[i] = &m[i];
	}
}

static void
mbufs_free(struct rte_mbuf *m, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(m[i].buf_addr);
}

static void
quad_check(struct lcore *alone, struct lcore *four, const struct input_frame frames[QUAD])
{
	struct rte_mbuf alone_m[QUAD], four_m[QUAD], *list[QUAD];
	bool ordinary, taken;
	quad bytes;

	mbufs_create(alone_m, list, frames, QUAD, 0);
	ordinary = parse_alone(alone, alone_m, QUAD);
	mbufs_create(four_m, list, frames, QUAD, HEADERS_MAX);
	lcore_reset(four);
	taken = parse_packets_alike(four, 0, list, &bytes);
	require(taken == (ordinary && frames_are_alike(frames)));
	if (taken) {
		lane_compare(&alone->lane4, &four->lane4, DP_IPV4);
		lane_compare(&alone->lane6, &four->lane6, DP_IPV6);
	} else {
		require(four->lane4.n == 0 && four->lane6.n == 0);
	}
	for (size_t i = 0; i < QUAD; i++)
		require(bytes[i] == frames[i].n_bytes);
	mbufs_free(alone_m, QUAD);
	mbufs_free(four_m, QUAD);
}

/* Each frame comes as often in a row as the second byte of its MAC address says, twice over. */
static void
pass_check(struct lcore *alone, struct lcore *four, const struct input_frame frames[QUAD])
{
	struct input_frame runs[2 * QUAD * RUN_MAX];
	struct rte_mbuf alone_m[RTE_DIM(runs)], four_m[RTE_DIM(runs)];
	struct rte_mbuf *list[RTE_DIM(runs) + QUAD];
	uint64_t bytes = 0;
	size_t n = 0;

	static_assert(RTE_DIM(runs) <= PASS_PACKETS, "a pass");
	for (size_t i = 0; i < 2 * QUAD; i++) {
		const struct input_frame *frame = &frames[i % QUAD];
		const unsigned run = frame->n_bytes < 2 ? 1 : 1u + frame->bytes[1] % RUN_MAX;

		for (unsigned k = 0; k < run; k++) {
			runs[n++] = *frame;
			bytes += frame->n_bytes;
		}
	}
	mbufs_create(alone_m, list, runs, n, 0);
	(void)parse_alone(alone, alone_m, n);
	mbufs_create(four_m, list, runs, n, HEADERS_MAX);
	for (size_t k = 0; k < QUAD; k++)
		list[n + k] = list[n - 1];
	lcore_reset(four);
	require(parse_mixed(four, 0, list, n) == bytes);
	lane_compare(&alone->lane4, &four->lane4, DP_IPV4);
	lane_compare(&alone->lane6, &four->lane6, DP_IPV6);
	require(memcmp(alone->counters, four->counters, sizeof(*alone->counters)) == 0);
	mbufs_free(alone_m, n);
	mbufs_free(four_m, n);
}

static void
frames_check(const struct input_frame frames[QUAD])
{
	static struct port_counters alone_counters, four_counters;
	static struct exception *const no_path[1];
	static struct lcore alone = {.counters = &alone_counters, .exceptions = no_path};
	static struct lcore four = {.counters = &four_counters, .exceptions = no_path};

	quad_check(&alone, &four, frames);
	pass_check(&alone, &four, frames);
}

/*
 * The quarters as four frames. The first byte of each, which is of its MAC address, says by how
 * much it is shorter than its quarter.
 */
static void
quarters_check(const uint8_t *data, size_t size)
{
	const size_t quarter = size / QUAD;
	struct input_frame frames[QUAD];

	for (size_t i = 0; i < QUAD && quarter > 0; i++) {
		const uint8_t *bytes = data + i * quarter;

		frames[i] = (struct input_frame){
			bytes, (uint16_t)(quarter - RTE_MIN(quarter, (size_t)bytes[0]))};
	}
	if (quarter > 0)
		frames_check(frames);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct input_frame whole = {data, (uint16_t)RTE_MIN(size, (size_t)UINT16_MAX)};
	const struct input_frame same[QUAD] = {whole, whole, whole, whole};

	frame_check(&whole);
	frames_check(same);
	quarters_check(data, RTE_MIN(size, (size_t)UINT16_MAX));
	return 0;
}
