/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is in the journal moves to the file, on a thread and a connection of their own: SQLite lets
 * batches be written meanwhile. The journal begins anew when a batch comes and all of it has been
 * moved, so the thread goes on until it has caught up.
 */
#ifndef CTRL_STORE_CHECKPOINT_H
#define CTRL_STORE_CHECKPOINT_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>

#include "base/fault.h"

struct checkpoint {
	sqlite3 *db; /* the thread's */
	pthread_t thread;
	/* Under the mutex. */
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	bool asked;
	bool running;
	bool stop;
	bool has_run; /* since checkpoint_renewed() */
};

/* For the store at `path`. 0, or -1 with *fault and nothing to release. */
int checkpoint_init(struct checkpoint *checkpoint, const char *path, struct fault *fault);

/* What is under way is finished first. */
void checkpoint_fini(struct checkpoint *checkpoint);

/* Begin, unless it is under way. */
void checkpoint_ask(struct checkpoint *checkpoint);

/* Whether it has run, and is not under way: so if the journal has not begun anew it lags behind. */
bool checkpoint_has_run(struct checkpoint *checkpoint);

/* The journal has begun anew. */
void checkpoint_renewed(struct checkpoint *checkpoint);

#endif
