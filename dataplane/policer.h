/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Token buckets as flows and legs hold them: shared by the versions of a flow that police alike,
 * so that a flow that is replaced gains no burst. All are of one pool, close together: a policed
 * packet touches the line of its bucket, and no more of it. Control thread only.
 */
#ifndef DATAPLANE_POLICER_H
#define DATAPLANE_POLICER_H

#include "police.h"

/* One line. */
struct policer {
	struct police police; /* the workers' */
	struct dp_police config;
	union {
		uint64_t held; /* versions of flows and legs that have it */
		struct policer *next; /* of those that are free */
	};
} __rte_cache_aligned;
static_assert(sizeof(struct policer) == 64, "a policer is one line");

struct policer_chunk;

/* Memory for policers, which grows by chunks and keeps them. All zero but the socket is empty. */
struct policer_pool {
	struct policer *idle;
	struct policer_chunk *chunks;
	int socket; /* of the memory */
};

/* Free the memory. No policer may be held. */
void policer_pool_fini(struct policer_pool *pool);

/*
 * A policer of `config`: `former` (may be NULL) held once more when it is of the same
 * configuration, else a new one with a full bucket. Released with policer_release(). *policer is
 * NULL when config polices nothing. 0 or -ENOMEM.
 */
int policer_get(struct policer_pool *pool, struct policer **policer, const struct dp_police *config,
	struct policer *former);

/* Hold it once less; the last one gives it back to its pool. NULL is ignored. */
void policer_release(struct policer_pool *pool, struct policer *policer);

#endif
