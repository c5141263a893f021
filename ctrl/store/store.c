/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening and closing, in the order of dependency and back. */
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/db.h"
#include "store/found.h"
#include "store/layout.h"
#include "store/place.h"
#include "store/store_private.h"

static int
store_place(struct store *store, struct fault *fault)
{
	store->lock = -1;
	if (store->path[0] == '\0') {
		snprintf(store->name, sizeof(store->name), "file:/sluice-%p?vfs=memdb",
			(void *)store);
		return 0;
	}
	if (place_prepare(store->path, sizeof(store->path), fault) < 0)
		return -1;
	snprintf(store->name, sizeof(store->name), "%s", store->path);
	store->lock = place_lock(store->path, fault);
	return store->lock < 0 ? -1 : 0;
}

static int
connections_open(struct store *store, struct store_report *report, struct fault *fault)
{
	int code;

	store->db = store->path[0] ? found_open(store->path, report, fault)
				   : found_open_memory(store->name, report, fault);
	if (!store->db)
		return -1;
	store->reader = db_open(store->name, true, &code, fault);
	if (store->reader)
		return 0;
	sqlite3_close(store->db);
	return -1;
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
	pthread_rwlock_init(&store->still, NULL);
	if (store_place(store, fault) < 0)
		goto err_store;
	if (connections_open(store, report, fault) < 0)
		goto err_lock;
	if (path[0] != '\0' && checkpoint_init(&store->checkpoint, store->path, fault) < 0)
		goto err_connections;
	if (writer_init(&store->writer, store->db, path[0] ? NULL : &store->still,
		    path[0] ? &store->checkpoint : NULL, base, fault) < 0)
		goto err_checkpoint;
	store->report = *report;
	if (path[0] == '\0')
		return store;
	if (snapshot_init(&store->snapshot, store->path, report->generation, store->writer.event_fd,
		    fault) < 0)
		goto err_writer;
	store->writer.snapshot = &store->snapshot;
	return store;
err_writer:
	writer_fini(&store->writer);
err_checkpoint:
	if (path[0] != '\0')
		checkpoint_fini(&store->checkpoint);
err_connections:
	sqlite3_close(store->reader);
	sqlite3_close(store->db);
err_lock:
	if (store->lock >= 0)
		close(store->lock);
err_store:
	pthread_rwlock_destroy(&store->still);
	free(store);
	return NULL;
}

void
store_close(struct store *store)
{
	if (!store)
		return;
	if (store->writer.snapshot) {
		store->writer.snapshot = NULL;
		snapshot_fini(&store->snapshot);
	}
	writer_fini(&store->writer);
	if (store->path[0] != '\0')
		checkpoint_fini(&store->checkpoint);
	sqlite3_close(store->reader);
	sqlite3_close(store->db);
	if (store->lock >= 0)
		close(store->lock);
	pthread_rwlock_destroy(&store->still);
	free(store);
}

static void
snapshot_state(struct snapshot *snapshot, struct store_state *state)
{
	pthread_mutex_lock(&snapshot->mutex);
	state->snapshot_generation = snapshot->taken;
	snprintf(state->snapshot_fault, sizeof(state->snapshot_fault), "%s", snapshot->damage);
	pthread_mutex_unlock(&snapshot->mutex);
}

void
store_state(const struct store *store, struct store_state *state)
{
	const struct ledger *ledger = &store->writer.ledger;

	*state = (struct store_state){
		.generation = ledger->generation,
		.oldest = ledger->base,
		.flows = ledger->flows,
		.bytes = ledger->bytes,
		.version = LAYOUT_VERSION,
		.is_durable = store->path[0] != '\0',
		.has_confirm = ledger->has_confirm,
		.confirm = ledger->confirm,
		.report = &store->report,
	};
	snprintf(state->path, sizeof(state->path), "%s", store->path);
	if (store->writer.snapshot)
		snapshot_state(store->writer.snapshot, state);
}

void
store_keep(struct store *store, unsigned declared, unsigned calls)
{
	store->writer.write.keep[WRITE_DECLARED] = declared;
	store->writer.write.keep[WRITE_CALL] = calls;
}

void
store_warn(struct store *store, store_warn_fn warn, void *arg)
{
	store->snapshot.warn = warn;
	store->snapshot.arg = arg;
}

void
store_batch_submit(struct store_batch *batch, store_done_fn done, void *arg)
{
	batch->done = done;
	batch->arg = arg;
	writer_submit(&batch->store->writer, batch);
}

void
store_still(struct store *store)
{
	if (store->path[0] == '\0')
		pthread_rwlock_rdlock(&store->still);
}

void
store_go_on(struct store *store)
{
	if (store->path[0] == '\0')
		pthread_rwlock_unlock(&store->still);
}
