/* SPDX-License-Identifier: BSD-3-Clause */
#include "memory.h"

#include <numa.h>

#include <rte_common.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

int
memory_core_node(unsigned core)
{
	int node = numa_available() < 0 ? 0 : numa_node_of_cpu((int)core);

	return node < 0 ? 0 : node;
}

/* rte_lcore_to_cpu_id() is the topology's core of CPU `lcore`, whatever CPU --lcores maps it to. */
unsigned
memory_worker_core(unsigned index)
{
	const rte_cpuset_t cpus = rte_lcore_cpuset(index + 1);
	unsigned core = 0;

	while (core < CPU_SETSIZE - 1 && !CPU_ISSET(core, &cpus))
		core++;
	return core;
}

int
memory_worker_node(unsigned index)
{
	return memory_core_node(memory_worker_core(index));
}

void *
memory_zalloc(size_t n, size_t bytes, int node)
{
	const size_t all = RTE_MAX(n, 1u) * bytes;
	void *memory = rte_zmalloc_socket("dataplane", all, RTE_CACHE_LINE_SIZE, node);

	if (memory == NULL && node != SOCKET_ID_ANY)
		memory = rte_zmalloc_socket("dataplane", all, RTE_CACHE_LINE_SIZE, SOCKET_ID_ANY);
	return memory;
}
