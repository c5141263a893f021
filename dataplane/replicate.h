/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Copies for the legs of a packet that has more than one. A short datagram is copied whole: one
 * small buffer costs less than the two of a copy by reference
 * (docs/adr/0007-replicas-copied-or-shared.md). A longer one is a small header mbuf of its own, and
 * behind it one mbuf that refers to the payload and is the second segment of all copies of the
 * packet: the payload is neither read nor written. Where a driver cannot send frames of two
 * segments (net_af_xdp), or the packet lies in a buffer that is not its mbuf's own, the copy is one
 * whole buffer, too.
 *
 * Headers of a copy are still those of the packet: rewrite.h comes after.
 */
#ifndef DATAPLANE_REPLICATE_H
#define DATAPLANE_REPLICATE_H

#include <string.h>

#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_memcpy.h>
#include <rte_udp.h>

#include "burst.h"
#include "quad.h"

/* Longest IP datagram that is copied whole into a header mbuf. */
#define REPLICA_COPY_BYTES 256
#define REPLICA_STOCK 32

/* mbufs got from a pool at once, for the legs of one packet. */
struct replica_stock {
	struct rte_mempool *pool;
	uint16_t wanted; /* that may still be asked for */
	uint16_t n;
	void *mbufs[REPLICA_STOCK];
};

static __rte_always_inline void
replica_stock_init(struct replica_stock *stock, struct rte_mempool *pool, uint16_t wanted)
{
	stock->pool = pool;
	stock->wanted = wanted;
	stock->n = 0;
}

/* Refill an empty stock, as far as there is still something wanted and buffers are left. */
static __rte_always_inline void
replica_stock_fill(struct replica_stock *stock)
{
	uint16_t n = (uint16_t)RTE_MIN(stock->wanted, REPLICA_STOCK);

	if (unlikely(n == 0 || rte_mempool_get_bulk(stock->pool, stock->mbufs, n) < 0)) {
		n = 1;
		if (rte_mempool_get(stock->pool, &stock->mbufs[0]) < 0)
			return;
	}
	stock->n = n;
	stock->wanted = (uint16_t)(stock->wanted - RTE_MIN(n, stock->wanted));
}

/* A raw mbuf, or NULL: out of buffers. */
static __rte_always_inline struct rte_mbuf *
replica_stock_take(struct replica_stock *stock)
{
	if (unlikely(stock->n == 0))
		replica_stock_fill(stock);
	return likely(stock->n > 0) ? stock->mbufs[--stock->n] : NULL;
}

/* Four raw mbufs, or none and false. */
static __rte_always_inline bool
replica_stock_take_quad(struct replica_stock *stock, struct rte_mbuf *mbufs[QUAD])
{
	if (unlikely(stock->n == 0))
		replica_stock_fill(stock);
	if (unlikely(stock->n < QUAD))
		return false;
	stock->n = (uint16_t)(stock->n - QUAD);
	memcpy(mbufs, &stock->mbufs[stock->n], QUAD * sizeof(mbufs[0]));
	return true;
}

static __rte_always_inline void
replica_stock_give_back(struct replica_stock *stock)
{
	if (stock->n > 0)
		rte_mempool_put_bulk(stock->pool, stock->mbufs, stock->n);
}

static __rte_always_inline uint16_t
replica_header_bytes(enum dp_family family)
{
	return family == DP_IPV4 ? sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_udp_hdr)
				 : sizeof(struct rte_ipv6_hdr) + sizeof(struct rte_udp_hdr);
}

/* Where the IP header of a fresh mbuf goes. */
static __rte_always_inline uint8_t *
replica_ip(struct rte_mbuf *m)
{
	return RTE_PTR_ADD(m->buf_addr, RTE_PKTMBUF_HEADROOM);
}

/*
 * A fresh small mbuf becomes a whole copy, with the EtherType before it as rewrite_quad_l2() wants.
 * l3_bytes is at most REPLICA_COPY_BYTES.
 */
static __rte_always_inline void
replica_fill(struct rte_mbuf *copy, const uint8_t *ip, uint16_t l3_bytes)
{
	copy->ol_flags = 0;
	rte_memcpy(replica_ip(copy) - sizeof(rte_be16_t), ip - sizeof(rte_be16_t),
		sizeof(rte_be16_t) + (size_t)l3_bytes);
}

/*
 * The payload of `owner` as the second segment of `n` copies, or NULL: out of buffers. Its
 * reference count is n, and that of `owner` goes up by one.
 */
static __rte_always_inline struct rte_mbuf *
replica_payload(struct rte_mempool *references, struct rte_mbuf *owner, const void *payload,
	uint16_t bytes, uint16_t n)
{
	struct rte_mbuf *shared = rte_mbuf_raw_alloc(references);

	if (unlikely(shared == NULL))
		return NULL;
	rte_mbuf_refcnt_update(owner, 1);
	shared->buf_addr = owner->buf_addr;
	rte_mbuf_iova_set(shared, owner->buf_iova);
	shared->buf_len = owner->buf_len;
	shared->priv_size = owner->priv_size;
	shared->data_off = (uint16_t)RTE_PTR_DIFF(payload, owner->buf_addr);
	shared->data_len = bytes;
	shared->pkt_len = bytes;
	shared->ol_flags = RTE_MBUF_F_INDIRECT;
	rte_mbuf_refcnt_set(shared, n);
	return shared;
}

/* As replica_fill(), but only the headers, with the shared `payload` behind them. */
static __rte_always_inline void
replica_fill_shared(
	struct rte_mbuf *copy, struct rte_mbuf *payload, const uint8_t *ip, enum dp_family family)
{
	replica_fill(copy, ip, replica_header_bytes(family));
	copy->nb_segs = 2;
	copy->next = payload;
}

/* A copy in one buffer as large as any packet, or NULL: out of buffers. */
static inline struct rte_mbuf *
replica_whole(struct rte_mempool *pool, const void *ip, uint16_t l3_bytes)
{
	struct rte_mbuf *copy = rte_mbuf_raw_alloc(pool);

	if (unlikely(copy == NULL))
		return NULL;
	copy->ol_flags = 0;
	rte_memcpy(replica_ip(copy), ip, l3_bytes);
	return copy;
}

#endif
