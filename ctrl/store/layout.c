/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A flow keeps its row while it is there, so that rows come back in the order in which they were
 * inserted. Changes have only what was before: what came after is in the next change of the same
 * flow, or in the flow itself. All changes of a generation are in consecutive rows.
 *
 * Generations that are not kept may lie between two that are. Of their changes there remain those
 * that lead back to the older of the two: of each flow the first, unless the flow is again what it
 * was (see store.c).
 */
#include "store/layout.h"

#include <stdio.h>

#include "store/sqlite.h"

#define GENERATION_TABLE \
	"(number INTEGER PRIMARY KEY," \
	" time_ns INTEGER NOT NULL," \
	" uid INTEGER NOT NULL," \
	" gid INTEGER NOT NULL," \
	" pid INTEGER NOT NULL," \
	" name TEXT NOT NULL," \
	" via TEXT NOT NULL," \
	" role INTEGER NOT NULL," \
	" method TEXT NOT NULL," \
	" comment TEXT NOT NULL," \
	" added INTEGER NOT NULL," \
	" changed INTEGER NOT NULL," \
	" removed INTEGER NOT NULL," \
	" returns INTEGER NOT NULL," /* enum store_return */ \
	" returned INTEGER NOT NULL," \
	" flags INTEGER NOT NULL," /* enum generation_flag */ \
	" first_change INTEGER NOT NULL," /* row of change */ \
	" n_changes INTEGER NOT NULL," \
	" tag TEXT NOT NULL," \
	" sum INTEGER NOT NULL" \
	") STRICT;"

#define META_BEGIN \
	"CREATE TABLE meta (" \
	" one INTEGER PRIMARY KEY CHECK (one = 1)," \
	" generation INTEGER NOT NULL," \
	" base INTEGER NOT NULL," \
	" next_change INTEGER NOT NULL," \
	" flows INTEGER NOT NULL," \
	" flows_sum INTEGER NOT NULL," \
	" bytes INTEGER NOT NULL," \
	" changes INTEGER NOT NULL," \
	" changes_sum INTEGER NOT NULL," \
	" generations INTEGER NOT NULL," \
	" generations_sum INTEGER NOT NULL," \
	" has_confirm INTEGER NOT NULL," \
	" confirm_generation INTEGER NOT NULL," \
	" confirm_previous INTEGER NOT NULL," \
	" confirm_deadline_ns INTEGER NOT NULL," \
	" confirm_within_ns INTEGER NOT NULL,"
#define META_END " sum INTEGER NOT NULL) STRICT;"
#define META_TABLE_4 META_BEGIN META_END
#define META_TABLE META_BEGIN " released INTEGER NOT NULL, released_sum INTEGER NOT NULL," META_END

/* Of each local port the last release. */
#define RELEASED_TABLE \
	"CREATE TABLE released (" \
	" place TEXT PRIMARY KEY," \
	" time_ns INTEGER NOT NULL," \
	" sum INTEGER NOT NULL" \
	") STRICT, WITHOUT ROWID;"

static const char layout_tables[] = "CREATE TABLE flow ("
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
				    "CREATE TABLE generation " GENERATION_TABLE META_TABLE;

/* What checksums of version 3 and 4 cover. */
#define SUM "sum_add(0x736c756963652121, " /* SUM_START */
#define NUMBERS_3 \
	"number, time_ns, uid, gid, pid, role, added, changed, removed, is_rollback, returns_to," \
	" flags, first_change, n_changes"
#define SUM_3 SUM "name, via, method, comment, " NUMBERS_3 ", flows_sum, chain)"
#define TAG_SUM_3 "CASE tag WHEN '' THEN 0 ELSE " SUM "number, tag) END"
#define SUM_4 SUM "name, via, method, comment, tag, " NUMBERS_3 ")"
#define CONFIRM \
	"has_confirm, confirm_generation, confirm_previous, confirm_deadline_ns, confirm_within_ns"
#define META_SUM_3 \
	SUM "generation, base, flows, bytes, flows_sum, chain, next_change, " CONFIRM \
	    ", changes, changes_sum)"
#define META_SUM_4 SUM META_NUMBERS_4 ")"

/* A checksum that does not match is replaced by one that does not match (~). */
static const layout_step migration[LAYOUT_VERSION - 1] = {
	/*
	 * 2: how long a confirmation is waited for. Generations of version 1 may have been written
	 * by a sluiced that did not know STORE_RETURN_OF; no such one opens the file any more.
	 */
	"ALTER TABLE ledger ADD COLUMN confirm_within_ns INTEGER NOT NULL DEFAULT 0;"
	"UPDATE ledger SET confirm_within_ns = coalesce("
	" (SELECT confirm_deadline_ns - time_ns FROM generation"
	"  WHERE number = confirm_generation), 0);"
	"UPDATE ledger SET sum = sum_add(sum, confirm_within_ns)",
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
	"UPDATE ledger SET sum = sum_add(sum, changes, changes_sum)",
	/*
	 * 4: one checksum a row; of each table the number of rows and their sum in meta. Before,
	 * each generation had the checksum of the one before it (link), and one of its tag.
	 */
	"CREATE TABLE generation_4 " GENERATION_TABLE
	"INSERT INTO generation_4 SELECT number, time_ns, uid, gid, pid, name, via, role, method,"
	" comment, added, changed, removed, is_rollback, returns_to, flags, first_change,"
	" n_changes, tag,"
	" CASE WHEN sum = " SUM_3 " AND tag_sum = " TAG_SUM_3 " THEN " SUM_4 " ELSE ~" SUM_4 " END"
	" FROM generation;" META_TABLE_4
	"INSERT INTO meta SELECT 1, generation, base, next_change, flows, flows_sum, bytes,"
	" changes,"
	" (SELECT CASE WHEN coalesce(sum(sum & 4294967295), 0) = changes_sum"
	"   THEN sum_total(sum) ELSE ~sum_total(sum) END FROM change),"
	" (SELECT count(*) FROM generation_4),"
	" (SELECT CASE WHEN EXISTS"
	"   (SELECT 1 FROM (SELECT link, lag(sum) OVER (ORDER BY number) AS before"
	"     FROM generation) WHERE link <> before)"
	"   OR chain <> (SELECT sum FROM generation ORDER BY number DESC LIMIT 1)"
	"   THEN ~sum_total(sum) ELSE sum_total(sum) END FROM generation_4), " CONFIRM ","
	" sum = " META_SUM_3 " FROM ledger;"
	"UPDATE meta SET sum = CASE sum WHEN 1 THEN " META_SUM_4 " ELSE ~" META_SUM_4 " END;"
	"DROP TABLE ledger;"
	"DROP TABLE generation;"
	"ALTER TABLE generation_4 RENAME TO generation",
	/* 5: when local ports were released. */
	"ALTER TABLE meta ADD COLUMN released INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE meta ADD COLUMN released_sum INTEGER NOT NULL DEFAULT 0;"
	"UPDATE meta SET sum = sum_add(sum, released, released_sum);" RELEASED_TABLE,
};

static int
version_set(sqlite3 *db, unsigned version, struct fault *fault)
{
	char sql[96];

	snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %u",
		APPLICATION_ID, version);
	return db_run(db, sql, fault);
}

/* sum_add(sum, value, ...): continues the checksum over integers and texts. */
static void
sum_add_call(sqlite3_context *context, int n, sqlite3_value **values)
{
	uint64_t sum = (uint64_t)sqlite3_value_int64(values[0]);
	int i;

	for (i = 1; i < n; i++) {
		if (sqlite3_value_type(values[i]) == SQLITE_TEXT)
			sum = sum_bytes(sum, (const char *)sqlite3_value_text(values[i]),
				(size_t)sqlite3_value_bytes(values[i]));
		else
			sum = sum_number(sum, (uint64_t)sqlite3_value_int64(values[i]));
	}
	sqlite3_result_int64(context, (sqlite3_int64)sum);
}

/* sum_total(value): as sum(), modulo 2^64; 0 of no rows. */
static void
sum_total_step(sqlite3_context *context, int n, sqlite3_value **values)
{
	uint64_t *total = sqlite3_aggregate_context(context, sizeof(*total));

	(void)n;
	if (total)
		*total += (uint64_t)sqlite3_value_int64(values[0]);
	else
		sqlite3_result_error_nomem(context);
}

static void
sum_total_final(sqlite3_context *context)
{
	const uint64_t *total = sqlite3_aggregate_context(context, 0);

	sqlite3_result_int64(context, total ? (sqlite3_int64)*total : 0);
}

int
layout_migrate_by(sqlite3 *db, unsigned version, const layout_step *steps, unsigned n_steps,
	struct fault *fault)
{
	unsigned i;
	int rc;

	if (sqlite3_create_function(db, "sum_add", -1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL,
		    sum_add_call, NULL, NULL) != SQLITE_OK ||
		sqlite3_create_function(db, "sum_total", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
			NULL, NULL, sum_total_step, sum_total_final) != SQLITE_OK)
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
	return layout_migrate_by(db, version, migration, LAYOUT_VERSION - 1, fault);
}

const char *
layout_generation_sql(unsigned version)
{
	return version < 4 ? "SELECT generation FROM ledger" : "SELECT generation FROM meta";
}

static uint64_t
meta_sum(const struct meta *meta)
{
	uint64_t sum = SUM_START;
	unsigned i;

	for (i = 0; i < META_NUMBERS_N; i++)
		sum = sum_number(sum, meta->numbers[i]);
	return sum;
}

int
meta_load(sqlite3 *db, struct meta *meta, struct fault *fault)
{
	sqlite3_stmt *row =
		db_prepare(db, "SELECT " META_NUMBERS ", sum FROM meta WHERE one = 1", fault);
	int found = row ? db_row(row, fault) : -1;
	unsigned i;

	if (found >= 0) {
		for (i = 0; i < META_NUMBERS_N; i++)
			meta->numbers[i] = db_column(row, (int)i);
		if (found == 0 || db_column(row, META_NUMBERS_N) != meta_sum(meta))
			found = fault_set(fault, FAULT_STORE, "", "its meta row is %s",
				found == 0 ? "missing" : "damaged");
	}
	sqlite3_finalize(row);
	return found < 0 ? -1 : 0;
}

int
meta_save(sqlite3_stmt *statement, const struct meta *meta, struct fault *fault)
{
	unsigned i;

	for (i = 0; i < META_NUMBERS_N; i++)
		sqlite3_bind_int64(statement, (int)i + 1, (sqlite3_int64)meta->numbers[i]);
	sqlite3_bind_int64(statement, META_NUMBERS_N + 1, (sqlite3_int64)meta_sum(meta));
	return db_step(statement, fault);
}

static uint64_t
row_flags(const struct generation_row *row)
{
	return (row->to_confirm ? GENERATION_TO_CONFIRM : 0) |
	       (row->generation.declared ? GENERATION_DECLARED : 0);
}

uint64_t
generation_row_sum(const struct generation_row *row)
{
	const struct store_generation *generation = &row->generation;
	const struct actor *actor = &generation->actor;
	const char *const texts[] = {
		actor->name, actor->via, generation->method, generation->comment, generation->tag};
	const uint64_t numbers[] = {generation->number, generation->time_ns, actor->uid, actor->gid,
		(uint64_t)actor->pid, actor->role, generation->added, generation->changed,
		generation->removed, generation->returns, generation->returned, row_flags(row),
		row->first_change, row->n_changes};
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
		.to_confirm = (db_column(statement, 15) & GENERATION_TO_CONFIRM) != 0,
		.first_change = db_column(statement, 16),
		.n_changes = db_column(statement, 17),
	};
	generation->number = db_column(statement, 0);
	generation->time_ns = db_column(statement, 1);
	actor->uid = (uint32_t)db_column(statement, 2);
	actor->gid = (uint32_t)db_column(statement, 3);
	actor->pid = (int32_t)db_column(statement, 4);
	text_read(statement, 5, actor->name, sizeof(actor->name));
	text_read(statement, 6, actor->via, sizeof(actor->via));
	actor->role = (uint8_t)db_column(statement, 7);
	text_read(statement, 8, generation->method, sizeof(generation->method));
	text_read(statement, 9, generation->comment, sizeof(generation->comment));
	generation->added = db_column(statement, 10);
	generation->changed = db_column(statement, 11);
	generation->removed = db_column(statement, 12);
	generation->returns = (enum store_return)db_column(statement, 13);
	generation->returned = db_column(statement, 14);
	generation->declared = (db_column(statement, 15) & GENERATION_DECLARED) != 0;
	text_read(statement, 18, generation->tag, sizeof(generation->tag));
	return db_column(statement, GENERATION_COLUMNS_N - 1) == generation_row_sum(row) ? 0 : -1;
}

int
generation_row_save(sqlite3_stmt *statement, const struct generation_row *row, struct fault *fault)
{
	const struct store_generation *generation = &row->generation;
	const struct actor *actor = &generation->actor;

	db_bind(statement, "iiiiittittiiiiiiiiti", generation->number, generation->time_ns,
		(uint64_t)actor->uid, (uint64_t)actor->gid, (uint64_t)actor->pid, actor->name,
		actor->via, (uint64_t)actor->role, generation->method, generation->comment,
		generation->added, generation->changed, generation->removed,
		(uint64_t)generation->returns, generation->returned, row_flags(row),
		row->first_change, row->n_changes, generation->tag, generation_row_sum(row));
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

int
released_read(sqlite3_stmt *statement, struct store_released *released)
{
	released->place = db_text(statement, 0);
	if (!released->place)
		released->place = "";
	released->time_ns = db_column(statement, 1);
	return db_column(statement, 2) == released_sum(released) ? 0 : -1;
}

int
layout_create(sqlite3 *db, const struct meta *meta, struct fault *fault)
{
	sqlite3_stmt *save = NULL;
	int rc = -1;

	if (db_run(db, "BEGIN IMMEDIATE", fault) == 0 && db_run(db, layout_tables, fault) == 0 &&
		db_run(db, RELEASED_TABLE, fault) == 0 &&
		version_set(db, LAYOUT_VERSION, fault) == 0 &&
		(save = db_prepare(db, META_SAVE_SQL, fault)) != NULL &&
		meta_save(save, meta, fault) == 0)
		rc = db_run(db, "COMMIT", fault);
	sqlite3_finalize(save);
	if (rc < 0)
		db_rollback(db);
	return rc;
}
