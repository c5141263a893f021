/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>

#include "replicate.h"

#define POOL_CACHE_MBUFS 256

#define HUGEPAGE_BYTES_MIN (UINT64_C(2) << 20)

/*
 * net_af_xdp of DPDK 22.11 registers a pool with the kernel as one piece: from the pool's first
 * byte on, as many bytes as its objects have together. But an object does not cross a page, so that
 * the unused rest of each page moves the last objects past the end of that piece. The kernel
 * refuses them, and does not return those that the driver passes to it. Therefore objects nearly
 * fill ordinary pages; and there are more of them than are wanted, of which those that lie outside
 * stay out of use.
 */

static uint64_t
page_bytes(void)
{
	return rte_eal_has_hugepages() ? HUGEPAGE_BYTES_MIN : (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t
object_bytes(unsigned data_bytes)
{
	return rte_mempool_calc_obj_size(
		(uint32_t)sizeof(struct rte_mbuf) + RTE_PKTMBUF_HEADROOM + data_bytes, 0, NULL);
}

/* A frame's room, so that the object fills an ordinary page as far as it can. */
static unsigned
registered_data_bytes(unsigned data_bytes)
{
	while (!rte_eal_has_hugepages() &&
		object_bytes(data_bytes + RTE_CACHE_LINE_SIZE) <= page_bytes())
		data_bytes += RTE_CACHE_LINE_SIZE;
	return data_bytes;
}

/* How many objects are needed for n of them to lie inside. */
static unsigned
registered_count(unsigned n, unsigned data_bytes)
{
	const uint64_t object = object_bytes(data_bytes), rest = page_bytes() % object;
	const uint64_t used = page_bytes() - rest;

	if (used == 0)
		return n;
	/* Two more, as the first page and the last are not whole. */
	return (unsigned)((n + 2) * used / (used - rest) + 1);
}

/* Take objects outside of what is registered out of use; returns how many are left, or -ENOMEM. */
static int
registered_trim(struct rte_mempool *pool)
{
	const uint64_t object =
		object_bytes(rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM);
	const uintptr_t start = (uintptr_t)STAILQ_FIRST(&pool->mem_list)->addr;
	const uintptr_t end = start + object * pool->populated_size;
	void **objects = calloc(pool->populated_size, sizeof(*objects));
	int n = 0;

	if (objects == NULL ||
		rte_mempool_generic_get(pool, objects, pool->populated_size, NULL) < 0) {
		free(objects);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < pool->populated_size; i++) {
		const uintptr_t first = (uintptr_t)objects[i] - pool->header_size;

		if (first >= start && first + object <= end)
			objects[n++] = objects[i];
	}
	rte_mempool_generic_put(pool, objects, (unsigned)n, NULL);
	free(objects);
	return n;
}

static struct rte_mempool *
pool_create(const char *kind, int socket, unsigned n, unsigned data_bytes)
{
	char name[RTE_MEMPOOL_NAMESIZE];
	uint16_t room = data_bytes == 0 ? 0 : (uint16_t)(RTE_PKTMBUF_HEADROOM + data_bytes);

	snprintf(name, sizeof(name), "%s_%d", kind, socket);
	return rte_pktmbuf_pool_create(name, n, POOL_CACHE_MBUFS, 0, room, socket);
}

/* The pool of receive queues of which some are net_af_xdp's. */
static int
registered_create(struct pool_set *pools, int socket, unsigned n, unsigned frame_bytes, char *error,
	size_t error_size)
{
	const unsigned data_bytes = registered_data_bytes(frame_bytes);
	const unsigned long page = (unsigned long)sysconf(_SC_PAGESIZE);
	int n_inside;

	if (object_bytes(data_bytes) > page) {
		snprintf(error, error_size,
			"found frames of up to %u bytes, whose packet buffers have %u, expected"
			" buffers of at most %lu, a page, as a net_af_xdp port receives into them"
			" (set a smaller mtu on each port of NUMA node %d)",
			frame_bytes, (unsigned)object_bytes(data_bytes), page, socket);
		return -EINVAL;
	}
	pools->packets =
		pool_create("packets", socket, registered_count(n, data_bytes), data_bytes);
	n_inside = pools->packets != NULL ? registered_trim(pools->packets) : -rte_errno;
	if (n_inside < 0)
		return n_inside;
	if ((unsigned)n_inside >= n)
		return 0;
	snprintf(error, error_size,
		"found %d of %u packet buffers on NUMA node %d inside the memory that net_af_xdp"
		" registers with the kernel, expected all: the pool is in %u pieces (reserve more"
		" hugepages, set memory_mb, or a smaller packet_buffers)",
		n_inside, n, socket, pools->packets->nb_mem_chunks);
	return -ERANGE;
}

int
pool_set_init(struct pool_set *pools, int socket, unsigned n_packets, unsigned frame_bytes,
	bool registered, char *error, size_t error_size)
{
	int ret = 0;

	error[0] = '\0';
	if (registered)
		ret = registered_create(pools, socket, n_packets, frame_bytes, error, error_size);
	else
		pools->packets = pool_create("packets", socket, n_packets, frame_bytes);
	pools->headers = pool_create("headers", socket, n_packets, REPLICA_COPY_BYTES);
	pools->references = pool_create("references", socket, n_packets, 0);
	if (ret == 0 &&
		(pools->packets == NULL || pools->headers == NULL || pools->references == NULL))
		ret = -rte_errno;
	if (ret < 0 && error[0] == '\0')
		snprintf(error, error_size,
			"%u packet buffers of %u bytes on NUMA node %d: %s"
			" (more hugepages, or a smaller packet_buffers)",
			n_packets, frame_bytes, socket, strerror(-ret));
	if (ret < 0)
		pool_set_fini(pools);
	return ret;
}

void
pool_set_fini(struct pool_set *pools)
{
	rte_mempool_free(pools->packets);
	rte_mempool_free(pools->headers);
	rte_mempool_free(pools->references);
	pools->packets = pools->headers = pools->references = NULL;
}
