/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * At start: check all that is in the file; where it is damaged or missing, replace it by the best
 * that is left. The new file is made whole beside the damaged one before that is moved; a power
 * loss at any point leaves the damaged one, to be recovered again, or the new one, to be moved to
 * its place.
 */
#include "store/recover.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/files.h"
#include "store/sqlite.h"

#define NEW_SUFFIX "-new" /* the file that is being made */

/* What the rows of a table, or the entries of an index, come to. */
struct tally {
	uint64_t n;
	uint64_t sums;
	uint64_t keys; /* sum over hashes of row and indexed columns: equal if both agree */
	bool damaged; /* a row does not match its checksum */
};

typedef void (*row_tally_fn)(sqlite3_stmt *rows, struct tally *tally);

static bool
means_damage(int code)
{
	return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB ||
	       (code & 0xff) == SQLITE_MISMATCH;
}

static void damage(struct verdict *verdict, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The first damage is the one that is reported. */
static void
damage(struct verdict *verdict, const char *format, ...)
{
	va_list args;

	verdict->all_good = false;
	if (verdict->reason[0] != '\0')
		return;
	va_start(args, format);
	vsnprintf(verdict->reason, sizeof(verdict->reason), format, args);
	va_end(args);
}

/*
 * After an error of a statement: 0 when it means damage, which is noted, else -1. The statements
 * are right, so SQLITE_ERROR means that a table or column is not there.
 */
static int
error_check(sqlite3 *db, const char *what, struct verdict *verdict, struct fault *fault)
{
	const int code = sqlite3_errcode(db);

	if (!means_damage(code) && (code & 0xff) != SQLITE_ERROR)
		return db_fault(db, fault);
	damage(verdict, "%s: %s", what, sqlite3_errmsg(db));
	return 0;
}

static uint64_t
key_hash(const char *id, uint64_t row, uint64_t generation)
{
	return sum_number(sum_number(sum_text(SUM_START, id ? id : ""), row), generation);
}

/* Columns: row, sum, id, text, last_leg, declared, generation (of a flow 0). */
static void
flow_tally(sqlite3_stmt *rows, struct tally *tally)
{
	const uint64_t row = db_column(rows, 0), generation = db_column(rows, 6);
	struct store_flow flow;
	uint64_t sum;

	flow_read(rows, 2, &flow);
	sum = generation == 0 ? flow_sum(&flow) : change_sum(row, generation, &flow);
	tally->n++;
	tally->sums += sum;
	tally->keys += key_hash(flow.id, row, generation);
	if (sum != db_column(rows, 1))
		tally->damaged = true;
}

/* Columns: row, id, generation. */
static void
index_tally(sqlite3_stmt *entries, struct tally *tally)
{
	tally->keys += key_hash(db_text(entries, 1), db_column(entries, 0), db_column(entries, 2));
}

static void
generation_tally(sqlite3_stmt *rows, struct tally *tally)
{
	struct generation_row row;

	if (generation_row_read(rows, &row) < 0)
		tally->damaged = true;
	tally->n++;
	tally->sums += generation_row_sum(&row);
}

static void
released_tally(sqlite3_stmt *rows, struct tally *tally)
{
	struct store_released released;

	if (released_read(rows, &released) < 0)
		tally->damaged = true;
	tally->n++;
	tally->sums += released_sum(&released);
}

/* 0, with tally->damaged when the statement cannot be run because the file is damaged. */
static int
tally_take(sqlite3 *db, const char *sql, row_tally_fn fn, struct tally *tally,
	struct verdict *verdict, struct fault *fault)
{
	sqlite3_stmt *rows = db_prepare(db, sql, fault);
	int rc = SQLITE_ERROR;

	*tally = (struct tally){.n = 0};
	while (rows && (rc = sqlite3_step(rows)) == SQLITE_ROW)
		fn(rows, tally);
	if (rc == SQLITE_DONE) {
		sqlite3_finalize(rows);
		return 0;
	}
	tally->damaged = true;
	rc = error_check(db, "rows", verdict, fault);
	sqlite3_finalize(rows);
	return rc;
}

static bool
tally_check(const struct tally *tally, const char *what, uint64_t n, uint64_t sums,
	struct verdict *verdict)
{
	if (tally->damaged)
		damage(verdict, "one of the %s does not match its checksum", what);
	if (tally->n != n || tally->sums != sums)
		damage(verdict, "found %llu %s, expected %llu", (unsigned long long)tally->n, what,
			(unsigned long long)n);
	return !tally->damaged && tally->n == n && tally->sums == sums;
}

/* The table alone first: if it is good the flows are, whatever the index is like. */
static int
rows_verify(sqlite3 *db, struct verdict *verdict, struct fault *fault)
{
	const struct meta *meta = &verdict->meta;
	struct tally rows, entries;

	if (tally_take(db,
		    "SELECT row, sum, id, text, last_leg, declared, 0 FROM flow NOT INDEXED"
		    " ORDER BY row",
		    flow_tally, &rows, verdict, fault) < 0)
		return -1;
	verdict->flows_good = tally_check(&rows, "flows", meta->flows, meta->flows_sum, verdict);
	if (tally_take(db,
		    "SELECT row, id, 0 FROM flow INDEXED BY sqlite_autoindex_flow_1 ORDER BY id",
		    index_tally, &entries, verdict, fault) < 0)
		return -1;
	if (entries.keys != rows.keys)
		damage(verdict, "the index of flows does not match them");
	if (tally_take(db,
		    "SELECT row, sum, id, text, last_leg, declared, generation"
		    " FROM change NOT INDEXED ORDER BY row",
		    flow_tally, &rows, verdict, fault) < 0 ||
		tally_take(db,
			"SELECT row, id, generation FROM change INDEXED BY change_of"
			" ORDER BY id",
			index_tally, &entries, verdict, fault) < 0)
		return -1;
	tally_check(&rows, "changes", meta->changes, meta->changes_sum, verdict);
	if (entries.keys != rows.keys)
		damage(verdict, "the index of changes does not match them");
	if (tally_take(db, "SELECT " GENERATION_COLUMNS " FROM generation ORDER BY number",
		    generation_tally, &rows, verdict, fault) < 0)
		return -1;
	tally_check(&rows, "generations", meta->generations, meta->generations_sum, verdict);
	if (tally_take(db, "SELECT " RELEASED_COLUMNS " FROM released ORDER BY place",
		    released_tally, &rows, verdict, fault) < 0)
		return -1;
	verdict->released_good =
		tally_check(&rows, "released ports", meta->released, meta->released_sum, verdict);
	return 0;
}

static int
structure_verify(sqlite3 *db, struct verdict *verdict, struct fault *fault)
{
	sqlite3_stmt *check = db_prepare(db, "PRAGMA quick_check(1)", fault);
	const char *said;
	int rc;

	if (!check)
		return error_check(db, "structure", verdict, fault);
	rc = sqlite3_step(check);
	if (rc == SQLITE_ROW) {
		said = db_text(check, 0);
		if (!said || strcmp(said, "ok") != 0)
			damage(verdict, "structure: %.200s", said ? said : "?");
		rc = 0;
	} else {
		rc = error_check(db, "structure", verdict, fault);
	}
	sqlite3_finalize(check);
	return rc;
}

int
verify(sqlite3 *db, struct verdict *verdict, struct fault *fault)
{
	*verdict = (struct verdict){.all_good = true};
	if (structure_verify(db, verdict, fault) < 0)
		return -1;
	if (meta_load(db, &verdict->meta, fault) < 0) {
		verdict->meta = (struct meta){0};
		if (sqlite3_errcode(db) != SQLITE_OK && sqlite3_errcode(db) != SQLITE_ROW &&
			sqlite3_errcode(db) != SQLITE_DONE)
			return error_check(db, "meta", verdict, fault);
		damage(verdict, "%s", fault->message);
		return 0;
	}
	return rows_verify(db, verdict, fault);
}

/* What inspecting a file comes to. */
enum file_state {
	FILE_GOOD,
	FILE_EMPTY, /* made, but nothing written to it */
	FILE_DAMAGED,
	FILE_REFUSED, /* not ours to touch, or not readable now: with *fault */
};

static enum file_state
error_state(int code, struct verdict *verdict, const struct fault *fault)
{
	if (!means_damage(code))
		return FILE_REFUSED;
	*verdict = (struct verdict){.all_good = false};
	snprintf(verdict->reason, sizeof(verdict->reason), "%.*s", STORE_REASON_MAX - 1,
		fault->message);
	return FILE_DAMAGED;
}

static enum file_state
contents_inspect(sqlite3 *db, const char *path, struct verdict *verdict,
	struct store_report *report, struct fault *fault)
{
	uint64_t application, version, tables;

	if (db_number(db, "PRAGMA application_id", &application, fault) < 0 ||
		db_number(db, "PRAGMA user_version", &version, fault) < 0 ||
		db_number(db, "SELECT count(*) FROM sqlite_schema", &tables, fault) < 0)
		return error_state(sqlite3_errcode(db), verdict, fault);
	if (tables == 0 && application == 0)
		return FILE_EMPTY;
	if (application != APPLICATION_ID || version == 0) {
		*verdict = (struct verdict){.reason = "it is not a store of sluiced"};
		return FILE_DAMAGED;
	}
	if (version > LAYOUT_VERSION) {
		fault_set(fault, FAULT_STORE, "",
			"store %s: found layout version %u, expected at most %u; it was "
			"written by a newer sluiced: start that version, or set state.path to "
			"another file",
			path, (unsigned)version, LAYOUT_VERSION);
		return FILE_REFUSED;
	}
	if (version < LAYOUT_VERSION) {
		report->migrated_from = (unsigned)version;
		if (layout_migrate(db, (unsigned)version, fault) < 0)
			return error_state(sqlite3_errcode(db), verdict, fault);
	}
	if (verify(db, verdict, fault) < 0)
		return FILE_REFUSED;
	return verdict->all_good ? FILE_GOOD : FILE_DAMAGED;
}

/* *db is open only if it is good or empty. A damaged file and its journal stay as they are. */
static enum file_state
file_inspect(const char *path, sqlite3 **db, struct verdict *verdict, struct store_report *report,
	struct fault *fault)
{
	enum file_state state;
	int code;

	*db = db_open(path, false, &code, fault);
	if (!*db)
		return error_state(code, verdict, fault);
	sqlite3_db_config(*db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	state = contents_inspect(*db, path, verdict, report, fault);
	if (state == FILE_GOOD || state == FILE_EMPTY) {
		sqlite3_db_config(*db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
		return state;
	}
	sqlite3_close(*db);
	*db = NULL;
	return state;
}

/* Whether the file at the path is a good store; then it is of our layout. */
static bool
is_good(const char *path)
{
	struct store_report ignored;
	struct verdict verdict;
	struct fault fault;
	sqlite3 *db = NULL;
	bool good;

	good = access(path, F_OK) == 0 &&
	       file_inspect(path, &db, &verdict, &ignored, &fault) == FILE_GOOD;
	sqlite3_close(db);
	return good;
}

/* Of the checked copy of the store; 0 when there is none that could be read. */
static uint64_t
copy_generation(const char *copy)
{
	struct meta meta = {.generation = 0};
	uint64_t version, generation = 0;
	struct fault ignored;
	sqlite3 *db;

	/* Not read-only: that would leave a journal beside it. */
	db = access(copy, F_OK) == 0 ? db_open(copy, false, NULL, &ignored) : NULL;
	if (!db || db_number(db, "PRAGMA user_version", &version, &ignored) < 0)
		goto end;
	/* Of an older layout the row has other columns: its checksum is checked when it is used. */
	if (version < LAYOUT_VERSION)
		db_number(db, layout_generation_sql((unsigned)version), &generation, &ignored);
	else if (meta_load(db, &meta, &ignored) == 0)
		generation = meta.generation;
end:
	sqlite3_close(db);
	return generation;
}

/* A new file with tables. NULL with *fault. */
static sqlite3 *
tables_file_create(const char *path, const struct meta *meta, struct fault *fault)
{
	sqlite3 *db;

	if (file_create(path, fault) < 0)
		return NULL;
	db = db_open(path, false, NULL, fault);
	if (!db)
		return NULL;
	if (db_configure(db, false, fault) == 0 && layout_create(db, meta, fault) == 0)
		return db;
	sqlite3_close(db);
	return NULL;
}

/*
 * The flows, and with `released` which local ports were: the history is not copied, since it may be
 * what is damaged.
 */
static int
flows_copy(sqlite3 *db, const char *damaged, bool released, struct fault *fault)
{
	sqlite3_stmt *attach = db_prepare(db, "ATTACH ? AS damaged", fault);
	int rc;

	if (!attach)
		return -1;
	db_bind(attach, "t", damaged);
	rc = db_step(attach, fault);
	sqlite3_finalize(attach);
	if (rc < 0)
		return -1;
	rc = db_run(
		db, "INSERT INTO flow SELECT * FROM damaged.flow NOT INDEXED ORDER BY row", fault);
	if (rc == 0 && released)
		rc = db_run(db, "INSERT INTO released SELECT * FROM damaged.released", fault);
	sqlite3_exec(db, "DETACH damaged", NULL, NULL, NULL);
	return rc;
}

/* An unconfirmed generation is kept, so that its end reports that its changes are lost. */
static int
flows_salvage(
	const char *damaged, const char *path, const struct verdict *found, struct fault *fault)
{
	const struct meta meta = {
		.generation = found->meta.generation,
		.base = found->meta.generation,
		.flows = found->meta.flows,
		.bytes = found->meta.bytes,
		.flows_sum = found->meta.flows_sum,
		.next_change = 1,
		.has_confirm = found->meta.has_confirm,
		.confirm = found->meta.confirm,
		.released = found->released_good ? found->meta.released : 0,
		.released_sum = found->released_good ? found->meta.released_sum : 0,
	};
	sqlite3 *db;
	int rc;

	if (!found->flows_good)
		return -1;
	db = tables_file_create(path, &meta, fault);
	if (!db)
		return -1;
	/* The damaged one stays as it is, to be examined. */
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	rc = flows_copy(db, damaged, found->released_good, fault);
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	return db_finish(db, path, fault) < 0 ? -1 : rc;
}

/* The checked copy itself stays where it is. */
static int
copy_use(const char *copy, const char *path, struct fault *fault)
{
	sqlite3 *db;
	int rc;

	if (access(copy, F_OK) < 0)
		return -1;
	db = db_open(copy, false, NULL, fault);
	if (!db)
		return -1;
	rc = db_copy(db, path, -1, NULL, NULL, fault);
	sqlite3_close(db);
	return rc == 0 && is_good(path) ? 0 : -1;
}

/*
 * The best that there is, at `path`: the flows of the damaged store if they are all good, unless
 * the copy is of a later generation; else the copy; else an empty store.
 */
static int
new_make(const char *damaged, const char *path, const struct verdict *found,
	struct store_report *report, struct fault *fault)
{
	char copy[FILE_NAME_MAX];
	bool copy_first;
	unsigned i;
	sqlite3 *db;

	snprintf(copy, sizeof(copy), "%s" COPY_SUFFIX, damaged);
	copy_first = copy_generation(copy) > found->meta.generation;
	for (i = 0; i < 2; i++) {
		report->condition = (i == 0) == copy_first ? STORE_COPY : STORE_SALVAGED;
		if ((report->condition == STORE_COPY
				    ? copy_use(copy, path, fault)
				    : flows_salvage(damaged, path, found, fault)) == 0)
			return 0;
		file_remove(path);
	}
	report->condition = STORE_LOST;
	db = tables_file_create(path, &(struct meta){.next_change = 1}, fault);
	return db ? db_finish(db, path, fault) : -1;
}

/* In the transaction that is open. */
static int
generation_add(sqlite3 *db, struct meta *meta, const char *comment, struct fault *fault)
{
	struct generation_row row = {
		.generation =
			{
				.number = meta->generation,
				.time_ns = clock_read_ns(CLOCK_REALTIME),
				.actor = {.name = "sluiced",
					.via = "sluiced",
					.pid = (int32_t)getpid()},
				.method = "recovery",
			},
		.first_change = meta->next_change,
	};
	sqlite3_stmt *insert = db_prepare(db, GENERATION_SAVE_SQL, fault);
	sqlite3_stmt *update = db_prepare(db, META_SAVE_SQL, fault);
	int rc = -1;

	snprintf(row.generation.comment, sizeof(row.generation.comment), "%.*s",
		STORE_COMMENT_MAX - 1, comment);
	meta->generations++;
	meta->generations_sum += generation_row_sum(&row);
	if (insert && update && generation_row_save(insert, &row, fault) == 0)
		rc = meta_save(update, meta, fault);
	sqlite3_finalize(insert);
	sqlite3_finalize(update);
	return rc;
}

/* Say in the history what happened, under a number that nothing has had. */
static int
recovery_record(const char *path, const char *comment, uint64_t damaged_generation,
	struct store_report *report, struct fault *fault)
{
	struct meta meta;
	sqlite3 *db;
	int rc = -1;

	db = db_open(path, false, NULL, fault);
	if (!db)
		return -1;
	if (db_configure(db, false, fault) < 0 || meta_load(db, &meta, fault) < 0) {
		sqlite3_close(db);
		return -1;
	}
	if (damaged_generation > meta.generation)
		meta.generation = damaged_generation;
	report->generation = ++meta.generation;
	if (db_run(db, "BEGIN IMMEDIATE", fault) == 0 &&
		generation_add(db, &meta, comment, fault) == 0)
		rc = db_run(db, "COMMIT", fault);
	return db_finish(db, path, fault) < 0 ? -1 : rc;
}

/* PATH.corrupt-TIME, with a number behind it if that is taken. */
static void
corrupt_name(const char *path, char *name, size_t size)
{
	char when[24];
	struct tm tm;
	const time_t now = time(NULL);
	unsigned i;

	gmtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm);
	snprintf(name, size, "%s.corrupt-%s", path, when);
	for (i = 2; access(name, F_OK) == 0; i++)
		snprintf(name, size, "%s.corrupt-%s-%u", path, when, i);
}

static bool
has_part(const char *path, const char *suffix)
{
	char name[FILE_NAME_MAX];

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	return access(name, F_OK) == 0;
}

/*
 * Put a good store where there is a damaged one or none. What is there goes to PATH.corrupt-TIME.
 * Whatever is found, one more generation says that it was recovered, so that numbers go on.
 */
static int
file_replace(const char *path, const struct verdict *found, struct store_report *report,
	struct fault *fault)
{
	char made[FILE_NAME_MAX];

	snprintf(made, sizeof(made), "%s" NEW_SUFFIX, path);
	/* With no store at the path, a file that is good is what an interrupted recovery made. */
	if (access(path, F_OK) == 0 || !is_good(made)) {
		file_remove(made);
		if (new_make(path, made, found, report, fault) < 0 ||
			recovery_record(
				made, report->reason, found->meta.generation, report, fault) < 0)
			return -1;
	} else {
		report->condition = STORE_COPY;
	}
	report->damaged_generation = found->meta.generation;
	if (has_part(path, "") || has_part(path, "-wal")) {
		corrupt_name(path, report->moved_to, sizeof(report->moved_to));
		if (file_move(path, report->moved_to, fault) < 0)
			return -1;
	}
	return file_rename(made, path, fault);
}

/*
 * The connection made fit for the writer, with tables if the file is fresh; closed on failure. The
 * journal is emptied: what is behind its end is not taken for something later, and a journal that
 * is lost takes generations with it, not the tables. A failure of that does no harm.
 */
static sqlite3 *
writer_prepare(sqlite3 *db, bool in_memory, bool fresh, struct fault *fault)
{
	if (db_configure(db, in_memory, fault) == 0 &&
		(!fresh || layout_create(db, &(struct meta){.next_change = 1}, fault) == 0)) {
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
	if (file_replace(path, verdict, report, fault) < 0)
		return NULL;
	if (file_inspect(path, &db, &made, &ignored, fault) == FILE_GOOD) {
		report->generation = made.meta.generation;
		return writer_prepare(db, false, false, fault);
	}
	fault_set(fault, FAULT_STORE, "", "store %s: what was recovered is damaged: %.200s", path,
		made.reason);
	return NULL;
}

/* No file of another user is used. 1, 0 or -1 as file_check(). */
static int
files_check(const char *path, struct fault *fault)
{
	static const char *const beside[] = {COPY_SUFFIX, NEW_SUFFIX};
	char name[FILE_NAME_MAX];
	unsigned i;

	for (i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", path, beside[i]);
		if (file_check(name, fault) < 0)
			return -1;
	}
	return file_check(path, fault);
}

/*
 * Whether the checked copy is of a later generation: SQLite ends the journal at the first frame
 * that is damaged, and drops what is behind it.
 */
static bool
is_behind_copy(const char *path, struct verdict *verdict)
{
	char copy[FILE_NAME_MAX];
	uint64_t copied;

	snprintf(copy, sizeof(copy), "%s" COPY_SUFFIX, path);
	copied = copy_generation(copy);
	if (copied <= verdict->meta.generation)
		return false;
	snprintf(verdict->reason, sizeof(verdict->reason),
		"its journal ends at generation %llu, and the checked copy is of generation %llu",
		(unsigned long long)verdict->meta.generation, (unsigned long long)copied);
	return true;
}

sqlite3 *
recover_open(const char *path, struct store_report *report, struct fault *fault)
{
	const int there = files_check(path, fault);
	struct verdict verdict = {.reason = "the file is missing or empty"};
	sqlite3 *db;

	*report = (struct store_report){.condition = STORE_OK};
	if (there < 0)
		return NULL;
	/* A store that was there once has left one of these. */
	if (there == 0 && (has_part(path, COPY_SUFFIX) || has_part(path, NEW_SUFFIX) ||
				  has_part(path, "-wal")))
		return recovered_open(path, &verdict, report, fault);
	if (there == 0 && file_create(path, fault) < 0)
		return NULL;
	switch (file_inspect(path, &db, &verdict, report, fault)) {
	case FILE_GOOD:
		if (!is_behind_copy(path, &verdict)) {
			report->generation = verdict.meta.generation;
			return writer_prepare(db, false, false, fault);
		}
		sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		sqlite3_close(db);
		break;
	case FILE_EMPTY:
		if (!has_part(path, COPY_SUFFIX)) {
			report->condition = STORE_FRESH;
			return writer_prepare(db, false, true, fault);
		}
		sqlite3_close(db);
		break;
	case FILE_DAMAGED:
		break;
	case FILE_REFUSED:
		return NULL;
	}
	return recovered_open(path, &verdict, report, fault);
}

sqlite3 *
recover_open_memory(const char *name, struct store_report *report, struct fault *fault)
{
	sqlite3 *db = db_open(name, false, NULL, fault);

	*report = (struct store_report){.condition = STORE_FRESH};
	return db ? writer_prepare(db, true, true, fault) : NULL;
}
