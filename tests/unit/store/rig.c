/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX 65536

void
rig_init(struct rig *rig)
{
	*rig = (struct rig){.base = event_base_new()};
	snprintf(rig->directory, sizeof(rig->directory), "/tmp/sluice-store-XXXXXX");
	cr_assert_not_null(mkdtemp(rig->directory));
	snprintf(rig->path, sizeof(rig->path), "%s/state.db", rig->directory);
}

static void
directory_remove(const char *directory)
{
	char path[512];
	struct dirent *entry;
	DIR *open = opendir(directory);

	while ((entry = readdir(open))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		unlink(path);
	}
	closedir(open);
	rmdir(directory);
}

void
rig_fini(struct rig *rig)
{
	rig_close(rig);
	event_base_free(rig->base);
	directory_remove(rig->directory);
}

bool
rig_try(struct rig *rig)
{
	rig->store = store_open(rig->path, rig->base, &rig->report, &rig->fault);
	return rig->store != NULL;
}

void
rig_open(struct rig *rig)
{
	cr_assert(rig_try(rig), "%s", rig->fault.message);
}

void
rig_close(struct rig *rig)
{
	store_close(rig->store);
	rig->store = NULL;
}

struct store_batch *
rig_batch(uint64_t number)
{
	struct store_batch *batch = store_batch_create();
	struct store_generation generation = {
		.number = number,
		.time_ns = 1000 * number,
		.actor = {.uid = 1000, .gid = 100, .pid = 4711, .name = "ana", .via = "unix"},
		.method = "flow.install",
		.comment = "a comment",
		.added = 1,
	};

	cr_assert_not_null(batch);
	store_batch_generation(batch, &generation);
	return batch;
}

void
rig_put(struct store_batch *batch, const char *id, const char *text)
{
	store_batch_insert(batch, id, text, strlen(text), 3, false);
}

static void
batch_done(void *arg, const struct fault *error)
{
	struct rig *rig = arg;

	rig->done = true;
	rig->failed = error != NULL;
	if (error)
		rig->fault = *error;
}

bool
rig_submit(struct rig *rig, struct store_batch *batch)
{
	rig->done = false;
	store_submit(rig->store, batch, batch_done, rig);
	while (!rig->done)
		event_base_loop(rig->base, EVLOOP_ONCE);
	return !rig->failed;
}

void
rig_commit(struct rig *rig, uint64_t number, const char *id, const char *text)
{
	struct store_batch *batch = rig_batch(number);

	if (text)
		rig_put(batch, id, text);
	else
		store_batch_remove(batch, id);
	cr_assert(rig_submit(rig, batch), "%s", rig->fault.message);
}

bool
rig_tag(struct rig *rig, uint64_t number, const char *tag)
{
	struct store_batch *batch = store_batch_create();

	store_batch_tag(batch, number, tag);
	return rig_submit(rig, batch);
}

static void
cursor_expect(struct rig *rig, struct store_cursor *cursor, const char *expected)
{
	static char found[TEXT_MAX];
	struct store_flow flow;
	size_t n = 0;
	int rc;

	cr_assert_not_null(cursor, "%s", rig->fault.message);
	found[0] = '\0';
	while ((rc = store_cursor_next(cursor, &flow, &rig->fault)) == 1) {
		cr_assert(!flow.text || strlen(flow.text) == flow.bytes);
		n += (size_t)snprintf(found + n, sizeof(found) - n, "%s%s%s%s", n ? " " : "",
			flow.id, flow.text ? "=" : "-", flow.text ? flow.text : "");
		cr_assert_lt(n, sizeof(found));
	}
	cr_assert_eq(rc, 0, "%s", rig->fault.message);
	store_cursor_close(cursor);
	cr_assert_str_eq(found, expected);
}

void
rig_expect_flows(struct rig *rig, const char *expected)
{
	cursor_expect(rig, store_flows_open(rig->store, &rig->fault), expected);
}

void
rig_expect_rollback(struct rig *rig, uint64_t generation, const char *expected)
{
	cursor_expect(rig, store_rollback_open(rig->store, generation, &rig->fault), expected);
}

const char *
rig_file(const struct rig *rig, const char *suffix)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s%s", rig->path, suffix);
	return path;
}

bool
rig_has_file(const struct rig *rig, const char *beginning)
{
	DIR *open = opendir(rig->directory);
	struct dirent *entry;
	bool found = false;

	while (!found && (entry = readdir(open)))
		found = strncmp(entry->d_name, beginning, strlen(beginning)) == 0;
	closedir(open);
	return found;
}
