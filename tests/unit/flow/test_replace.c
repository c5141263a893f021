/* SPDX-License-Identifier: BSD-3-Clause */
/* A flow takes the place of another, or everything is as it was. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flow/flows.h"
#include "flow_live.h"
#include "room.h"

static struct room room;

#define MATCH(port) "'match':{'port':'p0','dst':'192.0.2.1','dst_port':" #port "}"
#define LEG_MEMBERS(last) \
	"'port':'p1','src':'198.51.100.1','src_port':1,'dst':'198.51.100." #last "','dst_port':2"
#define LEG(id, last) "{'id':'" id "'," LEG_MEMBERS(last) "}"
#define NEW_LEG(last) "{" LEG_MEMBERS(last) "}"

static struct flow_spec *
spec_of(const char *text)
{
	struct fault fault;
	struct flow_spec *spec = flow_spec_of_text(text, &fault);

	cr_assert_not_null(spec, "%s: %s", fault.pointer, fault.message);
	return spec;
}

static struct flow *
flow_of(const char *id)
{
	struct flow *flow = flow_db_find(&room.flows.db, id);

	cr_assert_not_null(flow, "%s", id);
	return flow;
}

/* Flow a: legs x, y and a stream's; flow b: one leg; rule r. Neighbours .7, .8, .9, .10. */
static void
setup(void)
{
	struct flow_spec *specs[3];
	struct fault fault;

	room_init(&room);
	specs[0] = spec_of(
		"{'id':'a'," MATCH(1) ",'latch':'first','streams':[{'ssrc':1,'legs':[" NEW_LEG(
			9) "]}],'legs':[" LEG("x", 7) "," LEG("y", 8) "]}");
	specs[1] = spec_of("{'id':'b'," MATCH(2) ",'legs':[" LEG("x", 10) "]}");
	specs[2] = spec_of("{'id':'r','rule':{'priority':1,'family':4},'action':'drop'}");
	cr_assert_eq(room_install(&room, specs, 3, &fault), 0, "%s", fault.message);
	room_expect(&room, 3, 4);
}

static void
teardown(void)
{
	room_fini(&room);
}

TestSuite(replace, .init = setup, .fini = teardown);

static int
replace(struct flow_spec **specs, size_t n, struct fault *fault)
{
	return room_replace(&room, specs, n, fault);
}

/* b is replaced and then `text`: refused there, and both are what they were. */
static void
refused(const char *text, enum fault_code code, const char *pointer)
{
	struct flow_spec *specs[2] = {
		spec_of("{'id':'b'," MATCH(2) ",'legs':[" LEG("x", 20) "]}"), spec_of(text)};
	const struct flow *a = flow_of("a"), *b = flow_of("b");
	const struct flow_spec *spec_a = a->spec, *spec_b = b->spec;
	const uint32_t handle_a = a->handle, handle_b = b->handle;
	struct fault fault = {0};
	struct flow_spec *again;

	cr_expect_eq(replace(specs, 2, &fault), -1, "%s", text);
	cr_expect_eq(fault.code, code, "%s", fault.message);
	cr_expect_str_eq(fault.pointer, pointer, "%s: %s", fault.pointer, fault.message);
	room_expect(&room, 3, 4);
	cr_expect(a->spec == spec_a && b->spec == spec_b);
	cr_expect(a->handle == handle_a && b->handle == handle_b);
	memset(&room.dp->fail_begin, 0, sizeof(*room.dp) - offsetof(struct dp, fail_begin));
	fake_net()->fail_keep = 0;
	again = spec_of("{'id':'b'," MATCH(2) ",'legs':[" LEG("x", 10) "]}");
	cr_expect_eq(replace(&again, 1, &fault), 0, "%s", fault.message);
	room_expect(&room, 3, 4);
}

static uint64_t
leg_drops(const struct flow *flow, unsigned leg)
{
	struct dp_leg_stats legs[8];
	struct dp_flow_stats stats;

	cr_assert_eq(dp_flow_stats_get(room.dp, flow->handle, &stats, legs, flow->spec->n_legs), 0);
	return legs[leg].drops[DP_DROP_tx_full - DP_COPY_DROP_FIRST];
}

Test(replace, counters_and_latch_go_on)
{
	struct flow_spec *spec = spec_of("{'id':'a'," MATCH(
		1) ",'latch':'first','police':{"
		   "'rate_bps':64000},'legs':[" NEW_LEG(11) "," LEG("y", 8) "," LEG("z", 7) "]}");
	struct flow *flow = flow_of("a");
	const uint32_t handle = flow->handle;
	const uint16_t hop_y = flow->hops[1];
	struct dp_flow_stats stats;
	struct dp_latched latched;
	struct fault fault;

	room.dp->flows[handle].latched.moves = 5;
	cr_assert_eq(replace(&spec, 1, &fault), 0, "%s", fault.message);
	room_expect(&room, 3, 4);
	cr_expect_eq(flow_of("a"), flow, "the flow stays, in its place");
	cr_expect_eq(flow->spec, spec);
	cr_expect_neq(flow->handle, handle);
	cr_expect_str_eq(spec->legs[0].id, "leg-1");
	cr_expect_eq(leg_drops(flow, 1), 1, "y was the second leg");
	cr_expect_eq(leg_drops(flow, 0), 2, "a new one");
	cr_expect_eq(leg_drops(flow, 2), 3, "a new one, though it sends to where x did");
	cr_expect_eq(flow->hops[1], hop_y);
	cr_assert_eq(dp_flow_stats_get(room.dp, flow->handle, &stats, NULL, 0), 0);
	cr_expect_eq(stats.packets, 100 + handle);
	cr_assert_eq(dp_flow_latched_get(room.dp, flow->handle, &latched), 0);
	cr_expect_eq(latched.moves, 5);
	cr_expect_eq(room.dp->flows[flow->handle].flow.police.rate_bps, 64000);
}

Test(replace, both_or_none)
{
	struct flow_spec *specs[2] = {spec_of("{'id':'b'," MATCH(2) ",'action':'punt'}"),
		spec_of("{'id':'a'," MATCH(1) ",'action':'drop'}")};
	const unsigned n_commits = room.dp->n_commits;
	struct fault fault;

	cr_assert_eq(replace(specs, 2, &fault), 0, "%s", fault.message);
	room_expect(&room, 3, 0);
	cr_expect_eq(room.dp->n_commits, n_commits + 1);
	cr_expect_eq(room.dp->flows[flow_of("b")->handle].flow.verdict, DP_PUNT);
	cr_expect_eq(room.dp->flows[flow_of("a")->handle].flow.verdict, DP_DROP);
	cr_expect_eq(flow_db_after(&room.flows.db, 0), flow_of("a"), "the order stays");
}

/* Legs without an id go on as those that send to the same place. */
Test(replace, legs_without_an_id_keep_their_counters)
{
	struct flow_spec *spec = spec_of(
		"{'id':'a'," MATCH(1) ",'legs':[" NEW_LEG(8) "," NEW_LEG(12) "," NEW_LEG(7) "]}");
	const struct flow *flow = flow_of("a");
	struct fault fault;

	cr_assert_eq(replace(&spec, 1, &fault), 0, "%s", fault.message);
	cr_expect_str_eq(spec->legs[0].id, "y");
	cr_expect_str_eq(spec->legs[1].id, "leg-1");
	cr_expect_str_eq(spec->legs[2].id, "x");
	cr_expect_eq(leg_drops(flow, 0), 1, "y was the second leg");
	cr_expect_eq(leg_drops(flow, 2), 0, "x was the first leg");
	cr_expect_eq(leg_drops(flow, 1), 2, "a new one");
}

/* A leg that left is not taken for one that comes: numbers go on from where they were. */
Test(replace, leg_numbers_go_on)
{
	struct flow_spec *spec = spec_of("{'id':'b'," MATCH(2) ",'legs':[" NEW_LEG(11) "]}");
	struct fault fault;

	cr_assert_eq(replace(&spec, 1, &fault), 0, "%s", fault.message);
	cr_expect_str_eq(spec->legs[0].id, "leg-1");
	spec = spec_of("{'id':'b'," MATCH(2) ",'action':'drop'}");
	cr_assert_eq(replace(&spec, 1, &fault), 0, "%s", fault.message);
	spec = spec_of("{'id':'b'," MATCH(2) ",'legs':[" NEW_LEG(11) "]}");
	cr_assert_eq(replace(&spec, 1, &fault), 0, "%s", fault.message);
	cr_expect_str_eq(spec->legs[0].id, "leg-2");
}

/* The kernel is not asked for what a leg has; so a neighbour that is silent now stops nothing. */
Test(replace, legs_that_stay_keep_their_hops)
{
	struct flow_spec *spec =
		spec_of("{'id':'a'," MATCH(1) ",'streams':[{'ssrc':2,'legs':[" NEW_LEG(
			9) "]}],"
			   "'legs':[" LEG("y", 8) "," LEG("x", 7) "]}");
	const struct flow *flow = flow_of("a");
	const uint16_t hops[3] = {flow->hops[1], flow->hops[0], flow->hops[2]};
	const unsigned n_aims = fake_net()->n_aims;
	struct fault fault;

	cr_assert_eq(replace(&spec, 1, &fault), 0, "%s", fault.message);
	cr_expect_eq(fake_net()->n_aims, n_aims);
	cr_expect_arr_eq(flow->hops, hops, sizeof(hops));
	room_expect(&room, 3, 4);
	spec = spec_of("{'id':'a'," MATCH(1) ",'legs':[" LEG("y", 12) "]}");
	cr_assert_eq(replace(&spec, 1, &fault), 0, "%s", fault.message);
	cr_expect_eq(fake_net()->n_aims, n_aims + 1);
	cr_expect_eq(leg_drops(flow, 0), 1, "its counters go on all the same");
	room_expect(&room, 3, 2);
}

Test(replace, a_rule_may_change)
{
	struct flow_spec *spec = spec_of("{'id':'r','rule':{'priority':7,'dst':'192.0.2.0/24'},"
					 "'action':'punt'}");
	struct fault fault;

	cr_assert_eq(replace(&spec, 1, &fault), 0, "%s", fault.message);
	cr_expect_eq(room.dp->flows[flow_of("r")->handle].rule.priority, 7);
	cr_expect_eq(room.dp->flows[flow_of("r")->handle].rule.dst_bits, 24);
	cr_expect_eq(fake_steer()->n_ranges, 1);
	room_expect(&room, 3, 4);
}

static const struct dp_latched learned = {
	.src = {203, 0, 113, 7}, .src_port = 7, .valid = 1, .moves = 1};

/* From before the new version runs, the packets of any source are asked for. */
Test(replace, a_narrowed_flow_is_steered_for_any_source_again)
{
	struct flow_spec *spec;
	struct fault fault;

	flow_narrow(&room.flows, flow_of("a"), &learned);
	flow_narrow(&room.flows, flow_of("a"), &learned);
	cr_expect_eq(fake_steer()->n_sources, 1);
	cr_expect_eq(fake_steer()->last_source.addr[0], 203);
	spec = spec_of("{'id':'a'," MATCH(1) ",'latch':'follow','latch_interval_ms':1,'legs':[" LEG(
		"x", 7) "," LEG("y", 8) "]}");
	cr_assert_eq(replace(&spec, 1, &fault), 0, "%s %s", fault.pointer, fault.message);
	cr_expect_eq(fake_steer()->n_sources, 0);
	cr_expect_null(flow_of("a")->only);
	flow_narrow(&room.flows, flow_of("a"), &learned);
	cr_expect_eq(fake_steer()->n_sources, 0, "its source may move");
	room_expect(&room, 3, 3);
}

Test(replace, a_narrowed_flow_is_widened)
{
	struct flow *flow = flow_of("a");
	const unsigned n_keys = fake_steer()->n_keys;

	cr_expect_eq(flow_widen(&room.flows, flow), 0, "it is wide");
	flow_narrow(&room.flows, flow, &learned);
	fake_steer()->fail_add = -ENOMEM;
	fake_steer()->adds_before_fail = 0;
	cr_expect_eq(flow_widen(&room.flows, flow), -ENOMEM);
	cr_expect_eq(fake_steer()->n_sources, 1);
	cr_expect_not_null(flow->only);
	fake_steer()->fail_add = 0;
	cr_expect_eq(flow_widen(&room.flows, flow), 0);
	cr_expect_eq(fake_steer()->n_sources, 0);
	cr_expect_eq(fake_steer()->n_keys, n_keys);
	cr_expect_null(flow->only);
	flow_narrow(&room.flows, flow, &learned);
	cr_expect_eq(fake_steer()->n_sources, 1, "and narrowed again");
}

Test(replace, a_narrowed_flow_stays_so_when_its_change_is_refused)
{
	flow_narrow(&room.flows, flow_of("a"), &learned);
	room.dp->fail_prepare = -ENOMEM;
	refused("{'id':'a'," MATCH(1) ",'latch':'first','legs':[" LEG("x", 7) "]}", FAULT_NO_ROOM,
		"");
	cr_expect_eq(fake_steer()->n_sources, 1);
	cr_expect_not_null(flow_of("a")->only);
}

Test(replace, what_is_punted_by_class_may_come_from_anywhere)
{
	struct flow_spec *spec =
		spec_of("{'id':'a'," MATCH(1) ",'latch':'first','classes':"
					      "{'stun':'punt'},'legs':[" LEG("x", 7) "]}");
	struct fault fault;

	cr_assert_eq(replace(&spec, 1, &fault), 0, "%s %s", fault.pointer, fault.message);
	flow_narrow(&room.flows, flow_of("a"), &learned);
	cr_expect_eq(fake_steer()->n_sources, 0);
	cr_expect_null(flow_of("a")->only);
}

Test(replace, found_by_the_new_spec)
{
	struct flow_spec *spec = spec_of("{'id':'b'," MATCH(2) ",'action':'drop'}"), *other;
	struct fault fault;

	cr_assert_eq(replace(&spec, 1, &fault), 0, "%s", fault.message);
	other = spec_of("{'id':'b'," MATCH(3) ",'action':'drop'}");
	cr_expect_eq(room_install(&room, &other, 1, &fault), -1, "the id is taken");
	other = spec_of("{'id':'c'," MATCH(2) ",'action':'drop'}");
	cr_expect_eq(room_install(&room, &other, 1, &fault), -1, "the match is taken");
	other = flow_gone(&room.flows.db, flow_of("r"));
	steering_del(&room.steering, other, NULL);
	free(other);
}

Test(replace, id_unknown)
{
	refused("{'id':'c'," MATCH(1) ",'action':'drop'}", FAULT_NOT_FOUND, "/flows/1/id");
}

Test(replace, id_missing)
{
	refused("{" MATCH(1) ",'action':'drop'}", FAULT_INVALID_VALUE, "/flows/1/id");
}

Test(replace, id_twice)
{
	refused("{'id':'b'," MATCH(2) ",'action':'drop'}", FAULT_INVALID_VALUE, "/flows/1/id");
}

Test(replace, other_match)
{
	refused("{'id':'a'," MATCH(3) ",'action':'drop'}", FAULT_INVALID_VALUE, "/flows/1/match");
}

Test(replace, rule_for_match)
{
	refused("{'id':'a','rule':{'priority':1,'family':4},'action':'drop'}", FAULT_INVALID_VALUE,
		"/flows/1/rule");
	refused("{'id':'r'," MATCH(3) ",'action':'drop'}", FAULT_INVALID_VALUE, "/flows/1/match");
}

Test(replace, rule_of_other_family)
{
	refused("{'id':'r','rule':{'priority':1,'family':6},'action':'drop'}", FAULT_INVALID_VALUE,
		"/flows/1/rule");
}

Test(replace, unknown_port)
{
	refused("{'id':'a'," MATCH(1) ",'legs':[{'port':'p9','src':'198.51.100.1','src_port':1,"
				      "'dst':'198.51.100.7','dst_port':2}]}",
		FAULT_NOT_FOUND, "/flows/1/legs/0/port");
}

Test(replace, no_memory_for_next_hop)
{
	fake_net()->fail_keep = -ENOMEM;
	fake_net()->keeps_before_fail = 2;
	refused("{'id':'a'," MATCH(1) ",'legs':[" LEG("x", 17) "," LEG("y", 18) "]}", FAULT_NO_ROOM,
		"/flows/1/legs/1");
	fake_net()->fail_keep = -ENOMEM;
	fake_net()->keeps_before_fail = 2;
	refused("{'id':'a'," MATCH(1) ",'streams':[{'ssrc':1,'legs':[" NEW_LEG(17) "," NEW_LEG(
			18) "]}]}",
		FAULT_NO_ROOM, "/flows/1/streams/0/legs/1");
}

Test(replace, data_plane_full)
{
	room.dp->leg_capacity = dp_leg_count(room.dp);
	refused("{'id':'a'," MATCH(1) ",'legs':[" LEG("x", 7) "," LEG("y", 8) "," LEG(
			"z", 9) "," LEG("w", 9) "]}",
		FAULT_NO_ROOM, "/flows/1/legs");
}

Test(replace, no_memory)
{
	room.dp->fail_add = -ENOMEM;
	room.dp->adds_before_fail = 1;
	refused("{'id':'a'," MATCH(1) ",'action':'drop'}", FAULT_NO_ROOM, "/flows/1");
	cr_expect_eq(room.dp->n_aborts, 1);
}

Test(replace, no_transaction)
{
	room.dp->fail_begin = true;
	refused("{'id':'a'," MATCH(1) ",'action':'drop'}", FAULT_NO_ROOM, "");
}

Test(replace, not_committed)
{
	room.dp->fail_prepare = -ENOMEM;
	refused("{'id':'r','rule':{'priority':1,'dst':'192.0.2.0/24'},'action':'drop'}",
		FAULT_NO_ROOM, "");
}

Test(replace, rule_not_steered)
{
	fake_steer()->fail_add_range = -ENOSPC;
	refused("{'id':'r','rule':{'priority':1,'dst':'192.0.2.0/24'},'action':'drop'}",
		FAULT_NO_ROOM, "/flows/1/rule");
}
