/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What survives a restart: flows as texts, and the last generations of changes to them, in one
 * SQLite file. The store knows ids and texts, not flows.
 *
 * Writing: a batch (write.h) is filled on the control thread and submitted; a thread of the store's
 * own writes it in one transaction, makes it durable (fsync), and notifies the control thread's
 * event loop. Batches that wait together share one fsync, and are written in the order in which
 * they were submitted. docs/durability.md says what is promised and what is done about damage.
 *
 * Reading: cursors and the history, on the control thread, in steps as small as the caller wants.
 *
 * Everything declared here is called from the control thread.
 */
#ifndef CTRL_STORE_STORE_H
#define CTRL_STORE_STORE_H

#include "base/fault.h"
#include "store/types.h"
#include "store/write.h"

struct event_base;
struct store;
struct store_cursor;

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
 * Hand the batch over to be written; `done` is called exactly once, from the base's loop or from
 * store_close(), never from here.
 */
void store_submit(struct store *store, struct store_batch *batch, store_done_fn done, void *arg);

/*
 * Cursors. Each sees the store as it is when it is opened, whatever is written meanwhile. While a
 * cursor is open the journal beside the file grows with what is written, and a store in memory
 * writes nothing at all: close it soon, and do not wait for a batch with one open.
 * On failure: NULL with *fault.
 */

/* All flows, in the order in which they were first inserted. */
struct store_cursor *store_flows_open(struct store *store, struct fault *fault);

/*
 * Each flow that changed after `generation`, once, as it was then: inserting (or, text NULL,
 * removing) them all returns to that generation. FAULT_NOT_FOUND as store_return_check() has it.
 */
struct store_cursor *store_rollback_open(
	struct store *store, uint64_t generation, struct fault *fault);

/*
 * Whether one can return to that generation: it is kept, or the next one is, whose changes lead
 * back to it. 0, or -1 with *fault (FAULT_NOT_FOUND, "/generation").
 */
int store_return_check(struct store *store, uint64_t generation, struct fault *fault);

/*
 * 1 with *flow filled, 0 at the end, -1 with *fault (I/O error, or a row that is damaged). What it
 * points to is valid until the next call on that cursor.
 */
int store_cursor_next(struct store_cursor *cursor, struct store_flow *flow, struct fault *fault);

/* NULL is allowed. */
void store_cursor_close(struct store_cursor *cursor);

/* What became of a generation. */
enum store_outcome {
	STORE_DONE, /* no confirmation was requested */
	STORE_CURRENT, /* as STORE_DONE or STORE_CONFIRMED, and the last one */
	STORE_UNCONFIRMED, /* waits for confirmation */
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
	uint64_t index; /* 1 and up within the generation; to go on after it */
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
 * What a generation changed, from index `after` + 1 on, at most `limit` changes. 0, what fn
 * returned, or -1 with *fault (FAULT_NOT_FOUND: not kept).
 */
int store_history_changes(struct store *store, uint64_t generation, uint64_t after, unsigned limit,
	store_change_fn fn, void *arg, struct fault *fault);

/* One generation of the history, as store_history_list() has it. 0 or -1 with *fault. */
int store_history_get(struct store *store, uint64_t generation, struct store_generation *found,
	enum store_outcome *outcome, struct fault *fault);

#endif
