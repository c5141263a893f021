/* SPDX-License-Identifier: BSD-3-Clause */
/* Changes of all flows, or of none: declarations, plans, and what a start restores. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>

#include "asked.h"
#include "flow/plan.h"

TestSuite(declare, .init = asked_setup, .fini = asked_teardown);

static struct change *
declaring(struct asked *asked, const char *const *ids, const int *ports, size_t n)
{
	struct change *change = change_made(asked);

	for (size_t i = 0; i < n; i++) {
		struct flow_spec *spec = flow_spec_made(ids[i], ports[i], 7);

		spec->declared = true;
		item_put_spec(change, OP_SET, spec, "flows");
	}
	change->generation.declared = true;
	return change;
}

Test(declare, a_declaration_takes_its_own_away)
{
	struct asked asked;

	installed("other", 9);
	submit_and_write(
		declaring(&asked, (const char *const[]){"a", "b"}, (const int[]){1, 2}, 2));
	cr_assert_eq(asked.rc, 0, "%s", asked.fault.message);
	submit_and_write(
		declaring(&asked, (const char *const[]){"b", "c"}, (const int[]){2, 3}, 2));
	cr_expect_eq(asked.added, 1);
	cr_expect_eq(asked.changed, 0);
	cr_expect_eq(asked.removed, 1);
	room_expect(&room, 3, 1);
	submit_and_write(
		declaring(&asked, (const char *const[]){"b", "c"}, (const int[]){2, 3}, 2));
	cr_expect_eq(asked.generation, 3, "nothing to change makes no generation");
	cr_expect_not_null(flow_db_find(&room.flows.db, "other"));
}

Test(declare, a_declaration_prunes)
{
	struct asked asked;
	struct change *change;

	installed("other", 9);
	change = declaring(&asked, (const char *const[]){"a"}, (const int[]){1}, 1);
	change->prunes = true;
	submit_and_write(change);
	cr_expect_eq(asked.removed, 1);
	cr_expect_null(flow_db_find(&room.flows.db, "other"));
	room_expect(&room, 1, 1);
}

Test(declare, a_flow_is_named_twice_in_a_declaration)
{
	struct asked asked;

	submit_and_write(
		declaring(&asked, (const char *const[]){"a", "a"}, (const int[]){1, 2}, 2));
	cr_expect_eq(asked.fault.code, FAULT_INVALID_VALUE);
	cr_expect_str_eq(asked.fault.pointer, "/flows/1/id");
	room_expect(&room, 0, 0);
}

Test(declare, a_flow_is_renamed_in_a_declaration)
{
	struct asked asked;

	submit_and_write(declaring(&asked, (const char *const[]){"a"}, (const int[]){1}, 1));
	submit_and_write(declaring(&asked, (const char *const[]){"b"}, (const int[]){1}, 1));
	cr_assert_eq(asked.rc, 0, "%s", asked.fault.message);
	cr_expect_eq(asked.added, 1);
	cr_expect_eq(asked.removed, 1);
	cr_expect_not_null(flow_db_find(&room.flows.db, "b"));
	room_expect(&room, 1, 1);
}

Test(declare, flows_swap_their_matches_in_a_declaration)
{
	struct asked asked;

	submit_and_write(
		declaring(&asked, (const char *const[]){"a", "b"}, (const int[]){1, 2}, 2));
	submit_and_write(
		declaring(&asked, (const char *const[]){"a", "b"}, (const int[]){2, 1}, 2));
	cr_assert_eq(asked.rc, 0, "%s", asked.fault.message);
	cr_expect_eq(asked.changed, 2);
	cr_expect_eq(ntohs(flow_db_find(&room.flows.db, "a")->spec->match.key.dst_port), 2);
	cr_expect_eq(ntohs(flow_db_find(&room.flows.db, "b")->spec->match.key.dst_port), 1);
	room_expect(&room, 2, 1);
}

Test(declare, a_restored_flow_takes_the_match_of_a_removed_one)
{
	struct asked asked;
	struct change *change;

	installed("b", 1);
	change = change_made(&asked);
	change->generation.returns = STORE_RETURN_TO;
	spec_put(change, OP_SET, "a", 1, 7);
	item_put(change, OP_REMOVE, "b", 0, "flows");
	submit_and_write(change);
	cr_assert_eq(asked.rc, 0, "%s", asked.fault.message);
	cr_expect_eq(asked.added, 1);
	cr_expect_eq(asked.removed, 1);
	cr_expect_not_null(flow_db_find(&room.flows.db, "a"));
	room_expect(&room, 1, 1);
}

Test(declare, a_plan_leaves_nothing)
{
	struct asked asked;
	struct change *change;

	installed("a", 1);
	installed("c", 3);
	change = change_made(&asked);
	change->plans = true;
	change->keep = true;
	spec_put(change, OP_INSTALL, "b", 2, 8);
	spec_put(change, OP_REPLACE, "a", 1, 9);
	commits_submit(commits, change);
	rounds();
	cr_expect_eq(asked.rc, 0, "%s", asked.fault.message);
	cr_expect_eq(asked.n_called, 1);
	cr_assert_not_null(change->plan);
	cr_expect_eq(change->plan->generation, 2);
	cr_expect_eq(change->plan->n, 2);
	cr_expect_eq(change->plan->added, 1);
	cr_expect_eq(change->plan->changed, 1);
	cr_expect_eq(change->plan->unchanged, 1);
	cr_expect_eq(change->plan->legs_now, 2);
	cr_expect_eq(change->plan->legs_then, 3);
	change_destroy(change);
	cr_expect_eq(fake_store_waiting(), 0);
	room_expect(&room, 2, 1);
	cr_expect_eq(commits_generation(commits), 2);
	installed("b", 2);
}

Test(declare, a_kept_proposal_is_planned_and_committed)
{
	struct asked asked;
	struct change *change = change_made(&asked);

	change->keep = true;
	spec_put(change, OP_INSTALL, "a", 1, 7);
	spec_put(change, OP_REPLACE, "a", 1, 8);
	change->plans = true;
	commits_submit(commits, change);
	rounds();
	cr_expect_eq(change->plan->n, 1);
	change->plans = false;
	change->keep = false;
	submit_and_write(change);
	cr_expect_eq(asked.n_called, 2);
	cr_expect_eq(asked.rc, 0, "%s", asked.fault.message);
	room_expect(&room, 1, 1);
}

Test(declare, a_plan_is_discarded_without_a_notification)
{
	struct asked asked = {0};
	struct change *change = change_made(&asked);

	change->keep = true;
	change->plans = true;
	spec_put(change, OP_INSTALL, "a", 1, 7);
	spec_put(change, OP_INSTALL, "b", 2, 7);
	commits_submit(commits, change);
	rounds();
	cr_expect_eq(asked.n_called, 1);
	commits_discard(commits, change);
	commits_discard(commits, NULL);
	installed("a", 1);
	cr_expect_eq(asked.n_called, 1);
	room_expect(&room, 1, 1);
	cr_expect_eq(commits_generation(commits), 1);
}

Test(declare, a_restore_leaves_out_what_does_not_fit)
{
	struct asked asked;
	struct change *change = change_made(&asked);
	struct flow_spec *spec = flow_spec_made("gone", 2, 8);

	strcpy(spec->legs[0].port, "p9");
	change->restores = change->partial = true;
	spec_put(change, OP_INSTALL, "a", 1, 7);
	item_put_spec(change, OP_INSTALL, spec, "flows");
	spec_put(change, OP_INSTALL, "b", 3, 7);
	commits_submit(commits, change);
	rounds();
	cr_expect_eq(asked.rc, 0, "%s", asked.fault.message);
	cr_expect_eq(asked.left_out, 1);
	cr_expect_eq(asked.added, 2);
	cr_expect_eq(fake_store_waiting(), 0, "the store has it");
	cr_expect_eq(commits_generation(commits), 0);
	room_expect(&room, 2, 1);
}

Test(declare, a_restore_that_the_table_does_not_hold)
{
	struct asked asked;
	struct change *change = change_made(&asked);

	room.dp->capacity = 2;
	change->restores = change->partial = true;
	for (int i = 1; i <= 4; i++)
		spec_put(change, OP_INSTALL, (char[]){(char)('a' + i), '\0'}, i, 7);
	commits_submit(commits, change);
	rounds();
	cr_expect_eq(asked.rc, 0, "%s", asked.fault.message);
	cr_expect_eq(asked.left_out, 2);
	room_expect(&room, 2, 1);
}

/* Nothing changes for packets, but the store must know whom the next declaration may take away. */
Test(declare, a_flow_is_adopted)
{
	struct asked asked;

	installed("a", 1);
	submit_and_write(declaring(&asked, (const char *const[]){"a"}, (const int[]){1}, 1));
	cr_expect_eq(asked.rc, 0, "%s", asked.fault.message);
	cr_expect_eq(asked.changed, 1);
	cr_expect_eq(asked.generation, 2);
	cr_expect(flow_db_find(&room.flows.db, "a")->spec->declared);
	cr_expect_str_eq(fake_store_words(), "g1 +a . g2 +a . ");
	cr_expect_eq(fake_dp_only(room.dp)->version_of, DP_HANDLE_NONE);
	room_expect(&room, 1, 1);
	submit_and_write(declaring(&asked, NULL, NULL, 0));
	cr_expect_eq(asked.removed, 1);
	room_expect(&room, 0, 0);
}
