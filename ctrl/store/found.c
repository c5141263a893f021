/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/found.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/db.h"
#include "store/file.h"
#include "store/journal.h"
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

static sqlite3 *
fresh_use(sqlite3 *db, struct store_report *report, struct fault *fault)
{
	report->found = STORE_FRESH;
	if (file_shape(db, fault) == 0 &&
		file_tables_make(db, &(struct ledger){.next_change = 1}, fault) == 0)
		return db;
	sqlite3_close(db);
	return NULL;
}

static sqlite3 *
recovered_from(const char *path, const struct recover_from *from, struct store_report *report,
	struct fault *fault)
{
	struct store_report ignored = {0};
	struct verdict made;
	sqlite3 *db;

	if (recover(path, from, report, fault) < 0)
		return NULL;
	if (file_look(path, &db, &made, &ignored, fault) == LOOK_GOOD)
		return good_use(db, made.ledger.generation, report, fault);
	fault_set(fault, FAULT_STORE, "", "store %s: what was recovered is damaged: %.200s", path,
		made.reason);
	return NULL;
}

static sqlite3 *
recovered_open(const char *path, const struct verdict *verdict, struct store_report *report,
	struct fault *fault)
{
	const struct recover_from from = {path, verdict, verdict->ledger.generation};

	snprintf(report->reason, sizeof(report->reason), "%s", verdict->reason);
	return recovered_from(path, &from, report, fault);
}

/* A page has room for fewer, so a damaged frame hides no more. */
#define GENERATIONS_A_FRAME 64

/* The highest that may have been given. */
static uint64_t
generation_guess(
	const struct journal *journal, const struct verdict *mended, const struct verdict *ended)
{
	if (mended->ledger.generation > 0)
		return mended->ledger.generation;
	return ended->ledger.generation +
	       GENERATIONS_A_FRAME * (journal->end + 1 - journal->damaged);
}

/* With the journal mended, as well as that goes: rows have checksums of their own. */
static void
mended_look(
	const char *path, const struct journal *journal, const char *made, struct verdict *verdict)
{
	struct store_report report;
	struct fault ignored;
	sqlite3 *db;

	*verdict = (struct verdict){.all_good = false};
	if (journal_mend(path, journal, made, &ignored) < 0)
		return;
	if (file_look(made, &db, verdict, &report, &ignored) == LOOK_REFUSED)
		*verdict = (struct verdict){.all_good = false};
	if (!db)
		return;
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_close(db);
}

/*
 * The journal has a damaged frame, and behind it commits that were durable. Their flows are there
 * if the damaged page does not matter to them; else what SQLite makes of it, which ends before.
 */
static sqlite3 *
journal_recovered_open(const char *path, const struct journal *journal, struct store_report *report,
	struct fault *fault)
{
	char made[STORE_PATH_MAX + PLACE_SUFFIX_MAX];
	struct verdict mended, ended = {.all_good = false};
	struct recover_from from = {made, &mended, 0};
	enum look look;
	sqlite3 *db;

	snprintf(made, sizeof(made), "%s" RECOVER_MENDED, path);
	mended_look(path, journal, made, &mended);
	look = file_look(path, &db, &ended, report, fault);
	if (look == LOOK_REFUSED) {
		place_file_remove(made);
		return NULL;
	}
	/* All of it is in the file already. */
	if (look == LOOK_GOOD && mended.all_good &&
		ended.ledger.generation == mended.ledger.generation) {
		place_file_remove(made);
		return good_use(db, ended.ledger.generation, report, fault);
	}
	if (db)
		sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_close(db);
	if (!mended.flows_good)
		from = (struct recover_from){path, &ended, 0};
	from.damaged_generation = generation_guess(journal, &mended, &ended);
	snprintf(report->reason, sizeof(report->reason),
		"its journal is damaged at frame %llu of %llu",
		(unsigned long long)journal->damaged, (unsigned long long)journal->end);
	db = recovered_from(path, &from, report, fault);
	place_file_remove(made);
	return db;
}

/* What a recovery left that was interrupted: another name for the damaged file. */
static void
mended_remove(const char *path)
{
	char made[STORE_PATH_MAX + PLACE_SUFFIX_MAX];

	snprintf(made, sizeof(made), "%s" RECOVER_MENDED, path);
	place_file_remove(made);
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

sqlite3 *
found_open(const char *path, struct store_report *report, struct fault *fault)
{
	const int there = files_look(path, fault);
	struct verdict verdict = {.reason = "the file is missing or empty"};
	struct journal journal;
	sqlite3 *db;
	int damaged;

	*report = (struct store_report){.found = STORE_OK};
	if (there < 0)
		return NULL;
	mended_remove(path);
	if (there == 0 && has_remains(path))
		return recovered_open(path, &verdict, report, fault);
	if (there == 0 && place_file_make(path, fault) < 0)
		return NULL;
	damaged = journal_look(path, &journal, fault);
	if (damaged != 0)
		return damaged < 0 ? NULL : journal_recovered_open(path, &journal, report, fault);
	switch (file_look(path, &db, &verdict, report, fault)) {
	case LOOK_GOOD:
		return good_use(db, verdict.ledger.generation, report, fault);
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
