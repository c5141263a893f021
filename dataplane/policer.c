/* SPDX-License-Identifier: BSD-3-Clause */
#include "policer.h"

#include <errno.h>
#include <stddef.h>

#include <rte_malloc.h>

#define POLICERS_A_CHUNK 1023 /* with the line before them 64 KiB */

struct policer_chunk {
	struct policer_chunk *next;
	struct policer policers[POLICERS_A_CHUNK];
};

static int
pool_grow(struct policer_pool *pool)
{
	struct policer_chunk *chunk =
		rte_malloc_socket("policers", sizeof(*chunk), RTE_CACHE_LINE_SIZE, pool->socket);

	if (chunk == NULL)
		return -ENOMEM;
	chunk->next = pool->chunks;
	pool->chunks = chunk;
	for (unsigned i = POLICERS_A_CHUNK; i-- > 0;) {
		chunk->policers[i].next = pool->idle;
		pool->idle = &chunk->policers[i];
	}
	return 0;
}

void
policer_pool_fini(struct policer_pool *pool)
{
	while (pool->chunks != NULL) {
		struct policer_chunk *chunk = pool->chunks;

		pool->chunks = chunk->next;
		rte_free(chunk);
	}
	pool->idle = NULL;
}

int
policer_get(struct policer_pool *pool, struct policer **policer, const struct dp_police *config,
	struct policer *former)
{
	*policer = NULL;
	if (config->rate_bps == 0)
		return 0;
	if (former != NULL && former->config.rate_bps == config->rate_bps &&
		former->config.burst_bytes == config->burst_bytes) {
		former->held++;
		*policer = former;
		return 0;
	}
	if (pool->idle == NULL && pool_grow(pool) < 0)
		return -ENOMEM;
	*policer = pool->idle;
	pool->idle = pool->idle->next;
	(*policer)->held = 1;
	(*policer)->config = *config;
	police_init(&(*policer)->police, config);
	return 0;
}

void
policer_release(struct policer_pool *pool, struct policer *policer)
{
	if (policer == NULL || --policer->held > 0)
		return;
	policer->next = pool->idle;
	pool->idle = policer;
}
