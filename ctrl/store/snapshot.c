/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/thread.h"
#include "store/db.h"
#include "store/file.h"
#include "store/recover.h"
#include "store/verify.h"

#define NS_PER_S INT64_C(1000000000)
/* So long after a change, and so long after the last copy, or so many times as it took. */
#define AFTER_CHANGE_NS (10 * NS_PER_S)
#define AFTER_COPY_NS (60 * NS_PER_S)
#define AFTER_COPY_TIMES 20
#define PAGES_A_STEP 1024
#define COPY_NICE 10
#define OPS_A_LOOK 100000 /* of SQLite's machine, between looks at whether to stop */
#define PATH_ROOM (STORE_PATH_MAX + PLACE_SUFFIX_MAX)

static int64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static bool
may_go_on(void *arg)
{
	struct snapshot *snapshot = arg;
	bool stop;

	pthread_mutex_lock(&snapshot->mutex);
	stop = snapshot->stop;
	pthread_mutex_unlock(&snapshot->mutex);
	return !stop;
}

static int
must_stop(void *arg)
{
	return !may_go_on(arg);
}

/* A copy of one view: reading pins it. */
static int
view_copy(struct snapshot *snapshot, const char *path, struct fault *fault)
{
	struct ledger ledger;
	sqlite3 *db;
	int code, rc = -1;

	db = db_open(snapshot->store, true, &code, fault);
	if (!db)
		return -1;
	if (db_run(db, "BEGIN", fault) == 0 && ledger_load(db, &ledger, fault) == 0)
		rc = file_copy(db, path, PAGES_A_STEP, may_go_on, snapshot, fault);
	sqlite3_close(db);
	return rc;
}

static int
copy_check(
	struct snapshot *snapshot, const char *path, struct verdict *verdict, struct fault *fault)
{
	sqlite3 *db;
	int code;

	db = db_open(path, false, &code, fault);
	if (!db)
		return -1;
	sqlite3_progress_handler(db, OPS_A_LOOK, must_stop, snapshot);
	if (verify(db, verdict, fault) < 0) {
		sqlite3_close(db);
		return -1;
	}
	sqlite3_progress_handler(db, 0, NULL, NULL);
	if (file_finish(db, path, fault) < 0)
		return -1;
	if (verdict->all_good)
		return 0;
	return fault_set(fault, FAULT_STORE, "", "store %s is damaged: %s", snapshot->store,
		verdict->reason);
}

int
snapshot_take(struct snapshot *snapshot, uint64_t *taken, struct fault *fault)
{
	char made[PATH_ROOM], path[PATH_ROOM];
	struct verdict verdict = {.all_good = true};

	snprintf(path, sizeof(path), "%s" RECOVER_SNAPSHOT, snapshot->store);
	snprintf(made, sizeof(made), "%s" RECOVER_SNAPSHOT "-new", snapshot->store);
	place_file_remove(made);
	if (view_copy(snapshot, made, fault) < 0 ||
		copy_check(snapshot, made, &verdict, fault) < 0 ||
		place_move(made, path, fault) < 0) {
		place_file_remove(made);
		return -1;
	}
	*taken = verdict.ledger.generation;
	return 0;
}

/* Under the mutex, which is released meanwhile. False when it was stopped. */
static bool
wait_until(struct snapshot *snapshot, int64_t time_ns)
{
	const struct timespec until = {time_ns / NS_PER_S, time_ns % NS_PER_S};

	while (!snapshot->stop && now_ns() < time_ns)
		pthread_cond_timedwait(&snapshot->wake, &snapshot->mutex, &until);
	return !snapshot->stop;
}

/* Under the mutex; snapshot_warn() looks whether it is news. */
static void
damage_set(struct snapshot *snapshot, const char *damage)
{
	const uint64_t one = 1;

	if (strncmp(snapshot->damage, damage, STORE_REASON_MAX - 1) == 0)
		return;
	snprintf(snapshot->damage, sizeof(snapshot->damage), "%.*s", STORE_REASON_MAX - 1, damage);
	/* It cannot fail: the counter would have to be near 2^64. */
	if (snapshot->event_fd >= 0 && write(snapshot->event_fd, &one, sizeof(one)) < 0)
		abort();
}

/* When the next copy may be taken. */
static int64_t
copy_take(struct snapshot *snapshot)
{
	const int64_t begin_ns = now_ns();
	int64_t end_ns, pause_ns;
	struct fault fault;
	uint64_t taken;
	int rc;

	pthread_mutex_unlock(&snapshot->mutex);
	rc = snapshot_take(snapshot, &taken, &fault);
	end_ns = now_ns();
	pthread_mutex_lock(&snapshot->mutex);
	if (rc == 0)
		snapshot->taken = taken;
	if (!snapshot->stop)
		damage_set(snapshot, rc == 0 ? "" : fault.message);
	pause_ns = AFTER_COPY_TIMES * (end_ns - begin_ns);
	return end_ns + (pause_ns > AFTER_COPY_NS ? pause_ns : AFTER_COPY_NS);
}

static void *
snapshot_run(void *arg)
{
	struct snapshot *snapshot = arg;
	int64_t earliest_ns = 0, due_ns;

	thread_be_nice(COPY_NICE);
	pthread_mutex_lock(&snapshot->mutex);
	while (!snapshot->stop) {
		if (snapshot->generation == snapshot->taken) {
			pthread_cond_wait(&snapshot->wake, &snapshot->mutex);
			continue;
		}
		due_ns = now_ns() + AFTER_CHANGE_NS;
		if (wait_until(snapshot, due_ns > earliest_ns ? due_ns : earliest_ns))
			earliest_ns = copy_take(snapshot);
	}
	pthread_mutex_unlock(&snapshot->mutex);
	return NULL;
}

int
snapshot_init(struct snapshot *snapshot, const char *path, uint64_t generation, int event_fd,
	struct fault *fault)
{
	pthread_condattr_t attributes;

	*snapshot =
		(struct snapshot){.store = path, .event_fd = event_fd, .generation = generation};
	pthread_mutex_init(&snapshot->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&snapshot->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	if (thread_start(&snapshot->thread, "store-copy", snapshot_run, snapshot, fault) == 0)
		return 0;
	pthread_cond_destroy(&snapshot->wake);
	pthread_mutex_destroy(&snapshot->mutex);
	return -1;
}

void
snapshot_fini(struct snapshot *snapshot)
{
	pthread_mutex_lock(&snapshot->mutex);
	snapshot->stop = true;
	pthread_cond_signal(&snapshot->wake);
	pthread_mutex_unlock(&snapshot->mutex);
	pthread_join(snapshot->thread, NULL);
	pthread_cond_destroy(&snapshot->wake);
	pthread_mutex_destroy(&snapshot->mutex);
}

void
snapshot_tell(struct snapshot *snapshot, uint64_t generation)
{
	pthread_mutex_lock(&snapshot->mutex);
	snapshot->generation = generation;
	pthread_cond_signal(&snapshot->wake);
	pthread_mutex_unlock(&snapshot->mutex);
}

void
snapshot_warn(struct snapshot *snapshot)
{
	char damage[STORE_REASON_MAX], text[STORE_REASON_MAX + 64];

	pthread_mutex_lock(&snapshot->mutex);
	snprintf(damage, sizeof(damage), "%s", snapshot->damage);
	pthread_mutex_unlock(&snapshot->mutex);
	if (!snapshot->warn || strcmp(damage, snapshot->told) == 0)
		return;
	snprintf(snapshot->told, sizeof(snapshot->told), "%s", damage);
	if (damage[0] != '\0')
		snprintf(text, sizeof(text), "no checked copy of the state is taken: %s", damage);
	else
		snprintf(text, sizeof(text), "checked copies of the state are taken again");
	snapshot->warn(snapshot->arg, text);
}
