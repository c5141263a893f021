/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/maintain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "store/files.h"
#include "store/recover.h"
#include "store/sqlite.h"

#define GAP_ROWS_MIN 1000
/* So long after a change, and so long after the last copy, or so many times as it took. */
#define AFTER_CHANGE_NS (10 * NS_PER_S)
#define AFTER_COPY_NS (60 * NS_PER_S)
#define AFTER_COPY_TIMES 20
#define PAGES_A_STEP 1024
#define OPS_A_STEP 100000 /* of SQLite's machine, while a copy is checked */
#define PASSES 8 /* of a checkpoint, each for what was written during the one before */
#define MAINTAIN_NICE 5

/* Each DELETE returns the checksums of what it deleted. */
static const char *const trim_sql[TRIM_STATEMENTS] = {
	/* Older than all that is kept. */
	[TRIM_OLD] = "DELETE FROM change WHERE row IN (SELECT row FROM change WHERE row < coalesce("
		     "  (SELECT first_change FROM generation ORDER BY number LIMIT 1),"
		     "  (SELECT next_change FROM meta)) ORDER BY row LIMIT ?) RETURNING sum",
	[TRIM_GAP] = "SELECT row, generation IN (SELECT number FROM generation) FROM change"
		     " WHERE row >= ? AND row < ? ORDER BY row LIMIT ?",
	/* The first change of the same flow in the same gap between generations that are kept. */
	[TRIM_FIRST] = "SELECT e.row FROM change AS c JOIN change AS e ON e.id = c.id"
		       " AND e.generation <= c.generation AND e.generation > coalesce("
		       "  (SELECT number FROM generation WHERE number < c.generation"
		       "   ORDER BY number DESC LIMIT 1), 0)"
		       " WHERE c.row = ? ORDER BY e.generation LIMIT 1",
	[TRIM_DELETE] = "DELETE FROM change WHERE row = ? RETURNING sum",
	/* If the flow is after the change what it was before. */
	[TRIM_DELETE_SAME] = "DELETE FROM change WHERE row = (SELECT c.row FROM change AS c"
			     " LEFT JOIN change AS n ON n.id = c.id AND n.generation ="
			     "  (SELECT min(m.generation) FROM change AS m"
			     "   WHERE m.id = c.id AND m.generation > c.generation)"
			     " LEFT JOIN flow AS f ON f.id = c.id WHERE c.row = ?"
			     " AND CASE WHEN n.row IS NULL"
			     " THEN c.text IS f.text AND (f.row IS NULL OR"
			     "  c.last_leg = f.last_leg AND c.declared = f.declared)"
			     " ELSE c.text IS n.text AND c.last_leg = n.last_leg"
			     "  AND c.declared = n.declared END) RETURNING sum",
};

int
trim_init(struct trim *trim, sqlite3 *db, struct fault *fault)
{
	*trim = (struct trim){.db = db, .gaps = {{0, INT64_MAX}}, .n_gaps = 1};
	trim->save = meta_prepare(db, fault);
	return trim->save ? db_prepare_all(db, trim_sql, trim->statements, TRIM_STATEMENTS, fault)
			  : -1;
}

void
trim_fini(struct trim *trim)
{
	sqlite3_finalize(trim->save);
	db_finalize_all(trim->statements, TRIM_STATEMENTS);
}

void
trim_gap_add(struct trim *trim, uint64_t from, uint64_t to)
{
	const unsigned n = trim->n_gaps;

	/* The last one becomes longer if the two meet, or when there is no room for one more. */
	if (n > 0 && (n == TRIM_GAPS_MAX ||
			     (from <= trim->gaps[n - 1].to && to >= trim->gaps[n - 1].from))) {
		if (from < trim->gaps[n - 1].from)
			trim->gaps[n - 1].from = from;
		if (to > trim->gaps[n - 1].to)
			trim->gaps[n - 1].to = to;
		return;
	}
	trim->gaps[n].from = from;
	trim->gaps[n].to = to;
	trim->n_gaps++;
}

/* How many were deleted, or -1. */
static int
changes_delete(struct trim *trim, enum trim_statement which, uint64_t parameter, struct meta *meta,
	struct fault *fault)
{
	sqlite3_stmt *delete = trim->statements[which];
	int found, n;

	db_bind(delete, "i", parameter);
	for (n = 0; (found = db_row(delete, fault)) == 1; n++) {
		meta->changes--;
		meta->changes_sum -= db_column(delete, 0);
	}
	sqlite3_reset(delete);
	return found < 0 ? -1 : n;
}

/*
 * Examine the first gap; *from is behind what was examined, the end of the gap at its end. Of
 * changes of generations that are not kept only the first of a flow is needed, unless it leads back
 * to what is there without it.
 */
static int
gap_trim(struct trim *trim, struct meta *meta, uint64_t limit, uint64_t *from, struct fault *fault)
{
	sqlite3_stmt *changes = trim->statements[TRIM_GAP], *find = trim->statements[TRIM_FIRST];
	uint64_t *rows = calloc(limit, sizeof(*rows)), seen, first;
	unsigned n = 0, i;
	int rc;

	if (!rows)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory to trim the history");
	db_bind(changes, "iii", *from, trim->gaps[0].to, limit);
	for (seen = 0; (rc = db_row(changes, fault)) == 1; seen++) {
		*from = db_column(changes, 0) + 1;
		if (!db_column(changes, 1))
			rows[n++] = db_column(changes, 0);
	}
	sqlite3_reset(changes);
	if (seen < limit)
		*from = trim->gaps[0].to;
	for (i = 0; i < n && rc >= 0; i++) {
		db_bind(find, "i", rows[i]);
		rc = db_row_number(find, &first, fault);
		if (rc == 1 && first != rows[i])
			rc = changes_delete(trim, TRIM_DELETE, rows[i], meta, fault);
		if (rc >= 0)
			rc = changes_delete(trim, TRIM_DELETE_SAME, first, meta, fault);
	}
	free(rows);
	return rc < 0 ? -1 : 0;
}

bool
trim_step(struct trim *trim, struct meta *meta, uint64_t rows)
{
	const uint64_t gap_rows = rows / 2 > GAP_ROWS_MIN ? rows / 2 : GAP_ROWS_MIN;
	uint64_t from = trim->gaps[0].from;
	struct meta after = *meta;
	struct fault ignored;
	int more;

	if (db_run(trim->db, "BEGIN IMMEDIATE", &ignored) < 0)
		return false;
	more = changes_delete(trim, TRIM_OLD, rows, &after, &ignored);
	if (more == 0 && trim->n_gaps > 0)
		more = gap_trim(trim, &after, gap_rows, &from, &ignored) < 0 ? -1 : 1;
	if (more < 0 ||
		(after.changes != meta->changes && meta_save(trim->save, &after, &ignored) < 0) ||
		db_run(trim->db, "COMMIT", &ignored) < 0) {
		db_rollback(trim->db);
		return false;
	}
	*meta = after;
	trim->gaps[0].from = from;
	if (trim->n_gaps > 0 && from >= trim->gaps[0].to) {
		trim->n_gaps--;
		memmove(trim->gaps, trim->gaps + 1, trim->n_gaps * sizeof(trim->gaps[0]));
	}
	return more > 0;
}

/* Under the mutex, which is released meanwhile. Until a pass finds nothing more to move. */
static void
checkpoint_run(struct maintain *maintain)
{
	int in_journal, in_file, before = -1;
	unsigned i;

	maintain->checkpoint_wanted = false;
	maintain->checkpoint_running = true;
	pthread_mutex_unlock(&maintain->mutex);
	for (i = 0; i < PASSES; i++) {
		/* The next batch meets the same errors. */
		if (sqlite3_wal_checkpoint_v2(maintain->db, NULL, SQLITE_CHECKPOINT_PASSIVE,
			    &in_journal, &in_file) != SQLITE_OK ||
			in_file == before)
			break;
		before = in_file;
	}
	pthread_mutex_lock(&maintain->mutex);
	maintain->checkpoint_running = false;
}

/* Between the steps of a copy. */
static bool
copy_may_go_on(void *arg)
{
	struct maintain *maintain = arg;
	bool stop;

	pthread_mutex_lock(&maintain->mutex);
	if (maintain->checkpoint_wanted)
		checkpoint_run(maintain);
	stop = maintain->stop;
	pthread_mutex_unlock(&maintain->mutex);
	return !stop;
}

struct copy {
	bool (*go_on)(void *); /* NULL: always */
	void *arg;
};

static int
copy_must_stop(void *arg)
{
	const struct copy *copy = arg;

	return copy->go_on && !copy->go_on(copy->arg);
}

int
maintain_copy(
	const char *path, bool (*go_on)(void *), void *arg, uint64_t *taken, struct fault *fault)
{
	struct copy copy = {go_on, arg};
	char made[FILE_NAME_MAX], good[FILE_NAME_MAX];
	struct verdict verdict;
	struct meta meta;
	sqlite3 *db;
	int rc = -1;

	snprintf(good, sizeof(good), "%s" COPY_SUFFIX, path);
	snprintf(made, sizeof(made), "%s" COPY_SUFFIX "-new", path);
	file_remove(made);
	/* Of one view: reading pins it. */
	db = db_open(path, true, NULL, fault);
	if (db && db_run(db, "BEGIN", fault) == 0 && meta_load(db, &meta, fault) == 0)
		rc = db_copy(db, made, PAGES_A_STEP, go_on, arg, fault);
	sqlite3_close(db);
	db = rc == 0 ? db_open(made, false, NULL, fault) : NULL;
	if (!db)
		goto err_made;
	sqlite3_progress_handler(db, OPS_A_STEP, copy_must_stop, &copy);
	if (verify(db, &verdict, fault) < 0) {
		sqlite3_close(db);
		goto err_made;
	}
	sqlite3_progress_handler(db, 0, NULL, NULL);
	if (db_finish(db, made, fault) < 0)
		goto err_made;
	if (!verdict.all_good) {
		fault_set(fault, FAULT_STORE, "", "store %s is damaged: %s", path, verdict.reason);
		goto err_made;
	}
	if (file_rename(made, good, fault) < 0)
		goto err_made;
	*taken = verdict.meta.generation;
	return 0;

err_made:
	file_remove(made);
	return -1;
}

/* Under the mutex. */
static void
copy_fault_set(struct maintain *maintain, const char *text)
{
	const uint64_t one = 1;

	if (strncmp(maintain->copy_fault, text, STORE_REASON_MAX - 1) == 0)
		return;
	snprintf(maintain->copy_fault, sizeof(maintain->copy_fault), "%.*s", STORE_REASON_MAX - 1,
		text);
	/* It cannot fail: the counter would have to be near 2^64. */
	if (maintain->event_fd >= 0 && write(maintain->event_fd, &one, sizeof(one)) < 0)
		abort();
}

/* Under the mutex, which is released meanwhile. When the next copy may be taken. */
static uint64_t
copy_run(struct maintain *maintain)
{
	const uint64_t begin_ns = clock_read_ns(CLOCK_MONOTONIC);
	uint64_t end_ns, pause_ns;
	struct fault fault;
	uint64_t taken;
	int rc;

	pthread_mutex_unlock(&maintain->mutex);
	rc = maintain_copy(maintain->path, copy_may_go_on, maintain, &taken, &fault);
	end_ns = clock_read_ns(CLOCK_MONOTONIC);
	pthread_mutex_lock(&maintain->mutex);
	if (rc == 0)
		maintain->copied = taken;
	if (!maintain->stop)
		copy_fault_set(maintain, rc == 0 ? "" : fault.message);
	pause_ns = AFTER_COPY_TIMES * (end_ns - begin_ns);
	return end_ns + (pause_ns > AFTER_COPY_NS ? pause_ns : AFTER_COPY_NS);
}

static void *
maintain_run(void *arg)
{
	struct maintain *maintain = arg;
	uint64_t earliest_ns = 0, due_ns = 0; /* of the next copy; due 0: no change to copy */

	thread_be_nice(MAINTAIN_NICE);
	pthread_mutex_lock(&maintain->mutex);
	while (!maintain->stop) {
		if (maintain->checkpoint_wanted) {
			checkpoint_run(maintain);
		} else if (maintain->generation == maintain->copied) {
			due_ns = 0;
			pthread_cond_wait(&maintain->wake, &maintain->mutex);
		} else if (due_ns == 0) {
			due_ns = clock_read_ns(CLOCK_MONOTONIC) + AFTER_CHANGE_NS;
			due_ns = due_ns > earliest_ns ? due_ns : earliest_ns;
		} else if (clock_read_ns(CLOCK_MONOTONIC) < due_ns) {
			pthread_cond_timedwait(&maintain->wake, &maintain->mutex,
				&(struct timespec){
					(time_t)(due_ns / NS_PER_S), (long)(due_ns % NS_PER_S)});
		} else {
			earliest_ns = copy_run(maintain);
			due_ns = 0;
		}
	}
	pthread_mutex_unlock(&maintain->mutex);
	return NULL;
}

int
maintain_init(struct maintain *maintain, const char *path, uint64_t generation, int event_fd,
	struct fault *fault)
{
	pthread_condattr_t attributes;

	*maintain = (struct maintain){.path = path,
		.event_fd = event_fd,
		.generation = generation,
		.db = db_open(path, false, NULL, fault)};
	if (!maintain->db)
		return -1;
	/* A checkpoint does nothing on a connection that has not seen the file yet. */
	if (db_run(maintain->db, "PRAGMA synchronous = FULL; SELECT one FROM meta", fault) < 0) {
		sqlite3_close(maintain->db);
		return -1;
	}
	pthread_mutex_init(&maintain->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&maintain->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	if (thread_start(&maintain->thread, "store-maintain", maintain_run, maintain, fault) == 0)
		return 0;
	pthread_cond_destroy(&maintain->wake);
	pthread_mutex_destroy(&maintain->mutex);
	sqlite3_close(maintain->db);
	return -1;
}

void
maintain_fini(struct maintain *maintain)
{
	pthread_mutex_lock(&maintain->mutex);
	maintain->stop = true;
	pthread_cond_signal(&maintain->wake);
	pthread_mutex_unlock(&maintain->mutex);
	pthread_join(maintain->thread, NULL);
	pthread_cond_destroy(&maintain->wake);
	pthread_mutex_destroy(&maintain->mutex);
	sqlite3_close(maintain->db);
}

void
maintain_checkpoint(struct maintain *maintain)
{
	pthread_mutex_lock(&maintain->mutex);
	if (!maintain->checkpoint_running) {
		maintain->checkpoint_wanted = true;
		pthread_cond_signal(&maintain->wake);
	}
	pthread_mutex_unlock(&maintain->mutex);
}

bool
maintain_checkpoint_pending(struct maintain *maintain)
{
	bool pending;

	pthread_mutex_lock(&maintain->mutex);
	pending = maintain->checkpoint_wanted || maintain->checkpoint_running;
	pthread_mutex_unlock(&maintain->mutex);
	return pending;
}

void
maintain_generation(struct maintain *maintain, uint64_t generation)
{
	pthread_mutex_lock(&maintain->mutex);
	maintain->generation = generation;
	pthread_cond_signal(&maintain->wake);
	pthread_mutex_unlock(&maintain->mutex);
}

void
maintain_state(
	struct maintain *maintain, uint64_t *copied, char *copy_fault, size_t copy_fault_bytes)
{
	pthread_mutex_lock(&maintain->mutex);
	*copied = maintain->copied;
	snprintf(copy_fault, copy_fault_bytes, "%s", maintain->copy_fault);
	pthread_mutex_unlock(&maintain->mutex);
}

void
maintain_warn(struct maintain *maintain)
{
	char fault[STORE_REASON_MAX], text[STORE_REASON_MAX + 64];
	uint64_t copied;

	maintain_state(maintain, &copied, fault, sizeof(fault));
	if (!maintain->warn || strcmp(fault, maintain->warned) == 0)
		return;
	snprintf(maintain->warned, sizeof(maintain->warned), "%s", fault);
	if (fault[0] != '\0')
		snprintf(text, sizeof(text), "no checked copy of the state is taken: %s", fault);
	else
		snprintf(text, sizeof(text), "checked copies of the state are taken again");
	maintain->warn(maintain->arg, text);
}
