/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/trim.h"

#include <stdlib.h>
#include <string.h>

#include "store/db.h"

#define GAP_ROWS_MIN 1000

static const char *const trim_sql[TRIM_STATEMENTS] = {
	[TRIM_LIMIT] =
		"SELECT coalesce((SELECT first_change FROM generation ORDER BY number LIMIT 1),"
		" (SELECT next_change FROM ledger))",
	[TRIM_OLD] = "SELECT row, sum FROM change WHERE row < ? ORDER BY row LIMIT ?",
	[TRIM_GAP] = "SELECT row, sum, generation IN (SELECT number FROM generation) FROM change"
		     " WHERE row >= ? AND row < ? ORDER BY row LIMIT ?",
	/* The first change of the same flow in the same gap between generations that are kept. */
	[TRIM_BEFORE] = "SELECT e.row FROM change AS c JOIN change AS e ON e.id = c.id"
			" AND e.generation < c.generation AND e.generation > coalesce("
			"  (SELECT number FROM generation WHERE number < c.generation"
			"   ORDER BY number DESC LIMIT 1), 0)"
			" WHERE c.row = ? ORDER BY e.generation LIMIT 1",
	/* Whether the flow is after that change what it was before. */
	[TRIM_AFTER] = "SELECT c.sum, CASE WHEN n.row IS NULL"
		       " THEN c.text IS f.text AND (f.row IS NULL OR"
		       "  c.last_leg = f.last_leg AND c.declared = f.declared)"
		       " ELSE c.text IS n.text AND c.last_leg = n.last_leg"
		       "  AND c.declared = n.declared END"
		       " FROM change AS c"
		       " LEFT JOIN change AS n ON n.id = c.id AND n.generation ="
		       "  (SELECT min(m.generation) FROM change AS m"
		       "   WHERE m.id = c.id AND m.generation > c.generation)"
		       " LEFT JOIN flow AS f ON f.id = c.id WHERE c.row = ?",
	[TRIM_DELETE] = "DELETE FROM change WHERE row = ?",
};

int
trim_init(struct trim *trim, struct write *write, struct fault *fault)
{
	unsigned i;

	*trim = (struct trim){.write = write};
	for (i = 0; i < TRIM_STATEMENTS; i++) {
		trim->statements[i] = db_prepare(write->db, trim_sql[i], fault);
		if (!trim->statements[i]) {
			trim_fini(trim);
			return -1;
		}
	}
	return 0;
}

void
trim_fini(struct trim *trim)
{
	unsigned i;

	for (i = 0; i < TRIM_STATEMENTS; i++)
		sqlite3_finalize(trim->statements[i]);
}

static int
change_delete(struct trim *trim, uint64_t row, uint64_t sum, struct fault *fault)
{
	struct ledger *ledger = &trim->write->ledger;

	db_bind(trim->statements[TRIM_DELETE], "i", row);
	if (db_step(trim->statements[TRIM_DELETE], fault) < 0)
		return -1;
	ledger->changes--;
	ledger->changes_sum -= (uint32_t)sum;
	return 0;
}

struct trim_row {
	uint64_t row;
	uint64_t sum;
};

/* What is older than all that is kept. How many went, or -1. */
static int
old_delete(struct trim *trim, struct trim_row *rows, uint64_t limit, struct fault *fault)
{
	sqlite3_stmt *first = trim->statements[TRIM_LIMIT], *old = trim->statements[TRIM_OLD];
	int found = db_row(first, fault), n = 0, i;
	uint64_t before = found == 1 ? db_column(first, 0) : 0;

	sqlite3_reset(first);
	if (found < 0)
		return -1;
	db_bind(old, "ii", before, limit);
	while ((found = db_row(old, fault)) == 1)
		rows[n++] = (struct trim_row){db_column(old, 0), db_column(old, 1)};
	sqlite3_reset(old);
	for (i = 0; i < n && found == 0; i++)
		found = change_delete(trim, rows[i].row, rows[i].sum, fault);
	return found < 0 ? -1 : n;
}

/* The change goes if it leads back to what is there without it. */
static int
change_judge(struct trim *trim, uint64_t row, struct fault *fault)
{
	sqlite3_stmt *after = trim->statements[TRIM_AFTER];
	uint64_t sum = 0;
	bool goes = false;
	int found;

	db_bind(after, "i", row);
	found = db_row(after, fault);
	if (found == 1) {
		sum = db_column(after, 0);
		goes = db_column(after, 1) != 0;
	}
	sqlite3_reset(after);
	if (found < 0)
		return -1;
	return goes ? change_delete(trim, row, sum, fault) : 0;
}

/* Of a generation that is not kept. The first of the flow's changes in the gap is all it takes. */
static int
gap_change_judge(struct trim *trim, const struct trim_row *change, struct fault *fault)
{
	sqlite3_stmt *before = trim->statements[TRIM_BEFORE];
	uint64_t first = change->row;
	int found;

	db_bind(before, "i", change->row);
	found = db_row(before, fault);
	if (found == 1)
		first = db_column(before, 0);
	sqlite3_reset(before);
	if (found < 0 || (found == 1 && change_delete(trim, change->row, change->sum, fault) < 0))
		return -1;
	return change_judge(trim, first, fault);
}

/* *gap begins behind what was looked at; it is empty at its end. */
static int
gap_thin(struct trim *trim, struct trim_row *rows, struct write_gap *gap, uint64_t limit,
	struct fault *fault)
{
	sqlite3_stmt *changes = trim->statements[TRIM_GAP];
	uint64_t seen;
	int found, n = 0, i;

	db_bind(changes, "iii", gap->from, gap->to, limit);
	for (seen = 0; (found = db_row(changes, fault)) == 1; seen++) {
		gap->from = db_column(changes, 0) + 1;
		if (!db_column(changes, 2))
			rows[n++] = (struct trim_row){db_column(changes, 0), db_column(changes, 1)};
	}
	sqlite3_reset(changes);
	if (seen < limit)
		gap->from = gap->to;
	for (i = 0; i < n && found == 0; i++)
		found = gap_change_judge(trim, &rows[i], fault);
	return found;
}

static void
gap_seen(struct write *write, struct write_gap rest)
{
	if (rest.from < rest.to) {
		write->gaps[0] = rest;
		return;
	}
	write->n_gaps--;
	memmove(write->gaps, write->gaps + 1, write->n_gaps * sizeof(write->gaps[0]));
}

/* Changes are made in the transaction that is open. Whether there may be more, or -1. */
static int
changes_trim(struct trim *trim, struct write_gap *gap, uint64_t limit, struct fault *fault)
{
	const uint64_t thinned = limit / 2 > GAP_ROWS_MIN ? limit / 2 : GAP_ROWS_MIN;
	struct write *write = trim->write;
	const uint64_t n_changes = write->ledger.changes;
	struct trim_row *rows = calloc(limit > thinned ? limit : thinned, sizeof(*rows));
	int n;

	if (!rows)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory to trim the history");
	n = old_delete(trim, rows, limit, fault);
	if (n == 0 && write->n_gaps > 0)
		n = gap_thin(trim, rows, gap, thinned, fault) < 0 ? -1 : 1;
	free(rows);
	if (n >= 0 && write->ledger.changes != n_changes &&
		ledger_save(write->statements[WRITE_LEDGER], &write->ledger, fault) < 0)
		return -1;
	return n;
}

bool
trim_step(struct trim *trim, uint64_t rows)
{
	struct write *write = trim->write;
	const struct ledger before = write->ledger;
	struct write_gap gap = write->gaps[0];
	struct fault ignored;
	int more;

	if (db_run(write->db, "BEGIN IMMEDIATE", &ignored) < 0)
		return false;
	more = changes_trim(trim, &gap, rows, &ignored);
	if (more < 0 || db_run(write->db, "COMMIT", &ignored) < 0) {
		if (!sqlite3_get_autocommit(write->db))
			sqlite3_exec(write->db, "ROLLBACK", NULL, NULL, NULL);
		write->ledger = before;
		return false;
	}
	if (write->n_gaps > 0)
		gap_seen(write, gap);
	return more > 0;
}
