/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "store/db.h"
#include "store/rows.h"

/* What the rows of a table, or the entries of an index, come to; equal for both if they agree. */
struct tally {
	uint64_t n;
	uint64_t bytes;
	uint64_t sums;
	uint64_t keys; /* sum over hashes of row and indexed columns */
	bool damaged;
};

typedef void (*row_tally_fn)(sqlite3_stmt *rows, struct tally *tally);

bool
verify_means_damage(int code)
{
	return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB ||
	       (code & 0xff) == SQLITE_MISMATCH;
}

static void damage(struct verdict *verdict, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The first damage is the one that is told. */
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

/* After an error of a statement: 0 when it means damage, which is noted, else -1. */
static int
error_judge(sqlite3 *db, const char *what, struct verdict *verdict, struct fault *fault)
{
	if (!verify_means_damage(sqlite3_errcode(db)))
		return db_fault(db, fault);
	damage(verdict, "%s: %s", what, sqlite3_errmsg(db));
	return 0;
}

static void
flow_tally(sqlite3_stmt *rows, struct tally *tally)
{
	struct store_flow flow;

	flow_read(rows, 2, &flow);
	tally->n++;
	tally->bytes += flow.bytes;
	tally->sums += db_column(rows, 1);
	tally->keys += sum_number(sum_text(SUM_START, flow.id), db_column(rows, 0));
	if (!flow.text || flow_sum(&flow) != db_column(rows, 1))
		tally->damaged = true;
}

static void
change_tally(sqlite3_stmt *rows, struct tally *tally)
{
	const uint64_t row = db_column(rows, 0), generation = db_column(rows, 6);
	struct store_flow before;

	flow_read(rows, 2, &before);
	tally->n++;
	tally->keys += sum_number(sum_number(sum_text(SUM_START, before.id), row), generation);
	tally->sums += (uint32_t)db_column(rows, 1);
	if (change_sum(row, generation, &before) != db_column(rows, 1))
		tally->damaged = true;
}

static void
flow_index_tally(sqlite3_stmt *entries, struct tally *tally)
{
	const char *id = db_text(entries, 1);

	tally->keys += sum_number(sum_text(SUM_START, id ? id : ""), db_column(entries, 0));
}

static void
change_index_tally(sqlite3_stmt *entries, struct tally *tally)
{
	const char *id = db_text(entries, 1);
	const uint64_t sum = sum_text(SUM_START, id ? id : "");

	tally->keys += sum_number(sum_number(sum, db_column(entries, 0)), db_column(entries, 2));
}

static int
tally_take(sqlite3 *db, const char *sql, row_tally_fn fn, struct tally *tally,
	struct verdict *verdict, struct fault *fault)
{
	sqlite3_stmt *rows = db_prepare(db, sql, fault);
	int rc;

	*tally = (struct tally){.n = 0};
	if (!rows) {
		tally->damaged = true;
		return error_judge(db, "tables", verdict, fault);
	}
	while ((rc = sqlite3_step(rows)) == SQLITE_ROW)
		fn(rows, tally);
	if (rc != SQLITE_DONE) {
		tally->damaged = true;
		rc = error_judge(db, "rows", verdict, fault);
	}
	sqlite3_finalize(rows);
	return rc == SQLITE_DONE ? 0 : rc;
}

/* The table alone first: if it is good, the flows are, whatever becomes of the index. */
static int
flows_verify(sqlite3 *db, struct verdict *verdict, struct fault *fault)
{
	const struct ledger *ledger = &verdict->ledger;
	struct tally rows, entries;

	if (tally_take(db,
		    "SELECT row, sum, id, text, last_leg, declared FROM flow NOT INDEXED"
		    " ORDER BY row",
		    flow_tally, &rows, verdict, fault) < 0)
		return -1;
	verdict->flows_good = !rows.damaged && rows.n == ledger->flows &&
			      rows.bytes == ledger->bytes && rows.sums == ledger->flows_sum;
	if (rows.damaged)
		damage(verdict, "a flow does not match its checksum");
	if (!verdict->flows_good)
		damage(verdict, "%llu flows do not come to the %llu of the ledger",
			(unsigned long long)rows.n, (unsigned long long)ledger->flows);
	if (tally_take(db,
		    "SELECT row, id FROM flow INDEXED BY sqlite_autoindex_flow_1 ORDER BY id",
		    flow_index_tally, &entries, verdict, fault) < 0)
		return -1;
	if (entries.keys != rows.keys)
		damage(verdict, "the index of flows does not match them");
	return 0;
}

static int
changes_verify(sqlite3 *db, struct verdict *verdict, struct fault *fault)
{
	struct tally rows, entries;

	if (tally_take(db,
		    "SELECT row, sum, id, text, last_leg, declared, generation"
		    " FROM change NOT INDEXED ORDER BY row",
		    change_tally, &rows, verdict, fault) < 0 ||
		tally_take(db,
			"SELECT row, id, generation FROM change INDEXED BY change_of"
			" ORDER BY id",
			change_index_tally, &entries, verdict, fault) < 0)
		return -1;
	if (rows.damaged)
		damage(verdict, "a change does not match its checksum");
	if (rows.n != verdict->ledger.changes || rows.sums != verdict->ledger.changes_sum)
		damage(verdict, "%llu changes do not come to the %llu of the ledger",
			(unsigned long long)rows.n, (unsigned long long)verdict->ledger.changes);
	if (entries.keys != rows.keys)
		damage(verdict, "the index of changes does not match them");
	return 0;
}

/* What the chain of generations says while it is followed. */
struct chain {
	uint64_t n;
	uint64_t sum; /* of the last one */
	uint64_t number;
	uint64_t n_changes; /* of all */
};

static void
chain_follow(sqlite3_stmt *rows, struct chain *chain, struct verdict *verdict)
{
	struct generation_row row;

	if (generation_row_read(rows, &row) < 0)
		damage(verdict, "the entry of generation %llu does not match its checksum",
			(unsigned long long)row.generation.number);
	else if (chain->n > 0 && row.link != chain->sum)
		damage(verdict, "generation %llu does not follow generation %llu",
			(unsigned long long)row.generation.number,
			(unsigned long long)chain->number);
	chain->n++;
	chain->sum = generation_row_sum(&row);
	chain->number = row.generation.number;
	chain->n_changes += row.n_changes;
}

static int
chain_verify(sqlite3 *db, struct verdict *verdict, struct fault *fault)
{
	const struct ledger *ledger = &verdict->ledger;
	struct chain chain = {.n = 0};
	sqlite3_stmt *rows;
	uint64_t n_changes;
	int rc;

	rows = db_prepare(
		db, "SELECT " GENERATION_COLUMNS " FROM generation ORDER BY number", fault);
	if (!rows)
		return error_judge(db, "generations", verdict, fault);
	while ((rc = sqlite3_step(rows)) == SQLITE_ROW)
		chain_follow(rows, &chain, verdict);
	rc = rc == SQLITE_DONE ? 0 : error_judge(db, "generations", verdict, fault);
	sqlite3_finalize(rows);
	if (rc < 0)
		return -1;
	if (chain.n > 0 && (chain.number != ledger->generation || chain.sum != ledger->chain))
		damage(verdict, "the last generation is not that of the ledger");
	if (chain.n == 0 && ledger->base != ledger->generation)
		damage(verdict, "no generation is there");
	if (db_number(db,
		    "SELECT count(*) FROM change WHERE generation IN"
		    " (SELECT number FROM generation)",
		    &n_changes, fault) < 0)
		return error_judge(db, "changes", verdict, fault);
	if (n_changes != chain.n_changes)
		damage(verdict, "%llu changes are there, expected %llu",
			(unsigned long long)n_changes, (unsigned long long)chain.n_changes);
	return 0;
}

static int
structure_verify(sqlite3 *db, struct verdict *verdict, struct fault *fault)
{
	sqlite3_stmt *check = db_prepare(db, "PRAGMA quick_check(1)", fault);
	const char *said;
	int rc;

	if (!check)
		return error_judge(db, "structure", verdict, fault);
	rc = sqlite3_step(check);
	if (rc == SQLITE_ROW) {
		said = db_text(check, 0);
		if (!said || strcmp(said, "ok") != 0)
			damage(verdict, "structure: %.200s", said ? said : "?");
		rc = 0;
	} else {
		rc = error_judge(db, "structure", verdict, fault);
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
	if (ledger_load(db, &verdict->ledger, fault) < 0) {
		verdict->ledger = (struct ledger){0};
		if (sqlite3_errcode(db) != SQLITE_OK && sqlite3_errcode(db) != SQLITE_ROW &&
			sqlite3_errcode(db) != SQLITE_DONE)
			return error_judge(db, "ledger", verdict, fault);
		damage(verdict, "%s", fault->message);
		return 0;
	}
	if (flows_verify(db, verdict, fault) < 0 || changes_verify(db, verdict, fault) < 0)
		return -1;
	return chain_verify(db, verdict, fault);
}
