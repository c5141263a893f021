/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What survives a restart: flows as texts, and the last generations of changes to them, in one
 * SQLite file. The store knows ids and texts, not flows.
 *
 * Writing: a batch is filled on the control thread and submitted; a thread of the store's own
 * writes it in one transaction, makes it durable (fsync), and the control thread's event loop is
 * told. Batches that wait together share one fsync, and are written in the order in which they
 * were submitted. A batch is there as a whole, or nothing of it is. docs/durability.md says what
 * is promised and what is done about damage.
 *
 * Reading: cursors and the history, on the control thread, in steps as small as the caller wants.
 *
 * Everything declared here is called from the control thread.
 */
#ifndef CTRL_STORE_STORE_H
#define CTRL_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/actor.h"
#include "base/fault.h"

/*
 * Generations that are kept, so to which one can return, unless store_keep() says otherwise:
 * declared ones, among which are counted those that brought something back; and all others.
 */
#define STORE_KEEP_DECLARED 50
#define STORE_KEEP_CALLS 200
/* And those that have a tag. */
#define STORE_TAGS_MAX 100

#define STORE_PATH_MAX 512
#define STORE_REASON_MAX 256
#define STORE_METHOD_MAX 32
#define STORE_COMMENT_MAX 201
#define STORE_TAG_MAX 33

struct event_base;
struct store;
struct store_batch;
struct store_cursor;

/* What store_open() found. */
enum store_found {
	STORE_FRESH, /* nothing was there; an empty store was made */
	STORE_OK, /* a store that is whole */
	STORE_SALVAGED, /* damaged, but all flows of its last generation could be read; history lost
			 */
	STORE_SNAPSHOT, /* damaged or gone; the flows are those of the last snapshot */
	STORE_LOST, /* damaged, and nothing could be read: the store is empty */
};

struct store_report {
	enum store_found found;
	unsigned migrated_from; /* older version of the file's layout; 0 = it was ours */
	uint64_t generation; /* the last one that is there */
	/* The highest generation that the damaged store named; 0 = not known, or not damaged. */
	uint64_t damaged_generation;
	char reason[STORE_REASON_MAX]; /* what is damaged; "" = nothing */
	char moved_to[STORE_PATH_MAX]; /* where the damaged store is now; "" = nowhere */
};

/* What a generation brought back; the values are the file's. */
enum store_return {
	STORE_RETURN_NONE, /* it is a change like others */
	STORE_RETURN_TO, /* all flows are as `returned` left them */
	STORE_RETURN_OF, /* the flows that `returned` changed are as before it; others stay */
};

/* A generation: a number greater than that of every one before it, who, when, and what for. */
struct store_generation {
	uint64_t number;
	uint64_t time_ns; /* CLOCK_REALTIME */
	struct actor actor;
	char method[STORE_METHOD_MAX];
	char comment[STORE_COMMENT_MAX];
	uint64_t added;
	uint64_t changed;
	uint64_t removed;
	enum store_return returns;
	uint64_t returned; /* the generation of which `returns` speaks */
	bool declared; /* a declaration made it */
	char tag[STORE_TAG_MAX]; /* "" = none; not written by store_batch_generation() */
};

/* A generation that holds only if it is confirmed in time. */
struct store_confirm {
	uint64_t generation; /* the unconfirmed one */
	uint64_t previous; /* where to return to */
	uint64_t deadline_ns; /* CLOCK_REALTIME, as it was when the generation was made */
	uint64_t within_ns; /* from then on: no restart waits for longer */
};

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
	uint64_t snapshot_generation;
	/* Why the last copy failed, such as damage found in the store; "" = it did not. */
	char snapshot_fault[STORE_REASON_MAX];
	const struct store_report *report; /* of store_open(); valid while the store is open */
};

/* What a cursor reads; everything pointed to is valid until the next call on that cursor. */
struct store_flow {
	const char *id;
	const char *text; /* NULL = the flow did not exist (in a rollback) */
	size_t bytes; /* of the text, without its final NUL */
	uint64_t last_leg;
	bool declared;
};

/*
 * Open the store at `path`, made with its directory (0750, file 0640) if it is not there; "" is a
 * store in memory, of which nothing is kept. What is there is checked whole (some seconds for a
 * million flows); a damaged store is moved aside and what can be had instead is used, *report says
 * so. `base` runs the done functions; it must outlive the store. NULL with *fault (FAULT_STORE):
 * in use by another process, of a newer layout, not accessible, I/O error; nothing was changed
 * then.
 */
struct store *store_open(const char *path, struct event_base *base, struct store_report *report,
	struct fault *fault);

/*
 * Write what was submitted, call all done functions that are outstanding, stop the thread, close.
 * All cursors must have been closed. NULL is allowed.
 */
void store_close(struct store *store);

/*
 * How many generations of either kind to keep, each at least 1; before the first batch. What is too
 * many goes with the next batch. The one that waits to be confirmed is kept as well.
 */
void store_keep(struct store *store, unsigned declared, unsigned calls);

/* A sentence for the log; the text is valid during the call. From the base's loop. */
typedef void (*store_warn_fn)(void *arg, const char *text);

/* Tell from now on when copies fail, and when they do no longer: once for each change. */
void store_warn(struct store *store, store_warn_fn warn, void *arg);

/* Never blocks, reads no file. */
void store_state(const struct store *store, struct store_state *state);

/*
 * An empty batch, owned by the caller until it is submitted or destroyed; NULL without memory.
 * All that is put into it is copied. Running out of memory meanwhile is kept in the batch, which
 * then fails when it is submitted.
 */
struct store_batch *store_batch_create(struct store *store);

/* Instead of submitting it. NULL is allowed. */
void store_batch_destroy(struct store_batch *batch);

/*
 * Begin a generation: what is put and removed from here on belongs to it. Numbers grow from one
 * generation to the next, over all batches; holes are allowed.
 */
void store_batch_generation(struct store_batch *batch, const struct store_generation *generation);

/*
 * The flow `id` is `text` from this generation on; NUL-free UTF-8 of `bytes` bytes. It may be there
 * or not, and it may have been put or removed before in the same generation.
 */
void store_batch_put(struct store_batch *batch, const char *id, const char *text, size_t bytes,
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

/* Bytes that the batch holds, for limits. */
size_t store_batch_bytes(const struct store_batch *batch);

/*
 * Of a batch that is now durable (error NULL), or of which nothing is in the store (error set:
 * FAULT_STORE with what to do, FAULT_NO_ROOM without memory). A batch that failed leaves the store
 * usable: a later one is tried afresh.
 */
typedef void (*store_done_fn)(void *arg, const struct fault *error);

/*
 * Hand the batch over to be written; `done` is called exactly once, from the base's loop or from
 * store_close(), never from here.
 */
void store_batch_submit(struct store_batch *batch, store_done_fn done, void *arg);

/*
 * Cursors. Each sees the store as it is when it is opened, whatever is written meanwhile. While a
 * cursor is open the journal beside the file grows with what is written, and a store in memory
 * writes nothing at all: close it soon, and do not wait for a batch with one open.
 * On failure: NULL with *fault.
 */

/* All flows, in the order in which they were first put. */
struct store_cursor *store_flows_open(struct store *store, struct fault *fault);

/*
 * Each flow that changed after `generation`, once, as it was then: putting (or, text NULL,
 * removing) them all returns to that generation. FAULT_NOT_FOUND as store_return_check() has it.
 */
struct store_cursor *store_rollback_open(
	struct store *store, uint64_t generation, struct fault *fault);

/*
 * Whether one can return to that generation: it is kept, or the next one is, whose changes lead
 * back to it. 0, or -1 with *fault (FAULT_NOT_FOUND, "/generation").
 */
int store_return_check(struct store *store, uint64_t generation, struct fault *fault);

/* 1 with *flow filled, 0 at the end, -1 with *fault (I/O error, or a row that is damaged). */
int store_cursor_next(struct store_cursor *cursor, struct store_flow *flow, struct fault *fault);

/* NULL is allowed. */
void store_cursor_close(struct store_cursor *cursor);

/* What became of a generation. */
enum store_outcome {
	STORE_DONE, /* no confirmation was asked for */
	STORE_CURRENT, /* as STORE_DONE or STORE_CONFIRMED, and the last one */
	STORE_OPEN, /* waits for confirmation */
	STORE_CONFIRMED,
	STORE_REVERTED, /* a later generation returned to an earlier one */
};

/* Both pointers are valid during the call. Other than 0 ends the listing. */
typedef int (*store_history_fn)(
	void *arg, const struct store_generation *generation, enum store_outcome outcome);

/* Which generations to list. */
struct store_history_filter {
	uint64_t before; /* only those below; 0 = all */
	const char *name; /* of the actor; NULL = any, as the next */
	const char *method;
	bool declared; /* only declared ones */
	bool tagged; /* only those with a tag */
};

/* The last generations, newest first, at most `limit`. 0, what fn returned, or -1 with *fault. */
int store_history_list(struct store *store, const struct store_history_filter *filter,
	unsigned limit, store_history_fn fn, void *arg, struct fault *fault);

/* How one generation changed one flow. NULL = it did not exist; pointers valid during the call. */
struct store_change {
	uint64_t place; /* 1 and up within the generation; to go on after it */
	const char *id;
	const char *before;
	size_t before_bytes;
	uint64_t before_last_leg;
	bool before_declared;
	const char *after;
	size_t after_bytes;
};

/* Other than 0 ends the listing. */
typedef int (*store_change_fn)(void *arg, const struct store_change *change);

/*
 * What a generation changed, from the place after `after` on, at most `limit` changes. 0, what fn
 * returned, or -1 with *fault (FAULT_NOT_FOUND: not kept).
 */
int store_history_changes(struct store *store, uint64_t generation, uint64_t after, unsigned limit,
	store_change_fn fn, void *arg, struct fault *fault);

/* One generation of the history, as store_history_list() has it. 0 or -1 with *fault. */
int store_history_get(struct store *store, uint64_t generation, struct store_generation *found,
	enum store_outcome *outcome, struct fault *fault);

#endif
