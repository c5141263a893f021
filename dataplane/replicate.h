/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Copies for the legs of a packet that has more than one. A short datagram is copied whole: one
 * small buffer costs less than the two of a copy by reference
 * (docs/adr/0007-replicas-copied-or-shared.md). A longer one is a small header mbuf of its own with
 * the payload attached by reference: the payload is neither read nor written. Where a driver cannot
 * send frames of two segments (net_af_xdp), or the packet lies in a buffer that is not its mbuf's
 * own, the copy is one whole buffer, too.
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

/* A raw mbuf, or NULL: out of buffers. */
static __rte_always_inline struct rte_mbuf *
replica_stock_take(struct replica_stock *stock)
{
	if (unlikely(stock->n == 0)) {
		uint16_t n = (uint16_t)RTE_MIN(stock->wanted, REPLICA_STOCK);

		if (unlikely(n == 0 || rte_mempool_get_bulk(stock->pool, stock->mbufs, n) < 0)) {
			n = 1;
			if (rte_mempool_get(stock->pool, &stock->mbufs[0]) < 0)
				return NULL;
		}
		stock->n = n;
		stock->wanted = (uint16_t)(stock->wanted - RTE_MIN(n, stock->wanted));
	}
	return stock->mbufs[--stock->n];
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
static __rte_always_inline void *
replica_ip(struct rte_mbuf *m)
{
	return RTE_PTR_ADD(m->buf_addr, RTE_PKTMBUF_HEADROOM);
}

/* A whole copy in a small mbuf, or NULL. l3_bytes is at most REPLICA_COPY_BYTES. */
static __rte_always_inline struct rte_mbuf *
replica_short(struct replica_stock *headers, const void *ip, uint16_t l3_bytes)
{
	struct rte_mbuf *copy = replica_stock_take(headers);

	if (unlikely(copy == NULL))
		return NULL;
	copy->ol_flags = 0;
	rte_memcpy(replica_ip(copy), ip, l3_bytes);
	return copy;
}

/*
 * Make `reference` stand for the payload of `owner`, whose reference count the caller has raised
 * already: once for all legs, not once a leg.
 */
static __rte_always_inline void
replica_attach(struct rte_mbuf *reference, const struct rte_mbuf *owner, const void *payload,
	uint16_t bytes)
{
	reference->buf_addr = owner->buf_addr;
	rte_mbuf_iova_set(reference, owner->buf_iova);
	reference->buf_len = owner->buf_len;
	reference->priv_size = owner->priv_size;
	reference->data_off = (uint16_t)RTE_PTR_DIFF(payload, owner->buf_addr);
	reference->data_len = bytes;
	reference->pkt_len = bytes;
	reference->ol_flags = RTE_MBUF_F_INDIRECT;
}

/*
 * A copy by reference of the datagram at `ip` in `owner`. NULL: out of buffers, and then one of
 * the references that the caller has raised stays unused.
 */
static __rte_always_inline struct rte_mbuf *
replica_by_reference(struct replica_stock *headers, struct replica_stock *references,
	const struct rte_mbuf *owner, const void *ip, uint16_t l3_bytes, enum dp_family family)
{
	const uint16_t header_bytes = replica_header_bytes(family);
	struct rte_mbuf *header = replica_stock_take(headers);
	struct rte_mbuf *reference = replica_stock_take(references);

	if (unlikely(header == NULL || reference == NULL)) {
		if (header != NULL)
			rte_mbuf_raw_free(header);
		if (reference != NULL)
			rte_mbuf_raw_free(reference);
		return NULL;
	}
	memcpy(replica_ip(header), ip, header_bytes);
	replica_attach(reference, owner, (const uint8_t *)ip + header_bytes,
		(uint16_t)(l3_bytes - header_bytes));
	header->ol_flags = 0;
	header->nb_segs = 2;
	header->next = reference;
	return header;
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
