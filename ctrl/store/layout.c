/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A flow keeps its row while it is there, so that rows come back in the order in which they were
 * put. Changes have only what was before: what came after is in the next change of the same flow,
 * or in the flow itself. All changes of a generation are in consecutive rows.
 *
 * Generations that are not kept may lie between two that are. Of their changes there remain those
 * that lead back to the older of the two: of each flow the first, unless the flow is again what it
 * was (see trim.c).
 */
#include "store/layout.h"

#include <stdio.h>

#include "store/db.h"
#include "store/sum.h"

static const char layout_tables[] =
	"CREATE TABLE flow ("
	" row INTEGER PRIMARY KEY,"
	" id TEXT NOT NULL UNIQUE,"
	" text TEXT NOT NULL,"
	" last_leg INTEGER NOT NULL,"
	" declared INTEGER NOT NULL,"
	" sum INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE change ("
	" row INTEGER PRIMARY KEY,"
	" generation INTEGER NOT NULL,"
	" id TEXT NOT NULL,"
	" text TEXT," /* before; NULL = the flow did not exist */
	" last_leg INTEGER NOT NULL,"
	" declared INTEGER NOT NULL,"
	" sum INTEGER NOT NULL"
	") STRICT;"
	"CREATE UNIQUE INDEX change_of ON change (id, generation);"
	"CREATE TABLE generation ("
	" number INTEGER PRIMARY KEY,"
	" time_ns INTEGER NOT NULL,"
	" uid INTEGER NOT NULL,"
	" gid INTEGER NOT NULL,"
	" pid INTEGER NOT NULL,"
	" name TEXT NOT NULL,"
	" via TEXT NOT NULL,"
	" role INTEGER NOT NULL,"
	" method TEXT NOT NULL,"
	" comment TEXT NOT NULL,"
	" added INTEGER NOT NULL,"
	" changed INTEGER NOT NULL,"
	" removed INTEGER NOT NULL,"
	" is_rollback INTEGER NOT NULL," /* enum store_return */
	" returns_to INTEGER NOT NULL,"
	" flags INTEGER NOT NULL," /* enum generation_flag */
	" first_change INTEGER NOT NULL," /* row of change */
	" n_changes INTEGER NOT NULL,"
	" flows_sum INTEGER NOT NULL," /* of the flows after it */
	" chain INTEGER NOT NULL," /* sum of the generation before, when it was written */
	" sum INTEGER NOT NULL," /* of all above */
	" link INTEGER NOT NULL," /* sum of the generation that is before it now */
	" tag TEXT NOT NULL,"
	" tag_sum INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE ledger ("
	" one INTEGER PRIMARY KEY CHECK (one = 1),"
	" generation INTEGER NOT NULL,"
	" base INTEGER NOT NULL,"
	" flows INTEGER NOT NULL,"
	" bytes INTEGER NOT NULL,"
	" flows_sum INTEGER NOT NULL,"
	" chain INTEGER NOT NULL,"
	" next_change INTEGER NOT NULL,"
	" has_confirm INTEGER NOT NULL,"
	" confirm_generation INTEGER NOT NULL,"
	" confirm_previous INTEGER NOT NULL,"
	" confirm_deadline_ns INTEGER NOT NULL,"
	" confirm_within_ns INTEGER NOT NULL,"
	" changes INTEGER NOT NULL,"
	" changes_sum INTEGER NOT NULL,"
	" sum INTEGER NOT NULL"
	") STRICT;";

int
layout_look(sqlite3 *db, enum layout_state *state, unsigned *version, struct fault *fault)
{
	uint64_t application, user_version, tables;

	*version = 0;
	if (db_number(db, "PRAGMA application_id", &application, fault) < 0 ||
		db_number(db, "PRAGMA user_version", &user_version, fault) < 0 ||
		db_number(db, "SELECT count(*) FROM sqlite_schema", &tables, fault) < 0)
		return -1;
	if (tables == 0 && application == 0) {
		*state = LAYOUT_EMPTY;
		return 0;
	}
	if (application != DB_APPLICATION_ID || user_version == 0) {
		*state = LAYOUT_FOREIGN;
		return 0;
	}
	*version = (unsigned)user_version;
	*state = *version > LAYOUT_VERSION ? LAYOUT_NEWER : LAYOUT_OURS;
	return 0;
}

static int
version_set(sqlite3 *db, unsigned version, struct fault *fault)
{
	char sql[96];

	snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %u",
		DB_APPLICATION_ID, version);
	return db_run(db, sql, fault);
}

int
layout_create(sqlite3 *db, struct fault *fault)
{
	if (db_run(db, layout_tables, fault) < 0)
		return -1;
	return version_set(db, LAYOUT_VERSION, fault);
}

static void
sum_number_call(sqlite3_context *context, int n, sqlite3_value **values)
{
	(void)n;
	sqlite3_result_int64(
		context, (sqlite3_int64)sum_number((uint64_t)sqlite3_value_int64(values[0]),
				 (uint64_t)sqlite3_value_int64(values[1])));
}

int
layout_migrate_by(sqlite3 *db, unsigned version, const layout_step *steps, unsigned n_steps,
	struct fault *fault)
{
	unsigned i;
	int rc;

	if (sqlite3_create_function(db, "sum_number", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL,
		    sum_number_call, NULL, NULL) != SQLITE_OK)
		return db_fault(db, fault);
	if (db_run(db, "BEGIN IMMEDIATE", fault) < 0)
		return -1;
	for (rc = 0, i = version - 1; i < n_steps && rc == 0; i++)
		rc = db_run(db, steps[i], fault);
	if (rc == 0)
		rc = version_set(db, n_steps + 1, fault);
	if (rc == 0)
		rc = db_run(db, "COMMIT", fault);
	if (rc < 0 && !sqlite3_get_autocommit(db))
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

int
layout_migrate(sqlite3 *db, unsigned version, struct fault *fault)
{
	static const layout_step steps[LAYOUT_VERSION - 1] = {
		/*
		 * 2: how long a trial is. Generations of version 1 may have been written by a
		 * sluiced that did not know STORE_RETURN_OF; no such one opens the file any more.
		 */
		"ALTER TABLE ledger ADD COLUMN confirm_within_ns INTEGER NOT NULL DEFAULT 0;"
		"UPDATE ledger SET confirm_within_ns = coalesce("
		" (SELECT confirm_deadline_ns - time_ns FROM generation"
		"  WHERE number = confirm_generation), 0);"
		"UPDATE ledger SET sum = sum_number(sum, confirm_within_ns)",
		/* 3: which generations declarations made; tags; gaps between generations. */
		"ALTER TABLE generation RENAME COLUMN to_confirm TO flags;"
		"ALTER TABLE generation ADD COLUMN link INTEGER NOT NULL DEFAULT 0;"
		"ALTER TABLE generation ADD COLUMN tag TEXT NOT NULL DEFAULT '';"
		"ALTER TABLE generation ADD COLUMN tag_sum INTEGER NOT NULL DEFAULT 0;"
		"UPDATE generation SET link = chain;"
		"ALTER TABLE ledger ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;"
		"ALTER TABLE ledger ADD COLUMN changes_sum INTEGER NOT NULL DEFAULT 0;"
		"UPDATE ledger SET (changes, changes_sum) ="
		" (SELECT count(*), coalesce(sum(sum & 4294967295), 0) FROM change);"
		"UPDATE ledger SET sum = sum_number(sum_number(sum, changes), changes_sum)",
	};

	return layout_migrate_by(db, version, steps, LAYOUT_VERSION - 1, fault);
}
