/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/found.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/db.h"
#include "store/file.h"
#include "store/layout.h"
#include "store/place.h"
#include "store/recover.h"
#include "store/verify.h"

/* What looking at a file comes to. */
enum look {
	LOOK_GOOD,
	LOOK_EMPTY, /* made, but nothing written to it */
	LOOK_DAMAGED,
	LOOK_REFUSED, /* not ours to touch, or not readable now: with *fault */
};

static enum look
error_look(int code, struct verdict *verdict, const struct fault *fault)
{
	if (!verify_means_damage(code))
		return LOOK_REFUSED;
	*verdict = (struct verdict){.all_good = false};
	snprintf(verdict->reason, sizeof(verdict->reason), "%.*s", STORE_REASON_MAX - 1,
		fault->message);
	return LOOK_DAMAGED;
}

static enum look
contents_look(sqlite3 *db, const char *path, struct verdict *verdict, struct store_report *report,
	struct fault *fault)
{
	enum layout_state state;
	unsigned version;

	if (layout_look(db, &state, &version, fault) < 0)
		return error_look(sqlite3_errcode(db), verdict, fault);
	switch (state) {
	case LAYOUT_EMPTY:
		return LOOK_EMPTY;
	case LAYOUT_NEWER:
		fault_set(fault, FAULT_STORE, "",
			"store %s: found layout version %u, expected at most %u; it is that of a "
			"newer sluiced: start that one, or set state.path to another place",
			path, version, LAYOUT_VERSION);
		return LOOK_REFUSED;
	case LAYOUT_FOREIGN:
		*verdict = (struct verdict){.reason = "it is not a store of sluiced"};
		return LOOK_DAMAGED;
	case LAYOUT_OURS:
		break;
	}
	if (version < LAYOUT_VERSION) {
		report->migrated_from = version;
		if (layout_migrate(db, version, fault) < 0)
			return error_look(sqlite3_errcode(db), verdict, fault);
	}
	if (verify(db, verdict, fault) < 0)
		return LOOK_REFUSED;
	return verdict->all_good ? LOOK_GOOD : LOOK_DAMAGED;
}

/* *db is open only if it is good or empty. A damaged file and its journal stay as they are. */
static enum look
file_look(const char *path, sqlite3 **db, struct verdict *verdict, struct store_report *report,
	struct fault *fault)
{
	enum look look;
	int code;

	*db = db_open(path, false, &code, fault);
	if (!*db)
		return error_look(code, verdict, fault);
	sqlite3_db_config(*db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	look = contents_look(*db, path, verdict, report, fault);
	if (look == LOOK_GOOD || look == LOOK_EMPTY) {
		sqlite3_db_config(*db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
		return look;
	}
	sqlite3_close(*db);
	*db = NULL;
	return look;
}

/*
 * Its connection for the writer; takes it over also on failure. The journal begins anew: what was
 * behind its end is not there to be taken for something later. If that fails it goes on.
 */
static sqlite3 *
good_use(sqlite3 *db, uint64_t generation, struct store_report *report, struct fault *fault)
{
	report->generation = generation;
	if (file_shape(db, fault) == 0) {
		sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
		return db;
	}
	sqlite3_close(db);
	return NULL;
}

/* Its tables go into the file: a journal that is lost later leaves a store without generations. */
static sqlite3 *
fresh_use(sqlite3 *db, struct store_report *report, struct fault *fault)
{
	report->found = STORE_FRESH;
	if (file_shape(db, fault) == 0 &&
		file_tables_make(db, &(struct ledger){.next_change = 1}, fault) == 0) {
		sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
		return db;
	}
	sqlite3_close(db);
	return NULL;
}

static sqlite3 *
recovered_open(const char *path, const struct verdict *verdict, struct store_report *report,
	struct fault *fault)
{
	struct store_report ignored = {0};
	struct verdict made;
	sqlite3 *db;

	snprintf(report->reason, sizeof(report->reason), "%s", verdict->reason);
	if (recover(path, verdict, report, fault) < 0)
		return NULL;
	if (file_look(path, &db, &made, &ignored, fault) == LOOK_GOOD)
		return good_use(db, made.ledger.generation, report, fault);
	fault_set(fault, FAULT_STORE, "", "store %s: what was recovered is damaged: %.200s", path,
		made.reason);
	return NULL;
}

/* What others may have put there is not ours to recover from. 1, 0 or -1 as place_file_look(). */
static int
files_look(const char *path, struct fault *fault)
{
	static const char *const beside[] = {RECOVER_SNAPSHOT, RECOVER_NEW};
	char name[STORE_PATH_MAX + PLACE_SUFFIX_MAX];
	unsigned i;

	for (i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", path, beside[i]);
		if (place_file_look(name, fault) < 0)
			return -1;
	}
	return place_file_look(path, fault);
}

static bool
has_part(const char *path, const char *suffix)
{
	char name[STORE_PATH_MAX + PLACE_SUFFIX_MAX];

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	return access(name, F_OK) == 0;
}

static bool
has_snapshot(const char *path)
{
	return has_part(path, RECOVER_SNAPSHOT);
}

/* A store that was there once has left one of these. */
static bool
has_remains(const char *path)
{
	return has_snapshot(path) || has_part(path, RECOVER_NEW) || has_part(path, "-wal");
}

/*
 * Whether the checked copy is of a later generation: SQLite ends the journal at the first frame
 * that is damaged, and drops what is behind it.
 */
static bool
is_behind(const char *path, struct verdict *verdict)
{
	const uint64_t copied = recover_copy_generation(path);

	if (copied <= verdict->ledger.generation)
		return false;
	snprintf(verdict->reason, sizeof(verdict->reason),
		"its journal ends at generation %llu, and the checked copy is of generation %llu",
		(unsigned long long)verdict->ledger.generation, (unsigned long long)copied);
	return true;
}

sqlite3 *
found_open(const char *path, struct store_report *report, struct fault *fault)
{
	const int there = files_look(path, fault);
	struct verdict verdict = {.reason = "the file is missing or empty"};
	sqlite3 *db;

	*report = (struct store_report){.found = STORE_OK};
	if (there < 0)
		return NULL;
	if (there == 0 && has_remains(path))
		return recovered_open(path, &verdict, report, fault);
	if (there == 0 && place_file_make(path, fault) < 0)
		return NULL;
	switch (file_look(path, &db, &verdict, report, fault)) {
	case LOOK_GOOD:
		if (!is_behind(path, &verdict))
			return good_use(db, verdict.ledger.generation, report, fault);
		sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		sqlite3_close(db);
		return recovered_open(path, &verdict, report, fault);
	case LOOK_EMPTY:
		if (!has_snapshot(path))
			return fresh_use(db, report, fault);
		sqlite3_close(db);
		return recovered_open(path, &verdict, report, fault);
	case LOOK_DAMAGED:
		return recovered_open(path, &verdict, report, fault);
	case LOOK_REFUSED:
		break;
	}
	return NULL;
}

sqlite3 *
found_open_memory(const char *name, struct store_report *report, struct fault *fault)
{
	sqlite3 *db;
	int code;

	*report = (struct store_report){.found = STORE_FRESH};
	db = db_open(name, false, &code, fault);
	if (!db)
		return NULL;
	if (file_shape_memory(db, fault) == 0 &&
		file_tables_make(db, &(struct ledger){.next_change = 1}, fault) == 0)
		return db;
	sqlite3_close(db);
	return NULL;
}
