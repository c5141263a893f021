/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A flow keeps its row while it is there, so that rows come back in the order in which they were
 * put. Changes have only what was before: what came after is in the next change of the same flow,
 * or in the flow itself. All changes of a generation are in consecutive rows.
 *
 * Generations that are not kept may lie between two that are. Of their changes there remain those
 * that lead back to the older of the two: of each flow the first, unless the flow is again what it
 * was (see maintain.h).
 */
#include "store/layout.h"

#include <stdio.h>

#include "store/sqlite.h"

/* "SLUI", in the header of each file of ours. */
#define APPLICATION_ID 0x534c5549

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
layout_inspect(sqlite3 *db, enum layout_state *state, unsigned *version, struct fault *fault)
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
	if (application != APPLICATION_ID || user_version == 0) {
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
		APPLICATION_ID, version);
	return db_run(db, sql, fault);
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
	if (rc < 0)
		db_rollback(db);
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

/* In the order of meta_read() and meta_save(). */
#define META_COLUMNS \
	"generation, base, flows, bytes, flows_sum, chain, next_change, has_confirm," \
	" confirm_generation, confirm_previous, confirm_deadline_ns, confirm_within_ns," \
	" changes, changes_sum, sum"

static uint64_t
meta_sum(const struct meta *meta)
{
	const uint64_t numbers[] = {meta->generation, meta->base, meta->flows, meta->bytes,
		meta->flows_sum, meta->chain, meta->next_change, meta->has_confirm,
		meta->confirm.generation, meta->confirm.previous, meta->confirm.deadline_ns,
		meta->confirm.within_ns, meta->changes, meta->changes_sum};
	uint64_t sum = SUM_START;
	unsigned i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sum = sum_number(sum, numbers[i]);
	return sum;
}

static int
meta_read(sqlite3_stmt *row, struct meta *meta, struct fault *fault)
{
	const int found = db_row(row, fault);

	if (found < 0)
		return -1;
	*meta = (struct meta){
		.generation = db_column(row, 0),
		.base = db_column(row, 1),
		.flows = db_column(row, 2),
		.bytes = db_column(row, 3),
		.flows_sum = db_column(row, 4),
		.chain = db_column(row, 5),
		.next_change = db_column(row, 6),
		.has_confirm = db_column(row, 7) != 0,
		.confirm = {db_column(row, 8), db_column(row, 9), db_column(row, 10),
			db_column(row, 11)},
		.changes = db_column(row, 12),
		.changes_sum = db_column(row, 13),
	};
	if (found == 0 || db_column(row, 14) != meta_sum(meta))
		return fault_set(fault, FAULT_STORE, "", "the row of its ledger is %s",
			found == 0 ? "missing" : "damaged");
	return 0;
}

int
meta_load(sqlite3 *db, struct meta *meta, struct fault *fault)
{
	sqlite3_stmt *row =
		db_prepare(db, "SELECT " META_COLUMNS " FROM ledger WHERE one = 1", fault);
	int rc;

	if (!row)
		return -1;
	rc = meta_read(row, meta, fault);
	sqlite3_finalize(row);
	return rc;
}

sqlite3_stmt *
meta_prepare(sqlite3 *db, struct fault *fault)
{
	return db_prepare(db,
		"REPLACE INTO ledger (one, " META_COLUMNS
		") VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		fault);
}

int
meta_save(sqlite3_stmt *statement, const struct meta *meta, struct fault *fault)
{
	db_bind(statement, "iiiiiiiiiiiiiii", meta->generation, meta->base, meta->flows,
		meta->bytes, meta->flows_sum, meta->chain, meta->next_change,
		(uint64_t)meta->has_confirm, meta->confirm.generation, meta->confirm.previous,
		meta->confirm.deadline_ns, meta->confirm.within_ns, meta->changes,
		meta->changes_sum, meta_sum(meta));
	return db_step(statement, fault);
}

#define SUM_COLUMN 20
#define LINK_COLUMN 21
#define TAG_COLUMN 22
#define TAG_SUM_COLUMN 23

static uint64_t
row_flags(const struct generation_row *row)
{
	return (row->to_confirm ? GENERATION_TO_CONFIRM : 0) |
	       (row->generation.declared ? GENERATION_DECLARED : 0);
}

uint64_t
generation_tag_sum(uint64_t number, const char *tag)
{
	return tag[0] ? sum_text(sum_number(SUM_START, number), tag) : 0;
}

uint64_t
generation_row_sum(const struct generation_row *row)
{
	const struct store_generation *generation = &row->generation;
	const struct actor *actor = &generation->actor;
	const char *const texts[] = {
		actor->name, actor->via, generation->method, generation->comment};
	const uint64_t numbers[] = {generation->number, generation->time_ns, actor->uid, actor->gid,
		(uint64_t)actor->pid, actor->role, generation->added, generation->changed,
		generation->removed, generation->returns, generation->returned, row_flags(row),
		row->first_change, row->n_changes, row->flows_sum, row->chain};
	uint64_t sum = SUM_START;
	unsigned i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		sum = sum_text(sum, texts[i]);
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sum = sum_number(sum, numbers[i]);
	return sum;
}

static void
text_read(sqlite3_stmt *statement, int column, char *text, size_t size)
{
	const char *found = db_text(statement, column);

	snprintf(text, size, "%s", found ? found : "");
}

int
generation_row_read(sqlite3_stmt *statement, struct generation_row *row)
{
	struct store_generation *generation = &row->generation;
	struct actor *actor = &generation->actor;

	*row = (struct generation_row){
		.generation =
			{
				.number = db_column(statement, 0),
				.time_ns = db_column(statement, 1),
				.actor =
					{
						.uid = (uint32_t)db_column(statement, 2),
						.gid = (uint32_t)db_column(statement, 3),
						.pid = (int32_t)db_column(statement, 4),
						.role = (uint8_t)db_column(statement, 7),
					},
				.added = db_column(statement, 10),
				.changed = db_column(statement, 11),
				.removed = db_column(statement, 12),
				.returns = (enum store_return)db_column(statement, 13),
				.returned = db_column(statement, 14),
				.declared = (db_column(statement, 15) & GENERATION_DECLARED) != 0,
			},
		.to_confirm = (db_column(statement, 15) & GENERATION_TO_CONFIRM) != 0,
		.first_change = db_column(statement, 16),
		.n_changes = db_column(statement, 17),
		.flows_sum = db_column(statement, 18),
		.chain = db_column(statement, 19),
		.link = db_column(statement, LINK_COLUMN),
	};
	text_read(statement, 5, actor->name, sizeof(actor->name));
	text_read(statement, 6, actor->via, sizeof(actor->via));
	text_read(statement, 8, generation->method, sizeof(generation->method));
	text_read(statement, 9, generation->comment, sizeof(generation->comment));
	text_read(statement, TAG_COLUMN, generation->tag, sizeof(generation->tag));
	return db_column(statement, SUM_COLUMN) == generation_row_sum(row) &&
			       db_column(statement, TAG_SUM_COLUMN) ==
				       generation_tag_sum(generation->number, generation->tag)
		       ? 0
		       : -1;
}

sqlite3_stmt *
generation_row_prepare(sqlite3 *db, struct fault *fault)
{
	return db_prepare(db,
		"INSERT INTO generation (" GENERATION_COLUMNS
		") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
		" '', 0)",
		fault);
}

int
generation_row_save(sqlite3_stmt *statement, const struct generation_row *row, struct fault *fault)
{
	const struct store_generation *generation = &row->generation;
	const struct actor *actor = &generation->actor;

	db_bind(statement, "iiiiittittiiiiiiiiiiii", generation->number, generation->time_ns,
		(uint64_t)actor->uid, (uint64_t)actor->gid, (uint64_t)actor->pid, actor->name,
		actor->via, (uint64_t)actor->role, generation->method, generation->comment,
		generation->added, generation->changed, generation->removed,
		(uint64_t)generation->returns, generation->returned, row_flags(row),
		row->first_change, row->n_changes, row->flows_sum, row->chain,
		generation_row_sum(row), row->link);
	return db_step(statement, fault);
}

void
flow_read(sqlite3_stmt *statement, int column, struct store_flow *flow)
{
	flow->id = db_text(statement, column);
	if (!flow->id)
		flow->id = "";
	flow->text = db_text(statement, column + 1);
	flow->bytes = (size_t)sqlite3_column_bytes(statement, column + 1);
	flow->last_leg = db_column(statement, column + 2);
	flow->declared = db_column(statement, column + 3) != 0;
}

static int
tables_create(sqlite3 *db, const struct meta *meta, struct fault *fault)
{
	sqlite3_stmt *save;
	int rc;

	if (db_run(db, layout_tables, fault) < 0 || version_set(db, LAYOUT_VERSION, fault) < 0)
		return -1;
	save = meta_prepare(db, fault);
	if (!save)
		return -1;
	rc = meta_save(save, meta, fault);
	sqlite3_finalize(save);
	return rc;
}

int
layout_create(sqlite3 *db, const struct meta *meta, struct fault *fault)
{
	if (db_run(db, "BEGIN IMMEDIATE", fault) < 0)
		return -1;
	if (tables_create(db, meta, fault) == 0 && db_run(db, "COMMIT", fault) == 0)
		return 0;
	db_rollback(db);
	return -1;
}
