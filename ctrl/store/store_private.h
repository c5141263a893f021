/* SPDX-License-Identifier: BSD-3-Clause */
/* What the rooms of the store know of an open one. */
#ifndef CTRL_STORE_STORE_PRIVATE_H
#define CTRL_STORE_STORE_PRIVATE_H

#include <pthread.h>
#include <sqlite3.h>

#include "store/place.h"
#include "store/snapshot.h"
#include "store/writer.h"

struct store {
	char path[STORE_PATH_MAX]; /* "" = in memory */
	char name[STORE_PATH_MAX + PLACE_SUFFIX_MAX]; /* what db_open() takes */
	int lock; /* -1 = in memory */
	struct store_report report;
	sqlite3 *db; /* the writer's connection */
	sqlite3 *reader; /* the history's, on the control thread */
	pthread_rwlock_t still; /* see struct writer */
	struct writer writer;
	struct checkpoint checkpoint; /* this and the next not of a store in memory */
	struct snapshot snapshot;
};

/* A store in memory keeps still meanwhile; one in a file need not. */
void store_still(struct store *store);
void store_go_on(struct store *store);

#endif
