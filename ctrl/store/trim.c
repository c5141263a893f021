/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/trim.h"

#include "store/db.h"

int
trim_init(struct trim *trim, sqlite3 *db, struct fault *fault)
{
	trim->db = db;
	trim->delete = NULL;
	trim->limit = db_prepare(db,
		"SELECT coalesce((SELECT first_change FROM generation ORDER BY number LIMIT 1),"
		" (SELECT next_change FROM ledger))",
		fault);
	if (!trim->limit)
		return -1;
	trim->delete = db_prepare(db,
		"DELETE FROM change WHERE row < min(?,"
		" (SELECT row FROM change ORDER BY row LIMIT 1) + ?)",
		fault);
	if (!trim->delete) {
		trim_fini(trim);
		return -1;
	}
	return 0;
}

void
trim_fini(struct trim *trim)
{
	sqlite3_finalize(trim->limit);
	sqlite3_finalize(trim->delete);
}

static int
rows_delete(struct trim *trim, uint64_t rows, struct fault *fault)
{
	uint64_t limit;
	int found;

	found = db_row(trim->limit, fault);
	limit = found == 1 ? db_column(trim->limit, 0) : 0;
	sqlite3_reset(trim->limit);
	if (found < 0)
		return -1;
	db_bind(trim->delete, "ii", limit, rows);
	return db_step(trim->delete, fault);
}

bool
trim_step(struct trim *trim, uint64_t rows)
{
	struct fault ignored;

	return rows_delete(trim, rows, &ignored) == 0 && sqlite3_changes(trim->db) > 0;
}
