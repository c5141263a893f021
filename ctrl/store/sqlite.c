/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/sqlite.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "store/files.h"

#define BUSY_WAIT_MS 5000 /* only sqlite3(1), run by hand, holds locks besides us */

/* What to do, by what SQLite says; "" where there is nothing more to say. */
static const char *
advice(int code)
{
	switch (code & 0xff) {
	case SQLITE_FULL:
		return "; free space on its file system, then try again";
	case SQLITE_IOERR:
		return "; check disk and file system (dmesg), then try again";
	case SQLITE_READONLY:
		return "; make its file system and file writable, then try again";
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return "; check that its directory exists and that sluiced may write there";
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return "; another program has it open for writing: close it, then try again";
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return "; restart sluiced to recover it";
	default:
		return "";
	}
}

int
db_fault(sqlite3 *db, struct fault *fault)
{
	const int code = sqlite3_extended_errcode(db);
	const int system_error = sqlite3_system_errno(db);
	const char *path = sqlite3_db_filename(db, "main");
	const bool says_errno = system_error != 0 && (code & 0xff) != SQLITE_CORRUPT;

	if ((code & 0xff) == SQLITE_NOMEM)
		return fault_set(fault, FAULT_NO_ROOM, "", "the store is out of memory; try again");
	return fault_set(fault, FAULT_STORE, "", "store %s: %s%s%s%s%s",
		path && path[0] ? path : "in memory", sqlite3_errmsg(db), says_errno ? " (" : "",
		says_errno ? strerror(system_error) : "", says_errno ? ")" : "", advice(code));
}

sqlite3 *
db_open(const char *name, bool read_only, int *code, struct fault *fault)
{
	const bool is_uri = strncmp(name, "file:", 5) == 0;
	const int flags = SQLITE_OPEN_NOMUTEX | (is_uri ? SQLITE_OPEN_URI : 0) |
			  (read_only && !is_uri ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) |
			  (is_uri ? SQLITE_OPEN_CREATE : SQLITE_OPEN_NOFOLLOW);
	sqlite3 *db;
	const int rc = sqlite3_open_v2(name, &db, flags, NULL);

	if (code)
		*code = rc;
	if (rc != SQLITE_OK) {
		if (db)
			db_fault(db, fault);
		else
			fault_set(fault, FAULT_NO_ROOM, "", "the store is out of memory");
		sqlite3_close(db);
		return NULL;
	}
	sqlite3_extended_result_codes(db, 1);
	sqlite3_busy_timeout(db, BUSY_WAIT_MS);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	return db;
}

/* Durable when COMMIT returns; checkpoints are the writer's, at times of its own choice. */
static const char file_pragmas[] = "PRAGMA journal_mode = WAL;"
				   "PRAGMA synchronous = FULL;"
				   "PRAGMA wal_autocheckpoint = 0;"
				   "PRAGMA journal_size_limit = 67108864;"
				   "PRAGMA cell_size_check = ON;"
				   "PRAGMA temp_store = MEMORY;"
				   "PRAGMA cache_size = -65536;";

/* In memory pages do not leave the cache before the commit: that would lock readers out earlier. */
static const char memory_pragmas[] = "PRAGMA journal_mode = MEMORY;"
				     "PRAGMA cache_spill = OFF;"
				     "PRAGMA temp_store = MEMORY;";

int
db_configure(sqlite3 *db, bool in_memory, struct fault *fault)
{
	return db_run(db, in_memory ? memory_pragmas : file_pragmas, fault);
}

int
db_file_check(sqlite3 *db, struct fault *fault)
{
	int moved = 0;

	sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
	if (!moved)
		return 0;
	return fault_set(fault, FAULT_STORE, "",
		"store %s: the file was removed or replaced while it was in use; put it back, or "
		"save the flows by 'sluicectl export --all' and restart sluiced",
		sqlite3_db_filename(db, "main"));
}

int
db_run(sqlite3 *db, const char *sql, struct fault *fault)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_fault(db, fault);
}

void
db_rollback(sqlite3 *db)
{
	if (!sqlite3_get_autocommit(db))
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
}

int
db_number(sqlite3 *db, const char *sql, uint64_t *number, struct fault *fault)
{
	sqlite3_stmt *statement = db_prepare(db, sql, fault);
	int rc;

	if (!statement)
		return -1;
	rc = db_row_number(statement, number, fault);
	sqlite3_finalize(statement);
	return rc < 0 ? -1 : 0;
}

sqlite3_stmt *
db_prepare(sqlite3 *db, const char *sql, struct fault *fault)
{
	sqlite3_stmt *statement;

	if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) ==
		SQLITE_OK)
		return statement;
	db_fault(db, fault);
	return NULL;
}

static void
text_bind(sqlite3_stmt *statement, int n, const char *text, size_t bytes)
{
	if (text)
		sqlite3_bind_text64(statement, n, text, bytes, SQLITE_STATIC, SQLITE_UTF8);
	else
		sqlite3_bind_null(statement, n);
}

void
db_bind(sqlite3_stmt *statement, const char *types, ...)
{
	const char *text;
	va_list args;
	int n;

	va_start(args, types);
	for (n = 1; types[n - 1] != '\0'; n++) {
		switch (types[n - 1]) {
		case 'i':
			sqlite3_bind_int64(statement, n, (sqlite3_int64)va_arg(args, uint64_t));
			break;
		case 't':
			text = va_arg(args, const char *);
			text_bind(statement, n, text, text ? strlen(text) : 0);
			break;
		default:
			text = va_arg(args, const char *);
			text_bind(statement, n, text, va_arg(args, size_t));
			break;
		}
	}
	va_end(args);
}

int
db_row(sqlite3_stmt *statement, struct fault *fault)
{
	switch (sqlite3_step(statement)) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		return 0;
	default:
		return db_fault(sqlite3_db_handle(statement), fault);
	}
}

int
db_step(sqlite3_stmt *statement, struct fault *fault)
{
	const int rc = db_row(statement, fault);

	sqlite3_reset(statement);
	return rc < 0 ? -1 : 0;
}

int
db_row_number(sqlite3_stmt *statement, uint64_t *number, struct fault *fault)
{
	const int rc = db_row(statement, fault);

	*number = rc == 1 ? db_column(statement, 0) : 0;
	sqlite3_reset(statement);
	return rc;
}

int
db_finish(sqlite3 *db, const char *path, struct fault *fault)
{
	const int rc =
		sqlite3_wal_checkpoint_v2(db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);

	if (rc != SQLITE_OK)
		db_fault(db, fault);
	sqlite3_close(db);
	return rc == SQLITE_OK ? file_sync(path, fault) : -1;
}

int
db_copy(sqlite3 *from, const char *path, int pages, int (*must_stop)(void *), void *arg,
	struct fault *fault)
{
	sqlite3_backup *backup;
	sqlite3 *to;
	int code, fd;

	if (file_create(path, fault) < 0)
		return -1;
	to = db_open(path, false, NULL, fault);
	if (!to)
		return -1;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	backup = sqlite3_backup_init(to, "main", from, "main");
	code = backup ? SQLITE_OK : SQLITE_ERROR;
	/*
	 * Each step is on its way to the disk when the next begins: else all is written at the end,
	 * and batches wait for that as well. Nothing waits here, since what is read keeps the
	 * journal from being restarted.
	 */
	while (code == SQLITE_OK && (!must_stop || !must_stop(arg))) {
		code = sqlite3_backup_step(backup, pages);
		if (code == SQLITE_OK)
			sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	}
	sqlite3_backup_finish(backup);
	if (code == SQLITE_OK)
		fault_set(fault, FAULT_STORE, "", "the copy was abandoned");
	else if (code != SQLITE_DONE)
		fault_set(fault, FAULT_STORE, "", "cannot copy to %s: %s", path,
			sqlite3_errstr(code));
	sqlite3_close(to);
	/* Not before: that would release the locks of the connection. */
	if (fd >= 0)
		close(fd);
	return code == SQLITE_DONE ? 0 : -1;
}
