/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What keeps a store in shape beside the writing of batches: changes of generations that are not
 * kept are trimmed, the journal is moved into the file, and a checked copy is taken.
 */
#ifndef CTRL_STORE_MAINTAIN_H
#define CTRL_STORE_MAINTAIN_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/layout.h"

/*
 * Trimming, on the writer's thread and connection, in small steps between batches. Changes older
 * than all that is kept are deleted. Those between two generations that are kept lead back to the
 * older of them: of each flow the first is needed, unless the flow is afterwards what it was
 * before.
 */
enum trim_statement {
	TRIM_OLD,
	TRIM_GAP,
	TRIM_FIRST,
	TRIM_DELETE,
	TRIM_DELETE_SAME,
	TRIM_STATEMENTS,
};

#define TRIM_GAPS_MAX 64

struct trim {
	sqlite3 *db; /* borrowed */
	sqlite3_stmt *statements[TRIM_STATEMENTS];
	sqlite3_stmt *save; /* of the meta row */
	/* Rows of changes to examine, each from .. to - 1; too many do no harm. */
	struct {
		uint64_t from, to;
	} gaps[TRIM_GAPS_MAX];
	unsigned n_gaps;
};

/*
 * At first all changes are a gap: some may have been left when the store was closed. 0, or -1
 * with *fault; trim_fini() follows in both cases.
 */
int trim_init(struct trim *trim, sqlite3 *db, struct fault *fault);
void trim_fini(struct trim *trim);

/* A generation that had the changes of these rows is not kept any more. */
void trim_gap_add(struct trim *trim, uint64_t from, uint64_t to);

/*
 * Check so many changes at most and delete those that are not needed, in a transaction; *meta is
 * brought up to date. True when there may be more. The next batch meets the same errors.
 */
bool trim_step(struct trim *trim, struct meta *meta, uint64_t rows);

/*
 * One thread of low priority for the rest, with connections of its own, so that no batch waits.
 *
 * Checkpoint: SQLite lets batches be written meanwhile. The journal is restarted when a batch comes
 * and all of it has been moved, so the thread goes on until it has caught up.
 *
 * Copy: PATH-good, used when the store itself is damaged. It is taken from one view of
 * the store, checked whole, and only then put in place of the copy before. Between the steps of a
 * copy checkpoints are made.
 */
typedef void (*maintain_warn_fn)(void *arg, const char *text);

struct maintain {
	const char *path; /* of the store, borrowed */
	sqlite3 *db; /* for checkpoints, the thread's */
	int event_fd;
	pthread_t thread;
	/* Under the mutex. */
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	bool stop;
	bool checkpoint_wanted;
	bool checkpoint_running;
	uint64_t generation; /* of the store */
	uint64_t copied; /* generation of the copy; 0 = none was taken by this process */
	char copy_fault[STORE_REASON_MAX]; /* of the last copy, such as damage; "" = none */
	/* The control thread's. */
	char warned[STORE_REASON_MAX]; /* of which fault `warn` was called last */
	maintain_warn_fn warn; /* NULL: disabled */
	void *arg;
};

/*
 * Start the thread. The path is not copied. `event_fd`, which outlives this, is written when
 * maintain_warn() may have something to report. 0, or -1 with *fault and nothing to release.
 */
int maintain_init(struct maintain *maintain, const char *path, uint64_t generation, int event_fd,
	struct fault *fault);

/* Abandons a copy that is under way. */
void maintain_fini(struct maintain *maintain);

/* Make a checkpoint, unless one is pending: asked for and not finished. Any thread. */
void maintain_checkpoint(struct maintain *maintain);
bool maintain_checkpoint_pending(struct maintain *maintain);

/* The store is of that generation now. */
void maintain_generation(struct maintain *maintain, uint64_t generation);

/* The generation of the copy, 0: none yet; and why the last one failed, "": it did not. */
void maintain_state(
	struct maintain *maintain, uint64_t *copied, char *copy_fault, size_t copy_fault_bytes);

/* Warn if copies begin to fail, for another reason, or succeed again. On the control thread. */
void maintain_warn(struct maintain *maintain);

/*
 * Take a copy of the store at `path` now, as long as `go_on` says so (NULL: always). 0 with *taken,
 * its generation; -1 with *fault (FAULT_STORE "... is damaged ..." when the copy is).
 */
int maintain_copy(
	const char *path, bool (*go_on)(void *), void *arg, uint64_t *taken, struct fault *fault);

#endif
