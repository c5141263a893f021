/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/found.h"

#include <stdio.h>

#include "store/db.h"
#include "store/layout.h"
#include "store/ledger.h"
#include "store/place.h"

/* Durable when COMMIT returns; checkpoints are the writer's, at times of its own choice. */
static const char shape_file[] = "PRAGMA journal_mode = WAL;"
				 "PRAGMA synchronous = FULL;"
				 "PRAGMA wal_autocheckpoint = 0;"
				 "PRAGMA journal_size_limit = 67108864;"
				 "PRAGMA cell_size_check = ON;"
				 "PRAGMA temp_store = MEMORY;"
				 "PRAGMA cache_size = -65536;";

/* Pages do not leave the cache before the commit: that would lock readers out earlier. */
static const char shape_memory[] = "PRAGMA journal_mode = MEMORY;"
				   "PRAGMA cache_spill = OFF;"
				   "PRAGMA temp_store = MEMORY;";

static int
tables_make(sqlite3 *db, struct fault *fault)
{
	sqlite3_stmt *save;
	int rc;

	if (layout_create(db, fault) < 0)
		return -1;
	save = ledger_prepare(db, fault);
	if (!save)
		return -1;
	rc = ledger_save(save, &(struct ledger){.next_change = 1}, fault);
	sqlite3_finalize(save);
	return rc;
}

static int
tables_prepare(sqlite3 *db, struct store_report *report, struct fault *fault)
{
	enum layout_state state;
	unsigned version;

	if (layout_look(db, &state, &version, fault) < 0)
		return -1;
	if (state == LAYOUT_EMPTY) {
		report->found = STORE_FRESH;
		return tables_make(db, fault);
	}
	report->found = STORE_OK;
	if (version < LAYOUT_VERSION) {
		report->migrated_from = version;
		return layout_migrate(db, version, fault);
	}
	return 0;
}

static sqlite3 *
shaped_open(const char *name, const char *shape, struct store_report *report, struct fault *fault)
{
	struct ledger ledger;
	sqlite3 *db;
	int code;

	db = db_open(name, false, &code, fault);
	if (!db)
		return NULL;
	if (db_run(db, shape, fault) < 0 || tables_prepare(db, report, fault) < 0 ||
		ledger_load(db, &ledger, fault) < 0) {
		sqlite3_close(db);
		return NULL;
	}
	report->generation = ledger.generation;
	return db;
}

sqlite3 *
found_open(const char *path, struct store_report *report, struct fault *fault)
{
	*report = (struct store_report){0};
	if (place_file_look(path, fault) < 0 || place_file_make(path, fault) < 0)
		return NULL;
	return shaped_open(path, shape_file, report, fault);
}

sqlite3 *
found_open_memory(const char *name, struct store_report *report, struct fault *fault)
{
	*report = (struct store_report){0};
	return shaped_open(name, shape_memory, report, fault);
}
