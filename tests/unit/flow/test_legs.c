/* SPDX-License-Identifier: BSD-3-Clause */
/* Legs join and leave a flow, go down and come up; what they do not touch stays as it is. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "room.h"

static struct room room;
static struct flow *flow;

/* Flow a with legs x, y and a stream's leg, to neighbours .7, .8 and .9. */
static void
setup(void)
{
	struct flow_spec *spec;
	struct fault fault;

	room_init(&room);
	spec = flow_spec_of_text(
		"{'id':'a','match':{'port':'p0','dst':'192.0.2.1','dst_port':1},"
		"'streams':[{'ssrc':1,'legs':[{'port':'p1','src':'198.51.100.1','src_port':1,"
		"'dst':'198.51.100.9','dst_port':2}]}],"
		"'legs':[{'id':'x','port':'p1','src':'198.51.100.1','src_port':1,"
		"'dst':'198.51.100.7','dst_port':2},{'id':'y','port':'p1','src':'198.51.100.1',"
		"'src_port':1,'dst':'198.51.100.8','dst_port':2}]}",
		&fault);
	cr_assert_not_null(spec, "%s", fault.message);
	cr_assert_eq(room_install(&room, &spec, 1, &fault), 0, "%s", fault.message);
	flow = flow_db_find(&room.flows.db, "a");
	room_expect(&room, 1, 3);
}

static void
teardown(void)
{
	room_fini(&room);
}

TestSuite(legs, .init = setup, .fini = teardown);

/* A leg to 198.51.100.<last>, each to a UDP port of its own. */
static struct flow_leg
leg_made(const char *id, uint8_t last)
{
	static uint16_t dst_port = 1000;
	struct flow_leg leg = flow->spec->legs[0];

	strcpy(leg.id, id);
	leg.dp.dst[3] = last;
	leg.dp.dst_port = htons(dst_port++);
	return leg;
}

static uint64_t
drops_of(const struct dp_leg_stats *stats)
{
	return stats->drops[DP_DROP_tx_full - DP_COPY_DROP_FIRST];
}

static void
leg_drops_expect(unsigned leg, uint64_t drops)
{
	struct dp_leg_stats legs[16];
	struct dp_flow_stats stats;

	cr_assert_eq(dp_flow_stats_get(room.dp, flow->handle, &stats, legs, flow->spec->n_legs), 0);
	cr_expect_eq(drops_of(&legs[leg]), drops, "leg %u", leg);
}

Test(legs, join)
{
	struct flow_leg legs[3] = {leg_made("", 8), leg_made("z", 11), leg_made("", 11)};
	const uint16_t hops[3] = {flow->hops[0], flow->hops[1], flow->hops[2]};
	struct fault fault;

	cr_assert_eq(room_join(&room, "a", legs, 3, &fault), 0, "%s", fault.message);
	room_expect(&room, 1, 4);
	cr_expect_str_eq(legs[0].id, "leg-1");
	cr_expect_str_eq(legs[2].id, "leg-2");
	cr_assert_eq(flow->spec->n_legs, 5);
	cr_expect_str_eq(flow->spec->legs[2].id, "leg-1");
	cr_expect_eq(fake_net()->n_aims, 4, "only for what no leg asked for before");
	cr_expect_arr_eq(flow->hops, hops, 2 * sizeof(hops[0]));
	cr_expect_eq(flow->hops[2], hops[1], "the same neighbour");
	cr_expect_eq(flow->hops[5], hops[2], "the stream's leg");
	leg_drops_expect(1, 1);
	leg_drops_expect(4, 4);
	cr_expect_eq(fake_dp_only(room.dp)->streams[0].legs[0].next_hop, hops[2]);
}

static void
join_refused(struct flow_leg *legs, size_t n, enum fault_code code, const char *pointer)
{
	const struct flow_spec *spec = flow->spec;
	struct fault fault = {0};

	cr_expect_eq(room_join(&room, "a", legs, n, &fault), -1);
	cr_expect_eq(fault.code, code, "%s", fault.message);
	cr_expect_str_eq(fault.pointer, pointer, "%s: %s", fault.pointer, fault.message);
	cr_expect_eq(flow->spec, spec);
	room_expect(&room, 1, 3);
}

Test(legs, join_refused)
{
	struct flow_leg legs[2] = {leg_made("z", 11), leg_made("y", 12)};
	struct fault fault;

	join_refused(legs, 2, FAULT_CONFLICT, "/legs/1/id");
	strcpy(legs[1].id, "z");
	join_refused(legs, 2, FAULT_INVALID_VALUE, "/legs/1/id");
	legs[1] = leg_made("", 12);
	fake_net()->fail_keep = -ENOMEM;
	fake_net()->keeps_before_fail = 1;
	join_refused(legs, 2, FAULT_NO_ROOM, "/legs/1");
	fake_net()->fail_keep = 0;
	legs[1] = leg_made("", 12);
	strcpy(legs[1].port, "p9");
	join_refused(legs, 2, FAULT_NOT_FOUND, "/legs/1/port");
	legs[1] = flow->spec->legs[0];
	legs[1].id[0] = '\0';
	join_refused(legs, 2, FAULT_INVALID_VALUE, "/legs/1");
	legs[1] = leg_made("", 12);
	room.dp->leg_capacity = 3;
	join_refused(legs, 2, FAULT_NO_ROOM, "/legs");
	room.dp->leg_capacity = 65536;
	room.dp->fail_add = -ENOMEM;
	join_refused(legs, 1, FAULT_NO_ROOM, "");
	cr_expect_eq(room_join(&room, "b", legs, 2, &fault), -1);
	cr_expect_eq(fault.code, FAULT_NOT_FOUND);
	cr_expect_str_eq(fault.pointer, "/flow");
}

Test(legs, as_many_as_there_may_be)
{
	struct flow_leg *legs = calloc(DP_FLOW_LEGS_MAX, sizeof(*legs));
	struct fault fault;

	for (unsigned i = 0; i < DP_FLOW_LEGS_MAX; i++)
		legs[i] = leg_made("", 7);
	join_refused(legs, DP_FLOW_LEGS_MAX - 1, FAULT_NO_ROOM, "/legs");
	cr_expect_eq(
		room_join(&room, "a", legs, DP_FLOW_LEGS_MAX - 2, &fault), 0, "%s", fault.message);
	cr_expect_eq(flow->spec->n_legs, DP_FLOW_LEGS_MAX);
	cr_expect_eq(fake_dp_only(room.dp)->flow.n_legs, DP_FLOW_LEGS_MAX);
	room_expect(&room, 1, 3);
	free(legs);
}

struct report {
	unsigned n;
	char ids[4][FLOW_ID_MAX];
	uint64_t drops[4];
};

static void
left(void *arg, size_t i, const char *id, const struct dp_leg_stats *stats)
{
	struct report *report = arg;

	cr_expect_eq(i, report->n);
	strcpy(report->ids[report->n], id);
	report->drops[report->n++] = drops_of(stats);
}

Test(legs, leave)
{
	struct flow_leg legs[2] = {leg_made("z", 11), leg_made("", 12)};
	struct report report = {0};
	struct fault fault;

	cr_assert_eq(room_join(&room, "a", legs, 2, &fault), 0);
	cr_assert_eq(
		room_leave(&room, "a", (const char *const[]){"z", "x"}, 2, left, &report, &fault),
		0, "%s", fault.message);
	room_expect(&room, 1, 3);
	cr_assert_eq(report.n, 2);
	cr_expect_str_eq(report.ids[0], "z");
	cr_expect_eq(report.drops[0], 2);
	cr_expect_str_eq(report.ids[1], "x");
	cr_expect_eq(report.drops[1], 0);
	cr_assert_eq(flow->spec->n_legs, 2);
	cr_expect_str_eq(flow->spec->legs[0].id, "y");
	cr_expect_str_eq(flow->spec->legs[1].id, "leg-1");
	leg_drops_expect(0, 1);
	leg_drops_expect(1, 3);
	legs[0] = leg_made("", 12);
	cr_assert_eq(room_join(&room, "a", legs, 1, &fault), 0);
	cr_expect_str_eq(legs[0].id, "leg-2", "no id is given twice");
}

static void
leave_refused(const char *const *ids, size_t n, enum fault_code code, const char *pointer)
{
	const struct flow_spec *spec = flow->spec;
	struct report report = {0};
	struct fault fault = {0};

	cr_expect_eq(room_leave(&room, "a", ids, n, left, &report, &fault), -1);
	cr_expect_eq(fault.code, code, "%s", fault.message);
	cr_expect_str_eq(fault.pointer, pointer, "%s: %s", fault.pointer, fault.message);
	cr_expect_eq(report.n, 0);
	cr_expect_eq(flow->spec, spec);
	room_expect(&room, 1, 3);
}

Test(legs, leave_refused)
{
	struct report report = {0};
	struct fault fault;

	leave_refused((const char *const[]){"x", "w"}, 2, FAULT_NOT_FOUND, "/legs/1");
	leave_refused((const char *const[]){"x", "y", "x"}, 3, FAULT_INVALID_VALUE, "/legs/2");
	room.dp->fail_prepare = -ENOMEM;
	leave_refused((const char *const[]){"x"}, 1, FAULT_NO_ROOM, "");
	cr_expect_eq(room_leave(&room, "b", NULL, 0, left, &report, &fault), -1);
	cr_expect_str_eq(fault.pointer, "/flow");
}

Test(legs, the_last_one_stays_unless_a_stream_has_some)
{
	struct flow_spec *spec = flow_spec_made("b", 2, 9);
	struct report report = {0};
	struct fault fault;

	cr_expect_eq(
		room_leave(&room, "a", (const char *const[]){"x", "y"}, 2, left, &report, &fault),
		0, "%s", fault.message);
	cr_expect_eq(flow->spec->n_legs, 0);
	room_expect(&room, 1, 1);
	cr_assert_eq(room_install(&room, &spec, 1, &fault), 0);
	cr_expect_eq(
		room_leave(&room, "b", (const char *const[]){"leg-1"}, 1, left, &report, &fault),
		-1);
	cr_expect_eq(fault.code, FAULT_INVALID_VALUE);
	cr_expect_str_eq(fault.pointer, "/legs");
}

Test(legs, admin)
{
	const unsigned n_commits = room.dp->n_commits;
	struct fault fault;

	cr_expect_eq(room_admin(&room, "a", "y", true, &fault), 0);
	cr_expect_eq(fake_dp_only(room.dp)->legs[1].down, 1);
	cr_expect_eq(fake_dp_only(room.dp)->flow.down, 0);
	leg_drops_expect(1, 1);
	cr_expect_eq(room_admin(&room, "a", NULL, true, &fault), 0);
	cr_expect_eq(fake_dp_only(room.dp)->flow.down, 1);
	cr_expect_eq(room.dp->n_commits, n_commits + 2);
	cr_expect_eq(room_admin(&room, "a", NULL, true, &fault), 0);
	cr_expect_eq(room.dp->n_commits, n_commits + 2, "it is down already");
	cr_expect_eq(room_admin(&room, "a", "y", false, &fault), 0);
	cr_expect_eq(fake_dp_only(room.dp)->legs[1].down, 0);
	cr_expect_eq(fake_dp_only(room.dp)->flow.down, 1);
	room_expect(&room, 1, 3);
	cr_expect_eq(room_admin(&room, "a", "w", false, &fault), -1);
	cr_expect_str_eq(fault.pointer, "/leg");
	cr_expect_eq(room_admin(&room, "b", NULL, false, &fault), -1);
	cr_expect_str_eq(fault.pointer, "/flow");
	room.dp->fail_add = -ENOMEM;
	cr_expect_eq(room_admin(&room, "a", NULL, false, &fault), -1);
	cr_expect_eq(flow->spec->dp.down, 1);
	room_expect(&room, 1, 3);
}

struct reported {
	unsigned n;
	uint32_t handle;
};

static void
told_note(void *arg, struct flow *now, struct flow *before)
{
	struct reported *reported = arg;

	cr_expect_eq(now, flow);
	cr_expect_eq(before, flow);
	*reported = (struct reported){.n = reported->n + 1, .handle = now->handle};
}

Test(legs, observer_is_called)
{
	struct flow_leg leg = leg_made("x", 11);
	struct reported reported = {0};
	struct fault fault;

	flows_observe(&room.flows, told_note, &reported);
	cr_expect_eq(room_admin(&room, "a", "x", true, &fault), 0);
	cr_expect_eq(reported.n, 1);
	cr_expect_eq(reported.handle, flow->handle);
	cr_expect_eq(fake_dp_only(room.dp), &room.dp->flows[reported.handle]);
	cr_expect_eq(room_join(&room, "a", &leg, 1, &fault), -1);
	cr_expect_eq(reported.n, 1);
}

/* Gone from the data plane, but a worker may still hold them: their hops are not reused. */
Test(legs, late_worker_keeps_next_hops_from_reuse)
{
	const uint16_t hop = flow->hops[0];
	struct flow_leg leg = leg_made("", 30);
	struct report report = {0};
	struct fault fault;

	room.dp->fail_commit = -ETIMEDOUT;
	cr_expect_eq(
		room_leave(&room, "a", (const char *const[]){"x"}, 1, left, &report, &fault), 0);
	cr_expect_eq(report.n, 1);
	cr_expect_eq(room_join(&room, "a", &leg, 1, &fault), 0);
	cr_expect_neq(flow->hops[1], hop);
	room_expect(&room, 1, 3);
}
