/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What survives a restart: flows as texts, and the last generations of changes to them, in one
 * SQLite file. The store knows ids and texts, not flows.
 *
 * A batch is filled on the control thread and submitted; a thread of the store's own writes it in
 * one transaction, makes it durable (fsync), and notifies the control thread's event loop. Batches
 * that wait together share one fsync, and are written in the order in which they were submitted. A
 * batch is there as a whole, or nothing of it is; docs/durability.md says what is promised and what
 * is done about damage. read.h reads the store.
 *
 * Everything declared here is called from the control thread.
 */
#ifndef CTRL_STORE_STORE_H
#define CTRL_STORE_STORE_H

#include "base/fault.h"
#include "store/types.h"

/*
 * Generations that are kept, so to which one can return, unless store_keep() says otherwise:
 * declared ones, among which are counted those that restored something; and all others.
 */
#define STORE_KEEP_DECLARED 50
#define STORE_KEEP_CALLS 200
/* And those that have a tag. */
#define STORE_TAGS_MAX 100

struct event_base;
struct sqlite3;
struct store;
struct store_batch;

/* What is known without reading the file, as of the last batch that was finished. */
struct store_state {
	uint64_t generation; /* the last one; 0 = there was none yet */
	uint64_t oldest; /* the oldest state to which store_rollback_open() can return */
	uint64_t flows;
	uint64_t bytes; /* of their texts */
	unsigned version; /* of the file's layout */
	bool is_durable; /* false = in memory */
	bool has_confirm;
	struct store_confirm confirm; /* if has_confirm */
	char path[STORE_PATH_MAX]; /* "" = in memory */
	/* Of the copy that a damaged store is recovered from; 0 = none taken since the start. */
	uint64_t copy_generation;
	/* Why the last copy failed, such as damage found in the store; "" = it did not. */
	char copy_fault[STORE_REASON_MAX];
	const struct store_report *report; /* of store_open(); valid while the store is open */
};

/*
 * Open the store at `path`, made with its directory (0750, file 0640) if it is not there; "" is a
 * store in memory, of which nothing is kept. What is there is checked whole (some seconds for a
 * million flows); a damaged store is moved aside and what there is instead is used, *report says
 * so. `base` runs the done functions; it must outlive the store. NULL with *fault (FAULT_STORE):
 * in use by another process, of a newer layout, not accessible, I/O error; nothing was changed
 * then.
 */
struct store *store_open(const char *path, struct event_base *base, struct store_report *report,
	struct fault *fault);

/*
 * Write what was submitted, call all done functions that are outstanding, stop the threads, close.
 * All cursors must have been closed. NULL is allowed.
 */
void store_close(struct store *store);

/*
 * How many generations of either kind to keep, each at least 1; before the first batch. What is too
 * many is deleted with the next batch. The unconfirmed one is kept as well.
 */
void store_keep(struct store *store, unsigned declared, unsigned calls);

/* Never blocks, reads no file. */
void store_state(const struct store *store, struct store_state *state);

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
 * A local port is released; of each place the last release is kept. `place` is a text as a flow's
 * id is, time_ns of CLOCK_REALTIME.
 */
void store_batch_released(struct store_batch *batch, const char *place, uint64_t time_ns);

/* Forget the last release of a place, if there is one. May stand alone, as the next. */
void store_batch_forget(struct store_batch *batch, const char *place);

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
 * Hand the batch over to be written; `done` is called exactly once, from the base's loop or from
 * store_close(), never from here.
 */
void store_submit(struct store *store, struct store_batch *batch, store_done_fn done, void *arg);

/*
 * A connection of its own that reads the store, to be closed before the store is. A store in memory
 * writes nothing while one is open. NULL with *fault. Closing NULL is allowed.
 */
struct sqlite3 *store_view_open(struct store *store, struct fault *fault);
void store_view_close(struct store *store, struct sqlite3 *db);

#endif
