/* SPDX-License-Identifier: BSD-3-Clause */
/* The tables of the file, their version, and how an older version becomes ours. */
#ifndef CTRL_STORE_LAYOUT_H
#define CTRL_STORE_LAYOUT_H

#include <sqlite3.h>

#include "base/fault.h"

#define LAYOUT_VERSION 3

/* What to find in a file. */
enum layout_state {
	LAYOUT_EMPTY, /* no table: a file that was just made */
	LAYOUT_OURS, /* of this version or an older one */
	LAYOUT_NEWER, /* of a later sluiced */
	LAYOUT_FOREIGN, /* not of sluiced */
};

/* -1 with *fault when it cannot be read; *version is 0 unless it is ours or newer. */
int layout_look(sqlite3 *db, enum layout_state *state, unsigned *version, struct fault *fault);

/* Makes the tables in an empty file, in the transaction that is open. 0 or -1 with *fault. */
int layout_create(sqlite3 *db, struct fault *fault);

/*
 * What turns a file of version n, its place in the list + 1, into one of n + 1: SQL. A number that
 * is added to what a checksum covers is added to the checksum with sum_number(sum, number): that of
 * a damaged row stays wrong.
 */
typedef const char *layout_step;

/*
 * From `version` to the last, one transaction for all: either the file is of the last version or
 * it is as it was. 0 or -1 with *fault. The list is a parameter for the sake of tests.
 */
int layout_migrate_by(sqlite3 *db, unsigned version, const layout_step *steps, unsigned n_steps,
	struct fault *fault);

/* layout_migrate_by() with our own list. */
int layout_migrate(sqlite3 *db, unsigned version, struct fault *fault);

#endif
