/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whatever happens to the files, a store that opens has the flows of its last generation, or says
 * that it is damaged and what it has instead; what was damaged is kept aside.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig.h"
#include "store/snapshot.h"

#define N_FLOWS 60
#define FLIPS 120

static struct rig rig;

static void
setup(void)
{
	rig_init(&rig);
}

static void
teardown(void)
{
	rig_fini(&rig);
}

TestSuite(damage, .init = setup, .fini = teardown, .timeout = 120);

/* In the directory of the store. */
static void
command(const char *text)
{
	char line[600];

	snprintf(line, sizeof(line), "cd %s && %s", rig.directory, text);
	cr_assert_eq(system(line), 0, "%s", line);
}

/* With sqlite3's own means, as if somebody had changed the file. */
static void
sql(const char *statements)
{
	sqlite3 *db;
	char *error = NULL;

	cr_assert_eq(sqlite3_open(rig.path, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, statements, NULL, NULL, &error), SQLITE_OK, "%s", error);
	sqlite3_close(db);
}

/* Flows f0 .. f59 in generation 1, then ten generations that change one each. */
static void
store_fill(void)
{
	struct store_batch *batch;
	char id[16], text[400];
	unsigned i;

	rig_open(&rig);
	batch = rig_batch(&rig, 1);
	for (i = 0; i < N_FLOWS; i++) {
		snprintf(id, sizeof(id), "f%u", i);
		snprintf(text, sizeof(text), "{%0300u}", i);
		rig_put(batch, id, text);
	}
	cr_assert(rig_submit(&rig, batch));
	for (i = 2; i <= 11; i++)
		rig_commit(&rig, i, "f7", i == 11 ? "{last}" : "{not last}");
	rig_close(&rig);
}

static void
snapshot_make(uint64_t expected)
{
	struct snapshot snapshot;
	struct fault fault;
	uint64_t taken;

	cr_assert_eq(snapshot_init(&snapshot, rig.path, 0, -1, &fault), 0);
	cr_assert_eq(snapshot_take(&snapshot, &taken, &fault), 0, "%s", fault.message);
	cr_assert_eq(taken, expected);
	snapshot_fini(&snapshot);
}

/* All flows there, f7 as `text`. */
static void
expect_all(const char *text)
{
	struct store_cursor *cursor = store_flows_open(rig.store, &rig.fault);
	struct store_flow flow;
	unsigned n;

	for (n = 0; store_cursor_next(cursor, &flow, &rig.fault) == 1; n++) {
		if (strcmp(flow.id, "f7") == 0)
			cr_assert_str_eq(flow.text, text);
	}
	cr_assert_eq(n, N_FLOWS);
	store_cursor_close(cursor);
}

static void
expect_moved_aside(void)
{
	struct stat info;

	cr_assert_eq(strncmp(rig.report.moved_to, rig.path, strlen(rig.path)), 0);
	cr_assert_not_null(strstr(rig.report.moved_to, ".corrupt-20"));
	cr_assert_eq(stat(rig.report.moved_to, &info), 0);
	cr_assert_neq(rig.report.reason[0], '\0');
}

static void
bit_flip(const char *path, off_t offset, unsigned bit)
{
	const int fd = open(path, O_RDWR);
	unsigned char byte;

	cr_assert_eq(pread(fd, &byte, 1, offset), 1);
	byte ^= (unsigned char)(1 << bit);
	cr_assert_eq(pwrite(fd, &byte, 1, offset), 1);
	close(fd);
}

Test(damage, a_bit_that_flips_anywhere_is_harmless_or_found)
{
	unsigned i, n_found[5] = {0};
	struct stat info;

	store_fill();
	snapshot_make(11);
	command("cp state.db good && cp state.db-good copy");
	cr_assert_eq(stat(rig.path, &info), 0);
	srand(1);
	for (i = 0; i < FLIPS; i++) {
		const off_t offset = rand() % info.st_size;

		command("rm -f state.db* && cp good state.db && cp copy state.db-good");
		bit_flip(rig.path, offset, (unsigned)rand() % 8);
		if (!rig_try(&rig)) {
			/* A higher version is refused, and nothing else is. */
			cr_assert_not_null(
				strstr(rig.fault.message, "newer"), "%s", rig.fault.message);
			continue;
		}
		n_found[rig.report.found]++;
		cr_assert_neq(rig.report.found, STORE_LOST);
		cr_assert_neq(rig.report.found, STORE_FRESH);
		expect_all("{last}");
		if (rig.report.found != STORE_OK) {
			expect_moved_aside();
			cr_assert_eq(rig.report.generation, 12);
		}
		rig_close(&rig);
	}
	cr_assert_gt(n_found[STORE_SALVAGED], 0);
	cr_assert_gt(n_found[STORE_SNAPSHOT], FLIPS / 5);
}

Test(damage, a_flow_that_differs_is_not_restored)
{
	store_fill();
	sql("UPDATE flow SET text = replace(text, '0', '1') WHERE id = 'f3'");
	rig_open(&rig);
	cr_assert_eq(rig.report.found, STORE_LOST);
	cr_assert_eq(rig.report.damaged_generation, 11);
	cr_assert_not_null(strstr(rig.report.reason, "checksum"), "%s", rig.report.reason);
	expect_moved_aside();
	rig_expect_flows(&rig, "");
	cr_assert_eq(rig.report.generation, 12, "numbers go on");
	rig_commit(&rig, 13, "a", "{1}");
}

Test(damage, a_flow_that_is_missing_or_old_is_found)
{
	store_fill();
	snapshot_make(11);
	sql("DELETE FROM flow WHERE id = 'f3'");
	rig_open(&rig);
	cr_assert_eq(rig.report.found, STORE_SNAPSHOT);
	expect_all("{last}");
}

Test(damage, a_history_that_is_damaged_costs_the_history_alone)
{
	store_fill();
	sql("UPDATE change SET text = 'x' WHERE generation = 5");
	rig_open(&rig);
	cr_assert_eq(rig.report.found, STORE_SALVAGED);
	cr_assert_eq(rig.report.damaged_generation, 11);
	expect_moved_aside();
	expect_all("{last}");
	cr_assert_null(store_rollback_open(rig.store, 5, &rig.fault));
	rig_commit(&rig, 13, "f7", "{13}");
	rig_expect_rollback(&rig, 12, "f7={last}");
	rig_close(&rig);
	rig_open(&rig);
	cr_assert_eq(rig.report.found, STORE_OK);
}

Test(damage, a_trial_whose_history_is_lost_still_waits)
{
	const struct store_confirm confirm = {.generation = 12, .previous = 11, .deadline_ns = 99};
	struct store_batch *batch;
	struct store_state state;

	store_fill();
	rig_open(&rig);
	batch = rig_batch(&rig, 12);
	rig_put(batch, "f7", "{12}");
	store_batch_confirm(batch, &confirm);
	cr_assert(rig_submit(&rig, batch));
	rig_close(&rig);
	sql("UPDATE change SET text = 'x' WHERE generation = 5");
	rig_open(&rig);
	cr_assert_eq(rig.report.found, STORE_SALVAGED);
	store_state(rig.store, &state);
	cr_assert(state.has_confirm);
	cr_assert_eq(state.confirm.generation, 12);
	cr_assert_eq(state.confirm.deadline_ns, 99);
}

Test(damage, a_change_that_is_missing_is_found)
{
	store_fill();
	sql("DELETE FROM change WHERE generation = 5");
	rig_open(&rig);
	cr_assert_eq(rig.report.found, STORE_SALVAGED);
}

/* Generations 3 to 9 are not kept any more; what is left of them leads back to 2. */
static void
gap_make(void)
{
	uint64_t number;

	rig_open(&rig);
	store_keep(rig.store, 1, 2);
	rig_commit(&rig, 1, "a", "{1}");
	rig_commit(&rig, 2, "a", "{2}");
	cr_assert(rig_tag(&rig, 2, "good"));
	for (number = 3; number <= 11; number++)
		rig_commit(&rig, number, "a", number % 2 ? "{odd}" : "{even}");
	rig_close(&rig);
}

Test(damage, a_change_between_what_is_kept_that_is_missing_is_found)
{
	gap_make();
	sql("DELETE FROM change WHERE generation = 3");
	rig_open(&rig);
	cr_assert_eq(rig.report.found, STORE_SALVAGED);
	rig_expect_flows(&rig, "a={odd}");
}

Test(damage, a_generation_before_a_gap_that_is_missing_is_found)
{
	gap_make();
	sql("DELETE FROM change WHERE generation = 10;"
	    "DELETE FROM generation WHERE number = 10");
	rig_open(&rig);
	cr_assert_eq(rig.report.found, STORE_SALVAGED);
}

Test(damage, a_tag_that_differs_is_found)
{
	gap_make();
	sql("UPDATE generation SET tag = 'bad' WHERE number = 2");
	rig_open(&rig);
	cr_assert_eq(rig.report.found, STORE_SALVAGED);
}

Test(damage, a_generation_that_is_missing_is_found)
{
	store_fill();
	sql("DELETE FROM generation WHERE number = 5");
	rig_open(&rig);
	cr_assert_eq(rig.report.found, STORE_SALVAGED);
}

Test(damage, garbage_is_moved_aside_and_the_snapshot_used)
{
	store_fill();
	snapshot_make(11);
	command("head -c 20000 /dev/urandom >state.db");
	rig_open(&rig);
	cr_assert_eq(rig.report.found, STORE_SNAPSHOT);
	expect_moved_aside();
	expect_all("{last}");
	rig_close(&rig);
	rig_open(&rig);
	cr_assert_eq(rig.report.found, STORE_OK);
}

Test(damage, a_file_that_was_cut_short_is_found)
{
	store_fill();
	snapshot_make(11);
	command("truncate -s -9000 state.db");
	rig_open(&rig);
	cr_assert_neq(rig.report.found, STORE_OK);
	expect_all("{last}");
}

Test(damage, a_store_that_is_gone_comes_from_its_snapshot)
{
	store_fill();
	snapshot_make(11);
	command("rm -f state.db state.db-wal state.db-shm");
	rig_open(&rig);
	cr_assert_eq(rig.report.found, STORE_SNAPSHOT);
	cr_assert_eq(rig.report.moved_to[0], '\0');
	expect_all("{last}");
}

Test(damage, without_store_and_snapshot_it_is_fresh)
{
	store_fill();
	command("rm state.db*");
	rig_open(&rig);
	cr_assert_eq(rig.report.found, STORE_FRESH);
}

Test(damage, a_snapshot_that_is_damaged_is_not_used)
{
	store_fill();
	snapshot_make(11);
	command("head -c 30000 /dev/zero | tr '\\0' x | dd of=state.db-good bs=1 seek=5000 "
		"conv=notrunc 2>/dev/null && echo not a store at all >state.db");
	rig_open(&rig);
	cr_assert_eq(rig.report.found, STORE_LOST);
	rig_expect_flows(&rig, "");
}

Test(damage, a_recovery_that_was_interrupted_goes_on)
{
	store_fill();
	command("mv state.db state.db-new && touch state.db-wal");
	rig_open(&rig);
	cr_assert_eq(rig.report.found, STORE_SNAPSHOT);
	expect_all("{last}");
	cr_assert(rig_has_file(&rig, "state.db.corrupt"));
}

Test(damage, a_foreign_database_is_moved_aside_as_it_is)
{
	sql("CREATE TABLE t (a); INSERT INTO t VALUES (1)");
	command("cp state.db before");
	rig_open(&rig);
	cr_assert_eq(rig.report.found, STORE_LOST);
	expect_moved_aside();
	command("cmp before state.db.corrupt-*");
}

Test(damage, a_newer_layout_is_refused_and_left_alone)
{
	store_fill();
	sql("PRAGMA user_version = 99");
	command("cp state.db before");
	cr_assert_not(rig_try(&rig));
	cr_assert_eq(rig.fault.code, FAULT_STORE);
	cr_assert_not_null(strstr(rig.fault.message, "99"), "%s", rig.fault.message);
	command("cmp before state.db && ! ls state.db.corrupt* 2>/dev/null");
}

Test(damage, a_directory_is_refused)
{
	command("mkdir state.db");
	cr_assert_not(rig_try(&rig));
	cr_assert_not_null(strstr(rig.fault.message, "not a regular file"));
	command("rmdir state.db");
}

/* The copy has what was written up to when it was taken, whatever is written meanwhile. */
Test(damage, a_snapshot_beside_a_writer_is_whole)
{
	struct snapshot snapshot;
	struct fault fault;
	uint64_t taken;

	store_fill();
	rig_open(&rig);
	rig_commit(&rig, 12, "f7", "{12}");
	cr_assert_eq(snapshot_init(&snapshot, rig.path, 0, -1, &fault), 0);
	cr_assert_eq(snapshot_take(&snapshot, &taken, &fault), 0, "%s", fault.message);
	cr_assert_eq(taken, 12);
	rig_commit(&rig, 13, "f7", "{13}");
	snapshot_fini(&snapshot);
	rig_close(&rig);
	command("rm state.db && ! ls state.db-good?* 2>/dev/null");
	rig_open(&rig);
	expect_all("{12}");
}

static unsigned n_told;
static char last_told[512];

static void
told(void *arg, const char *text)
{
	(void)arg;
	n_told++;
	snprintf(last_told, sizeof(last_told), "%s", text);
}

Test(damage, copies_that_fail_are_told_of_once_for_each_change)
{
	static const char *const faults[] = {"", "a page", "a page", "the disk", "", ""};
	static const unsigned expected[] = {0, 1, 1, 2, 3, 3};
	struct snapshot snapshot;
	struct fault fault;
	unsigned i;

	cr_assert_eq(snapshot_init(&snapshot, rig.path, 0, -1, &fault), 0);
	snapshot.warn = told;
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		pthread_mutex_lock(&snapshot.mutex);
		snprintf(snapshot.damage, sizeof(snapshot.damage), "%s", faults[i]);
		pthread_mutex_unlock(&snapshot.mutex);
		snapshot_warn(&snapshot);
		cr_assert_eq(n_told, expected[i], "%u of %u", i, n_told);
		cr_assert(n_told == 0 || faults[i][0] == '\0' || strstr(last_told, faults[i]));
	}
	cr_assert_not_null(strstr(last_told, "again"));
	snapshot_fini(&snapshot);
}
