/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packet buffers of one NUMA socket: whole packets for receive queues, small buffers for the
 * headers of replicas, bare mbufs for references to a payload.
 */
#ifndef DATAPLANE_POOL_H
#define DATAPLANE_POOL_H

#include <rte_mempool.h>

struct pool_set {
	struct rte_mempool *packets;
	struct rte_mempool *headers;
	struct rte_mempool *references;
};

/*
 * Make the pools of `socket` with `n_packets` buffers that hold frames of `frame_bytes`. 0 or a
 * negative errno; nothing stays allocated on failure.
 */
int pool_set_init(struct pool_set *pools, int socket, unsigned n_packets, unsigned frame_bytes);

/* Free the pools; all mbufs must be back, which closed ports see to. */
void pool_set_fini(struct pool_set *pools);

#endif
