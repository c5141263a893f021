/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/file.h"

#include <fcntl.h>
#include <unistd.h>

#include "store/db.h"
#include "store/layout.h"
#include "store/place.h"

/* Durable when COMMIT returns; checkpoints are the writer's, at times of its own choice. */
static const char shape[] = "PRAGMA journal_mode = WAL;"
			    "PRAGMA synchronous = FULL;"
			    "PRAGMA wal_autocheckpoint = 0;"
			    "PRAGMA journal_size_limit = 67108864;"
			    "PRAGMA cell_size_check = ON;"
			    "PRAGMA temp_store = MEMORY;"
			    "PRAGMA cache_size = -65536;";

/* In memory pages do not leave the cache before the commit: that would lock readers out earlier. */
static const char memory_shape[] = "PRAGMA journal_mode = MEMORY;"
				   "PRAGMA cache_spill = OFF;"
				   "PRAGMA temp_store = MEMORY;";

int
file_shape(sqlite3 *db, struct fault *fault)
{
	return db_run(db, shape, fault);
}

int
file_shape_memory(sqlite3 *db, struct fault *fault)
{
	return db_run(db, memory_shape, fault);
}

static int
tables_fill(sqlite3 *db, const struct ledger *ledger, struct fault *fault)
{
	sqlite3_stmt *save;
	int rc;

	if (layout_create(db, fault) < 0)
		return -1;
	save = ledger_prepare(db, fault);
	if (!save)
		return -1;
	rc = ledger_save(save, ledger, fault);
	sqlite3_finalize(save);
	return rc;
}

int
file_tables_make(sqlite3 *db, const struct ledger *ledger, struct fault *fault)
{
	if (db_run(db, "BEGIN IMMEDIATE", fault) < 0)
		return -1;
	if (tables_fill(db, ledger, fault) == 0 && db_run(db, "COMMIT", fault) == 0)
		return 0;
	if (!sqlite3_get_autocommit(db))
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return -1;
}

sqlite3 *
file_create(const char *path, const struct ledger *ledger, struct fault *fault)
{
	sqlite3 *db;
	int code;

	if (place_file_make(path, fault) < 0)
		return NULL;
	db = db_open(path, false, &code, fault);
	if (!db)
		return NULL;
	if (file_shape(db, fault) == 0 && file_tables_make(db, ledger, fault) == 0)
		return db;
	sqlite3_close(db);
	return NULL;
}

int
file_finish(sqlite3 *db, const char *path, struct fault *fault)
{
	const int rc =
		sqlite3_wal_checkpoint_v2(db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);

	if (rc != SQLITE_OK)
		db_fault(db, fault);
	sqlite3_close(db);
	return rc == SQLITE_OK ? place_file_sync(path, fault) : -1;
}

/*
 * Step by step, each on its way to the disk when the next begins: else all of it goes there at the
 * end, and batches wait for that as well. Nobody waits here, since what is read keeps the journal
 * from beginning anew.
 */
static int
pages_copy(sqlite3_backup *backup, int pages, int fd, bool (*go_on)(void *), void *arg)
{
	int code = SQLITE_OK;

	while (code == SQLITE_OK && (!go_on || go_on(arg))) {
		code = sqlite3_backup_step(backup, pages);
		if (code == SQLITE_OK)
			sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	}
	return code;
}

int
file_copy(sqlite3 *from, const char *path, int pages, bool (*go_on)(void *), void *arg,
	struct fault *fault)
{
	sqlite3_backup *backup;
	sqlite3 *to;
	int code, fd;

	if (place_file_make(path, fault) < 0)
		return -1;
	to = db_open(path, false, &code, fault);
	if (!to)
		return -1;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	backup = sqlite3_backup_init(to, "main", from, "main");
	code = backup ? pages_copy(backup, pages, fd, go_on, arg) : SQLITE_ERROR;
	sqlite3_backup_finish(backup);
	if (code == SQLITE_OK)
		fault_set(fault, FAULT_STORE, "", "the copy was given up");
	else if (code != SQLITE_DONE)
		fault_set(fault, FAULT_STORE, "", "cannot copy to %s: %s", path,
			sqlite3_errstr(code));
	sqlite3_close(to);
	/* Not before: it would take the locks of the connection along. */
	if (fd >= 0)
		close(fd);
	return code == SQLITE_DONE ? 0 : -1;
}
