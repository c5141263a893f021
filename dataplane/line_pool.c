/* SPDX-License-Identifier: BSD-3-Clause */
#include "line_pool.h"

#include <stddef.h>

#include <rte_common.h>
#include <rte_malloc.h>

#define LINES_A_CHUNK 1023 /* with the one before them 64 KiB */

/* While it is free. */
struct line {
	struct line *next;
} __rte_cache_min_aligned;

struct line_chunk {
	struct line_chunk *next;
	struct line lines[LINES_A_CHUNK];
};

void
line_pool_fini(struct line_pool *pool)
{
	while (pool->chunks != NULL) {
		struct line_chunk *chunk = pool->chunks;

		pool->chunks = chunk->next;
		rte_free(chunk);
	}
	pool->idle = NULL;
}

void
line_put(struct line_pool *pool, void *line)
{
	struct line *freed = line;

	if (freed == NULL)
		return;
	freed->next = pool->idle;
	pool->idle = freed;
}

static void
pool_grow(struct line_pool *pool)
{
	struct line_chunk *chunk =
		rte_malloc_socket("lines", sizeof(*chunk), RTE_CACHE_LINE_SIZE, pool->socket);

	if (chunk == NULL)
		return;
	chunk->next = pool->chunks;
	pool->chunks = chunk;
	for (unsigned i = LINES_A_CHUNK; i-- > 0;)
		line_put(pool, &chunk->lines[i]);
}

void *
line_get(struct line_pool *pool)
{
	struct line *line;

	if (pool->idle == NULL)
		pool_grow(pool);
	line = pool->idle;
	if (line != NULL)
		pool->idle = line->next;
	return line;
}
