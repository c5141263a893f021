/* SPDX-License-Identifier: BSD-3-Clause */
/* Changes of generations that are no longer kept go in small steps, never in a batch's way. */
#ifndef CTRL_STORE_TRIM_H
#define CTRL_STORE_TRIM_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "schema/fault.h"

struct trim {
	sqlite3 *db; /* borrowed */
	sqlite3_stmt *limit; /* row of the first change that is kept */
	sqlite3_stmt *delete;
};

int trim_init(struct trim *trim, sqlite3 *db, struct fault *fault);
void trim_fini(struct trim *trim);

/*
 * Delete at most so many changes, in a transaction that is made durable as any other: the journal
 * is judged by that (see journal.h). True when there may be more. Errors are for the next
 * batch to meet.
 */
bool trim_step(struct trim *trim, uint64_t rows);

#endif
