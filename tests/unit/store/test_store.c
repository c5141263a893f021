/* SPDX-License-Identifier: BSD-3-Clause */
/* What was submitted is there afterwards, whole, also when the store was closed meanwhile. */
#include <criterion/criterion.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
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

Test(store, a_new_store_is_empty_and_reported_as_new)
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

Test(store, flows_are_read_in_the_order_of_insertion)
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

Test(store, all_of_a_flow_is_read_back)
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

static void
expect_released(const char *expected)
{
	struct store_cursor *cursor = store_released_open(rig.store, &rig.fault);
	struct store_released released;
	char found[128] = "";
	size_t n = 0;

	cr_assert_not_null(cursor);
	while (store_released_next(cursor, &released, &rig.fault) == 1)
		n += (size_t)snprintf(found + n, sizeof(found) - n, "%s@%llu ", released.place,
			(unsigned long long)released.time_ns);
	store_cursor_close(cursor);
	cr_expect_str_eq(found, expected);
}

/* Of some bytes up to 150,000, so that each piece of a batch has others of them at its end. */
static void
long_text(char *text, size_t i)
{
	const size_t bytes = i % 50 == 0 ? 150000 : 1 + i * 37 % 5000;

	memset(text, 'a' + (char)(i % 26), bytes);
	text[bytes] = '\0';
}

Test(store, a_large_batch_is_read_back)
{
	static char text[150001];
	const size_t n = 2000;
	struct store_batch *batch = rig_batch(1);
	struct store_cursor *cursor;
	struct store_flow flow;
	char id[16];
	size_t i;

	rig_open(&rig);
	for (i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "f%zu", i);
		long_text(text, i);
		rig_put(batch, id, text);
	}
	cr_assert(rig_submit(&rig, batch), "%s", rig.fault.message);
	cursor = store_flows_open(rig.store, &rig.fault);
	for (i = 0; i < n; i++) {
		cr_assert_eq(store_cursor_next(cursor, &flow, &rig.fault), 1, "%zu", i);
		snprintf(id, sizeof(id), "f%zu", i);
		cr_assert_str_eq(flow.id, id);
		long_text(text, i);
		cr_assert_eq(flow.bytes, strlen(text));
		cr_assert_str_eq(flow.text, text);
	}
	store_cursor_close(cursor);
}

Test(store, the_last_release_of_each_port_is_kept)
{
	struct store_batch *batch;

	rig_open(&rig);
	batch = rig_batch(1);
	store_batch_released(batch, "a", 30);
	store_batch_released(batch, "b", 20);
	store_batch_released(batch, "a", 10);
	cr_assert(rig_submit(&rig, batch));
	expect_released("a@10 b@20 ");
	batch = rig_batch(2);
	store_batch_released(batch, "a", 40);
	cr_assert(rig_submit(&rig, batch));
	rig_close(&rig);
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_OK, "%s", rig.report.reason);
	expect_released("b@20 a@40 ");
	batch = store_batch_create();
	store_batch_forget(batch, "b");
	store_batch_forget(batch, "never");
	cr_assert(rig_submit(&rig, batch));
	rig_close(&rig);
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_OK, "%s", rig.report.reason);
	expect_released("a@40 ");
}

/* One that fails has released nothing, and what the file has still comes to what meta says. */
Test(store, a_batch_that_fails_releases_nothing)
{
	struct store_batch *batch;

	rig_open(&rig);
	rig_commit(&rig, 1, "a", "{1}");
	batch = rig_batch(1);
	store_batch_released(batch, "a", 10);
	cr_assert_not(rig_submit(&rig, batch), "the generation is there already");
	batch = store_batch_create();
	store_batch_released(batch, "b", 10);
	store_batch_insert(batch, "b", "{2}", 3, 1, false);
	cr_assert_not(rig_submit(&rig, batch), "a flow outside of any generation");
	rig_close(&rig);
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_OK, "%s", rig.report.reason);
	expect_released("");
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

/* Generation 1, and 2, which waits for confirmation. */
static void
commit_unconfirmed(void)
{
	const struct store_confirm confirm = {
		.generation = 2, .previous = 1, .deadline_ns = 99, .within_ns = 7};
	struct store_batch *batch = rig_batch(2);

	rig_commit(&rig, 1, "a", "{1}");
	rig_put(batch, "a", "{2}");
	store_batch_confirm(batch, &confirm);
	cr_assert(rig_submit(&rig, batch));
}

Test(store, a_confirm_is_kept_until_it_is_cleared)
{
	struct store_batch *batch;

	rig_open(&rig);
	commit_unconfirmed();
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

Test(store, closing_writes_what_was_submitted_and_completes_all)
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

/* A large change is written for seconds: whoever reads meanwhile is refused before that. */
Test(store, in_memory_a_reader_does_not_wait_for_a_large_change)
{
	struct store_batch *batch = rig_batch(1);
	struct store_cursor *cursor;
	char verdict = '-', id[16];
	unsigned i;

	rig.path[0] = '\0';
	rig_open(&rig);
	for (i = 0; i < 200000; i++) {
		snprintf(id, sizeof(id), "f%u", i);
		rig_put(batch, id, "{}");
	}
	store_submit(rig.store, batch, verdict_done, &verdict);
	/* Until the writer has begun, nothing is in the way. */
	while ((cursor = store_flows_open(rig.store, &rig.fault))) {
		store_cursor_close(cursor);
		usleep(1000);
	}
	cr_assert_eq(rig.fault.code, FAULT_BUSY);
	cr_assert_not_null(strstr(rig.fault.message, "being written"), "%s", rig.fault.message);
	while (verdict == '-')
		event_base_loop(rig.base, EVLOOP_ONCE);
	cr_assert_eq(verdict, 'y');
	cursor = store_flows_open(rig.store, &rig.fault);
	cr_assert_not_null(cursor);
	store_cursor_close(cursor);
}

static void
setup_open(void)
{
	rig_init(&rig);
	rig_open(&rig);
}

/* The generations that are kept can be listed, read, and returned to. */
TestSuite(history, .init = setup_open, .fini = teardown);

static char listed[4096];

static void
history_read(const struct store_history_filter *filter, unsigned limit)
{
	static const char outcomes[] = "dcoCr";
	struct store_cursor *cursor = store_history_open(rig.store, filter, limit, &rig.fault);
	struct store_generation generation;
	enum store_outcome outcome;
	size_t n = 0;
	int rc;

	cr_assert_not_null(cursor, "%s", rig.fault.message);
	listed[0] = '\0';
	while ((rc = store_history_next(cursor, &generation, &outcome, &rig.fault)) == 1) {
		snprintf(listed + n, sizeof(listed) - n, "%s%llu%c", n ? " " : "",
			(unsigned long long)generation.number, outcomes[outcome]);
		n = strlen(listed);
	}
	cr_assert_eq(rc, 0, "%s", rig.fault.message);
	store_cursor_close(cursor);
}

static void
expect_list(uint64_t before, unsigned limit, const char *expected)
{
	const struct store_history_filter filter = {.before = before};

	history_read(&filter, limit);
	cr_assert_str_eq(listed, expected);
}

static void
expect_changes(uint64_t generation, uint64_t after, unsigned limit, const char *expected)
{
	struct store_cursor *cursor =
		store_changes_open(rig.store, generation, after, limit, &rig.fault);
	struct store_change change;
	size_t n = 0;
	int rc;

	cr_assert_not_null(cursor, "%s", rig.fault.message);
	listed[0] = '\0';
	while ((rc = store_change_next(cursor, &change, &rig.fault)) == 1) {
		snprintf(listed + n, sizeof(listed) - n, "%s%llu:%s:%s>%s", n ? " " : "",
			(unsigned long long)change.index, change.before.id,
			change.before.text ? change.before.text : "",
			change.after ? change.after : "");
		n = strlen(listed);
	}
	cr_assert_eq(rc, 0, "%s", rig.fault.message);
	store_cursor_close(cursor);
	cr_assert_str_eq(listed, expected);
}

Test(history, all_of_a_generation_is_read_back)
{
	struct store_generation generation = {
		.number = 5,
		.time_ns = 123456789,
		.actor = {.uid = UINT32_MAX,
			.gid = 7,
			.pid = -1,
			.name = "CN=noc \xc3\xa4",
			.via = "tls",
			.role = ROLE_ADMIN},
		.method = "txn.commit",
		.comment = "why",
		.added = 1,
		.changed = 2,
		.removed = 3,
		.returns = STORE_RETURN_TO,
		.returned = 2,
	};
	struct store_batch *batch = store_batch_create();
	struct store_generation found;
	enum store_outcome outcome;

	store_batch_generation(batch, &generation);
	cr_assert(rig_submit(&rig, batch));
	cr_assert_eq(store_history_get(rig.store, 5, &found, &outcome, &rig.fault), 0);
	cr_assert_eq(found.number, 5);
	cr_assert_eq(found.time_ns, 123456789);
	cr_assert_eq(found.actor.uid, UINT32_MAX);
	cr_assert_eq(found.actor.gid, 7);
	cr_assert_eq(found.actor.pid, -1);
	cr_assert_eq(found.actor.role, ROLE_ADMIN);
	cr_assert_str_eq(found.actor.name, generation.actor.name);
	cr_assert_str_eq(found.actor.via, "tls");
	cr_assert_str_eq(found.method, "txn.commit");
	cr_assert_str_eq(found.comment, "why");
	cr_assert_eq(found.added, 1);
	cr_assert_eq(found.changed, 2);
	cr_assert_eq(found.removed, 3);
	cr_assert_eq(found.returns, STORE_RETURN_TO);
	cr_assert_eq(found.returned, 2);
	cr_assert_eq(outcome, STORE_CURRENT);
}

Test(history, is_listed_newest_first_in_pages)
{
	uint64_t i;

	expect_list(0, 10, "");
	for (i = 1; i <= 5; i++)
		rig_commit(&rig, 10 * i, "a", "{}");
	expect_list(0, 3, "50c 40d 30d");
	expect_list(30, 3, "20d 10d");
	expect_list(1, 3, "");
}

Test(history, may_be_closed_before_its_end)
{
	const struct store_history_filter all = {0};
	struct store_generation generation;
	struct store_cursor *cursor;
	enum store_outcome outcome;

	rig_commit(&rig, 1, "a", "{}");
	rig_commit(&rig, 2, "a", "{}");
	cursor = store_history_open(rig.store, &all, 9, &rig.fault);
	cr_assert_eq(store_history_next(cursor, &generation, &outcome, &rig.fault), 1);
	cr_assert_eq(generation.number, 2);
	store_cursor_close(cursor);
	rig_commit(&rig, 3, "a", "{}");
}

static void
commit_return(uint64_t number, enum store_return returns, uint64_t returned)
{
	struct store_generation back = {.number = number, .returns = returns, .returned = returned};
	struct store_batch *batch = store_batch_create();

	store_batch_generation(batch, &back);
	rig_put(batch, "a", "{back}");
	cr_assert(rig_submit(&rig, batch));
}

Test(history, has_what_became_of_a_confirmation)
{
	struct store_batch *batch;

	commit_unconfirmed();
	expect_list(0, 9, "2o 1d");
	batch = store_batch_create();
	store_batch_confirm(batch, NULL);
	cr_assert(rig_submit(&rig, batch));
	expect_list(0, 9, "2c 1d");
	rig_commit(&rig, 3, "a", "{3}");
	expect_list(0, 9, "3c 2C 1d");
	rig_commit(&rig, 4, "a", "{4}");
	commit_return(5, STORE_RETURN_TO, 3);
	expect_list(0, 9, "5c 4r 3d 2C 1d");
}

Test(history, a_generation_that_is_reverted_takes_no_later_one_with_it)
{
	uint64_t i;

	for (i = 1; i <= 4; i++)
		rig_commit(&rig, i, "a", "{}");
	commit_return(5, STORE_RETURN_OF, 2);
	expect_list(0, 9, "5c 4d 3d 2r 1d");
	commit_return(6, STORE_RETURN_TO, 3);
	expect_list(0, 9, "6c 5r 4r 3d 2d 1d");
}

Test(history, a_return_to_what_was_reverted_makes_it_stand_again)
{
	uint64_t i;

	for (i = 1; i <= 3; i++)
		rig_commit(&rig, 10 * i, "a", "{}");
	commit_return(40, STORE_RETURN_TO, 10);
	expect_list(0, 9, "40c 30r 20r 10d");
	commit_return(50, STORE_RETURN_TO, 20);
	expect_list(0, 9, "50c 40r 30r 20d 10d");
	rig_commit(&rig, 60, "a", "{}");
	expect_list(0, 2, "60c 50d");
	expect_list(50, 9, "40r 30r 20d 10d");
}

Test(history, has_before_and_after_of_each_change)
{
	struct store_batch *batch;

	rig_commit(&rig, 1, "a", "{1}");
	batch = rig_batch(2);
	rig_put(batch, "b", "{b}");
	rig_put(batch, "a", "{2}");
	rig_put(batch, "c", "{c}");
	cr_assert(rig_submit(&rig, batch));
	rig_commit(&rig, 3, "a", NULL);
	rig_commit(&rig, 4, "a", "{4}");
	expect_changes(1, 0, 9, "1:a:>{1}");
	expect_changes(2, 0, 9, "1:b:>{b} 2:a:{1}>{2} 3:c:>{c}");
	expect_changes(2, 1, 1, "2:a:{1}>{2}");
	expect_changes(2, 3, 9, "");
	expect_changes(3, 0, 9, "1:a:{2}>");
	expect_changes(4, 0, 9, "1:a:>{4}");
	cr_assert_null(store_changes_open(rig.store, 9, 0, 9, &rig.fault));
	cr_assert_eq(rig.fault.code, FAULT_NOT_FOUND);
}

Test(history, of_several_changes_in_a_generation_the_first_before_and_the_last_after_count)
{
	struct store_batch *batch;

	rig_commit(&rig, 1, "a", "{1}");
	batch = rig_batch(2);
	rig_put(batch, "a", "{x}");
	store_batch_remove(batch, "a");
	rig_put(batch, "a", "{2}");
	rig_put(batch, "b", "{b}");
	store_batch_remove(batch, "b");
	cr_assert(rig_submit(&rig, batch));
	expect_changes(2, 0, 9, "1:a:{1}>{2} 2:b:>");
	rig_expect_flows(&rig, "a={2}");
	rig_expect_rollback(&rig, 1, "a={1} b-");
}

Test(history, rollback_has_each_flow_once_as_it_was)
{
	rig_commit(&rig, 1, "a", "{1}");
	rig_commit(&rig, 2, "b", "{2}");
	rig_commit(&rig, 3, "a", "{3}");
	rig_commit(&rig, 4, "b", NULL);
	rig_commit(&rig, 5, "a", "{5}");
	rig_commit(&rig, 6, "c", "{6}");
	rig_expect_rollback(&rig, 6, "");
	rig_expect_rollback(&rig, 3, "b={2} a={3} c-");
	rig_expect_rollback(&rig, 2, "a={1} b={2} c-");
	rig_expect_rollback(&rig, 0, "a- b- c-");
	cr_assert_null(store_rollback_open(rig.store, 7, &rig.fault));
	cr_assert_eq(rig.fault.code, FAULT_NOT_FOUND);
}

Test(history, a_cursor_keeps_its_view_while_others_are_written)
{
	struct store_cursor *cursor;
	struct store_flow flow;

	rig_commit(&rig, 1, "a", "{1}");
	rig_commit(&rig, 2, "b", "{1}");
	cursor = store_flows_open(rig.store, &rig.fault);
	rig_commit(&rig, 3, "a", "{3}");
	rig_commit(&rig, 4, "b", NULL);
	cr_assert_eq(store_cursor_next(cursor, &flow, &rig.fault), 1);
	cr_assert_str_eq(flow.text, "{1}");
	cr_assert_eq(store_cursor_next(cursor, &flow, &rig.fault), 1);
	cr_assert_str_eq(flow.id, "b");
	cr_assert_eq(store_cursor_next(cursor, &flow, &rig.fault), 0);
	store_cursor_close(cursor);
	rig_expect_flows(&rig, "a={3}");
}

static unsigned
changes_held(void)
{
	char command[256];
	unsigned n = 0;
	FILE *out;

	snprintf(command, sizeof(command), "sqlite3 %s 'SELECT count(*) FROM change'", rig.path);
	out = popen(command, "r");
	cr_assert_eq(fscanf(out, "%u", &n), 1);
	pclose(out);
	return n;
}

static void
expect_changes_held(unsigned n)
{
	unsigned i;

	for (i = 0; changes_held() != n && i < 600; i++)
		usleep(50000);
	cr_expect_eq(changes_held(), n, "%u", changes_held());
}

/* 80 generations of 100 changes: those of the last 50 stay, the rest is deleted. */
Test(history, the_latest_are_kept_and_older_ones_deleted)
{
	struct store_state state;
	uint64_t number;
	unsigned i;

	store_keep(rig.store, 1, 50);
	for (number = 1; number <= 80; number++) {
		struct store_batch *batch = rig_batch(number);
		char id[16], text[32];

		for (i = 0; i < 100; i++) {
			snprintf(id, sizeof(id), "f%u", i);
			snprintf(text, sizeof(text), "{%llu}", (unsigned long long)number);
			rig_put(batch, id, text);
		}
		cr_assert(rig_submit(&rig, batch));
	}
	store_state(rig.store, &state);
	cr_assert_eq(state.oldest, 30);
	cr_assert_null(store_rollback_open(rig.store, 29, &rig.fault));
	expect_changes(31, 99, 9, "100:f99:{30}>{31}");
	cr_assert_null(store_changes_open(rig.store, 30, 0, 9, &rig.fault));
	expect_changes_held(5000);
	rig_close(&rig);
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_OK, "%s", rig.report.reason);
	store_keep(rig.store, 1, 50);
	store_state(rig.store, &state);
	cr_assert_eq(state.oldest, 30);
	rig_commit(&rig, 81, "f1", NULL);
	store_state(rig.store, &state);
	cr_assert_eq(state.oldest, 31);
}

static void
declare(uint64_t number, const char *id, const char *text)
{
	struct store_generation generation = {
		.number = number, .method = "txn.commit", .declared = true};
	struct store_batch *batch = store_batch_create();

	store_batch_generation(batch, &generation);
	rig_put(batch, id, text);
	cr_assert(rig_submit(&rig, batch));
}

static void
reopen(unsigned declared, unsigned calls)
{
	rig_close(&rig);
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_OK, "%s", rig.report.reason);
	store_keep(rig.store, declared, calls);
}

/* However many single calls there are, the way back to a declaration is there. */
Test(history, calls_push_no_declaration_out)
{
	struct store_state state;
	uint64_t number;

	store_keep(rig.store, 2, 5);
	rig_commit(&rig, 1, "a", "{1}");
	declare(2, "a", "{2}");
	for (number = 3; number < 203; number += 2) {
		rig_commit(&rig, number, "call", "{}");
		rig_commit(&rig, number + 1, "call", NULL);
	}
	rig_commit(&rig, 203, "a", "{203}");
	expect_list(0, 99, "203c 202d 201d 200d 199d 2d");
	rig_expect_rollback(&rig, 1, "a={1} call-");
	rig_expect_rollback(&rig, 2, "call- a={2}");
	cr_assert_null(store_rollback_open(rig.store, 100, &rig.fault), "not kept");
	cr_assert_eq(rig.fault.code, FAULT_NOT_FOUND);
	rig_expect_rollback(&rig, 198, "call- a={2}");
	store_state(rig.store, &state);
	cr_expect_eq(state.oldest, 1);
	/* Of those that came and went between what is kept there is nothing. */
	expect_changes_held(6);
	rig_expect_rollback(&rig, 2, "call- a={2}");
	reopen(2, 5);
	rig_expect_rollback(&rig, 1, "a={1} call-");
	declare(204, "a", "{204}");
	declare(205, "a", "{205}");
	expect_list(0, 99, "205c 204d 203d 202d 201d 200d 199d");
	expect_changes_held(7);
	reopen(2, 5);
	rig_expect_rollback(&rig, 203, "a={203}");
}

Test(history, a_generation_with_a_tag_is_kept)
{
	uint64_t number;
	char name[16];

	store_keep(rig.store, 1, 2);
	rig_commit(&rig, 1, "a", "{1}");
	rig_commit(&rig, 2, "a", "{2}");
	cr_assert(rig_tag(&rig, 1, "good"));
	cr_assert_not(rig_tag(&rig, 2, "good"));
	cr_assert_eq(rig.fault.code, FAULT_CONFLICT);
	cr_assert_not(rig_tag(&rig, 9, "none"));
	cr_assert_eq(rig.fault.code, FAULT_NOT_FOUND);
	for (number = 3; number <= 9; number++)
		rig_commit(&rig, number, "a", "{}");
	expect_list(0, 9, "9c 8d 1d");
	reopen(1, 2);
	rig_expect_rollback(&rig, 1, "a={1}");
	cr_assert(rig_tag(&rig, 1, ""));
	expect_list(0, 9, "9c 8d");
	cr_assert_null(store_rollback_open(rig.store, 1, &rig.fault));
	for (number = 10; number < 10 + STORE_TAGS_MAX; number++) {
		rig_commit(&rig, number, "a", "{}");
		snprintf(name, sizeof(name), "t%u", (unsigned)number);
		cr_assert(rig_tag(&rig, number, name));
	}
	rig_commit(&rig, number, "a", "{}");
	cr_assert_not(rig_tag(&rig, number, "more"));
	cr_assert_eq(rig.fault.code, FAULT_NO_ROOM);
	cr_assert(rig_tag(&rig, 10, "other"), "in place of the one that it has");
	reopen(1, 2);
}

/* It is kept, and where it began; what came since is subject to the budget. */
Test(history, an_unconfirmed_generation_is_always_kept)
{
	uint64_t number;

	store_keep(rig.store, 1, 2);
	commit_unconfirmed();
	for (number = 3; number <= 99; number++)
		rig_commit(&rig, number, number % 2 ? "a" : "b", "{}");
	expect_list(0, 9, "99c 2o");
	expect_changes(2, 0, 9, "1:a:{1}>{2}");
	rig_expect_rollback(&rig, 1, "a={1} b-");
}

/* Without the return in the history, what it took back would seem to be part of the state. */
Test(history, a_reverted_generation_is_deleted_with_its_revert)
{
	uint64_t number;

	store_keep(rig.store, 2, 50);
	rig_commit(&rig, 1, "a", "{1}");
	rig_commit(&rig, 2, "a", "{2}");
	rig_commit(&rig, 3, "a", "{3}");
	commit_return(4, STORE_RETURN_TO, 1);
	for (number = 5; number <= 6; number++)
		declare(number, "b", "{}");
	expect_list(0, 9, "6c 5d 1d");
	reopen(2, 50);
}

Test(history, is_filtered_by_actor_and_method)
{
	const struct store_history_filter by = {.name = "ana"}, other = {.name = "bob"};
	const struct store_history_filter method = {.method = "txn.commit"};
	const struct store_history_filter declared = {.declared = true}, tagged = {.tagged = true};
	const struct {
		const struct store_history_filter *filter;
		const char *expected;
	} cases[] = {
		{&by, "3c 1d"}, {&other, ""}, {&method, "2d"}, {&declared, "2d"}, {&tagged, "1d"}};
	unsigned i;

	rig_commit(&rig, 1, "a", "{1}");
	declare(2, "a", "{2}");
	rig_commit(&rig, 3, "a", "{3}");
	cr_assert(rig_tag(&rig, 1, "first"));
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		history_read(cases[i].filter, 9);
		cr_expect_str_eq(listed, cases[i].expected);
	}
}

#define MODEL_IDS 6
#define MODEL_GENERATIONS 600

/* What each flow was in each generation; 0 = it was not. */
static unsigned model[MODEL_GENERATIONS + 1][MODEL_IDS];

static void
model_commit(uint64_t number, unsigned random)
{
	struct store_generation generation = {.number = number, .declared = random % 8 == 0};
	struct store_batch *batch = store_batch_create();
	unsigned i, id;
	char text[16], name[2] = "a";

	memcpy(model[number], model[number - 1], sizeof(model[number]));
	store_batch_generation(batch, &generation);
	for (i = 0; i <= random / 8 % 3; i++) {
		id = (unsigned)rand() % MODEL_IDS;
		name[0] = (char)('a' + id);
		model[number][id] = (unsigned)rand() % 3;
		snprintf(text, sizeof(text), "{%u}", model[number][id]);
		if (model[number][id])
			rig_put(batch, name, text);
		else
			store_batch_remove(batch, name);
	}
	cr_assert(rig_submit(&rig, batch));
}

/* What the way back to a generation makes of the flows as they are. */
static void
model_expect(uint64_t number, uint64_t now)
{
	struct store_cursor *cursor = store_rollback_open(rig.store, number, &rig.fault);
	unsigned flows[MODEL_IDS];
	struct store_flow flow;

	cr_assert_not_null(cursor, "%s", rig.fault.message);
	memcpy(flows, model[now], sizeof(flows));
	while (store_cursor_next(cursor, &flow, &rig.fault) == 1)
		flows[flow.id[0] - 'a'] = flow.text ? (unsigned)(flow.text[1] - '0') : 0;
	store_cursor_close(cursor);
	cr_assert_eq(memcmp(flows, model[number], sizeof(flows)), 0, "%u of %u", (unsigned)number,
		(unsigned)now);
}

struct kept {
	uint64_t numbers[64];
	unsigned n;
};

static struct kept
model_expect_all(uint64_t now)
{
	const struct store_history_filter all = {0};
	struct store_cursor *cursor = store_history_open(rig.store, &all, 64, &rig.fault);
	struct store_generation generation;
	enum store_outcome outcome;
	struct kept kept = {.n = 0};
	unsigned i;

	cr_assert_not_null(cursor, "%s", rig.fault.message);
	while (store_history_next(cursor, &generation, &outcome, &rig.fault) == 1)
		kept.numbers[kept.n++] = generation.number;
	store_cursor_close(cursor);
	for (i = 0; i < kept.n; i++) {
		model_expect(kept.numbers[i], now);
		model_expect(kept.numbers[i] - 1, now);
	}
	return kept;
}

/* Whatever is kept and whatever goes, each way back leads to what was there. */
Test(history, every_way_back_leads_to_what_was_there)
{
	struct kept kept = {.n = 0};
	uint64_t number;
	char name[16];

	srand(7);
	store_keep(rig.store, 5, 7);
	for (number = 1; number <= MODEL_GENERATIONS; number++) {
		model_commit(number, (unsigned)rand());
		if (number % 10 == 0)
			usleep(30000); /* gaps are thinned when nothing comes */
		if (number % 4 == 0)
			kept = model_expect_all(number);
		if (number % 20 == 0) {
			snprintf(name, sizeof(name), "t%u", (unsigned)number);
			cr_assert(rig_tag(&rig, kept.numbers[(unsigned)rand() % kept.n], name));
		}
		if (number % 12 == 0)
			rig_tag(&rig, kept.numbers[(unsigned)rand() % kept.n], "");
		if (number % 97 == 0)
			reopen(5, 7);
	}
	usleep(200000);
	kept = model_expect_all(MODEL_GENERATIONS);
	cr_expect_leq(changes_held(), kept.n * 2 * MODEL_IDS);
	reopen(5, 7);
	model_expect_all(MODEL_GENERATIONS);
}

/* The control thread lists them, and whoever may look may ask for it. */
Test(history, a_list_of_many_generations_takes_little_time)
{
	enum { N = 8000 };
	const struct store_history_filter filter = {.before = 0};
	struct timespec begun, ended;
	unsigned number;

	rig_close(&rig);
	rig.path[0] = '\0'; /* in memory */
	rig_open(&rig);
	store_keep(rig.store, 1, N);
	for (number = 1; number <= N; number++)
		rig_commit(&rig, number, "a", number % 2 ? "one" : "two");
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begun);
	history_read(&filter, N);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ended);
	cr_expect_lt(
		(ended.tv_sec - begun.tv_sec) * 1000 + (ended.tv_nsec - begun.tv_nsec) / 1000000,
		500, "the time grows as the number of generations, not as its square");
}
