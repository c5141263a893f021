/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A thread of low priority beside the writer, with connections of its own, so that no batch waits:
 * the journal is moved into the file, and a checked copy is taken.
 */
#ifndef CTRL_STORE_MAINTAIN_H
#define CTRL_STORE_MAINTAIN_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/layout.h"

/*
 * Checkpoint: SQLite lets batches be written meanwhile. The journal is restarted when a batch comes
 * and all of it has been moved, so the thread goes on until it has caught up.
 *
 * Copy: PATH-good, used when the store itself is damaged. It is taken from one view of
 * the store, checked whole, and only then put in place of the copy before. Between the steps of a
 * copy checkpoints are made.
 */
struct maintain {
	const char *path; /* of the store, borrowed */
	sqlite3 *db; /* for checkpoints, the thread's */
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
};

/* Start the thread. The path is not copied. 0, or -1 with *fault and nothing to release. */
int maintain_init(
	struct maintain *maintain, const char *path, uint64_t generation, struct fault *fault);

/* Abandons a copy that is under way. */
void maintain_fini(struct maintain *maintain);

/* Make a checkpoint, unless one is pending: requested and not finished. Any thread. */
void maintain_checkpoint(struct maintain *maintain);
bool maintain_checkpoint_pending(struct maintain *maintain);

/* The store is of that generation now. */
void maintain_generation(struct maintain *maintain, uint64_t generation);

/* The generation of the copy, 0: none yet; and why the last one failed, "": it did not. */
void maintain_state(
	struct maintain *maintain, uint64_t *copied, char *copy_fault, size_t copy_fault_bytes);

/* Note why the last copy failed ("": it did not), and log it if that has changed. Any thread. */
void maintain_copy_note(struct maintain *maintain, const char *copy_fault);

/*
 * Take a copy of the store at `path` now, until `must_stop` returns other than 0 (NULL:
 * disabled). 0 with *taken, its generation; -1 with *fault (FAULT_STORE "... is damaged ..." when
 * the copy is).
 */
int maintain_copy(const char *path, int (*must_stop)(void *), void *arg, uint64_t *taken,
	struct fault *fault);

#endif
