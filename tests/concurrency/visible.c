/* SPDX-License-Identifier: BSD-3-Clause */
#include "visible.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_ethdev.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_ring.h>

#define OPS_NAME "visible_ring"

static int
visible_alloc(struct rte_mempool *pool)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "v_%.20s", pool->name);
	pool->pool_data =
		rte_ring_create(name, rte_align32pow2(pool->size + 1), pool->socket_id, 0);
	return pool->pool_data == NULL ? -ENOMEM : 0;
}

static void
visible_free(struct rte_mempool *pool)
{
	rte_ring_free(pool->pool_data);
}

static int
visible_enqueue(struct rte_mempool *pool, void *const *objects, unsigned n)
{
	return rte_ring_enqueue_bulk(pool->pool_data, objects, n, NULL) == 0 ? -ENOBUFS : 0;
}

static int
visible_dequeue(struct rte_mempool *pool, void **objects, unsigned n)
{
	return rte_ring_dequeue_bulk(pool->pool_data, objects, n, NULL) == 0 ? -ENOBUFS : 0;
}

static unsigned
visible_count(const struct rte_mempool *pool)
{
	return rte_ring_count(pool->pool_data);
}

static const struct rte_mempool_ops visible_ops = {
	.name = OPS_NAME,
	.alloc = visible_alloc,
	.free = visible_free,
	.enqueue = visible_enqueue,
	.dequeue = visible_dequeue,
	.get_count = visible_count,
};

void
visible_pools(void)
{
	if (rte_mempool_register_ops(&visible_ops) < 0 ||
		rte_mbuf_set_user_mempool_ops(OPS_NAME) < 0)
		abort();
}

static uint16_t
visible_rx(void *ring, struct rte_mbuf **packets, uint16_t n)
{
	return (uint16_t)rte_ring_dequeue_burst(ring, (void **)packets, n, NULL);
}

static uint16_t
visible_tx(void *ring, struct rte_mbuf **packets, uint16_t n)
{
	return (uint16_t)rte_ring_enqueue_burst(ring, (void **)packets, n, NULL);
}

void
visible_port(struct loop *loop)
{
	struct rte_eth_fp_ops *ops;
	uint16_t port;

	if (rte_eth_dev_get_port_by_name("net_ring_loop", &port) != 0)
		abort();
	ops = &rte_eth_fp_ops[port];
	ops->rx_pkt_burst = visible_rx;
	ops->tx_pkt_burst = visible_tx;
	for (unsigned w = 0; w < loop->n_workers; w++) {
		ops->rxq.data[w] = loop->rx[w];
		ops->txq.data[w] = loop->tx[w];
	}
}
