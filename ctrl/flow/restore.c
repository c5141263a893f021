/* SPDX-License-Identifier: BSD-3-Clause */
/* The store is read while no other change is under way, so what is there stays there. */
#include "flow/restore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "flow/commit.h"
#include "flow/flow_codec.h"
#include "flow/relay_change.h"
#include "schema/flow_files.h"
#include "store/read.h"

#define FLOWS_AT_ONCE 64
#define FILE_ITEM "items"

/* Operations that are read from the store, some at a time. */
struct load {
	const struct flows *flows;
	struct store *store;
	uint64_t generation;
	struct store_cursor *cursor; /* NULL: not begun, or at its end */
	struct change *change;
	struct fault *fault;
};

static void
load_end(void *arg)
{
	struct load *load = arg;

	store_cursor_close(load->cursor);
	free(load);
}

/*
 * A flow is to be as it is stored; without a text it is not to be. A text that is no flow to this
 * sluiced is left out of a partial change, but refuses a start.
 */
static int
flow_load(struct load *load, const struct store_flow *flow)
{
	struct change *change = load->change;
	struct flow_spec *spec = NULL;
	struct change_item *item;

	if (flow->text) {
		spec = flow_text_decode(load->flows->schema, flow->text, flow->bytes, load->fault);
		if (!spec && (change->restores || !change->partial)) {
			fault_prefix(load->fault, "/%s", flow->id);
			return -1;
		}
	} else if (!flow_db_find(&load->flows->db, flow->id)) {
		return 0;
	}
	if (spec) {
		spec->last_leg_number = (uint32_t)flow->last_leg;
		spec->declared = flow->declared;
		item = change_add_spec(change, change->restores ? OP_INSTALL : OP_SET, spec,
			"flows", UINT32_MAX, load->fault);
	} else {
		item = change_add(change, OP_REMOVE, flow->id, 0, "flows", UINT32_MAX, load->fault);
	}
	if (!item)
		return -1;
	if (!flow->text || spec)
		return 0;
	item->left_out = strdup(load->fault->message);
	if (!item->left_out)
		return fault_set(load->fault, FAULT_NO_ROOM, "", "no memory for a flow left out");
	return 0;
}

/* All that is stored, what a return to the generation needs, or what taking it back needs. */
static struct store_cursor *
cursor_open(const struct load *load, const struct change *change, struct fault *fault)
{
	if (change->restores)
		return store_flows_open(load->store, fault);
	if (change->generation.returns == STORE_RETURN_TO)
		return store_rollback_open(load->store, load->generation, fault);
	return store_changes_open(load->store, load->generation, 0, UINT32_MAX, fault);
}

static int
flows_load(void *arg, struct change *change, struct fault *fault)
{
	struct load *load = arg;
	struct store_flow flow;
	unsigned i;
	int rc = 1;

	load->change = change;
	load->fault = fault;
	if (!load->cursor)
		load->cursor = cursor_open(load, change, fault);
	if (!load->cursor)
		return -1;
	for (i = 0; rc == 1 && i < FLOWS_AT_ONCE; i++) {
		rc = store_cursor_next(load->cursor, &flow, fault);
		if (rc == 1 && flow_load(load, &flow) < 0)
			rc = -1;
	}
	if (rc == 1)
		return 1;
	/* The store is written next, and would keep all of its journal for an open cursor. */
	store_cursor_close(load->cursor);
	load->cursor = NULL;
	return rc;
}

static int
load_begin(struct change *change, const struct flows *flows, struct store *store,
	uint64_t generation, struct fault *fault)
{
	struct load *load = calloc(1, sizeof(*load));

	if (!load)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory to read stored flows");
	load->flows = flows;
	load->store = store;
	load->generation = generation;
	change->load = flows_load;
	change->load_end = load_end;
	change->load_arg = load;
	change->ends_confirm = !change->restores;
	return 0;
}

static int
generation_check(struct store *store, uint64_t generation, struct fault *fault)
{
	struct store_state state;

	store_state(store, &state);
	if (generation != state.generation)
		return store_return_check(store, generation, fault);
	return fault_set(fault, FAULT_NOT_FOUND, "/generation",
		"found %llu, the current generation, expected an earlier one of history.list",
		(unsigned long long)generation);
}

int
rollback_to(struct change *change, const struct flows *flows, struct store *store,
	uint64_t generation, struct fault *fault)
{
	if (generation_check(store, generation, fault) < 0)
		return -1;
	change->generation.returns = STORE_RETURN_TO;
	change->generation.returned = generation;
	return load_begin(change, flows, store, generation, fault);
}

int
rollback_of(struct change *change, const struct flows *flows, struct store *store,
	uint64_t generation, struct fault *fault)
{
	change->generation.returns = STORE_RETURN_OF;
	change->generation.returned = generation;
	change->partial = true;
	return load_begin(change, flows, store, generation, fault);
}

struct restore {
	struct restored found;
	struct fault *fault;
	int rc;
};

static void
restore_done(void *arg, struct change *change, const struct fault *fault)
{
	struct restore *restore = arg;

	restore->found = (struct restored){change->generation.added, change->left_out};
	restore->rc = fault ? -1 : 0;
	if (fault)
		*restore->fault = *fault;
}

/* What is not forgotten now is at the next start. */
static void
forgotten(void *arg, const struct fault *error)
{
	(void)arg;
	if (error)
		log_line("warning: releases of ports that are in no pool stay in the store: %s",
			error->message);
}

/*
 * Times are those of the real-time clock, as the monotonic clock starts again with the machine. If
 * that clock was set back meanwhile, a release in the future counts as one of now. Releases of
 * ports that are in no pool are forgotten, except those that may count once the pool is configured
 * again.
 */
static int
released_load(const struct flows *flows, struct store *store, struct fault *fault)
{
	const uint64_t now_ns = clock_read_ns(CLOCK_MONOTONIC);
	const uint64_t today_ns = clock_read_ns(CLOCK_REALTIME);
	struct store_cursor *cursor = store_released_open(store, fault);
	struct store_released released;
	struct store_batch *batch = NULL;
	int rc = -1;

	while (cursor && (rc = store_released_next(cursor, &released, fault)) == 1) {
		const uint64_t ago_ns =
			today_ns > released.time_ns ? today_ns - released.time_ns : 0;

		if (pools_released(flows->pools, released.place, ago_ns, now_ns) ||
			ago_ns <= POOL_QUARANTINE_S_MAX * NS_PER_S)
			continue;
		if (!batch)
			batch = store_batch_create();
		if (batch)
			store_batch_forget(batch, released.place);
	}
	store_cursor_close(cursor);
	if (rc == 0 && batch)
		store_submit(store, batch, forgotten, NULL);
	else
		store_batch_destroy(batch);
	return rc;
}

int
restore_flows(
	struct flows *flows, struct store *store, struct restored *restored, struct fault *fault)
{
	struct restore restore = {.fault = fault};
	struct change *change;

	if (released_load(flows, store, fault) < 0)
		return -1;
	change = change_create(NULL, "restore", NULL, restore_done, &restore);
	if (!change)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory to restore flows");
	change->restores = change->partial = true;
	if (load_begin(change, flows, store, 0, fault) < 0) {
		change_destroy(change);
		return -1;
	}
	commits_submit(flows->commits, change);
	commits_finish(flows->commits);
	*restored = restore.found;
	return restore.rc;
}

static int
file_flow_add(struct change *change, const json_t *flow, uint32_t place, struct fault *fault)
{
	struct flow_spec *spec = flow_request_decode(flow, fault);

	if (!spec)
		return -1;
	spec->declared = true;
	return change_add_spec(change, OP_SET, spec, FILE_ITEM, place, fault) ? 0 : -1;
}

static int
files_add(const struct flow_files *files, struct change *change, struct fault *fault)
{
	json_t *item;
	size_t i;

	json_array_foreach (flow_files_items(files), i, item) {
		const int rc = flow_files_is_relay(item)
				       ? relay_change_put(change, OP_SET, item, FILE_ITEM,
						 (uint32_t)i, fault)
				       : file_flow_add(change, item, (uint32_t)i, fault);

		if (rc == 0)
			continue;
		flow_files_locate(files, i, fault);
		return -1;
	}
	return 0;
}

/* "/items/N/..." of a fault that came after decoding. */
static void
fault_locate(const struct flow_files *files, struct fault *fault)
{
	unsigned long i;
	int n;

	if (sscanf(fault->pointer, "/" FILE_ITEM "/%lu%n", &i, &n) != 1)
		return;
	memmove(fault->pointer, fault->pointer + n, strlen(fault->pointer + n) + 1);
	flow_files_locate(files, i, fault);
}

int
restore_files(struct flows *flows, const char *path, struct fault *fault)
{
	struct restore restore = {.fault = fault, .rc = -1};
	struct flow_files *files = flow_files_load(path, fault);
	struct change *change;

	if (!files)
		return -1;
	change = change_create(NULL, "start", path, restore_done, &restore);
	if (!change) {
		fault_set(fault, FAULT_NO_ROOM, "", "no memory for the flows of %s", path);
	} else if (files_add(files, change, fault) < 0) {
		change_destroy(change);
	} else {
		change->generation.declared = true;
		commits_submit(flows->commits, change);
		commits_finish(flows->commits);
		if (restore.rc < 0)
			fault_locate(files, fault);
	}
	flow_files_destroy(files);
	return restore.rc;
}

int
restore_files_check(const char *path, struct fault *fault)
{
	struct flow_files *files = flow_files_load(path, fault);
	struct change *change = files ? change_create(NULL, "check", path, NULL, NULL) : NULL;
	int rc = -1;

	if (change)
		rc = files_add(files, change, fault);
	else if (files)
		fault_set(fault, FAULT_NO_ROOM, "", "no memory for the flows of %s", path);
	change_destroy(change);
	flow_files_destroy(files);
	return rc;
}
