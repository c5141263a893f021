/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/store.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "store/files.h"
#include "store/maintain.h"
#include "store/recover.h"
#include "store/sqlite.h"

struct store {
	char path[STORE_PATH_MAX]; /* "" = in memory */
	char name[STORE_PATH_MAX + FILE_SUFFIX_MAX]; /* what db_open() takes */
	int lock; /* -1 = in memory */
	struct store_report report;
	sqlite3 *db; /* the writer's connection */
	/* Read-locked while a store in memory is read: its writer waits. One in a file need not. */
	pthread_rwlock_t readers_lock;
	int event_fd; /* written by the store's threads */
	struct event *event;
	struct writer *writer;
	struct maintain maintenance;
	struct maintain *maintain; /* NULL = in memory */
};

struct store_cursor {
	struct store *store;
	sqlite3 *db; /* a connection and a read transaction each, so that each has a view of its own
		      */
	sqlite3_stmt *rows;
	bool of_changes;
};

/* Opening and closing. */

static bool
in_memory(const struct store *store)
{
	return store->path[0] == '\0';
}

/* On the control thread. */
static void
completed(evutil_socket_t fd, short what, void *arg)
{
	struct store *store = arg;
	uint64_t count;

	(void)what;
	if (read(fd, &count, sizeof(count)) != sizeof(count))
		return;
	writer_complete(store->writer);
	if (store->maintain)
		maintain_generation(store->maintain, writer_meta(store->writer)->generation);
}

/* What was opened and started before an error is closed by store_free(). */
static int
store_start(struct store *store, struct event_base *base, struct store_report *report,
	struct fault *fault)
{
	const bool is_file = !in_memory(store);

	if (is_file) {
		if (file_directory_create(store->path, sizeof(store->path), fault) < 0)
			return -1;
		snprintf(store->name, sizeof(store->name), "%s", store->path);
		store->lock = file_lock(store->path, fault);
		if (store->lock < 0)
			return -1;
		store->db = recover_open(store->path, report, fault);
	} else {
		snprintf(store->name, sizeof(store->name), "file:/sluice-%p?vfs=memdb",
			(void *)store);
		store->db = recover_open_memory(store->name, report, fault);
	}
	if (!store->db)
		return -1;
	store->report = *report;
	store->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (store->event_fd < 0)
		return fault_set(
			fault, FAULT_INTERNAL, "", "no eventfd for the store: %s", strerror(errno));
	store->event = event_new(base, store->event_fd, EV_READ | EV_PERSIST, completed, store);
	if (!store->event || event_add(store->event, NULL) < 0)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory for the store");
	if (is_file) {
		if (maintain_init(&store->maintenance, store->path, report->generation, fault) < 0)
			return -1;
		store->maintain = &store->maintenance;
	}
	store->writer = writer_create(
		store->db, store->event_fd, &store->readers_lock, store->maintain, fault);
	return store->writer ? 0 : -1;
}

static void
store_free(struct store *store)
{
	if (store->maintain)
		maintain_fini(store->maintain);
	if (store->event)
		event_free(store->event);
	if (store->event_fd >= 0)
		close(store->event_fd);
	sqlite3_close(store->db);
	if (store->lock >= 0)
		close(store->lock);
	pthread_rwlock_destroy(&store->readers_lock);
	free(store);
}

struct store *
store_open(
	const char *path, struct event_base *base, struct store_report *report, struct fault *fault)
{
	struct store *store = calloc(1, sizeof(*store));

	if (!store || strlen(path) >= sizeof(store->path)) {
		free(store);
		fault_set(fault, FAULT_STORE, "",
			"no memory for the store, or its path is longer than %d",
			STORE_PATH_MAX - 1);
		return NULL;
	}
	snprintf(store->path, sizeof(store->path), "%s", path);
	store->lock = -1;
	store->event_fd = -1;
	pthread_rwlock_init(&store->readers_lock, NULL);
	if (store_start(store, base, report, fault) == 0)
		return store;
	store_free(store);
	return NULL;
}

void
store_close(struct store *store)
{
	if (!store)
		return;
	writer_destroy(store->writer);
	store_free(store);
}

void
store_keep(struct store *store, unsigned declared, unsigned calls)
{
	writer_keep(store->writer, declared, calls);
}

void
store_submit(struct store *store, struct store_batch *batch, store_done_fn done, void *arg)
{
	writer_submit(store->writer, batch, done, arg);
}

void
store_state(const struct store *store, struct store_state *state)
{
	const struct meta *meta = writer_meta(store->writer);

	*state = (struct store_state){
		.generation = meta->generation,
		.oldest = meta->base,
		.flows = meta->flows,
		.bytes = meta->bytes,
		.version = LAYOUT_VERSION,
		.is_durable = !in_memory(store),
		.has_confirm = meta->has_confirm,
		.confirm = meta->confirm,
		.report = &store->report,
	};
	snprintf(state->path, sizeof(state->path), "%s", store->path);
	if (store->maintain)
		maintain_state(store->maintain, &state->copy_generation, state->copy_fault,
			sizeof(state->copy_fault));
}

/* Cursors. */

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
	if (in_memory(cursor->store))
		pthread_rwlock_unlock(&cursor->store->readers_lock);
	free(cursor);
}

/* A connection with a view of its own, and what meta says there. */
static struct store_cursor *
cursor_open(struct store *store, const char *sql, struct meta *meta, struct fault *fault)
{
	struct store_cursor *cursor = calloc(1, sizeof(*cursor));

	if (!cursor) {
		fault_set(fault, FAULT_NO_ROOM, "", "no memory for a cursor");
		return NULL;
	}
	cursor->store = store;
	if (in_memory(store))
		pthread_rwlock_rdlock(&store->readers_lock);
	cursor->db = db_open(store->name, true, NULL, fault);
	if (cursor->db && db_run(cursor->db, "BEGIN", fault) == 0)
		cursor->rows = db_prepare(cursor->db, sql, fault);
	/* A read pins the view, which BEGIN alone does not. */
	if (cursor->rows && meta_load(cursor->db, meta, fault) == 0)
		return cursor;
	store_cursor_close(cursor);
	return NULL;
}

struct store_cursor *
store_flows_open(struct store *store, struct fault *fault)
{
	struct meta meta;

	return cursor_open(store, flows_sql, &meta, fault);
}

static int
return_check(sqlite3 *db, const struct meta *meta, uint64_t generation, struct fault *fault)
{
	uint64_t kept;
	char sql[96];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM generation WHERE number IN (%llu, %llu)",
		(unsigned long long)generation, (unsigned long long)generation + 1);
	if (db_number(db, sql, &kept, fault) < 0)
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
	struct store_cursor *cursor;
	struct meta meta;

	cursor = cursor_open(store, rollback_sql, &meta, fault);
	if (!cursor)
		return NULL;
	if (return_check(cursor->db, &meta, generation, fault) < 0) {
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
			"store %s: flow %.64s is damaged in it; restart sluiced to recover the "
			"store",
			cursor->store->path, flow->id);
	return 1;
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

/* Columns: index, of the change sum, id, text, last_leg, declared, row; then what came after. */
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
generation_report(sqlite3_stmt *list, const struct meta *meta, store_history_fn fn, void *arg,
	struct fault *fault)
{
	enum store_outcome outcome;
	struct generation_row row;
	const bool is_damaged = generation_row_read(list, &row) < 0;
	const uint64_t number = row.generation.number;

	if (is_damaged)
		return fault_set(fault, FAULT_STORE, "",
			"the entry of generation %llu is damaged in the store",
			(unsigned long long)number);
	if (db_column(list, GENERATION_COLUMNS_N) != 0)
		outcome = STORE_REVERTED;
	else if (meta->has_confirm && meta->confirm.generation == number)
		outcome = STORE_UNCONFIRMED;
	else if (meta->generation == number)
		outcome = STORE_CURRENT;
	else
		outcome = row.to_confirm ? STORE_CONFIRMED : STORE_DONE;
	return fn(arg, &row.generation, outcome);
}

int
store_history_list(struct store *store, const struct store_history_filter *filter, unsigned limit,
	store_history_fn fn, void *arg, struct fault *fault)
{
	struct meta meta;
	struct store_cursor *cursor = cursor_open(store, history_sql, &meta, fault);
	int rc = cursor ? 0 : -1;

	if (cursor)
		db_bind(cursor->rows, "ittiii",
			filter->before ? filter->before : (uint64_t)INT64_MAX, filter->name,
			filter->method, (uint64_t)filter->declared, (uint64_t)filter->tagged,
			(uint64_t)limit);
	while (rc == 0 && (rc = db_row(cursor->rows, fault)) == 1)
		rc = generation_report(cursor->rows, &meta, fn, arg, fault);
	store_cursor_close(cursor);
	return rc;
}

struct history_one {
	struct store_generation *generation;
	enum store_outcome *outcome;
};

static int
one_copy(void *arg, const struct store_generation *generation, enum store_outcome outcome)
{
	const struct history_one *one = arg;

	*one->generation = *generation;
	*one->outcome = outcome;
	return 0;
}

int
store_history_get(struct store *store, uint64_t generation, struct store_generation *found,
	enum store_outcome *outcome, struct fault *fault)
{
	const struct store_history_filter up_to = {.before = generation + 1};
	const struct meta *meta = writer_meta(store->writer);
	struct history_one one = {found, outcome};

	found->number = 0;
	if (store_history_list(store, &up_to, 1, one_copy, &one, fault) < 0)
		return -1;
	if (found->number == generation && generation != 0)
		return 0;
	return fault_set(fault, FAULT_NOT_FOUND, "",
		"found generation %llu, expected a kept one from %llu to %llu; see history.list",
		(unsigned long long)generation, (unsigned long long)meta->base + 1,
		(unsigned long long)meta->generation);
}

static int
change_report(
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
		.index = db_column(list, 0),
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
	struct store_cursor *cursor;
	struct meta meta;
	int rc;

	if (store_history_get(store, generation, &found, &outcome, fault) < 0)
		return -1;
	cursor = cursor_open(store, changes_sql, &meta, fault);
	rc = cursor ? 0 : -1;
	if (cursor)
		db_bind(cursor->rows, "iii", generation, after, (uint64_t)limit);
	while (rc == 0 && (rc = db_row(cursor->rows, fault)) == 1)
		rc = change_report(cursor->rows, generation, fn, arg, fault);
	store_cursor_close(cursor);
	return rc;
}
