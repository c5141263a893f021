/* SPDX-License-Identifier: BSD-3-Clause */
#include "shared.h"

#include <stdint.h>

#include <rte_common.h>
#include <rte_malloc.h>

#include "memory.h"

/* The count stands in a line of its own before the memory, out of the workers' way. */
struct shared {
	uint32_t held;
} __rte_cache_aligned;

static struct shared *
shared_of(void *memory)
{
	return (struct shared *)memory - 1;
}

void *
shared_create(size_t bytes, int node)
{
	struct shared *shared = memory_zalloc(1, sizeof(*shared) + bytes, node);

	if (shared == NULL)
		return NULL;
	shared->held = 1;
	return shared + 1;
}

void *
shared_hold(void *memory)
{
	if (memory != NULL)
		shared_of(memory)->held++;
	return memory;
}

void
shared_release(void *memory)
{
	if (memory != NULL && --shared_of(memory)->held == 0)
		rte_free(shared_of(memory));
}
