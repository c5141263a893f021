/* SPDX-License-Identifier: BSD-3-Clause */
/* SQLite as the store uses it: connections, statements, copies, and errors with advice. */
#ifndef CTRL_STORE_SQLITE_H
#define CTRL_STORE_SQLITE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

/*
 * A connection for one thread at a time. `name` is a path or, for a database in memory, a URI that
 * begins with "file:". NULL with *fault; *code, if not NULL, then is SQLite's result code.
 */
sqlite3 *db_open(const char *name, bool read_only, int *code, struct fault *fault);

/*
 * Make a connection fit for writing. In a file: WAL, and each commit durable when it returns;
 * checkpoints are left to the caller. 0 or -1 with *fault.
 */
int db_configure(sqlite3 *db, bool in_memory, struct fault *fault);

/* Statements without results, separated by semicolons. 0 or -1 with *fault. */
int db_run(sqlite3 *db, const char *sql, struct fault *fault);

/* Roll back the transaction that is open, if SQLite has not done so by itself. */
void db_rollback(sqlite3 *db);

/* The one number that a statement yields; 0 = none. 0 or -1 with *fault. */
int db_number(sqlite3 *db, const char *sql, uint64_t *number, struct fault *fault);

/* NULL with *fault. Released with sqlite3_finalize(). */
sqlite3_stmt *db_prepare(sqlite3 *db, const char *sql, struct fault *fault);

/*
 * Bind the parameters from the first on, one a letter: i uint64_t, t const char * (NULL is NULL),
 * b const char * and size_t (NULL is NULL). Texts are borrowed until the statement is reset.
 */
void db_bind(sqlite3_stmt *statement, const char *types, ...);

/* Step a statement that yields nothing, and reset it. 0 or -1 with *fault. */
int db_step(sqlite3_stmt *statement, struct fault *fault);

/* Step to the next row: 1, 0 at the end, -1 with *fault. Not reset. */
int db_row(sqlite3_stmt *statement, struct fault *fault);

/* Step to the only row, take the number in its first column (0 = no row), reset. As db_row(). */
int db_row_number(sqlite3_stmt *statement, uint64_t *number, struct fault *fault);

/*
 * Whether the file still has its name: SQLite would write on to one that was removed. 0 or -1 with
 * *fault.
 */
int db_file_check(sqlite3 *db, struct fault *fault);

/* The connection's last error as FAULT_STORE with what to do about it. Always -1. */
int db_fault(sqlite3 *db, struct fault *fault);

/*
 * Copy a whole database to a file, so many pages (-1: all) at a time, until `must_stop` returns
 * other than 0 (NULL: disabled). Not durable yet. 0 or -1 with *fault.
 */
int db_copy(sqlite3 *from, const char *path, int pages, int (*must_stop)(void *), void *arg,
	struct fault *fault);

/* Close the only connection to a file, all of it then in the one file, durably. 0 or -1. */
int db_finish(sqlite3 *db, const char *path, struct fault *fault);

static inline uint64_t
db_column(sqlite3_stmt *statement, int column)
{
	return (uint64_t)sqlite3_column_int64(statement, column);
}

static inline const char *
db_text(sqlite3_stmt *statement, int column)
{
	return (const char *)sqlite3_column_text(statement, column);
}

#endif
