/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "room.h"

static struct room room;

/* Flows a, b, c; a and b share a neighbour. */
static void
setup(void)
{
	struct flow_spec *specs[3];
	struct fault fault;

	room_init(&room);
	specs[0] = flow_spec_made("a", 1, 9);
	specs[1] = flow_spec_made("b", 2, 9);
	specs[2] = flow_spec_made("c", 3, 10);
	cr_assert_eq(room_install(&room, specs, 3, &fault), 0, "%s", fault.message);
	room_expect(&room, 3, 2);
}

static void
teardown(void)
{
	room_fini(&room);
}

TestSuite(remove, .init = setup, .fini = teardown);

struct report {
	unsigned n;
	char ids[4][FLOW_ID_MAX];
	uint64_t packets[4];
	uint64_t leg_copies[4];
};

static void
noted(void *arg, size_t i, const struct flow_spec *spec, const struct dp_flow_stats *stats,
	const struct dp_leg_stats *legs)
{
	struct report *report = arg;

	report->n++;
	strcpy(report->ids[i], spec->id);
	report->packets[i] = stats->packets;
	report->leg_copies[i] = legs[0].copies;
}

static void
refused(const char *const *ids, size_t n, enum fault_code code, const char *pointer)
{
	struct report report = {0};
	struct fault fault = {0};

	cr_expect_eq(room_remove(&room, ids, n, noted, &report, &fault), -1);
	cr_expect_eq(fault.code, code, "%s", fault.message);
	cr_expect_str_eq(fault.pointer, pointer);
	cr_expect_eq(report.n, 0);
	room_expect(&room, 3, 2);
}

Test(remove, last_counters_in_order_of_request)
{
	static const char *const ids[] = {"c", "a"};
	struct report report = {0};
	struct fault fault;

	cr_assert_eq(room_remove(&room, ids, 2, noted, &report, &fault), 0);
	cr_assert_eq(report.n, 2);
	cr_expect_str_eq(report.ids[0], "c");
	cr_expect_eq(report.packets[0], 102);
	cr_expect_eq(report.leg_copies[0], 102);
	cr_expect_str_eq(report.ids[1], "a");
	cr_expect_eq(report.packets[1], 100);
	room_expect(&room, 1, 1);
	cr_expect_not_null(flow_db_find(&room.flows.db, "b"));
}

Test(remove, unknown_id)
{
	refused((const char *const[]){"a", "x"}, 2, FAULT_NOT_FOUND, "/ids/1");
}

Test(remove, id_twice)
{
	static const char *const ids[] = {"a"};
	struct report report = {0};
	struct fault fault;

	refused((const char *const[]){"a", "b", "a"}, 3, FAULT_INVALID_VALUE, "/ids/2");
	cr_expect_eq(room_remove(&room, ids, 1, noted, &report, &fault), 0,
		"the mark of the refused request is gone");
}

Test(remove, data_plane_refuses)
{
	room.dp->fail_remove = -ENOENT;
	refused((const char *const[]){"a", "b"}, 2, FAULT_INTERNAL, "/ids/0");
	cr_expect_eq(room.dp->n_aborts, 1);
}

Test(remove, rules_not_compiled)
{
	room.dp->fail_prepare = -ENOMEM;
	refused((const char *const[]){"a", "b"}, 2, FAULT_NO_ROOM, "");
}

struct reported {
	unsigned n;
	char ids[2][FLOW_ID_MAX];
};

static void
told_note(void *arg, struct flow *now, struct flow *before)
{
	struct reported *reported = arg;

	cr_expect_null(now);
	strcpy(reported->ids[reported->n++], before->spec->id);
}

Test(remove, observer_is_called)
{
	struct report report = {0};
	struct reported reported = {0};
	struct fault fault;

	flows_observe(&room.flows, told_note, &reported);
	cr_expect_eq(
		room_remove(&room, (const char *const[]){"c", "x"}, 2, noted, &report, &fault), -1);
	cr_expect_eq(reported.n, 0);
	cr_expect_eq(room_remove(&room, (const char *const[]){"c"}, 1, noted, &report, &fault), 0);
	cr_expect_eq(reported.n, 1);
	cr_expect_str_eq(reported.ids[0], "c");
}

Test(remove, no_transaction)
{
	room.dp->fail_begin = true;
	refused((const char *const[]){"a", "b"}, 2, FAULT_NO_ROOM, "");
}

static unsigned
hop_of_new_flow(int port, int last)
{
	struct flow_spec *spec = flow_spec_made("new", port, last);
	struct fault fault;

	cr_assert_eq(room_install(&room, &spec, 1, &fault), 0);
	return flow_db_find(&room.flows.db, "new")->hops[0];
}

Test(remove, late_worker_keeps_next_hops_from_reuse)
{
	static const char *const c[] = {"c"}, *const b[] = {"b"};
	unsigned hop = flow_db_find(&room.flows.db, "c")->hops[0];
	struct report report = {0};
	struct fault fault;

	room.dp->fail_commit = -ETIMEDOUT;
	cr_expect_eq(room_remove(&room, c, 1, noted, &report, &fault), 0);
	cr_expect_eq(report.n, 1);
	room_expect(&room, 2, 1);
	cr_expect_neq(hop_of_new_flow(20, 30), hop);
	room.dp->fail_commit = 0;
	cr_expect_eq(room_remove(&room, b, 1, noted, &report, &fault), 0);
	cr_expect_eq(
		room_remove(&room, (const char *const[]){"new"}, 1, noted, &report, &fault), 0);
	room_expect(&room, 1, 1);
}
