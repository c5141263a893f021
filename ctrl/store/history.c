/* SPDX-License-Identifier: BSD-3-Clause */
/* The last generations and what each changed, read back for people. */
#include <stdlib.h>

#include "store/db.h"
#include "store/rows.h"
#include "store/store_private.h"

#define REVERTED_COLUMN GENERATION_COLUMNS_N

/*
 * The generations whose changes make up the state, from the last one backwards: behind one that
 * returned to another (1) that other one follows. One of them may have taken a single one back (2).
 */
#define STANDING_SQL \
	"WITH RECURSIVE standing(number, before) AS (" \
	" SELECT number, CASE is_rollback WHEN 1 THEN returns_to ELSE number - 1 END" \
	" FROM generation WHERE number = (SELECT max(number) FROM generation)" \
	" UNION ALL" \
	" SELECT o.number, CASE o.is_rollback WHEN 1 THEN o.returns_to ELSE o.number - 1 END" \
	" FROM standing AS s JOIN generation AS o" \
	" ON o.number = (SELECT max(number) FROM generation WHERE number <= s.before))"

/*
 * `condition` is that on the generation g. The subqueries do not depend on g, so that they run
 * once.
 */
#define HISTORY_SQL(condition) \
	STANDING_SQL " SELECT " GENERATION_COLUMNS ", number NOT IN (SELECT number FROM standing)" \
		     " OR number IN (SELECT returns_to FROM generation WHERE is_rollback = 2" \
		     " AND number IN (SELECT number FROM standing))" \
		     " FROM generation AS g WHERE " condition

static enum store_outcome
outcome_of(const struct generation_row *row, bool reverted, const struct ledger *ledger)
{
	const uint64_t number = row->generation.number;

	if (reverted)
		return STORE_REVERTED;
	if (ledger->has_confirm && ledger->confirm.generation == number)
		return STORE_OPEN;
	if (ledger->generation == number)
		return STORE_CURRENT;
	return row->to_confirm ? STORE_CONFIRMED : STORE_DONE;
}

static int
generation_found(sqlite3_stmt *statement, struct generation_row *row, struct fault *fault)
{
	if (generation_row_read(statement, row) == 0)
		return 0;
	return fault_set(fault, FAULT_STORE, "",
		"the entry of generation %llu is damaged in the store",
		(unsigned long long)row->generation.number);
}

/* In a read transaction, so that the ledger is of the same time as the list. */
static int
history_read(sqlite3 *db, sqlite3_stmt *list, store_history_fn fn, void *arg, struct fault *fault)
{
	struct generation_row row;
	struct ledger ledger;
	bool reverted;
	int rc;

	if (ledger_load(db, &ledger, fault) < 0)
		return -1;
	while ((rc = db_row(list, fault)) == 1) {
		if (generation_found(list, &row, fault) < 0)
			return -1;
		reverted = db_column(list, REVERTED_COLUMN) != 0;
		rc = fn(arg, &row.generation, outcome_of(&row, reverted, &ledger));
		if (rc != 0)
			return rc;
	}
	return rc;
}

/* The reader's statement within a read transaction; NULL with *fault, and nothing is open. */
static sqlite3_stmt *
reading_begin(struct store *store, const char *sql, struct fault *fault)
{
	sqlite3_stmt *statement = NULL;

	store_still(store);
	if (db_run(store->reader, "BEGIN", fault) == 0) {
		statement = db_prepare(store->reader, sql, fault);
		if (!statement)
			db_run(store->reader, "ROLLBACK", fault);
	}
	if (!statement)
		store_go_on(store);
	return statement;
}

static void
reading_end(struct store *store, sqlite3_stmt *statement)
{
	sqlite3_finalize(statement);
	sqlite3_exec(store->reader, "ROLLBACK", NULL, NULL, NULL);
	store_go_on(store);
}

int
store_history_list(struct store *store, const struct store_history_filter *filter, unsigned limit,
	store_history_fn fn, void *arg, struct fault *fault)
{
	sqlite3_stmt *list = reading_begin(store,
		HISTORY_SQL("number < ?1 AND (?2 IS NULL OR name = ?2)"
			    " AND (?3 IS NULL OR method = ?3) AND (NOT ?4 OR flags & 2)"
			    " AND (NOT ?5 OR tag <> '') ORDER BY number DESC LIMIT ?6"),
		fault);
	int rc;

	if (!list)
		return -1;
	db_bind(list, "ittiii", filter->before ? filter->before : (uint64_t)INT64_MAX, filter->name,
		filter->method, (uint64_t)filter->declared, (uint64_t)filter->tagged,
		(uint64_t)limit);
	rc = history_read(store->reader, list, fn, arg, fault);
	reading_end(store, list);
	return rc;
}

struct history_one {
	struct store_generation *generation;
	enum store_outcome *outcome;
	bool found;
};

static int
one_take(void *arg, const struct store_generation *generation, enum store_outcome outcome)
{
	struct history_one *one = arg;

	*one->generation = *generation;
	*one->outcome = outcome;
	one->found = true;
	return 0;
}

static int
not_kept(struct store *store, uint64_t generation, struct fault *fault)
{
	const struct ledger *ledger = &store->writer.ledger;

	return fault_set(fault, FAULT_NOT_FOUND, "",
		"found generation %llu, expected one that is kept, from %llu to %llu; "
		"history.list names them",
		(unsigned long long)generation, (unsigned long long)ledger->base + 1,
		(unsigned long long)ledger->generation);
}

int
store_history_get(struct store *store, uint64_t generation, struct store_generation *found,
	enum store_outcome *outcome, struct fault *fault)
{
	struct history_one one = {.generation = found, .outcome = outcome};
	sqlite3_stmt *list = reading_begin(store, HISTORY_SQL("number = ?"), fault);
	int rc;

	if (!list)
		return -1;
	db_bind(list, "i", generation);
	rc = history_read(store->reader, list, one_take, &one, fault);
	reading_end(store, list);
	if (rc == 0 && !one.found)
		return not_kept(store, generation, fault);
	return rc;
}

/* Columns: place, of the change sum, id, text, last_leg, declared, row; then what came after. */
static const char changes_sql[] =
	"SELECT c.row - g.first_change + 1, c.sum, c.id, c.text, c.last_leg, c.declared, c.row,"
	" CASE WHEN n.row IS NULL THEN f.text ELSE n.text END"
	" FROM generation AS g"
	" JOIN change AS c ON c.row >= g.first_change + ?2"
	"  AND c.row < g.first_change + g.n_changes"
	" LEFT JOIN change AS n ON n.id = c.id AND n.generation ="
	"  (SELECT min(m.generation) FROM change AS m"
	"   WHERE m.id = c.id AND m.generation > c.generation)"
	" LEFT JOIN flow AS f ON f.id = c.id"
	" WHERE g.number = ?1 ORDER BY c.row LIMIT ?3";

static int
change_tell(
	sqlite3_stmt *list, uint64_t generation, store_change_fn fn, void *arg, struct fault *fault)
{
	struct store_flow before;
	struct store_change change;

	flow_read(list, 2, &before);
	if (change_sum(db_column(list, 6), generation, &before) != db_column(list, 1))
		return fault_set(fault, FAULT_STORE, "",
			"the change of flow %.64s in generation %llu is damaged in the store",
			before.id, (unsigned long long)generation);
	change = (struct store_change){
		.place = db_column(list, 0),
		.id = before.id,
		.before = before.text,
		.before_bytes = before.bytes,
		.before_last_leg = before.last_leg,
		.before_declared = before.declared,
		.after = db_text(list, 7),
		.after_bytes = (size_t)sqlite3_column_bytes(list, 7),
	};
	return fn(arg, &change);
}

int
store_history_changes(struct store *store, uint64_t generation, uint64_t after, unsigned limit,
	store_change_fn fn, void *arg, struct fault *fault)
{
	struct store_generation found;
	enum store_outcome outcome;
	sqlite3_stmt *list;
	int rc;

	if (store_history_get(store, generation, &found, &outcome, fault) < 0)
		return -1;
	list = reading_begin(store, changes_sql, fault);
	if (!list)
		return -1;
	db_bind(list, "iii", generation, after, (uint64_t)limit);
	while ((rc = db_row(list, fault)) == 1) {
		rc = change_tell(list, generation, fn, arg, fault);
		if (rc != 0)
			break;
	}
	reading_end(store, list);
	return rc;
}
