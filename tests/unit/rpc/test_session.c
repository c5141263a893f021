/* SPDX-License-Identifier: BSD-3-Clause */
/* Users take turns, whatever each of them has to do, and share what may wait. */
#include <criterion/criterion.h>

#include <string.h>

#include "base/clock.h"
#include "rpc/session.h"

#define MAX_BYTES 1000

static struct event_base *base;
static struct rpc_users *users;
static struct rpc_user *ana, *bob;
static char order[64];

struct task {
	struct rpc_turn turn;
	char name;
	unsigned again; /* turns to ask for */
	bool is_slow;
};

static void
task_run(void *arg)
{
	struct task *task = arg;

	const uint64_t begin_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID);

	while (task->is_slow && clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - begin_ns < 2000000)
		;
	strncat(order, &task->name, 1);
	if (task->again && task->again--)
		cr_assert(rpc_turn_request(&task->turn));
}

static void
task_begin(struct task *task, struct rpc_user *user, char name, unsigned again)
{
	*task = (struct task){
		.turn = {.user = user, .run = task_run, .arg = task}, .name = name, .again = again};
	cr_assert(rpc_turn_request(&task->turn));
}

static void
setup(void)
{
	const struct actor by_uid = {.uid = 1000, .name = "ana"};
	const struct actor by_name = {.uid = UINT32_MAX, .name = "bob"};

	base = event_base_new();
	users = rpc_users_create(base, MAX_BYTES);
	ana = rpc_user_of(users, &by_uid);
	bob = rpc_user_of(users, &by_name);
	order[0] = '\0';
}

static void
teardown(void)
{
	rpc_user_unref(ana);
	rpc_users_destroy(users);
	rpc_user_unref(bob);
	event_base_free(base);
}

TestSuite(users, .init = setup, .fini = teardown);

Test(users, each_has_a_turn_however_many_it_requests)
{
	struct task of_ana[3], of_bob;

	task_begin(&of_ana[0], ana, 'a', 2);
	task_begin(&of_ana[1], ana, 'b', 0);
	task_begin(&of_ana[2], ana, 'c', 0);
	task_begin(&of_bob, bob, 'X', 2);
	event_base_dispatch(base);
	cr_expect_str_eq(order, "aXbXcXaa");
}

/* Who asks for little does not wait for who asks for much, but for the turn that is under way. */
Test(users, have_the_same_time_and_not_the_same_number_of_turns)
{
	struct task of_ana, of_bob;

	task_begin(&of_ana, ana, 'a', 2);
	of_ana.is_slow = true;
	task_begin(&of_bob, bob, 'X', 5);
	event_base_dispatch(base);
	cr_expect_str_eq(order, "aXXXXXXaa");
}

/* What was not used while nothing was asked for is not made up for. */
Test(users, save_nothing_up)
{
	struct task of_ana, of_bob;

	task_begin(&of_ana, ana, 'a', 9);
	of_ana.is_slow = true;
	event_base_dispatch(base);
	cr_assert_eq(strlen(order), 10);
	task_begin(&of_bob, bob, 'X', 9);
	of_bob.is_slow = true;
	cr_assert(rpc_turn_request(&of_ana.turn));
	event_base_dispatch(base);
	cr_expect_leq(strcspn(order + 10, "a"), 2, "%s", order);
}

Test(users, turn_that_is_cancelled_is_not_run)
{
	struct task first, second;

	task_begin(&first, ana, 'a', 0);
	task_begin(&second, ana, 'b', 0);
	rpc_turn_cancel(&first.turn);
	event_base_dispatch(base);
	cr_expect_str_eq(order, "b");
}

Test(users, are_identified_by_uid_or_else_by_name)
{
	const struct actor renamed = {.uid = 1000, .name = "anna"};
	const struct actor other = {.uid = UINT32_MAX, .name = "ana"};
	struct rpc_user *same = rpc_user_of(users, &renamed), *different;

	different = rpc_user_of(users, &other);
	cr_expect_eq(same, ana);
	cr_expect_neq(different, ana);
	rpc_user_unref(same);
	rpc_user_unref(different);
}

Test(users, bytes_of_all_connections_count)
{
	struct fault fault;

	rpc_user_bytes_change(ana, MAX_BYTES - 1, 0);
	cr_expect_eq(rpc_user_check(ana, &fault), 0);
	rpc_user_bytes_change(ana, 1, 0);
	cr_expect_eq(rpc_user_check(ana, &fault), -1);
	cr_expect_eq(fault.code, FAULT_LIMIT);
	cr_expect_not_null(strstr(fault.message, "user ana"), "%s", fault.message);
	cr_expect_not_null(
		strstr(fault.message, "rpc.max_waiting_bytes, which is 1000"), "%s", fault.message);
	cr_expect_eq(rpc_user_check(bob, &fault), 0);
	rpc_user_bytes_change(ana, 0, 1);
	cr_expect_eq(rpc_user_check(ana, &fault), 0);
}
