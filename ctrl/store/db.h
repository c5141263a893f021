/* SPDX-License-Identifier: BSD-3-Clause */
/* SQLite, as the rooms of the store use it: connections, statements, and errors that people read.
 */
#ifndef CTRL_STORE_DB_H
#define CTRL_STORE_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

/* "SLUI", in the header of each file of ours. */
#define DB_APPLICATION_ID 0x534c5549

/*
 * A connection for one thread at a time. `name` is a path or, for a database in memory, a URI that
 * begins with "file:". NULL with *fault; *code then is SQLite's result code.
 */
sqlite3 *db_open(const char *name, bool read_only, int *code, struct fault *fault);

/* Statements without results, separated by semicolons. 0 or -1 with *fault. */
int db_run(sqlite3 *db, const char *sql, struct fault *fault);

/* The one number that a statement yields. 0 or -1 with *fault. */
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

/* The connection's last error as FAULT_STORE with what to do about it. Always -1. */
int db_fault(sqlite3 *db, struct fault *fault);

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
