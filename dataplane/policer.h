/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Token buckets as flows and legs hold them: shared by the versions of a flow that police alike,
 * so that a flow that is replaced gains no burst. Control thread only.
 */
#ifndef DATAPLANE_POLICER_H
#define DATAPLANE_POLICER_H

#include "line_pool.h"
#include "police.h"

/* One line: all that a worker needs of it. */
struct policer {
	struct police police; /* the workers' */
	struct dp_police config;
	uint64_t held; /* versions of flows and legs that have it */
} __rte_cache_min_aligned;
static_assert(sizeof(struct policer) == 64, "a policer is one line");

/*
 * A policer of `config`: `former` (may be NULL) held once more when it is of the same
 * configuration, else a new one with a full bucket. Released with policer_release(). *policer is
 * NULL when config polices nothing. 0 or -ENOMEM.
 */
int policer_get(struct line_pool *pool, struct policer **policer, const struct dp_police *config,
	struct policer *former);

/* Hold it once less; the last one gives it back to its pool. NULL is ignored. */
void policer_release(struct line_pool *pool, struct policer *policer);

#endif
