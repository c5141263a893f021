/* SPDX-License-Identifier: BSD-3-Clause */
/* Cursors: a connection and a read transaction each, so that each has a view of its own. */
#include <stdio.h>
#include <stdlib.h>

#include "store/db.h"
#include "store/rows.h"
#include "store/store_private.h"

struct store_cursor {
	struct store *store;
	sqlite3 *db;
	sqlite3_stmt *rows;
	bool of_changes;
};

/* The first column is the flow's checksum, or, of changes, row and generation as well. */
static const char flows_sql[] = "SELECT sum, id, text, last_leg, declared FROM flow ORDER BY row";

/* Of several changes of a flow after the generation the first has what it was then. */
static const char rollback_sql[] =
	"SELECT sum, id, text, last_leg, declared, row, generation FROM change AS c"
	" WHERE row >= coalesce("
	"  (SELECT first_change + n_changes FROM generation WHERE number = ?1),"
	"  (SELECT first_change FROM generation WHERE number > ?1 ORDER BY number LIMIT 1))"
	" AND NOT EXISTS (SELECT 1 FROM change AS e"
	"  WHERE e.id = c.id AND e.generation > ?1 AND e.generation < c.generation)"
	" ORDER BY row";

void
store_cursor_close(struct store_cursor *cursor)
{
	if (!cursor)
		return;
	sqlite3_finalize(cursor->rows);
	sqlite3_close(cursor->db);
	store_go_on(cursor->store);
	free(cursor);
}

static struct store_cursor *
cursor_open(struct store *store, const char *sql, struct fault *fault)
{
	struct store_cursor *cursor = calloc(1, sizeof(*cursor));
	int code;

	if (!cursor) {
		fault_set(fault, FAULT_NO_ROOM, "", "no memory for a cursor");
		return NULL;
	}
	cursor->store = store;
	store_still(store);
	cursor->db = db_open(store->name, true, &code, fault);
	if (cursor->db && db_run(cursor->db, "BEGIN", fault) == 0)
		cursor->rows = db_prepare(cursor->db, sql, fault);
	if (!cursor->rows) {
		store_cursor_close(cursor);
		return NULL;
	}
	return cursor;
}

struct store_cursor *
store_flows_open(struct store *store, struct fault *fault)
{
	struct store_cursor *cursor = cursor_open(store, flows_sql, fault);
	struct ledger ledger;

	/* A read pins the view, which BEGIN alone does not. */
	if (cursor && ledger_load(cursor->db, &ledger, fault) < 0) {
		store_cursor_close(cursor);
		return NULL;
	}
	return cursor;
}

static int
return_check(sqlite3 *db, const struct ledger *ledger, uint64_t generation, struct fault *fault)
{
	uint64_t kept;
	char sql[96];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM generation WHERE number IN (%llu, %llu)",
		(unsigned long long)generation, (unsigned long long)generation + 1);
	if (db_number(db, sql, &kept, fault) < 0)
		return -1;
	if (kept > 0 || generation == ledger->base || generation == ledger->generation)
		return 0;
	return fault_set(fault, FAULT_NOT_FOUND, "/generation",
		"found %llu, expected a generation from %llu to %llu that is kept, or the one "
		"before such a one; history.list names them",
		(unsigned long long)generation, (unsigned long long)ledger->base,
		(unsigned long long)ledger->generation);
}

int
store_return_check(struct store *store, uint64_t generation, struct fault *fault)
{
	int rc;

	store_still(store);
	rc = return_check(store->reader, &store->writer.ledger, generation, fault);
	store_go_on(store);
	return rc;
}

struct store_cursor *
store_rollback_open(struct store *store, uint64_t generation, struct fault *fault)
{
	struct store_cursor *cursor = cursor_open(store, rollback_sql, fault);
	struct ledger ledger;

	if (!cursor)
		return NULL;
	cursor->of_changes = true;
	if (ledger_load(cursor->db, &ledger, fault) < 0)
		goto err;
	if (return_check(cursor->db, &ledger, generation, fault) < 0)
		goto err;
	db_bind(cursor->rows, "i", generation);
	return cursor;
err:
	store_cursor_close(cursor);
	return NULL;
}

int
store_cursor_next(struct store_cursor *cursor, struct store_flow *flow, struct fault *fault)
{
	const int found = db_row(cursor->rows, fault);
	uint64_t sum;

	if (found != 1)
		return found;
	flow_read(cursor->rows, 1, flow);
	sum = cursor->of_changes
		      ? change_sum(db_column(cursor->rows, 5), db_column(cursor->rows, 6), flow)
		      : flow_sum(flow);
	if (sum != db_column(cursor->rows, 0))
		return fault_set(fault, FAULT_STORE, "",
			"store %s: flow %.64s is damaged in it; restart sluiced, which moves a "
			"damaged store aside and uses the last good one",
			cursor->store->path, flow->id);
	return 1;
}
