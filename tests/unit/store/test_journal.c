/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A journal that a crash left: whatever a crash may do to its end is no damage, and damage in it
 * never makes half a transaction: the state is that of an earlier generation, or of the copy.
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

#define COMMITS 12
#define HEADER 32
#define FRAME 4120

static struct rig rig, crashed;

static void
setup(void)
{
	rig_init(&rig);
}

static void
teardown(void)
{
	rig_close(&crashed);
	rig_fini(&rig);
}

TestSuite(journal, .init = setup, .fini = teardown, .timeout = 120);

static void
command(const char *text)
{
	char line[600];

	snprintf(line, sizeof(line), "cd %s && %s", rig.directory, text);
	cr_assert_eq(system(line), 0, "%s", line);
}

/* What the disk has at this moment, under another name. */
static void
crash(void)
{
	command("rm -f crashed.db* && cp state.db crashed.db && cp state.db-wal crashed.db-wal");
	crashed = rig;
	crashed.store = NULL;
	snprintf(crashed.path, sizeof(crashed.path), "%s/crashed.db", rig.directory);
}

static void
commits(unsigned first, unsigned last)
{
	char id[16], text[600];
	unsigned i;

	for (i = first; i <= last; i++) {
		snprintf(id, sizeof(id), "f%u", i);
		snprintf(text, sizeof(text), "{%0500u}", i);
		rig_commit(&rig, i, id, text);
	}
}

/* Generations 1 .. COMMITS, each with one flow more, in the journal alone. */
static void
crash_after_commits(void)
{
	rig_open(&rig);
	commits(1, COMMITS);
	crash();
	rig_close(&rig);
}

static unsigned
n_frames(void)
{
	struct stat info;

	cr_assert_eq(stat(rig_file(&crashed, "-wal"), &info), 0);
	return (unsigned)((info.st_size - HEADER) / FRAME);
}

static void
bytes_read(off_t offset, void *bytes, size_t n)
{
	const int fd = open(rig_file(&crashed, "-wal"), O_RDONLY);

	cr_assert_eq(pread(fd, bytes, n, offset), (ssize_t)n);
	close(fd);
}

static void
bytes_write(off_t offset, const void *bytes, size_t n)
{
	const int fd = open(rig_file(&crashed, "-wal"), O_WRONLY);

	cr_assert_eq(pwrite(fd, bytes, n, offset), (ssize_t)n);
	close(fd);
}

static void
bit_flip(off_t offset)
{
	unsigned char byte;

	bytes_read(offset, &byte, 1);
	byte ^= 0x10;
	bytes_write(offset, &byte, 1);
}

static off_t
frame_at(unsigned number)
{
	return HEADER + (off_t)(number - 1) * FRAME;
}

static bool
is_commit(unsigned number)
{
	static const unsigned char none[4];
	unsigned char pages[4];

	bytes_read(frame_at(number) + 4, pages, sizeof(pages));
	return memcmp(pages, none, sizeof(none)) != 0;
}

/* The first frame of the last transaction but `back`. */
static unsigned
transaction_first(unsigned back)
{
	unsigned n = n_frames();

	for (n--; n > 0 && (!is_commit(n) || back-- > 0); n--)
		;
	return n + 1;
}

static unsigned
flows_count(void)
{
	struct store_state state;

	store_state(crashed.store, &state);
	return (unsigned)state.flows;
}

static void
expect_whole(unsigned generation)
{
	rig_open(&crashed);
	cr_assert_eq(crashed.report.found, STORE_OK, "%s", crashed.report.reason);
	cr_assert_str_eq(crashed.report.reason, "");
	cr_assert_eq(crashed.report.generation, generation);
	cr_assert_eq(flows_count(), generation);
	cr_assert_not(rig_has_file(&rig, "crashed.db.corrupt"));
	rig_close(&crashed);
}

/* All flows up to one generation and none of a later one; which one that is. */
static unsigned
expect_earlier(void)
{
	unsigned generation;

	rig_open(&crashed);
	cr_assert_eq(crashed.report.found, STORE_OK, "%s", crashed.report.reason);
	generation = (unsigned)crashed.report.generation;
	cr_assert_lt(generation, COMMITS);
	rig_close(&crashed);
	expect_whole(generation);
	return generation;
}

Test(journal, a_clean_one_is_taken_whole)
{
	crash_after_commits();
	expect_whole(COMMITS);
}

/* Each frame but those of the last commit, at its header, its sums and its page. */
Test(journal, a_bit_that_flips_ends_it_between_two_transactions)
{
	static const off_t offsets[] = {1, 6, 9, 17, 24, 2000, FRAME - 1};
	unsigned frame, end, i = 0, generation, before = 0;

	crash_after_commits();
	command("cp crashed.db-wal good-wal && cp crashed.db good");
	end = transaction_first(0);
	for (frame = 1; frame < end; frame++, i++) {
		command("rm -rf crashed.db* && cp good crashed.db && cp good-wal crashed.db-wal");
		bit_flip(frame_at(frame) + offsets[i % (sizeof(offsets) / sizeof(offsets[0]))]);
		generation = expect_earlier();
		cr_assert_geq(generation, before);
		before = generation;
	}
	cr_assert_eq(before, COMMITS - 2);
}

/* Without the frames behind the damage the store is older than the copy: it is no good then. */
Test(journal, a_copy_that_is_newer_than_what_is_left_is_used)
{
	char name[STORE_PATH_MAX + 8];
	struct snapshot snapshot;
	struct fault fault;
	uint64_t taken;

	rig_open(&rig);
	commits(1, COMMITS - 2);
	cr_assert_eq(snapshot_init(&snapshot, rig.path, 0, -1, &fault), 0);
	cr_assert_eq(snapshot_take(&snapshot, &taken, &fault), 0, "%s", fault.message);
	snapshot_fini(&snapshot);
	commits(COMMITS - 1, COMMITS);
	crash();
	command("cp state.db-good crashed.db-good");
	bit_flip(frame_at(transaction_first(5)) + FRAME - 1);
	rig_open(&crashed);
	cr_assert_eq(crashed.report.found, STORE_SNAPSHOT);
	cr_assert_not_null(strstr(crashed.report.reason, "journal"), "%s", crashed.report.reason);
	cr_assert_eq(flows_count(), COMMITS - 2);
	cr_assert_eq(crashed.report.generation, COMMITS - 1);
	snprintf(name, sizeof(name), "%s-wal", crashed.report.moved_to);
	cr_assert_eq(access(name, F_OK), 0, "%s", name);
}

/* What cannot be read is as if it had not been written: the store of before is used. */
Test(journal, one_whose_header_is_damaged_is_not_used)
{
	off_t offset;

	rig_open(&rig);
	commits(1, 3);
	rig_close(&rig);
	rig_open(&rig);
	commits(4, COMMITS);
	crash();
	command("cp crashed.db-wal good-wal && cp crashed.db good");
	for (offset = 0; offset < HEADER; offset += 3) {
		command("rm -rf crashed.db* && cp good crashed.db && cp good-wal crashed.db-wal");
		bit_flip(offset);
		cr_assert_eq(expect_earlier(), 3);
	}
}

/* What cannot be told from a crash in the middle of the last commit. */
Test(journal, a_last_commit_that_is_torn_is_no_damage)
{
	const off_t tears[] = {1, 20, 24, 600, FRAME - 1, FRAME, FRAME + 20, 2 * FRAME};
	char line[64];
	unsigned i;

	crash_after_commits();
	command("cp crashed.db-wal good-wal && cp crashed.db good");
	for (i = 0; i < sizeof(tears) / sizeof(tears[0]); i++) {
		command("rm -rf crashed.db* && cp good crashed.db && cp good-wal crashed.db-wal");
		snprintf(line, sizeof(line), "truncate -s -%ld crashed.db-wal", (long)tears[i]);
		command(line);
		expect_whole(COMMITS - 1);
	}
}

/* The disk may write the frames of a commit in any order, its last one first. */
Test(journal, a_last_commit_written_out_of_order_is_no_damage)
{
	static const char zeros[FRAME], others[512] = "others";
	unsigned frame, last;

	crash_after_commits();
	command("cp crashed.db-wal good-wal && cp crashed.db good");
	last = n_frames();
	for (frame = transaction_first(0); frame <= last; frame++) {
		command("rm -rf crashed.db* && cp good crashed.db && cp good-wal crashed.db-wal");
		bytes_write(frame_at(frame), zeros, sizeof(zeros));
		expect_whole(COMMITS - 1);
		command("rm -rf crashed.db* && cp good crashed.db && cp good-wal crashed.db-wal");
		bytes_write(frame_at(frame) + 4, others, sizeof(others));
		expect_whole(COMMITS - 1);
	}
}

/* As the disk may be left a second time: what is behind the end was once written, and refused. */
Test(journal, a_crash_after_a_crash_is_no_damage)
{
	unsigned n;

	crash_after_commits();
	n = n_frames();
	bit_flip(frame_at(transaction_first(0)) + 2000);
	rig_open(&crashed);
	rig = crashed;
	crashed.store = NULL;
	rig_commit(&rig, COMMITS, "short", "{}");
	command("cp crashed.db state.db && cp crashed.db-wal state.db-wal");
	rig_close(&rig);
	command("mv state.db crashed.db && mv state.db-wal crashed.db-wal");
	cr_assert_lt(n_frames(), n);
	expect_whole(COMMITS);
}

static void
checkpoint(void)
{
	int in_journal, in_file;
	sqlite3 *db;

	cr_assert_eq(sqlite3_open(rig.path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	cr_assert_eq(sqlite3_exec(db, "SELECT * FROM ledger", NULL, NULL, NULL), SQLITE_OK);
	cr_assert_eq(sqlite3_wal_checkpoint_v2(
			     db, NULL, SQLITE_CHECKPOINT_RESTART, &in_journal, &in_file),
		SQLITE_OK);
	cr_assert_gt(in_journal, 0);
	cr_assert_eq(in_file, in_journal);
	sqlite3_close(db);
}

/* Frames of the time before, whole and with commits, are behind those that count. */
Test(journal, one_that_began_anew_is_taken_whole)
{
	unsigned last;

	rig_open(&rig);
	commits(1, COMMITS);
	checkpoint();
	for (last = COMMITS + 1; last <= COMMITS + 4; last++) {
		commits(last, last);
		crash();
		expect_whole(last);
	}
	checkpoint();
	crash();
	expect_whole(last - 1);
}

/* The header is new, or half of it, and no frame is. */
Test(journal, one_that_was_about_to_begin_anew_is_no_damage)
{
	unsigned char header[HEADER];

	rig_open(&rig);
	commits(1, COMMITS);
	checkpoint();
	crash();
	bytes_read(0, header, sizeof(header));
	header[15]++;
	bytes_write(0, header, sizeof(header) / 2);
	expect_whole(COMMITS);
}
