/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory of the data plane: all that workers touch comes from the EAL, on huge pages where these
 * are configured, and each piece names its NUMA node. docs/dataplane.md says what lies where.
 */
#ifndef DATAPLANE_MEMORY_H
#define DATAPLANE_MEMORY_H

#include <stddef.h>

/* NUMA node of a CPU; 0 if the kernel has none. */
int memory_core_node(unsigned core);

/* The CPU that a worker runs on, as it is configured. */
unsigned memory_worker_core(unsigned index);

/* The same of the CPU of worker `index`, as dp_eal_init() mapped it; 0: there is no such worker. */
int memory_worker_node(unsigned index);

/*
 * Zeroed memory for n objects, at least one, from the start of a cache line on, on `node`; on
 * another one when that has none left (system.info tells), as also SOCKET_ID_ANY allows. NULL: no
 * memory. To be freed with rte_free().
 */
void *memory_zalloc(size_t n, size_t bytes, int node);

#endif
