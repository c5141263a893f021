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
#include "store/maintain.h"

#define N_FLOWS 60
#define FLIPS 120
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

TestSuite(recover, .init = setup, .fini = teardown, .timeout = 120);

/* In the directory of the store. */
static void
command(const char *text)
{
	char line[600];

	snprintf(line, sizeof(line), "cd %s && %s", rig.directory, text);
	cr_assert_eq(system(line), 0, "%s", line);
}

/* With sqlite3's own means, as if the file had been changed by hand. */
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
	batch = rig_batch(1);
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
copy_make(uint64_t expected)
{
	struct fault fault;
	uint64_t taken;

	cr_assert_eq(maintain_copy(rig.path, NULL, NULL, &taken, &fault), 0, "%s", fault.message);
	cr_assert_eq(taken, expected);
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

Test(recover, a_bit_that_flips_anywhere_is_harmless_or_found)
{
	unsigned i, n_found[5] = {0};
	struct stat info;

	store_fill();
	copy_make(11);
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
		n_found[rig.report.condition]++;
		cr_assert_neq(rig.report.condition, STORE_LOST);
		cr_assert_neq(rig.report.condition, STORE_FRESH);
		expect_all("{last}");
		if (rig.report.condition != STORE_OK) {
			expect_moved_aside();
			cr_assert_eq(rig.report.generation, 12);
		}
		rig_close(&rig);
	}
	cr_assert_gt(n_found[STORE_SALVAGED], 0);
	cr_assert_gt(n_found[STORE_COPY], FLIPS / 5);
}

Test(recover, a_flow_that_differs_is_not_restored)
{
	store_fill();
	sql("UPDATE flow SET text = replace(text, '0', '1') WHERE id = 'f3'");
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_LOST);
	cr_assert_eq(rig.report.damaged_generation, 11);
	cr_assert_not_null(strstr(rig.report.reason, "checksum"), "%s", rig.report.reason);
	expect_moved_aside();
	rig_expect_flows(&rig, "");
	cr_assert_eq(rig.report.generation, 12, "numbers go on");
	rig_commit(&rig, 13, "a", "{1}");
}

Test(recover, a_flow_that_is_missing_or_old_is_found)
{
	store_fill();
	copy_make(11);
	sql("DELETE FROM flow WHERE id = 'f3'");
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_COPY);
	expect_all("{last}");
}

Test(recover, a_history_that_is_damaged_costs_the_history_alone)
{
	store_fill();
	sql("UPDATE change SET text = 'x' WHERE generation = 5");
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_SALVAGED);
	cr_assert_eq(rig.report.damaged_generation, 11);
	expect_moved_aside();
	expect_all("{last}");
	cr_assert_null(store_rollback_open(rig.store, 5, &rig.fault));
	rig_commit(&rig, 13, "f7", "{13}");
	rig_expect_rollback(&rig, 12, "f7={last}");
	rig_close(&rig);
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_OK);
}

static void
expect_released(unsigned expected)
{
	struct store_cursor *cursor = store_released_open(rig.store, &rig.fault);
	struct store_released released;
	unsigned n;

	for (n = 0; store_released_next(cursor, &released, &rig.fault) == 1; n++)
		cr_expect_eq(released.time_ns, 10 + n);
	store_cursor_close(cursor);
	cr_expect_eq(n, expected);
}

Test(recover, what_was_released_is_salvaged_if_it_is_good)
{
	struct store_batch *batch;

	store_fill();
	rig_open(&rig);
	batch = rig_batch(12);
	store_batch_released(batch, "y", 10);
	store_batch_released(batch, "x", 11);
	cr_assert(rig_submit(&rig, batch));
	rig_close(&rig);
	sql("UPDATE change SET text = 'x' WHERE generation = 5");
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_SALVAGED, "%s", rig.report.reason);
	expect_released(2);
	rig_close(&rig);
	sql("DELETE FROM released WHERE place = 'x'");
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_SALVAGED, "%s", rig.report.reason);
	cr_expect_not_null(strstr(rig.report.reason, "found 1 released ports, expected 2"), "%s",
		rig.report.reason);
	expect_all("{last}");
	expect_released(0);
	rig_close(&rig);
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_OK, "%s", rig.report.reason);
}

Test(recover, an_unconfirmed_generation_whose_history_is_lost_is_still_one)
{
	const struct store_confirm confirm = {.generation = 12, .previous = 11, .deadline_ns = 99};
	struct store_batch *batch;
	struct store_state state;

	store_fill();
	rig_open(&rig);
	batch = rig_batch(12);
	rig_put(batch, "f7", "{12}");
	store_batch_confirm(batch, &confirm);
	cr_assert(rig_submit(&rig, batch));
	rig_close(&rig);
	sql("UPDATE change SET text = 'x' WHERE generation = 5");
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_SALVAGED);
	store_state(rig.store, &state);
	cr_assert(state.has_confirm);
	cr_assert_eq(state.confirm.generation, 12);
	cr_assert_eq(state.confirm.deadline_ns, 99);
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

Test(recover, a_history_that_differs_in_any_way_is_found)
{
	static const struct {
		void (*make)(void);
		const char *sql;
	} cases[] = {
		{store_fill, "DELETE FROM change WHERE generation = 5"},
		{store_fill, "DELETE FROM generation WHERE number = 5"},
		/* As a bit that flips in the text of the schema does it. */
		{store_fill, "PRAGMA writable_schema = ON;"
			     "UPDATE sqlite_schema SET sql = replace(sql, 'changed', 'chanced')"},
		{gap_make, "DELETE FROM change WHERE generation = 3"},
		{gap_make, "DELETE FROM change WHERE generation = 10;"
			   "DELETE FROM generation WHERE number = 10"},
		{gap_make, "UPDATE generation SET tag = 'bad' WHERE number = 2"},
	};
	unsigned i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cases[i].make();
		sql(cases[i].sql);
		rig_open(&rig);
		cr_expect_eq(rig.report.condition, STORE_SALVAGED, "%s", cases[i].sql);
		if (cases[i].make == store_fill)
			expect_all("{last}");
		else
			rig_expect_flows(&rig, "a={odd}");
		rig_close(&rig);
		command("rm state.db*");
	}
}

Test(recover, garbage_is_moved_aside_and_the_copy_used)
{
	store_fill();
	copy_make(11);
	command("head -c 20000 /dev/urandom >state.db");
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_COPY);
	expect_moved_aside();
	expect_all("{last}");
	rig_close(&rig);
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_OK);
}

Test(recover, a_file_that_was_cut_short_is_found)
{
	store_fill();
	copy_make(11);
	command("truncate -s -9000 state.db");
	rig_open(&rig);
	cr_assert_neq(rig.report.condition, STORE_OK);
	expect_all("{last}");
}

Test(recover, a_store_that_is_gone_comes_from_its_copy)
{
	store_fill();
	copy_make(11);
	command("rm -f state.db state.db-wal state.db-shm");
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_COPY);
	cr_assert_eq(rig.report.moved_to[0], '\0');
	expect_all("{last}");
}

Test(recover, without_store_and_copy_it_is_fresh)
{
	store_fill();
	command("rm state.db*");
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_FRESH);
}

Test(recover, a_copy_that_is_damaged_is_not_used)
{
	store_fill();
	copy_make(11);
	command("head -c 30000 /dev/zero | tr '\\0' x | dd of=state.db-good bs=1 seek=5000 "
		"conv=notrunc 2>/dev/null && echo not a store at all >state.db");
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_LOST);
	rig_expect_flows(&rig, "");
}

Test(recover, a_recovery_that_was_interrupted_goes_on)
{
	store_fill();
	command("mv state.db state.db-new && touch state.db-wal");
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_COPY);
	expect_all("{last}");
	cr_assert(rig_has_file(&rig, "state.db.corrupt"));
}

Test(recover, a_foreign_database_is_moved_aside_as_it_is)
{
	sql("CREATE TABLE t (a); INSERT INTO t VALUES (1)");
	command("cp state.db before");
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_LOST);
	expect_moved_aside();
	command("cmp before state.db.corrupt-*");
}

Test(recover, a_newer_layout_is_refused_and_left_alone)
{
	store_fill();
	sql("PRAGMA user_version = 99");
	command("cp state.db before");
	cr_assert_not(rig_try(&rig));
	cr_assert_eq(rig.fault.code, FAULT_STORE);
	cr_assert_not_null(strstr(rig.fault.message, "99"), "%s", rig.fault.message);
	command("cmp before state.db && ! ls state.db.corrupt* 2>/dev/null");
}

Test(recover, a_directory_is_refused)
{
	command("mkdir state.db");
	cr_assert_not(rig_try(&rig));
	cr_assert_not_null(strstr(rig.fault.message, "not a regular file"));
	command("rmdir state.db");
}

/* The copy has what was written up to when it was taken, whatever is written meanwhile. */
Test(recover, a_copy_beside_a_writer_is_whole)
{
	store_fill();
	rig_open(&rig);
	rig_commit(&rig, 12, "f7", "{12}");
	copy_make(12);
	rig_commit(&rig, 13, "f7", "{13}");
	rig_close(&rig);
	rig_open(&rig);
	rig_close(&rig);
	command("rm state.db && ! ls state.db-good?* 2>/dev/null");
	rig_open(&rig);
	expect_all("{12}");
}

/*
 * A journal that a crash left: whatever a crash may do to its end is no damage, and damage in it
 * never makes half a transaction: the state is that of an earlier generation, or of the copy.
 */

static void
crash_again(void)
{
	command("rm -f crashed.db* && cp good crashed.db && cp good-wal crashed.db-wal");
}

/* What the disk has at this moment, under another name. */
static void
crash(void)
{
	command("cp state.db good && cp state.db-wal good-wal");
	crash_again();
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
journal_bit_flip(off_t offset)
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
	cr_assert_eq(crashed.report.condition, STORE_OK, "%s", crashed.report.reason);
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
	cr_assert_eq(crashed.report.condition, STORE_OK, "%s", crashed.report.reason);
	generation = (unsigned)crashed.report.generation;
	cr_assert_lt(generation, COMMITS);
	rig_close(&crashed);
	expect_whole(generation);
	return generation;
}

Test(recover, a_clean_journal_is_taken_whole)
{
	crash_after_commits();
	expect_whole(COMMITS);
}

/* Each frame but those of the last commit, at its header, its sums and its page. */
Test(recover, a_bit_that_flips_in_a_journal_ends_it_between_two_transactions)
{
	static const off_t offsets[] = {1, 6, 9, 17, 24, 2000, FRAME - 1};
	unsigned frame, end, i = 0, generation, before = 0;

	crash_after_commits();
	end = transaction_first(0);
	for (frame = 1; frame < end; frame++, i++) {
		crash_again();
		journal_bit_flip(
			frame_at(frame) + offsets[i % (sizeof(offsets) / sizeof(offsets[0]))]);
		generation = expect_earlier();
		cr_assert_geq(generation, before);
		before = generation;
	}
	cr_assert_eq(before, COMMITS - 2);
}

/* Without the frames behind the damage the store is older than the copy: it is no good then. */
Test(recover, a_copy_that_is_newer_than_what_is_left_is_used)
{
	char name[STORE_PATH_MAX + 8];

	rig_open(&rig);
	commits(1, COMMITS - 2);
	copy_make(COMMITS - 2);
	commits(COMMITS - 1, COMMITS);
	crash();
	command("cp state.db-good crashed.db-good");
	journal_bit_flip(frame_at(transaction_first(5)) + FRAME - 1);
	rig_open(&crashed);
	cr_assert_eq(crashed.report.condition, STORE_COPY);
	cr_assert_not_null(strstr(crashed.report.reason, "journal"), "%s", crashed.report.reason);
	cr_assert_eq(flows_count(), COMMITS - 2);
	cr_assert_eq(crashed.report.generation, COMMITS - 1);
	snprintf(name, sizeof(name), "%s-wal", crashed.report.moved_to);
	cr_assert_eq(access(name, F_OK), 0, "%s", name);
}

/* Make a file one of layout 4, which had no table of released ports. */
static void
layout_4_make(const char *path)
{
	struct meta meta;
	struct fault fault;
	sqlite3 *db = NULL;
	uint64_t sum = SUM_START;
	char text[400];

	cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
	cr_assert_eq(meta_load(db, &meta, &fault), 0, "%s", fault.message);
	for (unsigned i = 0; i < META_NUMBERS_N - 2; i++)
		sum = sum_number(sum, meta.numbers[i]);
	snprintf(text, sizeof(text),
		"UPDATE meta SET sum = %lld; ALTER TABLE meta DROP COLUMN released;"
		"ALTER TABLE meta DROP COLUMN released_sum; DROP TABLE released;"
		"PRAGMA user_version = 4",
		(long long)sum);
	cr_assert_eq(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
	sqlite3_close(db);
}

/* The store of generation 11 is behind its copy, of 13, and both are of layout 4. */
static void
layout_4_behind_copy(void)
{
	store_fill();
	command("cp state.db old.db");
	rig_open(&rig);
	rig_commit(&rig, 12, "f7", "{not last}");
	rig_commit(&rig, 13, "f7", "{copied}");
	rig_close(&rig);
	copy_make(13);
	command("mv old.db state.db");
	layout_4_make(rig.path);
	layout_4_make(rig_file(&rig, "-good"));
}

/* Also after an upgrade. */
Test(recover, a_copy_of_an_older_layout_that_is_newer_is_used)
{
	layout_4_behind_copy();
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_COPY, "%s", rig.report.reason);
	cr_expect_not_null(strstr(rig.report.reason, "generation 11"), "%s", rig.report.reason);
	cr_expect_eq(rig.report.generation, 14);
	expect_all("{copied}");
}

Test(recover, flows_are_not_salvaged_if_a_copy_of_an_older_layout_is_newer)
{
	layout_4_behind_copy();
	sql("UPDATE change SET text = 'x' WHERE generation = 5");
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_COPY, "%s", rig.report.reason);
	expect_all("{copied}");
}

Test(recover, a_copy_of_layout_3_that_is_newer_is_used)
{
	command("sqlite3 state.db <" SOURCE_DIR "/fixtures/version-1.sql");
	command("sqlite3 state.db-good <" SOURCE_DIR "/fixtures/version-3.sql");
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_COPY, "%s", rig.report.reason);
	rig_expect_flows(&rig, "a={12} c={x} d={11}");
}

/* What cannot be read is as if it had not been written: the store of before is used. */
Test(recover, a_journal_whose_header_is_damaged_is_not_used)
{
	off_t offset;

	rig_open(&rig);
	commits(1, 3);
	rig_close(&rig);
	rig_open(&rig);
	commits(4, COMMITS);
	crash();
	for (offset = 0; offset < HEADER; offset += 3) {
		crash_again();
		journal_bit_flip(offset);
		cr_assert_eq(expect_earlier(), 3);
	}
}

/* What cannot be distinguished from a crash in the middle of the last commit. */
Test(recover, a_last_commit_that_is_torn_is_no_damage)
{
	const off_t tears[] = {1, 20, 24, 600, FRAME - 1, FRAME, FRAME + 20, 2 * FRAME};
	char line[64];
	unsigned i;

	crash_after_commits();
	for (i = 0; i < sizeof(tears) / sizeof(tears[0]); i++) {
		crash_again();
		snprintf(line, sizeof(line), "truncate -s -%ld crashed.db-wal", (long)tears[i]);
		command(line);
		expect_whole(COMMITS - 1);
	}
}

/* The disk may write the frames of a commit in any order, its last one first. */
Test(recover, a_last_commit_written_out_of_order_is_no_damage)
{
	static const char zeros[FRAME], others[512] = "others";
	unsigned frame, last;

	crash_after_commits();
	last = n_frames();
	for (frame = transaction_first(0); frame <= last; frame++) {
		crash_again();
		bytes_write(frame_at(frame), zeros, sizeof(zeros));
		expect_whole(COMMITS - 1);
		crash_again();
		bytes_write(frame_at(frame) + 4, others, sizeof(others));
		expect_whole(COMMITS - 1);
	}
}

/* As the disk may be left a second time: what is behind the end was once written, and refused. */
Test(recover, a_crash_after_a_crash_is_no_damage)
{
	unsigned n;

	crash_after_commits();
	n = n_frames();
	journal_bit_flip(frame_at(transaction_first(0)) + 2000);
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
	cr_assert_eq(sqlite3_exec(db, "SELECT * FROM meta", NULL, NULL, NULL), SQLITE_OK);
	cr_assert_eq(sqlite3_wal_checkpoint_v2(
			     db, NULL, SQLITE_CHECKPOINT_RESTART, &in_journal, &in_file),
		SQLITE_OK);
	cr_assert_gt(in_journal, 0);
	cr_assert_eq(in_file, in_journal);
	sqlite3_close(db);
}

/* Frames of the time before, whole and with commits, are behind those that count. */
Test(recover, a_journal_that_was_restarted_is_taken_whole)
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
Test(recover, a_journal_that_was_about_to_be_restarted_is_no_damage)
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
