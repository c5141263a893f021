/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is in a store: its flows, and the history. On the control thread, in steps as small as the
 * caller wants.
 */
#ifndef CTRL_STORE_READ_H
#define CTRL_STORE_READ_H

#include "store/store.h"

struct store_cursor;

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

/* The local ports that were released, the one first that has been so for longest. */
struct store_cursor *store_released_open(struct store *store, struct fault *fault);

/* store_cursor_next() of those. */
int store_released_next(
	struct store_cursor *cursor, struct store_released *released, struct fault *fault);

/* What became of a generation. */
enum store_outcome {
	STORE_DONE, /* no confirmation was requested */
	STORE_CURRENT, /* as STORE_DONE or STORE_CONFIRMED, and the last one */
	STORE_UNCONFIRMED, /* waits for confirmation */
	STORE_CONFIRMED,
	STORE_REVERTED, /* a later generation returned to an earlier one */
};

/* Which generations to list. */
struct store_history_filter {
	uint64_t before; /* only those below; 0 = all */
	const char *name; /* of the actor; NULL = any, as the next */
	const char *method;
	bool declared; /* only declared ones */
	bool tagged; /* only those with a tag */
};

/* The last generations, newest first, at most `limit`. */
struct store_cursor *store_history_open(struct store *store,
	const struct store_history_filter *filter, unsigned limit, struct fault *fault);

/* 1 with *generation and *outcome, 0 at the end, -1 with *fault. */
int store_history_next(struct store_cursor *cursor, struct store_generation *generation,
	enum store_outcome *outcome, struct fault *fault);

/* One generation of the history. 0, or -1 with *fault (FAULT_NOT_FOUND: not kept). */
int store_history_get(struct store *store, uint64_t generation, struct store_generation *found,
	enum store_outcome *outcome, struct fault *fault);

/*
 * What a generation changed, from index `after` + 1 on, at most `limit` changes: each flow as it
 * was before. FAULT_NOT_FOUND as store_history_get() has it.
 */
struct store_cursor *store_changes_open(struct store *store, uint64_t generation, uint64_t after,
	unsigned limit, struct fault *fault);

/* How one generation changed one flow. */
struct store_change {
	uint64_t index; /* 1 and up within the generation; to go on after it */
	struct store_flow before;
	const char *after; /* NULL: it did not exist any more */
};

/* store_cursor_next() of changes. */
int store_change_next(
	struct store_cursor *cursor, struct store_change *change, struct fault *fault);

#endif
