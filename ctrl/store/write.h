/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Batches of changes, and the thread that writes them. A batch is filled on the control thread and
 * submitted with store_submit(). It is there as a whole, or nothing of it is; docs/durability.md
 * says what is promised.
 */
#ifndef CTRL_STORE_WRITE_H
#define CTRL_STORE_WRITE_H

#include <pthread.h>

#include "base/fault.h"
#include "store/types.h"

/*
 * Generations that are kept, so to which one can return, unless writer_keep() says otherwise:
 * declared ones, among which are counted those that restored something; and all others.
 */
#define STORE_KEEP_DECLARED 50
#define STORE_KEEP_CALLS 200
/* And those that have a tag. */
#define STORE_TAGS_MAX 100

struct sqlite3;
struct maintain;
struct meta;
struct store_batch;
struct writer;

/*
 * An empty batch, owned by the caller until it is submitted or destroyed; NULL without memory. All
 * that is added to it is copied. Running out of memory meanwhile is kept in the batch, which then
 * fails when it is submitted.
 */
struct store_batch *store_batch_create(void);

/* Instead of submitting it. NULL is allowed. */
void store_batch_destroy(struct store_batch *batch);

/*
 * Begin a generation: what is inserted and removed from here on belongs to it. Numbers grow from
 * one generation to the next, over all batches; holes are allowed.
 */
void store_batch_generation(struct store_batch *batch, const struct store_generation *generation);

/*
 * The flow `id` is `text` from this generation on; NUL-free UTF-8 of `bytes` bytes. It may be there
 * or not, and it may have been inserted or removed before in the same generation.
 */
void store_batch_insert(struct store_batch *batch, const char *id, const char *text, size_t bytes,
	uint64_t last_leg, bool declared);

/* The flow is gone from this generation on. Nothing happens when it is not there. */
void store_batch_remove(struct store_batch *batch, const char *id);

/*
 * Set what waits for confirmation, or clear it (NULL). Set it after store_batch_generation() of the
 * same generation; clearing may stand alone, in a batch without a generation.
 */
void store_batch_confirm(struct store_batch *batch, const struct store_confirm *confirm);

/*
 * Give a generation that is kept a tag, instead of one that it has, or take its tag away (""). It
 * is kept as long as it has one. In a batch of its own, which fails with FAULT_NOT_FOUND (no such
 * generation), FAULT_CONFLICT (another one has that tag) or FAULT_NO_ROOM (STORE_TAGS_MAX have
 * one).
 */
void store_batch_tag(struct store_batch *batch, uint64_t generation, const char *tag);

/*
 * Of a batch that is now durable (error NULL), or of which nothing is in the store (error set:
 * FAULT_STORE with what to do, FAULT_NO_ROOM without memory). A batch that failed leaves the store
 * usable: the next one is tried as if nothing had happened.
 */
typedef void (*store_done_fn)(void *arg, const struct fault *error);

/*
 * Start the thread, which alone uses the connection until writer_destroy(). It writes to `event_fd`
 * when writer_complete() has something to do, takes `readers_lock` for writing while it changes
 * something, and asks `maintain` for checkpoints (NULL: there is no journal). NULL with *fault.
 */
struct writer *writer_create(struct sqlite3 *db, int event_fd, pthread_rwlock_t *readers_lock,
	struct maintain *maintain, struct fault *fault);

/* Write what is queued, stop the thread, complete all. */
void writer_destroy(struct writer *writer);

/* See store_keep(). Before the first batch. */
void writer_keep(struct writer *writer, unsigned declared, unsigned calls);

/* Takes the batch over. */
void writer_submit(struct writer *writer, struct store_batch *batch, store_done_fn done, void *arg);

/* Call the done functions of what was written, on the control thread. */
void writer_complete(struct writer *writer);

/* The store after the last batch that is complete. */
const struct meta *writer_meta(const struct writer *writer);

#endif
