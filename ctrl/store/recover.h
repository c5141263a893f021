/* SPDX-License-Identifier: BSD-3-Clause */
/* A store that is whole, whatever the last run or the disk left. */
#ifndef CTRL_STORE_RECOVER_H
#define CTRL_STORE_RECOVER_H

#include <sqlite3.h>

#include "base/fault.h"
#include "store/layout.h"
#include "store/types.h"

/* Behind the path of the store: its checked copy. */
#define COPY_SUFFIX "-good"

struct verdict {
	bool all_good;
	bool flows_good; /* and so the meta row: the flows of its last generation are all there */
	bool released_good; /* as flows_good, of the local ports that were released */
	struct meta meta; /* zeros if it is damaged */
	char reason[STORE_REASON_MAX]; /* of the first damage */
};

/*
 * Check that a file is what was written: its structure, every row against its checksum, every index
 * against its rows, and all of it against the meta row. About two seconds for a million flows. 0
 * with *verdict; -1 with *fault when it could not be read for a reason that says nothing about the
 * file (I/O error, memory, interrupted). Of our layout. Any thread.
 */
int verify(sqlite3 *db, struct verdict *verdict, struct fault *fault);

/*
 * The writer's connection to a store that is whole and of our layout, made, migrated or recovered
 * as needed, *report says how. `path` is a file whose lock we hold. Of a damaged store the flows
 * are used if they are all good and no older than the checked copy; else that, else nothing. NULL
 * with *fault.
 */
sqlite3 *recover_open(const char *path, struct store_report *report, struct fault *fault);

/* The same in memory, always fresh; `name` is a URI for db_open(). */
sqlite3 *recover_open_memory(const char *name, struct store_report *report, struct fault *fault);

#endif
