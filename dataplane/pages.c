/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the tables lie: on pages of which size, how many, and on which NUMA node. */
#include <unistd.h>

#include <rte_common.h>
#include <rte_memory.h>

#include "dp_private.h"

/* Add `bytes` from `at` on. */
static void
memory_add(struct dp_memory *memory, const void *at, uint64_t bytes)
{
	const struct rte_memseg *segment = rte_mem_virt2memseg(at, NULL);
	const uintptr_t begin = (uintptr_t)at, end = begin + bytes;

	memory->page_bytes =
		segment != NULL ? segment->hugepage_sz : (uint64_t)sysconf(_SC_PAGESIZE);
	memory->socket = segment != NULL ? segment->socket_id : -1;
	memory->hugepages = memory->page_bytes > (uint64_t)sysconf(_SC_PAGESIZE);
	memory->bytes += bytes;
	memory->pages += (RTE_ALIGN_CEIL(end, memory->page_bytes) -
				 RTE_ALIGN_FLOOR(begin, memory->page_bytes)) /
			 memory->page_bytes;
	/* A table without places, such as that of no legs, may touch no page. */
	memory->tlb_percent =
		(uint8_t)RTE_MIN(DP_TLB_ENTRIES * 100 / RTE_MAX(memory->pages, UINT64_C(1)), 100u);
}

struct dp_memory
dp_flow_memory(const struct dp *dp, enum dp_family family)
{
	const struct flow_table *table = family == DP_IPV4 ? &dp->table4 : &dp->table6;
	struct dp_memory memory = {.bytes = 0};

	memory_add(&memory, table->buckets, (table->bucket_mask + 1) * sizeof(struct bucket));
	memory_add(&memory, table->entries,
		(uint64_t)table->n_entries * flow_entry_bytes(table->family));
	return memory;
}

struct dp_memory
dp_leg_memory(const struct dp *dp)
{
	struct dp_memory memory = {.bytes = 0};

	memory_add(&memory, dp->legs.legs, dp->legs.n_slots * sizeof(struct leg));
	return memory;
}
