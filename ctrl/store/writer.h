/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The thread that writes: a queue of batches in, a list of finished ones out. It is off the fast
 * path and may sleep in fsync(), so a mutex guards both lists; the control thread holds it for a
 * few instructions at a time.
 */
#ifndef CTRL_STORE_WRITER_H
#define CTRL_STORE_WRITER_H

#include <event2/event.h>
#include <pthread.h>
#include <stdbool.h>

#include "store/batch.h"
#include "store/checkpoint.h"
#include "store/snapshot.h"
#include "store/trim.h"
#include "store/write.h"

struct batch_list {
	struct store_batch *first;
	struct store_batch **end; /* where the next one is linked */
};

struct writer {
	/* The writer's thread's. */
	struct write write;
	struct trim trim;
	uint64_t trim_rows; /* that may be trimmed for what was written */
	int wal_pages; /* in the journal, as of the last commit */
	bool unsettled; /* a commit failed whose pages may be in the journal all the same */
	struct checkpoint *checkpoint; /* NULL = there is no journal */
	/* Read-locked by open cursors, so that a store in memory keeps still for them. */
	pthread_rwlock_t *still;
	/* Both threads', under the mutex. */
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	struct batch_list queue;
	struct batch_list done;
	bool stop;
	/* The control thread's. */
	pthread_t thread;
	int event_fd; /* written by the writer */
	struct event *event;
	struct snapshot *snapshot; /* told of new generations; NULL = there is none */
	struct ledger ledger; /* after the last batch that was finished */
};

/*
 * Start the thread, which alone uses the connection until writer_fini(). `still` is NULL for a
 * store in a file, `checkpoint` for one in memory; both outlive this. 0, or -1 with *fault and
 * nothing to release.
 */
int writer_init(struct writer *writer, sqlite3 *db, pthread_rwlock_t *still,
	struct checkpoint *checkpoint, struct event_base *base, struct fault *fault);

/* Write what is queued, stop the thread, call what is to be called. */
void writer_fini(struct writer *writer);

/* Takes the batch over. */
void writer_submit(struct writer *writer, struct store_batch *batch);

#endif
