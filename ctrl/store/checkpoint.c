/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/checkpoint.h"

#include "base/thread.h"
#include "store/db.h"

#define PASSES 8 /* at a time, each for what was written during the one before */
#define CHECKPOINT_NICE 5

/* Until a pass finds nothing more to move. Errors are for the next batch to meet. */
static void
passes_run(struct checkpoint *checkpoint)
{
	int in_journal, in_file, before = -1;
	unsigned i;

	for (i = 0; i < PASSES; i++) {
		if (sqlite3_wal_checkpoint_v2(checkpoint->db, NULL, SQLITE_CHECKPOINT_PASSIVE,
			    &in_journal, &in_file) != SQLITE_OK ||
			in_file == before)
			return;
		before = in_file;
	}
}

static void *
checkpoint_run(void *arg)
{
	struct checkpoint *checkpoint = arg;

	thread_be_nice(CHECKPOINT_NICE);
	pthread_mutex_lock(&checkpoint->mutex);
	while (!checkpoint->stop) {
		if (!checkpoint->asked) {
			pthread_cond_wait(&checkpoint->wake, &checkpoint->mutex);
			continue;
		}
		checkpoint->asked = false;
		checkpoint->running = true;
		pthread_mutex_unlock(&checkpoint->mutex);
		passes_run(checkpoint);
		pthread_mutex_lock(&checkpoint->mutex);
		checkpoint->running = false;
		checkpoint->has_run = true;
	}
	pthread_mutex_unlock(&checkpoint->mutex);
	return NULL;
}

int
checkpoint_init(struct checkpoint *checkpoint, const char *path, struct fault *fault)
{
	int code;

	*checkpoint = (struct checkpoint){.db = db_open(path, false, &code, fault)};
	if (!checkpoint->db)
		return -1;
	/* A checkpoint does nothing on a connection that has not seen the file yet. */
	if (db_run(checkpoint->db, "PRAGMA synchronous = FULL; SELECT one FROM ledger", fault) < 0)
		goto err_db;
	pthread_mutex_init(&checkpoint->mutex, NULL);
	pthread_cond_init(&checkpoint->wake, NULL);
	if (thread_start(&checkpoint->thread, "store-journal", checkpoint_run, checkpoint, fault) ==
		0)
		return 0;
	pthread_cond_destroy(&checkpoint->wake);
	pthread_mutex_destroy(&checkpoint->mutex);
err_db:
	sqlite3_close(checkpoint->db);
	return -1;
}

void
checkpoint_fini(struct checkpoint *checkpoint)
{
	pthread_mutex_lock(&checkpoint->mutex);
	checkpoint->stop = true;
	pthread_cond_signal(&checkpoint->wake);
	pthread_mutex_unlock(&checkpoint->mutex);
	pthread_join(checkpoint->thread, NULL);
	pthread_cond_destroy(&checkpoint->wake);
	pthread_mutex_destroy(&checkpoint->mutex);
	sqlite3_close(checkpoint->db);
}

void
checkpoint_ask(struct checkpoint *checkpoint)
{
	pthread_mutex_lock(&checkpoint->mutex);
	if (!checkpoint->running) {
		checkpoint->asked = true;
		pthread_cond_signal(&checkpoint->wake);
	}
	pthread_mutex_unlock(&checkpoint->mutex);
}

bool
checkpoint_has_run(struct checkpoint *checkpoint)
{
	bool has_run;

	pthread_mutex_lock(&checkpoint->mutex);
	has_run = checkpoint->has_run && !checkpoint->running && !checkpoint->asked;
	pthread_mutex_unlock(&checkpoint->mutex);
	return has_run;
}

void
checkpoint_renewed(struct checkpoint *checkpoint)
{
	pthread_mutex_lock(&checkpoint->mutex);
	checkpoint->has_run = false;
	pthread_mutex_unlock(&checkpoint->mutex);
}
