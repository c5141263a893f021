/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool.h"

#include <errno.h>
#include <stdio.h>

#include <rte_errno.h>
#include <rte_mbuf.h>

#include "replicate.h"

#define POOL_CACHE_MBUFS 256

static struct rte_mempool *
pool_create(const char *kind, int socket, unsigned n, unsigned data_bytes)
{
	char name[RTE_MEMPOOL_NAMESIZE];
	uint16_t room = data_bytes == 0 ? 0 : (uint16_t)(RTE_PKTMBUF_HEADROOM + data_bytes);

	snprintf(name, sizeof(name), "%s_%d", kind, socket);
	return rte_pktmbuf_pool_create(name, n, POOL_CACHE_MBUFS, 0, room, socket);
}

int
pool_set_init(struct pool_set *pools, int socket, unsigned n_packets, unsigned frame_bytes)
{
	int error;

	pools->packets = pool_create("packets", socket, n_packets, frame_bytes);
	pools->headers = pool_create("headers", socket, n_packets, REPLICA_COPY_BYTES);
	pools->references = pool_create("references", socket, n_packets, 0);
	if (pools->packets != NULL && pools->headers != NULL && pools->references != NULL)
		return 0;
	error = -rte_errno;
	pool_set_fini(pools);
	return error;
}

void
pool_set_fini(struct pool_set *pools)
{
	rte_mempool_free(pools->packets);
	rte_mempool_free(pools->headers);
	rte_mempool_free(pools->references);
	pools->packets = pools->headers = pools->references = NULL;
}
