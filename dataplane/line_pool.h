/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cache lines that feature words of flows lead to: close together, so that they share huge pages.
 * Control thread only; workers just use the memory.
 */
#ifndef DATAPLANE_LINE_POOL_H
#define DATAPLANE_LINE_POOL_H

struct line;
struct line_chunk;

/* Grows by chunks of 64 KiB, and keeps them. All zero but the socket is empty. */
struct line_pool {
	struct line *idle;
	struct line_chunk *chunks;
	int socket; /* of the memory */
};

/* Free the memory. No line may be in use. */
void line_pool_fini(struct line_pool *pool);

/* A line of 64 bytes, aligned so, of any content; NULL: no memory. */
void *line_get(struct line_pool *pool);

/* Give a line back; after a grace period when workers have seen it. NULL is ignored. */
void line_put(struct line_pool *pool, void *line);

#endif
