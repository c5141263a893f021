/* SPDX-License-Identifier: BSD-3-Clause */
/* A disk that fails costs the batch that meets it, says so, and nothing else. */
#include <criterion/criterion.h>
#include <event2/event.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "faulty_vfs.h"
#include "rig.h"

#define LONG_TEXT 20000

static struct rig rig;

static void
setup(void)
{
	faulty_set(FAULTY_NONE, 0, false);
	faulty_register();
	rig_init(&rig);
}

static void
teardown(void)
{
	faulty_set(FAULTY_NONE, 0, false);
	rig_fini(&rig);
}

TestSuite(write, .init = setup, .fini = teardown);

static bool
submit_long(uint64_t number, const char *id)
{
	struct store_batch *batch = rig_batch(number);
	char *text = malloc(LONG_TEXT + 1);
	bool durable;

	memset(text, 'x', LONG_TEXT);
	text[LONG_TEXT] = '\0';
	rig_put(batch, id, text);
	durable = rig_submit(&rig, batch);
	free(text);
	return durable;
}

static void
refused_with(enum faulty_kind kind, const char *words)
{
	unsigned after;

	rig_open(&rig);
	rig_commit(&rig, 1, "a", "{1}");
	for (after = 0; after < 4; after++) {
		faulty_set(kind, kind == FAULTY_SYNC ? 0 : after, true);
		cr_assert_not(submit_long(2, "b"));
		cr_assert_eq(rig.fault.code, FAULT_STORE);
		cr_assert_not_null(strstr(rig.fault.message, words), "%s", rig.fault.message);
		cr_assert_not_null(strstr(rig.fault.message, rig.path), "%s", rig.fault.message);
		rig_expect_flows(&rig, "a={1}");
	}
	faulty_set(FAULTY_NONE, 0, false);
	rig_commit(&rig, 2, "c", "{3}");
	rig_close(&rig);
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_OK, "%s", rig.report.reason);
	rig_expect_flows(&rig, "a={1} c={3}");
}

Test(write, a_full_disk_is_reported_and_the_next_batch_works)
{
	refused_with(FAULTY_FULL, "free space");
}

Test(write, a_write_error_is_reported_and_the_next_batch_works)
{
	refused_with(FAULTY_WRITE, "check disk and file system");
}

Test(write, a_failed_sync_is_reported_and_the_next_batch_works)
{
	refused_with(FAULTY_SYNC, "check disk and file system");
}

/* SQLite writes on to a file without a name, and the next start finds none of it. */
Test(write, a_file_that_was_removed_takes_no_batch_until_it_is_back)
{
	char aside[256];

	rig_open(&rig);
	rig_commit(&rig, 1, "a", "{1}");
	snprintf(aside, sizeof(aside), "%s-aside", rig.path);
	cr_assert_eq(rename(rig.path, aside), 0);
	cr_assert_not(submit_long(2, "b"));
	cr_assert_eq(rig.fault.code, FAULT_STORE);
	cr_expect_not_null(
		strstr(rig.fault.message, "removed or replaced"), "%s", rig.fault.message);
	cr_assert_eq(rename(aside, rig.path), 0);
	rig_commit(&rig, 2, "c", "{3}");
	rig_close(&rig);
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_OK, "%s", rig.report.reason);
	rig_expect_flows(&rig, "a={1} c={3}");
}

/*
 * The pages of a commit whose sync failed are in the journal. If the machine went down then they
 * would be taken for committed; the store writes over them as soon as the disk is well again.
 */
Test(write, what_was_refused_is_not_there_after_a_crash)
{
	char command[256];
	struct rig crashed;
	unsigned i;

	rig_open(&rig);
	rig_commit(&rig, 1, "a", "{1}");
	faulty_set(FAULTY_SYNC, 0, false);
	cr_assert_not(submit_long(2, "b"));
	for (i = 0; i < 30; i++)
		usleep(100000);
	crashed = rig;
	snprintf(crashed.path, sizeof(crashed.path), "%s/crashed.db", rig.directory);
	snprintf(command, sizeof(command),
		"cd %s && cp state.db crashed.db && cp state.db-wal "
		"crashed.db-wal",
		rig.directory);
	cr_assert_eq(system(command), 0);
	crashed.store = NULL;
	rig_open(&crashed);
	rig_expect_flows(&crashed, "a={1}");
	rig_close(&crashed);
}

struct verdict_of {
	unsigned acknowledged; /* highest number */
	unsigned completed;
};

static void
number_done(void *arg, const struct fault *error)
{
	struct verdict_of *verdict = arg;

	verdict->completed++;
	if (!error)
		verdict->acknowledged++;
}

/* Batches of three flows, many at a time, until the disk tears a write and is gone. */
static unsigned
run_until_crash(unsigned after)
{
	struct verdict_of verdict = {0};
	unsigned i, j;
	char id[24];

	rig_open(&rig);
	faulty_set(FAULTY_CRASH, after, false);
	for (i = 1; i <= 40; i++) {
		struct store_batch *batch = rig_batch(i);

		for (j = 0; j < 3; j++) {
			snprintf(id, sizeof(id), "%02u.%u", i, j);
			rig_put(batch, id, "{a flow of some length, so that pages fill}");
		}
		store_submit(rig.store, batch, number_done, &verdict);
		while (i % 4 == 0 && verdict.completed < i)
			event_base_loop(rig.base, EVLOOP_ONCE);
	}
	rig_close(&rig);
	return verdict.acknowledged;
}

Test(write, whenever_it_crashes_all_that_was_acknowledged_is_back_and_nothing_is_half,
	.timeout = 120)
{
	struct store_state found;
	struct store_cursor *cursor;
	struct store_flow flow;
	unsigned after, n, crashes = 0;
	unsigned acknowledged;

	for (after = 0; after < 120; after += 2) {
		acknowledged = run_until_crash(after);
		crashes += faulty_count() > 0;
		faulty_set(FAULTY_NONE, 0, false);
		rig_open(&rig);
		cr_assert_neq(rig.report.condition, STORE_LOST, "%s", rig.report.reason);
		cr_assert(rig.report.reason[0] == '\0', "%s", rig.report.reason);
		store_state(rig.store, &found);
		cr_assert_geq(found.generation, acknowledged);
		cr_assert_eq(found.flows, 3 * found.generation);
		cursor = store_flows_open(rig.store, &rig.fault);
		for (n = 0; store_cursor_next(cursor, &flow, &rig.fault) == 1; n++)
			;
		store_cursor_close(cursor);
		cr_assert_eq(n, found.flows);
		rig_close(&rig);
		unlink(rig_file(&rig, ""));
		unlink(rig_file(&rig, "-good"));
	}
	cr_assert_geq(crashes, 40, "only %u rounds crashed", crashes);
}

/* A file system that is really full; needs root. */
Test(write, a_small_file_system_that_fills_up_and_has_room_again)
{
	char ballast[128];
	unsigned i;

	if (geteuid() != 0)
		cr_skip_test("mounting needs root");
	/* Of this process alone, so that nothing is left mounted. */
	cr_assert_eq(unshare(CLONE_NEWNS), 0);
	cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	cr_assert_eq(mount("tmpfs", rig.directory, "tmpfs", 0, "size=2m"), 0);
	rig_open(&rig);
	snprintf(ballast, sizeof(ballast), "dd if=/dev/zero of=%s/ballast bs=1k 2>/dev/null; true",
		rig.directory);
	rig_commit(&rig, 1, "a", "{1}");
	cr_assert_eq(system(ballast), 0);
	for (i = 0; i < 3; i++) {
		cr_assert_not(submit_long(2, "b"));
		cr_assert_not_null(
			strstr(rig.fault.message, "free space"), "%s", rig.fault.message);
		rig_expect_flows(&rig, "a={1}");
	}
	snprintf(ballast, sizeof(ballast), "%s/ballast", rig.directory);
	cr_assert_eq(unlink(ballast), 0);
	cr_assert(submit_long(2, "b"), "%s", rig.fault.message);
	rig_close(&rig);
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_OK);
	cr_assert_eq(rig.report.generation, 2);
	rig_close(&rig);
	cr_assert_eq(umount(rig.directory), 0);
}

Test(write, a_read_error_at_start_is_no_damage)
{
	rig_open(&rig);
	rig_commit(&rig, 1, "a", "{1}");
	rig_close(&rig);
	faulty_set(FAULTY_READ, 0, true);
	cr_assert_not(rig_try(&rig));
	cr_assert_eq(rig.fault.code, FAULT_STORE);
	faulty_set(FAULTY_NONE, 0, false);
	cr_assert_not(rig_has_file(&rig, "state.db.corrupt"));
	rig_open(&rig);
	rig_expect_flows(&rig, "a={1}");
}
