/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * After each group its verdicts go out first; what keeps the file in shape comes after: checkpoints
 * of the journal, trimming, settling of commits that failed. Trimming waits until it is worth its
 * fsync; when nothing is queued for a while it goes on by itself. What is unsettled is tried again
 * each second.
 */
#include "store/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/thread.h"
#include "store/db.h"
#include "store/group.h"

#define WAL_PAGES 4096 /* 16 MiB; then its pages move to the file, beside us */
#define WAL_PAGES_MAX 16384 /* then we do it ourselves, and batches wait */
#define TRIM_ROWS_IDLE 1000
#define TRIM_ROWS_MIN 2048
#define TRIM_ROWS_MAX 16384
#define TRIM_RATE 2 /* rows trimmed for each that is written: faster than they come */
#define NS_PER_S 1000000000
#define IDLE_NS 20000000 /* without a batch for so long */
#define SETTLE_AGAIN_NS NS_PER_S
#define WRITER_NICE 5

static void
list_init(struct batch_list *list)
{
	list->first = NULL;
	list->end = &list->first;
}

static void
list_add(struct batch_list *list, struct store_batch *batch)
{
	batch->next = NULL;
	*list->end = batch;
	list->end = &batch->next;
}

/* All of them, linked. */
static struct store_batch *
list_take(struct batch_list *list)
{
	struct store_batch *first = list->first;

	list_init(list);
	return first;
}

static int
wal_grown(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct writer *writer = arg;

	(void)db;
	(void)name;
	writer->wal_pages = pages;
	return SQLITE_OK;
}

/* A cursor that is open keeps pages in the journal; the next time gets further. */
static void
journal_shorten(struct writer *writer)
{
	sqlite3 *db = writer->write.db;

	if (!writer->checkpoint || writer->wal_pages == 0)
		return;
	if (writer->wal_pages < WAL_PAGES) {
		checkpoint_renewed(writer->checkpoint);
		return;
	}
	if (writer->wal_pages < WAL_PAGES_MAX || !checkpoint_has_run(writer->checkpoint)) {
		checkpoint_ask(writer->checkpoint);
		return;
	}
	sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	writer->wal_pages = 0;
}

/*
 * A commit whose fsync failed was refused, but its pages may have reached the disk: after a power
 * loss they would be found and taken for committed. Any commit that succeeds writes over them.
 */
static void
settle(struct writer *writer)
{
	sqlite3 *db = writer->write.db;

	if (sqlite3_exec(db, "UPDATE ledger SET one = one", NULL, NULL, NULL) != SQLITE_OK)
		return;
	writer->unsettled = false;
}

static void
group_run(struct writer *writer, struct store_batch *first)
{
	if (writer->still)
		pthread_rwlock_wrlock(writer->still);
	if (group_write(&writer->write, first)) {
		writer->unsettled = true;
		settle(writer);
	}
	if (writer->still)
		pthread_rwlock_unlock(writer->still);
}

/* Here, not on the control thread, which would answer nobody meanwhile. */
static void
group_empty(struct store_batch *first)
{
	for (; first; first = first->next)
		batch_empty(first);
}

/* Rows to trim now: as many as came, but rarely, or, when nothing comes, all there are. */
static uint64_t
trim_due(struct writer *writer, bool is_idle)
{
	uint64_t rows = writer->trim_rows;

	if (is_idle)
		return TRIM_ROWS_IDLE;
	if (rows < TRIM_ROWS_MIN)
		return 0;
	rows = rows < TRIM_ROWS_MAX ? rows : TRIM_ROWS_MAX;
	writer->trim_rows -= rows;
	return rows;
}

/* What may wait until the verdicts are out. True when there is more of it. */
static bool
upkeep_run(struct writer *writer, bool is_idle)
{
	const uint64_t rows = trim_due(writer, is_idle);
	bool more = true;

	if (writer->still)
		pthread_rwlock_wrlock(writer->still);
	if (writer->unsettled)
		settle(writer);
	if (rows > 0)
		more = trim_step(&writer->trim, rows);
	if (!more)
		writer->trim_rows = 0;
	journal_shorten(writer);
	if (writer->still)
		pthread_rwlock_unlock(writer->still);
	return more;
}

static void
done_tell(struct writer *writer, struct store_batch *first)
{
	const uint64_t one = 1;
	struct store_batch *next;

	pthread_mutex_lock(&writer->mutex);
	for (; first; first = next) {
		next = first->next;
		list_add(&writer->done, first);
	}
	pthread_mutex_unlock(&writer->mutex);
	/* It cannot fail: the counter would have to be near 2^64. */
	if (write(writer->event_fd, &one, sizeof(one)) < 0)
		abort();
}

/* Wait for batches, not for long when there is something else to do. */
static void
wake_wait(struct writer *writer, bool more)
{
	struct timespec until;

	if (!writer->unsettled && !more) {
		pthread_cond_wait(&writer->wake, &writer->mutex);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += more ? IDLE_NS : SETTLE_AGAIN_NS;
	until.tv_sec += until.tv_nsec / NS_PER_S;
	until.tv_nsec %= NS_PER_S;
	pthread_cond_timedwait(&writer->wake, &writer->mutex, &until);
}

/* NULL when it was stopped, or when upkeep should go on; *stop tells. */
static struct store_batch *
queue_take(struct writer *writer, bool more, bool *stop)
{
	struct store_batch *first;

	pthread_mutex_lock(&writer->mutex);
	if (!writer->queue.first && !writer->stop)
		wake_wait(writer, more);
	first = list_take(&writer->queue);
	*stop = writer->stop && !first;
	pthread_mutex_unlock(&writer->mutex);
	return first;
}

static void *
writer_run(void *arg)
{
	struct writer *writer = arg;
	struct store_batch *first;
	bool more = true, stop = false;
	uint64_t rows;

	thread_be_nice(WRITER_NICE);
	while (true) {
		first = queue_take(writer, more, &stop);
		if (stop)
			return NULL;
		if (first) {
			rows = writer->write.rows;
			group_run(writer, first);
			group_empty(first);
			writer->trim_rows += TRIM_RATE * (writer->write.rows - rows);
			done_tell(writer, first);
		}
		more = upkeep_run(writer, !first);
	}
}

/* On the control thread. */
static void
done_call(struct writer *writer)
{
	struct store_batch *batch, *next;

	pthread_mutex_lock(&writer->mutex);
	batch = list_take(&writer->done);
	pthread_mutex_unlock(&writer->mutex);
	for (; batch; batch = next) {
		next = batch->next;
		if (!batch->failed)
			writer->ledger = batch->after;
		batch->done(batch->arg, batch->failed ? &batch->fault : NULL);
		store_batch_destroy(batch);
	}
	if (writer->snapshot) {
		snapshot_tell(writer->snapshot, writer->ledger.generation);
		snapshot_warn(writer->snapshot);
	}
}

static void
done_ready(evutil_socket_t fd, short what, void *arg)
{
	uint64_t count;

	(void)what;
	/* Nothing to read means that somebody else has called them already. */
	if (read(fd, &count, sizeof(count)) == sizeof(count))
		done_call(arg);
}

void
writer_submit(struct writer *writer, struct store_batch *batch)
{
	pthread_mutex_lock(&writer->mutex);
	list_add(&writer->queue, batch);
	pthread_cond_signal(&writer->wake);
	pthread_mutex_unlock(&writer->mutex);
}

static void
sync_init(struct writer *writer)
{
	pthread_condattr_t attributes;

	list_init(&writer->queue);
	list_init(&writer->done);
	pthread_mutex_init(&writer->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&writer->wake, &attributes);
	pthread_condattr_destroy(&attributes);
}

static void
sync_fini(struct writer *writer)
{
	pthread_cond_destroy(&writer->wake);
	pthread_mutex_destroy(&writer->mutex);
}

static int
event_init(struct writer *writer, struct event_base *base)
{
	writer->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (writer->event_fd < 0)
		return -errno;
	writer->event = event_new(base, writer->event_fd, EV_READ | EV_PERSIST, done_ready, writer);
	if (writer->event && event_add(writer->event, NULL) == 0)
		return 0;
	if (writer->event)
		event_free(writer->event);
	close(writer->event_fd);
	return -ENOMEM;
}

static void
event_fini(struct writer *writer)
{
	event_free(writer->event);
	close(writer->event_fd);
}

int
writer_init(struct writer *writer, sqlite3 *db, pthread_rwlock_t *still,
	struct checkpoint *checkpoint, struct event_base *base, struct fault *fault)
{
	int rc;

	*writer = (struct writer){.still = still, .checkpoint = checkpoint};
	if (write_init(&writer->write, db, fault) < 0)
		return -1;
	if (trim_init(&writer->trim, &writer->write, fault) < 0)
		goto err_write;
	writer->ledger = writer->write.ledger;
	sqlite3_wal_hook(db, wal_grown, writer);
	sync_init(writer);
	rc = event_init(writer, base);
	if (rc < 0) {
		fault_set(fault, FAULT_INTERNAL, "", "cannot hear of the store's thread: %s",
			strerror(-rc));
		goto err_sync;
	}
	if (thread_start(&writer->thread, "store", writer_run, writer, fault) == 0)
		return 0;
	event_fini(writer);
err_sync:
	sync_fini(writer);
	trim_fini(&writer->trim);
err_write:
	write_fini(&writer->write);
	return -1;
}

void
writer_fini(struct writer *writer)
{
	pthread_mutex_lock(&writer->mutex);
	writer->stop = true;
	pthread_cond_signal(&writer->wake);
	pthread_mutex_unlock(&writer->mutex);
	pthread_join(writer->thread, NULL);
	done_call(writer);
	event_fini(writer);
	sync_fini(writer);
	trim_fini(&writer->trim);
	write_fini(&writer->write);
}
