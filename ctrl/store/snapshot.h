/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A copy of the store beside it, PATH-good, for the day on which the store itself is damaged. It is
 * taken by a thread of low priority from a view of its own, so that no batch waits for it; checked
 * whole; and only then put in place of the copy before.
 */
#ifndef CTRL_STORE_SNAPSHOT_H
#define CTRL_STORE_SNAPSHOT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/place.h"
#include "store/store.h"

struct snapshot {
	const char *store; /* path, borrowed */
	int event_fd;
	pthread_t thread;
	/* Under the mutex. */
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	bool stop;
	uint64_t generation; /* of the store */
	uint64_t taken; /* generation of the copy; 0 = none was taken by this process */
	char damage[STORE_REASON_MAX]; /* found in the last copy, so in the store; "" = none */
	/* The control thread's. */
	char told[STORE_REASON_MAX]; /* what `warn` was told of last */
	store_warn_fn warn; /* NULL = nobody wants to know */
	void *arg;
};

/*
 * 0, or -1 with *fault. The path is not copied. The eventfd, which outlives this, is written when
 * snapshot_warn() may have something to tell; -1 = none.
 */
int snapshot_init(struct snapshot *snapshot, const char *path, uint64_t generation, int event_fd,
	struct fault *fault);

/* Gives up a copy that is under way. */
void snapshot_fini(struct snapshot *snapshot);

/* The store is of that generation now. */
void snapshot_tell(struct snapshot *snapshot, uint64_t generation);

/* Tell if copies begin to fail, for another reason, or not any more. On the control thread. */
void snapshot_warn(struct snapshot *snapshot);

/*
 * Take a copy now, on the caller's thread, which must not be that of an open cursor's view. 0 with
 * *taken its generation; -1 with *fault (FAULT_STORE "... is damaged ..." when the copy is).
 */
int snapshot_take(struct snapshot *snapshot, uint64_t *taken, struct fault *fault);

#endif
