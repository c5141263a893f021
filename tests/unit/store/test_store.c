/* SPDX-License-Identifier: BSD-3-Clause */
/* What was submitted is there afterwards, whole, also when the store was closed meanwhile. */
#include <criterion/criterion.h>
#include <event2/event.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig.h"

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

TestSuite(store, .init = setup, .fini = teardown);

static struct store_state
state(void)
{
	struct store_state found;

	store_state(rig.store, &found);
	return found;
}

Test(store, a_fresh_one_is_empty_and_says_so)
{
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_FRESH);
	cr_assert_eq(state().generation, 0);
	cr_assert_eq(state().flows, 0);
	cr_assert(state().is_durable);
	cr_assert_str_eq(state().path, rig.path);
	rig_expect_flows(&rig, "");
}

Test(store, its_directories_are_made_with_their_modes)
{
	struct stat info;
	char above[sizeof(rig.path)];

	snprintf(above, sizeof(above), "%s/a", rig.directory);
	snprintf(rig.path, sizeof(rig.path), "%s/a/b/state.db", rig.directory);
	rig_open(&rig);
	cr_assert_eq(stat(above, &info), 0);
	cr_assert_eq(info.st_mode & 07777, 0750);
	cr_assert_eq(stat(rig.path, &info), 0);
	cr_assert_eq(info.st_mode & 07777, 0640);
	cr_assert_eq(stat(rig_file(&rig, "-wal"), &info), 0);
	cr_assert_eq(info.st_mode & 07777, 0640);
	rig_close(&rig);
	unlink(rig_file(&rig, "-lock"));
	unlink(rig_file(&rig, ""));
	*strrchr(rig.path, '/') = '\0';
	cr_assert_eq(rmdir(rig.path), 0, "only the lock and the file are left");
	cr_assert_eq(rmdir(above), 0);
}

Test(store, flows_come_back_in_the_order_in_which_they_were_put)
{
	struct store_batch *batch;

	rig_open(&rig);
	batch = rig_batch(1);
	rig_put(batch, "zulu", "{1}");
	rig_put(batch, "alfa", "{2}");
	rig_put(batch, "mike", "{3}");
	cr_assert(rig_submit(&rig, batch));
	rig_commit(&rig, 2, "zulu", "{4}");
	rig_expect_flows(&rig, "zulu={4} alfa={2} mike={3}");
	rig_close(&rig);
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_OK);
	cr_assert_eq(rig.report.generation, 2);
	rig_expect_flows(&rig, "zulu={4} alfa={2} mike={3}");
	cr_assert_eq(state().flows, 3);
	cr_assert_eq(state().bytes, 9);
	cr_assert_eq(state().generation, 2);
}

Test(store, all_of_a_flow_comes_back)
{
	struct store_batch *batch;
	struct store_cursor *cursor;
	struct store_flow flow;

	rig_open(&rig);
	batch = rig_batch(1);
	store_batch_insert(batch, "a", "text beyond", 4, UINT64_MAX, true);
	cr_assert(rig_submit(&rig, batch));
	cursor = store_flows_open(rig.store, &rig.fault);
	cr_assert_eq(store_cursor_next(cursor, &flow, &rig.fault), 1);
	cr_assert_str_eq(flow.id, "a");
	cr_assert_str_eq(flow.text, "text");
	cr_assert_eq(flow.bytes, 4);
	cr_assert_eq(flow.last_leg, UINT64_MAX);
	cr_assert(flow.declared);
	store_cursor_close(cursor);
}

Test(store, removed_flows_are_gone_and_others_stay)
{
	rig_open(&rig);
	rig_commit(&rig, 1, "a", "{1}");
	rig_commit(&rig, 2, "b", "{2}");
	rig_commit(&rig, 3, "a", NULL);
	rig_commit(&rig, 4, "never", NULL);
	rig_expect_flows(&rig, "b={2}");
	cr_assert_eq(state().flows, 1);
	cr_assert_eq(state().bytes, 3);
}

Test(store, several_generations_fit_in_one_batch)
{
	struct store_generation second = {.number = 7, .method = "m"};
	struct store_batch *batch;

	rig_open(&rig);
	batch = rig_batch(1);
	rig_put(batch, "a", "{1}");
	store_batch_generation(batch, &second);
	rig_put(batch, "a", "{2}");
	cr_assert(rig_submit(&rig, batch));
	cr_assert_eq(state().generation, 7);
	rig_expect_flows(&rig, "a={2}");
	rig_expect_rollback(&rig, 1, "a={1}");
	rig_expect_rollback(&rig, 0, "a-");
}

Test(store, a_generation_that_does_not_grow_is_refused_whole)
{
	struct store_batch *batch;

	rig_open(&rig);
	rig_commit(&rig, 5, "a", "{1}");
	batch = rig_batch(5);
	rig_put(batch, "b", "{2}");
	cr_assert_not(rig_submit(&rig, batch));
	cr_assert_eq(rig.fault.code, FAULT_INTERNAL);
	rig_expect_flows(&rig, "a={1}");
	rig_commit(&rig, 6, "c", "{3}");
	rig_expect_flows(&rig, "a={1} c={3}");
}

Test(store, a_flow_outside_of_a_generation_is_refused)
{
	struct store_batch *batch;

	rig_open(&rig);
	batch = store_batch_create();
	rig_put(batch, "b", "{2}");
	cr_assert_not(rig_submit(&rig, batch));
	rig_expect_flows(&rig, "");
}

Test(store, a_confirm_is_kept_until_it_is_cleared)
{
	const struct store_confirm confirm = {
		.generation = 2, .previous = 1, .deadline_ns = 99, .within_ns = 7};
	struct store_batch *batch;

	rig_open(&rig);
	rig_commit(&rig, 1, "a", "{1}");
	batch = rig_batch(2);
	rig_put(batch, "a", "{2}");
	store_batch_confirm(batch, &confirm);
	cr_assert(rig_submit(&rig, batch));
	rig_close(&rig);
	rig_open(&rig);
	cr_assert(state().has_confirm);
	cr_assert_eq(state().confirm.generation, 2);
	cr_assert_eq(state().confirm.previous, 1);
	cr_assert_eq(state().confirm.deadline_ns, 99);
	cr_assert_eq(state().confirm.within_ns, 7);
	batch = store_batch_create();
	store_batch_confirm(batch, NULL);
	cr_assert(rig_submit(&rig, batch));
	cr_assert_not(state().has_confirm);
	rig_close(&rig);
	rig_open(&rig);
	cr_assert_not(state().has_confirm);
	cr_assert_eq(state().generation, 2);
}

Test(store, a_second_one_on_the_same_file_is_refused_and_names_the_first)
{
	struct rig second = rig;
	char expected[32];

	rig_open(&rig);
	cr_assert_not(rig_try(&second));
	cr_assert_eq(second.fault.code, FAULT_STORE);
	snprintf(expected, sizeof(expected), "process %d;", (int)getpid());
	cr_assert_not_null(strstr(second.fault.message, expected), "%s", second.fault.message);
	rig_close(&rig);
	rig_open(&rig);
}

Test(store, in_memory_nothing_is_kept_and_no_file_is_made)
{
	rig.path[0] = '\0';
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_FRESH);
	cr_assert_not(state().is_durable);
	rig_commit(&rig, 1, "a", "{1}");
	rig_commit(&rig, 2, "a", "{2}");
	rig_expect_flows(&rig, "a={2}");
	rig_expect_rollback(&rig, 1, "a={1}");
	rig_close(&rig);
	rig_open(&rig);
	rig_expect_flows(&rig, "");
	cr_assert_not(rig_has_file(&rig, "state"));
}

static void
count_done(void *arg, const struct fault *error)
{
	unsigned *count = arg;

	cr_expect_null(error);
	(*count)++;
}

Test(store, closing_writes_what_was_submitted_and_tells_all)
{
	unsigned count = 0;
	char id[16];
	unsigned i;

	rig_open(&rig);
	for (i = 1; i <= 100; i++) {
		struct store_batch *batch = rig_batch(i);

		snprintf(id, sizeof(id), "f%u", i);
		rig_put(batch, id, "{}");
		store_submit(rig.store, batch, count_done, &count);
	}
	cr_assert_eq(count, 0, "done is never called by submit");
	rig_close(&rig);
	cr_assert_eq(count, 100);
	rig_open(&rig);
	cr_assert_eq(state().flows, 100);
	cr_assert_eq(state().generation, 100);
}

static void
verdict_done(void *arg, const struct fault *error)
{
	char *verdict = arg;

	*verdict = error ? 'n' : 'y';
}

/* While a cursor is open a store in memory writes nothing, so the batches wait, and then together.
 */
Test(store, one_bad_batch_of_a_group_takes_no_other_with_it)
{
	static const uint64_t numbers[] = {1, 2, 3, 3, 4};
	char verdicts[6] = "-----";
	struct store_cursor *cursor;
	unsigned i;

	rig.path[0] = '\0';
	rig_open(&rig);
	cursor = store_flows_open(rig.store, &rig.fault);
	for (i = 0; i < 5; i++) {
		struct store_batch *batch = rig_batch(numbers[i]);
		const char id[2] = {(char)('a' + i), '\0'};

		rig_put(batch, id, "{}");
		store_submit(rig.store, batch, verdict_done, &verdicts[i]);
	}
	cr_assert_str_eq(verdicts, "-----");
	store_cursor_close(cursor);
	while (strchr(verdicts, '-'))
		event_base_loop(rig.base, EVLOOP_ONCE);
	cr_assert_str_eq(verdicts, "yyyny");
	rig_expect_flows(&rig, "a={} b={} c={} e={}");
	cr_assert_eq(state().flows, 4);
}
