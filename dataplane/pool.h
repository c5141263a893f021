/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packet buffers of one NUMA socket: whole packets for receive queues, small buffers for the
 * headers of replicas, bare mbufs that refer to the payload which the replicas of a packet share.
 */
#ifndef DATAPLANE_POOL_H
#define DATAPLANE_POOL_H

#include <stdbool.h>

#include <rte_mempool.h>

struct pool_set {
	struct rte_mempool *packets;
	struct rte_mempool *headers;
	struct rte_mempool *references;
};

/*
 * Make the pools of `socket` with `n_packets` buffers that hold frames of `frame_bytes`;
 * `registered`: a net_af_xdp port receives into them, so each lies inside what that driver
 * registers with the kernel. 0, or a negative errno and a text in error; nothing stays allocated on
 * failure.
 */
int pool_set_init(struct pool_set *pools, int socket, unsigned n_packets, unsigned frame_bytes,
	bool registered, char *error, size_t error_size);

/* Free the pools; all mbufs must be back, which closed ports see to. */
void pool_set_fini(struct pool_set *pools);

#endif
