/* SPDX-License-Identifier: BSD-3-Clause */
/* One store file: a connection to it that is fit for writing, and tables in it. */
#ifndef CTRL_STORE_FILE_H
#define CTRL_STORE_FILE_H

#include <sqlite3.h>

#include "store/ledger.h"

/*
 * Make a connection fit for the writer: WAL, and each commit durable when it returns; checkpoints
 * are left to the writer. 0 or -1 with *fault.
 */
int file_shape(sqlite3 *db, struct fault *fault);
/* The same for a store in memory. */
int file_shape_memory(sqlite3 *db, struct fault *fault);

/* Tables of our layout with this ledger, in one transaction. 0 or -1 with *fault. */
int file_tables_make(sqlite3 *db, const struct ledger *ledger, struct fault *fault);

/* A file with tables, and its connection, shaped. NULL with *fault. */
sqlite3 *file_create(const char *path, const struct ledger *ledger, struct fault *fault);

/* Close the only connection to a file, all of it then in the one file, durably. 0 or -1. */
int file_finish(sqlite3 *db, const char *path, struct fault *fault);

/*
 * Copy a whole store to a file, so many pages (-1: all) at a time as long as `go_on` says so (NULL:
 * always). Not durable yet. 0 or -1 with *fault.
 */
int file_copy(sqlite3 *from, const char *path, int pages, bool (*go_on)(void *), void *arg,
	struct fault *fault);

#endif
