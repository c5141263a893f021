/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/maintain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "store/files.h"
#include "store/recover.h"
#include "store/sqlite.h"

/* So long after a change, and so long after the last copy, or so many times as it took. */
#define AFTER_CHANGE_NS (10 * NS_PER_S)
#define AFTER_COPY_NS (60 * NS_PER_S)
#define AFTER_COPY_TIMES 20
#define PAGES_A_STEP 1024
#define OPS_A_STEP 100000 /* of SQLite's machine, while a copy is checked */
#define PASSES 8 /* of a checkpoint, each for what was written during the one before */
#define MAINTAIN_NICE 5 /* the control thread goes first where both share a core */

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

/* Between the steps of a copy, and of its check. */
static int
copy_must_stop(void *arg)
{
	struct maintain *maintain = arg;
	bool stop;

	pthread_mutex_lock(&maintain->mutex);
	if (maintain->checkpoint_wanted)
		checkpoint_run(maintain);
	stop = maintain->stop;
	pthread_mutex_unlock(&maintain->mutex);
	return stop;
}

int
maintain_copy(
	const char *path, int (*must_stop)(void *), void *arg, uint64_t *taken, struct fault *fault)
{
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
		rc = db_copy(db, made, PAGES_A_STEP, must_stop, arg, fault);
	sqlite3_close(db);
	db = rc == 0 ? db_open(made, false, NULL, fault) : NULL;
	if (!db)
		goto err_made;
	sqlite3_progress_handler(db, OPS_A_STEP, must_stop, arg);
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

void
maintain_copy_note(struct maintain *maintain, const char *copy_fault)
{
	bool changed;

	pthread_mutex_lock(&maintain->mutex);
	changed = strncmp(maintain->copy_fault, copy_fault, STORE_REASON_MAX - 1) != 0;
	snprintf(maintain->copy_fault, sizeof(maintain->copy_fault), "%.*s", STORE_REASON_MAX - 1,
		copy_fault);
	pthread_mutex_unlock(&maintain->mutex);
	if (changed && copy_fault[0] != '\0')
		log_line("warning: cannot take a checked copy of the state: %s", copy_fault);
	else if (changed)
		log_line("checked copies of the state are taken again");
}

/* Under the mutex, which is released meanwhile. When the next copy may be taken. */
static uint64_t
copy_run(struct maintain *maintain)
{
	const uint64_t begin_ns = clock_read_ns(CLOCK_MONOTONIC);
	uint64_t end_ns, pause_ns;
	struct fault fault;
	uint64_t taken = maintain->copied;
	bool stop;
	int rc;

	pthread_mutex_unlock(&maintain->mutex);
	rc = maintain_copy(maintain->path, copy_must_stop, maintain, &taken, &fault);
	stop = copy_must_stop(maintain);
	if (!stop)
		maintain_copy_note(maintain, rc == 0 ? "" : fault.message);
	end_ns = clock_read_ns(CLOCK_MONOTONIC);
	pthread_mutex_lock(&maintain->mutex);
	maintain->copied = taken;
	pause_ns = AFTER_COPY_TIMES * (end_ns - begin_ns);
	return end_ns + (pause_ns > AFTER_COPY_NS ? pause_ns : AFTER_COPY_NS);
}

static void *
maintain_run(void *arg)
{
	struct maintain *maintain = arg;
	uint64_t earliest_ns = 0, due_ns = 0; /* of the next copy; due 0: no change to copy */

	setpriority(PRIO_PROCESS, 0, MAINTAIN_NICE); /* of this thread only, on Linux */
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
			pthread_cond_clockwait(&maintain->wake, &maintain->mutex, CLOCK_MONOTONIC,
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
maintain_init(struct maintain *maintain, const char *path, uint64_t generation, struct fault *fault)
{
	*maintain = (struct maintain){
		.path = path, .generation = generation, .db = db_open(path, false, NULL, fault)};
	if (!maintain->db)
		return -1;
	/* A checkpoint does nothing on a connection that has not seen the file yet. */
	if (db_run(maintain->db, "PRAGMA synchronous = FULL; SELECT one FROM meta", fault) < 0) {
		sqlite3_close(maintain->db);
		return -1;
	}
	pthread_mutex_init(&maintain->mutex, NULL);
	pthread_cond_init(&maintain->wake, NULL);
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
