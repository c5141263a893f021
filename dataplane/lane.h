/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From frames to the lanes of a pass, four at a time: frames that are alike whole, others first
 * their link layer and then four datagrams of a family. What is out of the ordinary goes one by
 * one. A datagram takes the next place in the lane of its family, and its bucket is prefetched.
 */
#ifndef DATAPLANE_LANE_H
#define DATAPLANE_LANE_H

#include <string.h>

#include <rte_mbuf.h>

#include "burst.h"
#include "classify.h"
#include "exception.h"
#include "parse.h"
#include "quad.h"

/* Packets between one whose bucket is asked for and one whose bucket is read. */
#define LANE_BUCKET_LEAD 32

/* Empty the lane for a pass. */
static __rte_always_inline void
lane_init(struct lane *lane, const struct flow_table *table)
{
	lane->n = lane->n_guessed = 0;
	lane->any_source = __atomic_load_n(&table->any_source, __ATOMIC_RELAXED);
}

/* Take extension headers out of a frame: what is before the UDP header moves up to it. */
static __rte_noinline void
extension_cut(struct rte_mbuf *m, uint16_t l2_bytes, uint32_t skip_bytes)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);

	extension_remove((struct rte_ipv6_hdr *)(void *)(frame + l2_bytes), skip_bytes);
	memmove(frame + skip_bytes, frame, l2_bytes);
	rte_pktmbuf_adj(m, (uint16_t)skip_bytes);
}

/* The datagram of a frame into the lane of its family, or the reason why not. */
static __rte_always_inline enum dp_drop
parse_datagram(struct lcore *lc, struct rte_mbuf *m, uint16_t l2_bytes, uint32_t domain,
	enum dp_family family)
{
	const struct flow_table *table = family == DP_IPV4 ? lc->table4 : lc->table6;
	const uint32_t bytes = (uint32_t)m->data_len - l2_bytes;
	struct lane *lane = family == DP_IPV4 ? &lc->lane4 : &lc->lane6;
	const size_t n = lane->n;
	void *ip = rte_pktmbuf_mtod_offset(m, void *, l2_bytes);
	uint32_t skip_bytes = 0;
	uint16_t l3_bytes = 0;
	enum dp_drop reason = family == DP_IPV4 ? parse_ip4(ip, bytes, &l3_bytes)
						: parse_ip6(ip, bytes, &l3_bytes, &skip_bytes);

	if (unlikely(reason != PARSE_OK))
		return reason;
	if (unlikely(skip_bytes > 0)) {
		extension_cut(m, l2_bytes, skip_bytes);
		ip = rte_pktmbuf_mtod_offset(m, void *, l2_bytes);
	}
	lane->packets[n] = m;
	lane->ips[n] = ip;
	lane->l3_bytes[n] = l3_bytes;
	lane->l2_bytes[n] = m->data_len == l2_bytes + l3_bytes ? l2_bytes : 0;
	lane->n = n + 1;
	if (family == DP_IPV4)
		parse_key4(ip, domain, &lane->key4[n]);
	else
		parse_key6(ip, domain, &lane->key6[n]);
	if (unlikely(lane->any_source))
		classify_drop_source(lane_key(lane, n, family), family);
	classify_begin(table, lane, n, family);
	return PARSE_OK;
}

/* One frame into a lane, or the reason why not. */
static __rte_always_inline enum dp_drop
parse_packet(struct lcore *lc, uint16_t port, struct rte_mbuf *m)
{
	struct parsed_tags tags;
	enum dp_drop reason = parse_link(m, &tags);
	uint32_t domain;

	if (unlikely(reason != PARSE_OK))
		return reason;
	domain = flow_domain(port, tags.vlan, tags.outer_vlan);
	if (likely(tags.ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4)))
		return parse_datagram(lc, m, tags.l2_bytes, domain, DP_IPV4);
	if (likely(tags.ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV6)))
		return parse_datagram(lc, m, tags.l2_bytes, domain, DP_IPV6);
	return DP_DROP_not_ip;
}

/* Four frames of one family whose link layer is known. */
struct link_quad {
	struct rte_mbuf *const *m;
	uint8_t *ip[QUAD];
	quad bytes; /* that are there from `ip` on */
	quad l2_bytes;
	uint32_t domain[QUAD];
};

/* Four datagrams into their lane. false: one is out of the ordinary, and nothing is done. */
static __rte_always_inline bool
parse_quad(struct lcore *lc, const struct link_quad *link, enum dp_family family)
{
	const struct flow_table *table = family == DP_IPV4 ? lc->table4 : lc->table6;
	struct lane *lane = family == DP_IPV4 ? &lc->lane4 : &lc->lane6;
	const size_t tail_offset =
		family == DP_IPV4 ? offsetof(struct rte_ipv4_hdr, src_addr) : UDP6_TAIL_OFFSET;
	const size_t n = lane->n;
	quad head[QUAD], tail[QUAD], l3_bytes;

	for (size_t i = 0; i < QUAD; i++) {
		head[i] = quad_load(link->ip[i]);
		tail[i] = quad_load(link->ip[i] + tail_offset);
	}
	if (family == DP_IPV4 ? !parse_ip4_quad(head, tail, link->bytes, &l3_bytes)
			      : !parse_ip6_quad(head, tail, link->bytes, &l3_bytes))
		return false;
	quad_store(&lane->l3_bytes[n], l3_bytes);
	quad_store(&lane->l2_bytes[n], quad_equal(link->bytes, l3_bytes) & link->l2_bytes);
	memmove(&lane->packets[n], link->m, QUAD * sizeof(link->m[0]));
	lane->n = n + QUAD;
	for (size_t i = 0; i < QUAD; i++) {
		lane->ips[n + i] = link->ip[i];
		if (family == DP_IPV4) {
			tail[i][3] = link->domain[i];
			quad_store(&lane->key4[n + i], tail[i]);
		} else {
			parse_key6((const void *)link->ip[i], link->domain[i], &lane->key6[n + i]);
		}
	}
	if (unlikely(lane->any_source)) {
		for (size_t i = 0; i < QUAD; i++)
			classify_drop_source(lane_key(lane, n + i, family), family);
	}
	for (size_t i = 0; i < QUAD; i++)
		classify_begin(table, lane, n + i, family);
	if (lane->n >= lane->n_guessed + LANE_BUCKET_LEAD) {
		const size_t from = lane->n_guessed;

		classify_guesses(table, lane, NULL, from, from + QUAD, VIEW_STABLE, family);
		lane->n_guessed = from + QUAD;
	}
	return true;
}

/* Four frames of l2_bytes, a constant: with one tag or none. As parse_quad(). */
static __rte_always_inline bool
parse_quad_alike(struct lcore *lc, uint16_t port, struct rte_mbuf *const m[QUAD],
	uint8_t *const frame[QUAD], quad bytes, uint16_t l2_bytes, enum dp_family family)
{
	const bool tagged = l2_bytes > RTE_ETHER_HDR_LEN;
	struct link_quad link = {
		.m = m,
		.bytes = bytes - quad_set(l2_bytes),
		.l2_bytes = quad_set(l2_bytes),
	};

	for (size_t i = 0; i < QUAD; i++) {
		const struct rte_vlan_hdr *tag = (const void *)(frame[i] + RTE_ETHER_HDR_LEN);

		link.ip[i] = frame[i] + l2_bytes;
		link.domain[i] = flow_domain(port, tagged ? parse_vlan_id(tag) : 0, 0);
	}
	return parse_quad(lc, &link, family);
}

/*
 * Four frames into a lane, if they are alike: no tag or one of 802.1Q, and the same family. false:
 * they are not, or one is out of the ordinary, and nothing is done. *bytes is the lengths of the
 * frames: a frame in one buffer has its pkt_len there. Of a frame that is too short, what is behind
 * it in its buffer is read.
 */
static __rte_always_inline bool
parse_packets_alike(struct lcore *lc, uint16_t port, struct rte_mbuf *const m[QUAD], quad *bytes)
{
	const size_t type_offset = offsetof(struct rte_ether_hdr, ether_type);
	uint8_t *frame[QUAD];
	rte_be16_t type, inner;

	*bytes = quad_gather(&m[0]->pkt_len, &m[1]->pkt_len, &m[2]->pkt_len, &m[3]->pkt_len);
	for (size_t i = 0; i < QUAD; i++) {
		frame[i] = rte_pktmbuf_mtod(m[i], uint8_t *);
		if (unlikely(m[i]->nb_segs != 1))
			return false;
	}
	memcpy(&type, frame[0] + type_offset, sizeof(type));
	for (size_t i = 1; i < QUAD; i++) {
		if (unlikely(memcmp(frame[i] + type_offset, &type, sizeof(type)) != 0))
			return false;
	}
	if (likely(type == RTE_BE16(RTE_ETHER_TYPE_IPV4)))
		return likely(
			parse_quad_alike(lc, port, m, frame, *bytes, RTE_ETHER_HDR_LEN, DP_IPV4));
	if (type == RTE_BE16(RTE_ETHER_TYPE_IPV6))
		return likely(
			parse_quad_alike(lc, port, m, frame, *bytes, RTE_ETHER_HDR_LEN, DP_IPV6));
	if (unlikely(type != RTE_BE16(RTE_ETHER_TYPE_VLAN)))
		return false;
	memcpy(&inner, frame[0] + VLAN_TYPE_OFFSET, sizeof(inner));
	for (size_t i = 1; i < QUAD; i++) {
		if (memcmp(frame[i] + VLAN_TYPE_OFFSET, &inner, sizeof(inner)) != 0)
			return false;
	}
	if (inner == RTE_BE16(RTE_ETHER_TYPE_IPV4))
		return parse_quad_alike(lc, port, m, frame, *bytes, VLAN_L2_BYTES, DP_IPV4);
	if (inner == RTE_BE16(RTE_ETHER_TYPE_IPV6))
		return parse_quad_alike(lc, port, m, frame, *bytes, VLAN_L2_BYTES, DP_IPV6);
	return false;
}

/*
 * Datagrams whose link layer is in the lane from lane->n up to position `end`, four at a time.
 * What is refused is dropped, and the others move up.
 */
static __rte_always_inline void
parse_lane(struct lcore *lc, uint16_t port, struct lane *lane, size_t end, enum dp_family family)
{
	size_t p = lane->n;

	while (p < end) {
		const size_t next = RTE_MIN(p + QUAD, end);

		if (likely(next - p == QUAD)) {
			struct link_quad link = {
				.m = &lane->packets[p],
				.bytes = quad_load(&lane->l3_bytes[p]),
				.l2_bytes = quad_load(&lane->l2_bytes[p]),
			};

			memcpy(link.ip, &lane->ips[p], sizeof(link.ip));
			memcpy(link.domain, &lane->domains[p], sizeof(link.domain));
			if (likely(parse_quad(lc, &link, family))) {
				p = next;
				continue;
			}
		}
		for (; p < next; p++) {
			struct rte_mbuf *m = lane->packets[p];
			const enum dp_drop reason = parse_datagram(
				lc, m, (uint16_t)lane->l2_bytes[p], lane->domains[p], family);

			if (unlikely(reason != PARSE_OK))
				frame_refuse(lc, port, m, reason);
		}
	}
}

/*
 * Frames that are not alike: the link layer of all first, which says what family each is, then four
 * datagrams of a family at a time. There is room for QUAD more behind the n packets. Returns the
 * length of all frames.
 */
static inline uint64_t
parse_mixed(struct lcore *lc, uint16_t port, struct rte_mbuf *const *packets, size_t n)
{
	size_t end4 = lc->lane4.n, end6 = lc->lane6.n;
	uint64_t bytes = 0;

	for (size_t i = 0; i < n; i++) {
		struct rte_mbuf *m = packets[i];
		struct parsed_tags tags;
		const enum dp_drop reason = parse_link(m, &tags);
		struct lane *lane = &lc->lane6;
		size_t p = end6;

		rte_prefetch0(rte_pktmbuf_mtod(packets[i + QUAD], void *));
		bytes += m->pkt_len;
		if (unlikely(reason != PARSE_OK)) {
			frame_refuse(lc, port, m, reason);
			continue;
		}
		if (tags.ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4)) {
			lane = &lc->lane4;
			p = end4++;
		} else if (likely(tags.ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV6))) {
			end6++;
		} else {
			frame_refuse(lc, port, m, DP_DROP_not_ip);
			continue;
		}
		lane->packets[p] = m;
		lane->ips[p] = rte_pktmbuf_mtod_offset(m, void *, tags.l2_bytes);
		lane->l2_bytes[p] = tags.l2_bytes;
		lane->l3_bytes[p] = (uint32_t)m->data_len - tags.l2_bytes;
		lane->domains[p] = flow_domain(port, tags.vlan, tags.outer_vlan);
	}
	parse_lane(lc, port, &lc->lane4, end4, DP_IPV4);
	parse_lane(lc, port, &lc->lane6, end6, DP_IPV6);
	return bytes;
}

/*
 * Frames into the lanes, four at a time. There is room for QUAD more behind the n packets of the
 * pass, so that frames are prefetched without a test. *bytes is their length. Returns how many they
 * were: less than QUAD are left.
 */
static __rte_always_inline size_t
parse_quads(struct lcore *lc, uint16_t port, struct rte_mbuf **packets, size_t n, uint64_t *bytes)
{
	quad sum = quad_set(0), quad_bytes;
	size_t i = 0;

	for (size_t k = 0; k < QUAD; k++)
		packets[n + k] = packets[n - 1];
	for (size_t k = 0; k < QUAD; k++)
		rte_prefetch0(rte_pktmbuf_mtod(packets[k], void *));
	for (; i + QUAD <= n; i += QUAD) {
		for (size_t k = 0; k < QUAD; k++)
			rte_prefetch0(rte_pktmbuf_mtod(packets[i + QUAD + k], void *));
		if (unlikely(!parse_packets_alike(lc, port, &packets[i], &quad_bytes)))
			break;
		sum += quad_bytes;
	}
	*bytes = (uint64_t)sum[0] + sum[1] + sum[2] + sum[3];
	if (likely(i + QUAD > n))
		return i;
	*bytes += parse_mixed(lc, port, &packets[i], n - i);
	return n;
}

#endif
