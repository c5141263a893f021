/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/read.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/layout.h"
#include "store/sqlite.h"

struct store_cursor {
	struct store *store;
	sqlite3 *db;
	sqlite3_stmt *rows;
	struct meta meta; /* of the view */
	bool of_changes;
};

/* The first column is the checksum; it covers of changes row and generation as well. */
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
	store_view_close(cursor->store, cursor->db);
	free(cursor);
}

static struct store_cursor *
cursor_open(struct store *store, const char *sql, struct fault *fault)
{
	struct store_cursor *cursor = calloc(1, sizeof(*cursor));

	if (!cursor) {
		fault_set(fault, FAULT_NO_ROOM, "", "no memory for a cursor");
		return NULL;
	}
	cursor->store = store;
	cursor->db = store_view_open(store, fault);
	if (cursor->db && db_run(cursor->db, "BEGIN", fault) == 0)
		cursor->rows = db_prepare(cursor->db, sql, fault);
	/* A read pins the view, which BEGIN alone does not. */
	if (cursor->rows && meta_load(cursor->db, &cursor->meta, fault) == 0)
		return cursor;
	store_cursor_close(cursor);
	return NULL;
}

struct store_cursor *
store_flows_open(struct store *store, struct fault *fault)
{
	return cursor_open(store, flows_sql, fault);
}

static int
return_check(const struct store_cursor *cursor, uint64_t generation, struct fault *fault)
{
	const struct meta *meta = &cursor->meta;
	uint64_t kept;
	char sql[96];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM generation WHERE number IN (%llu, %llu)",
		(unsigned long long)generation, (unsigned long long)generation + 1);
	if (db_number(cursor->db, sql, &kept, fault) < 0)
		return -1;
	if (kept > 0 || generation == meta->base || generation == meta->generation)
		return 0;
	return fault_set(fault, FAULT_NOT_FOUND, "/generation",
		"found %llu, expected a kept generation from %llu to %llu, or the one before "
		"it; see history.list",
		(unsigned long long)generation, (unsigned long long)meta->base,
		(unsigned long long)meta->generation);
}

struct store_cursor *
store_rollback_open(struct store *store, uint64_t generation, struct fault *fault)
{
	struct store_cursor *cursor = cursor_open(store, rollback_sql, fault);

	if (!cursor)
		return NULL;
	if (return_check(cursor, generation, fault) < 0) {
		store_cursor_close(cursor);
		return NULL;
	}
	cursor->of_changes = true;
	db_bind(cursor->rows, "i", generation);
	return cursor;
}

int
store_return_check(struct store *store, uint64_t generation, struct fault *fault)
{
	struct store_cursor *cursor = store_rollback_open(store, generation, fault);

	store_cursor_close(cursor);
	return cursor ? 0 : -1;
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
			"flow %.64s is damaged in the store %s; restart sluiced to recover it",
			flow->id, sqlite3_db_filename(cursor->db, "main"));
	return 1;
}

struct store_cursor *
store_released_open(struct store *store, struct fault *fault)
{
	return cursor_open(
		store, "SELECT " RELEASED_COLUMNS " FROM released ORDER BY time_ns, place", fault);
}

int
store_released_next(
	struct store_cursor *cursor, struct store_released *released, struct fault *fault)
{
	const int found = db_row(cursor->rows, fault);

	if (found == 1 && released_read(cursor->rows, released) < 0)
		return fault_set(fault, FAULT_STORE, "",
			"the release of port %.64s is damaged in the store; restart sluiced to "
			"recover it",
			released->place);
	return found;
}

/* The history. */

/*
 * The generations whose changes make up the state, from the last one backwards: behind one that
 * returned to another (1) that other one follows. One of them may have undone a single one (2).
 * The subqueries do not depend on g, so that they run once.
 */
static const char history_sql[] =
	"WITH RECURSIVE effective(number, before) AS ("
	" SELECT number, CASE returns WHEN 1 THEN returned ELSE number - 1 END"
	" FROM generation WHERE number = (SELECT max(number) FROM generation)"
	" UNION ALL"
	" SELECT o.number, CASE o.returns WHEN 1 THEN o.returned ELSE o.number - 1 END"
	" FROM effective AS s JOIN generation AS o"
	" ON o.number = (SELECT max(number) FROM generation WHERE number <= s.before))"
	" SELECT " GENERATION_COLUMNS ", number NOT IN (SELECT number FROM effective)"
	" OR number IN (SELECT returned FROM generation WHERE returns = 2"
	" AND number IN (SELECT number FROM effective))"
	" FROM generation AS g"
	" WHERE number < ?1 AND (?2 IS NULL OR name = ?2) AND (?3 IS NULL OR method = ?3)"
	" AND (NOT ?4 OR flags & 2) AND (NOT ?5 OR tag <> '') ORDER BY number DESC LIMIT ?6";

/* As rollback_sql, then the index and what came after. */
static const char changes_sql[] =
	"SELECT c.sum, c.id, c.text, c.last_leg, c.declared, c.row, c.generation,"
	" c.row - g.first_change + 1, CASE WHEN n.row IS NULL THEN f.text ELSE n.text END"
	" FROM generation AS g"
	" JOIN change AS c ON c.row >= g.first_change + ?2"
	"  AND c.row < g.first_change + g.n_changes"
	" LEFT JOIN change AS n ON n.id = c.id AND n.generation ="
	"  (SELECT min(m.generation) FROM change AS m"
	"   WHERE m.id = c.id AND m.generation > c.generation)"
	" LEFT JOIN flow AS f ON f.id = c.id"
	" WHERE g.number = ?1 ORDER BY c.row LIMIT ?3";

struct store_cursor *
store_history_open(struct store *store, const struct store_history_filter *filter, unsigned limit,
	struct fault *fault)
{
	struct store_cursor *cursor = cursor_open(store, history_sql, fault);

	if (cursor)
		db_bind(cursor->rows, "ittiii",
			filter->before ? filter->before : (uint64_t)INT64_MAX, filter->name,
			filter->method, (uint64_t)filter->declared, (uint64_t)filter->tagged,
			(uint64_t)limit);
	return cursor;
}

int
store_history_next(struct store_cursor *cursor, struct store_generation *generation,
	enum store_outcome *outcome, struct fault *fault)
{
	const int found = db_row(cursor->rows, fault);
	const struct meta *meta = &cursor->meta;
	struct generation_row row;

	if (found != 1)
		return found;
	if (generation_row_read(cursor->rows, &row) < 0)
		return fault_set(fault, FAULT_STORE, "",
			"the entry of generation %llu is damaged in the store",
			(unsigned long long)row.generation.number);
	*generation = row.generation;
	if (db_column(cursor->rows, GENERATION_COLUMNS_N) != 0)
		*outcome = STORE_REVERTED;
	else if (meta->has_confirm && meta->confirm.generation == generation->number)
		*outcome = STORE_UNCONFIRMED;
	else if (meta->generation == generation->number)
		*outcome = STORE_CURRENT;
	else
		*outcome = row.to_confirm ? STORE_CONFIRMED : STORE_DONE;
	return 1;
}

int
store_history_get(struct store *store, uint64_t generation, struct store_generation *found,
	enum store_outcome *outcome, struct fault *fault)
{
	const struct store_history_filter up_to = {.before = generation + 1};
	struct store_cursor *cursor = store_history_open(store, &up_to, 1, fault);
	int rc = cursor ? store_history_next(cursor, found, outcome, fault) : -1;

	if (rc == 0 && cursor->meta.generation == cursor->meta.base)
		rc = fault_set(fault, FAULT_NOT_FOUND, "",
			"found generation %llu, expected a kept one, of which there is none yet",
			(unsigned long long)generation);
	else if (rc == 0 || (rc == 1 && found->number != generation))
		rc = fault_set(fault, FAULT_NOT_FOUND, "",
			"found generation %llu, expected a kept one from %llu to %llu; see "
			"history.list",
			(unsigned long long)generation, (unsigned long long)cursor->meta.base + 1,
			(unsigned long long)cursor->meta.generation);
	store_cursor_close(cursor);
	return rc < 0 ? -1 : 0;
}

struct store_cursor *
store_changes_open(struct store *store, uint64_t generation, uint64_t after, unsigned limit,
	struct fault *fault)
{
	struct store_generation found;
	enum store_outcome outcome;
	struct store_cursor *cursor;

	if (store_history_get(store, generation, &found, &outcome, fault) < 0)
		return NULL;
	cursor = cursor_open(store, changes_sql, fault);
	if (!cursor)
		return NULL;
	cursor->of_changes = true;
	db_bind(cursor->rows, "iii", generation, after, (uint64_t)limit);
	return cursor;
}

int
store_change_next(struct store_cursor *cursor, struct store_change *change, struct fault *fault)
{
	const int found = store_cursor_next(cursor, &change->before, fault);

	if (found == 1) {
		change->index = db_column(cursor->rows, 7);
		change->after = db_text(cursor->rows, 8);
	}
	return found;
}
