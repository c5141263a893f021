/* SPDX-License-Identifier: BSD-3-Clause */
/* Who is committed with whom, in what order things happen, and what a failure leaves behind. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "asked.h"

TestSuite(commits, .init = asked_setup, .fini = asked_teardown);

Test(commits, written_before_it_is_seen)
{
	struct asked asked;

	commits_submit(commits, installing(&asked, "a", 1));
	cr_expect_eq(fake_store_waiting(), 0, "not at once");
	rounds();
	cr_expect_eq(fake_store_waiting(), 1);
	cr_expect_eq(asked.n_called, 0);
	cr_expect_eq(fake_dp_live(room.dp), 0);
	cr_expect_null(flow_db_find(&room.flows.db, "a"));
	fake_store_answer(NULL);
	rounds();
	cr_expect_eq(asked.n_called, 1);
	cr_expect_eq(asked.rc, 0);
	cr_expect_eq(asked.generation, 1);
	cr_expect_eq(commits_generation(commits), 1);
	cr_expect_str_eq(fake_store_words(), "g1 +a . ");
	room_expect(&room, 1, 1);
}

Test(commits, not_written_not_seen)
{
	const struct fault full = {.code = FAULT_STORE, .message = "no space"};
	struct asked asked, other;
	struct change *change = change_made(&asked);

	installed("a", 1);
	spec_put(change, OP_INSTALL, "b", 2, 8);
	spec_put(change, OP_REPLACE, "a", 1, 9);
	commits_submit(commits, change);
	commits_submit(commits, installing(&other, "c", 3));
	rounds();
	fake_store_answer(&full);
	rounds();
	cr_expect_eq(asked.rc, -1);
	cr_expect_eq(asked.fault.code, FAULT_STORE);
	cr_expect_eq(other.rc, -1, "they shared the write");
	cr_expect_eq(commits_generation(commits), 1);
	room_expect(&room, 1, 1);
	installed("b", 2);
	cr_expect_eq(commits_generation(commits), 2, "the number is given again");
	room_expect(&room, 2, 1);
}

Test(commits, waiting_changes_are_committed_together)
{
	struct asked first, second, third;

	commits_submit(commits, installing(&first, "a", 1));
	commits_submit(commits, installing(&second, "b", 2));
	rounds();
	commits_submit(commits, installing(&third, "c", 3));
	rounds();
	fake_store_answer(NULL);
	rounds();
	cr_expect_eq(first.generation, 1);
	cr_expect_eq(second.generation, 2);
	cr_expect_eq(third.n_called, 0, "it came later");
	fake_store_answer(NULL);
	rounds();
	cr_expect_eq(third.generation, 3);
	cr_expect_eq(room.dp->n_commits, 2);
	cr_expect_str_eq(fake_store_words(), "g1 +a g2 +b . g3 +c . ");
	room_expect(&room, 3, 1);
}

Test(commits, one_fails_the_others_do_not)
{
	struct asked first, second, third;

	commits_submit(commits, installing(&first, "a", 1));
	commits_submit(commits, installing(&second, "b", 1));
	commits_submit(commits, installing(&third, "c", 3));
	rounds();
	fake_store_answer(NULL);
	rounds();
	fake_store_answer(NULL);
	rounds();
	cr_expect_eq(first.generation, 1);
	cr_expect_eq(second.rc, -1);
	cr_expect_eq(second.n_called, 1);
	cr_expect_eq(second.fault.code, FAULT_CONFLICT);
	cr_expect_str_eq(second.fault.pointer, "/flows/0/match");
	cr_expect_eq(third.generation, 2, "no number is lost");
	cr_expect_str_eq(fake_store_words(), "g1 +a . g2 +c . ", "the second was asked alone");
	room_expect(&room, 2, 1);
}

/* The data plane refuses the second of three, alone too: known late, when all are staged. */
Test(commits, one_is_refused_late)
{
	struct asked first, second, third;

	room.dp->fail_add = -EINVAL;
	room.dp->adds_before_fail = 1;
	commits_submit(commits, installing(&first, "a", 1));
	commits_submit(commits, installing(&second, "b", 2));
	rounds();
	cr_expect_eq(second.n_called, 0, "it is asked again when the first is written");
	room.dp->adds_before_fail = 0;
	commits_submit(commits, installing(&third, "c", 3));
	fake_store_answer(NULL);
	rounds();
	fake_store_answer(NULL);
	rounds();
	cr_expect_eq(first.generation, 1);
	cr_expect_eq(second.rc, -1);
	cr_expect_eq(second.n_called, 1);
	cr_expect_eq(third.generation, 2);
	room_expect(&room, 2, 1);
}

/* Two that find room for one of them: the one that has none is asked again alone, and refused. */
Test(commits, a_change_without_room_in_a_group_is_tried_alone)
{
	struct asked first, second, third;

	room.dp->fail_add = -ENOSPC;
	room.dp->adds_before_fail = 1;
	commits_submit(commits, installing(&first, "a", 1));
	commits_submit(commits, installing(&second, "b", 2));
	commits_submit(commits, installing(&third, "c", 3));
	round_once();
	while (!first.n_called) {
		room.dp->fail_add = 0;
		rounds();
		fake_store_answer(NULL);
	}
	rounds();
	fake_store_answer(NULL);
	rounds();
	fake_store_answer(NULL);
	rounds();
	cr_expect_eq(first.generation, 1);
	cr_expect_eq(second.rc, 0, "%s", second.fault.message);
	cr_expect_eq(second.generation, 2);
	cr_expect_eq(third.generation, 3);
	cr_expect_str_eq(fake_store_words(), "g1 +a . g2 +b . g3 +c . ");

	room.dp->capacity = 4;
	commits_submit(commits, installing(&first, "d", 4));
	commits_submit(commits, installing(&second, "e", 5));
	rounds();
	fake_store_answer(NULL);
	rounds();
	cr_expect_eq(first.rc, 0);
	cr_expect_eq(second.rc, -1);
	cr_expect_eq(second.n_called, 1);
	cr_expect_eq(second.fault.code, FAULT_NO_ROOM);
	room_expect(&room, 4, 1);
}

Test(commits, generation_must_hold)
{
	struct asked asked;
	struct change *change;

	installed("a", 1);
	change = installing(&asked, "b", 2);
	change->conditional = true;
	submit_and_write(change);
	cr_expect_eq(asked.fault.code, FAULT_STALE);
	cr_expect_str_eq(asked.fault.pointer, "/if_generation");
	change = installing(&asked, "b", 2);
	change->conditional = true;
	change->if_generation = 1;
	submit_and_write(change);
	cr_expect_eq(asked.rc, 0);
	cr_expect_eq(asked.generation, 2);
}

/* Two that ask for the same generation in one round: the second has been overtaken. */
Test(commits, generation_within_a_group)
{
	struct asked first, second;
	struct change *a = installing(&first, "a", 1), *b = installing(&second, "b", 2);

	a->conditional = b->conditional = true;
	commits_submit(commits, a);
	commits_submit(commits, b);
	rounds();
	fake_store_answer(NULL);
	rounds();
	cr_expect_eq(first.rc, 0);
	cr_expect_eq(second.fault.code, FAULT_STALE);
	room_expect(&room, 1, 1);
}

Test(commits, a_match_changes_hands)
{
	struct asked asked;
	struct change *change = change_made(&asked);

	installed("a", 1);
	installed("b", 2);
	item_put(change, OP_REMOVE, "a", 0, "flows");
	item_put(change, OP_REMOVE, "b", 0, "flows");
	spec_put(change, OP_INSTALL, "b", 1, 7);
	spec_put(change, OP_INSTALL, "a", 2, 7);
	submit_and_write(change);
	cr_assert_eq(asked.rc, 0, "%s", asked.fault.message);
	cr_expect_eq(flow_db_find(&room.flows.db, "a")->spec->match.key.dst_port,
		flow_spec_made("x", 2, 7)->match.key.dst_port);
	room_expect(&room, 2, 1);
}

Test(commits, what_came_and_went_was_not_there)
{
	struct asked asked;
	struct change *change = change_made(&asked);

	spec_put(change, OP_INSTALL, "a", 1, 7);
	spec_put(change, OP_INSTALL, "b", 2, 7);
	item_put(change, OP_REMOVE, "a", 0, "flows");
	spec_put(change, OP_INSTALL, "c", 1, 7);
	submit_and_write(change);
	cr_assert_eq(asked.rc, 0, "%s", asked.fault.message);
	cr_expect_null(flow_db_find(&room.flows.db, "a"));
	room_expect(&room, 2, 1);
	installed("a", 3);
	room_expect(&room, 3, 1);
}

/* The last of several operations on one flow says what it is; its legs go on by what they were. */
Test(commits, one_on_top_of_the_other)
{
	struct flow_spec *spec = flow_spec_made("x", 9, 30);
	struct flow_leg *leg;
	struct change_item *item;
	struct change *change;
	const struct flow *flow;
	struct asked asked;

	installed("a", 1);
	change = change_made(&asked);
	leg = item_put(change, OP_JOIN, "a", 1, "flows")->legs;
	*leg = spec->legs[0];
	strcpy(leg->id, "more");
	free(spec);
	item = item_put(change, OP_LEAVE, "a", 1, "flows");
	strcpy(item->leg_ids[0], "leg-1");
	item = item_put(change, OP_ADMIN, "a", 1, "flows");
	strcpy(item->leg_ids[0], "more");
	item->down = true;
	submit_and_write(change);
	cr_assert_eq(asked.rc, 0, "%s", asked.fault.message);
	flow = flow_db_find(&room.flows.db, "a");
	cr_expect_eq(flow->spec->n_legs, 1);
	cr_expect_str_eq(flow->spec->legs[0].id, "more");
	cr_expect_eq(flow->spec->legs[0].dp.down, 1);
	room_expect(&room, 1, 1);
	cr_expect_eq(room.dp->n_commits, 2);
}

/* While the data plane commits step by step, readers see what was. */
Test(commits, a_commit_in_steps)
{
	struct asked asked;

	room.dp->steps_to_commit = 3;
	submit_and_write(installing(&asked, "a", 1));
	cr_expect_eq(asked.rc, 0);
	cr_expect_eq(room.dp->steps_to_commit, 0);
	room_expect(&room, 1, 1);
}

Test(commits, what_is_on_trial)
{
	struct change *change;
	struct asked asked;

	change = installing(&asked, "a", 1);
	change->confirm_within_s = 60;
	submit_and_write(change);
	cr_expect_eq(asked.rc, 0);
	change = installing(&asked, "b", 2);
	change->confirm_within_s = 60;
	submit_and_write(change);
	cr_expect_eq(asked.fault.code, FAULT_CONFLICT);
	cr_expect_str_eq(asked.fault.pointer, "/confirm_within_s");
	installed("b", 2);
	change = change_made(&asked);
	change->ends_confirm = true;
	submit_and_write(change);
	cr_expect_eq(asked.rc, 0);
	cr_expect_str_eq(fake_store_words(), "g1 c +a . g2 +b . k . ");
}

static void
counted(void *arg, const struct change *change)
{
	(void)change;
	++*(unsigned *)arg;
}

Test(commits, observers_get_what_was_done)
{
	unsigned n = 0;
	struct asked asked;

	commits_observe(commits, counted, &n);
	installed("a", 1);
	submit_and_write(installing(&asked, "a", 2));
	cr_expect_eq(asked.rc, -1);
	cr_expect_eq(n, 1);
}

/* What waits when all ends is dropped, with what it staged. */
Test(commits, ends_in_the_middle)
{
	struct asked first, second;

	commits_submit(commits, installing(&first, "a", 1));
	rounds();
	commits_submit(commits, installing(&second, "b", 2));
	cr_expect_eq(fake_store_waiting(), 1);
	fake_store_answer(NULL);
	cr_expect_eq(second.n_called, 0);
}
