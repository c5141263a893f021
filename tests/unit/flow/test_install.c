/* SPDX-License-Identifier: BSD-3-Clause */
/* Whatever step refuses, everything is as it was before. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flow/flows.h"
#include "room.h"

static struct room room;

/* One flow is there before every test: it must survive. */
static void
setup(void)
{
	struct flow_spec *specs[1];
	struct fault fault;

	room_init(&room);
	specs[0] = flow_spec_made("old", 1, 9);
	cr_assert_eq(room_install(&room, specs, 1, &fault), 0, "%s", fault.message);
	room_expect(&room, 1, 1);
}

static void
teardown(void)
{
	room_fini(&room);
}

TestSuite(install, .init = setup, .fini = teardown);

/* Three flows of which the second is given must be refused there, and leave nothing. */
static void
second_refused(struct flow_spec *second, enum fault_code code, const char *pointer)
{
	struct flow_spec *specs[3] = {
		flow_spec_made("new-a", 11, 20), second, flow_spec_made("new-c", 13, 21)};
	struct flow_spec *again[1];
	struct fault fault = {0};

	cr_expect_eq(room_install(&room, specs, 3, &fault), -1);
	cr_expect_eq(fault.code, code, "%s", fault.message);
	cr_expect_str_eq(fault.pointer, pointer, "%s: %s", fault.pointer, fault.message);
	room_expect(&room, 1, 1);
	cr_expect_not_null(flow_db_find(&room.flows.db, "old"));
	memset(&room.dp->fail_begin, 0, sizeof(*room.dp) - offsetof(struct dp, fail_begin));
	fake_steer()->fail_add = 0;
	fake_net()->fail_keep = 0;
	again[0] = flow_spec_made("new-a", 11, 20);
	cr_expect_eq(room_install(&room, again, 1, &fault), 0, "%s", fault.message);
	room_expect(&room, 2, 2);
}

Test(install, all_at_once)
{
	struct flow_spec *specs[3] = {flow_spec_made("a", 11, 20), flow_spec_made(NULL, 12, 20),
		flow_spec_made("flow-1", 13, 21)};
	struct fault fault;

	cr_assert_eq(room_install(&room, specs, 3, &fault), 0, "%s", fault.message);
	room_expect(&room, 4, 3);
	cr_expect_eq(room.dp->n_commits, 2);
	cr_expect_eq(fake_net()->n_aims, 3, "each destination asked for once");
	cr_expect_str_eq(specs[1]->id, "flow-2", "flow-1 comes later in the request");
}

Test(install, steered_as_matched)
{
	const struct steer_key *key = &fake_steer()->last;
	const uint8_t address[16] = {192, 0, 2, 1};

	cr_expect_arr_eq(key->addr, address, 16);
	cr_expect_eq(key->port, htons(1));
	cr_expect_eq(key->vlan, 0);
	cr_expect_eq(key->family, 4);
}

Test(install, legs_get_the_neighbour_of_their_vlan)
{
	struct fault fault;
	struct flow_spec *spec = flow_spec_of_text(
		"{'id':'v','match':{'port':'p0','dst':'192.0.2.1','dst_port':50},'legs':["
		"{'port':'p1','vlan':5,'src':'198.51.100.1','src_port':1,'dst':'198.51.100.9',"
		"'dst_port':2},"
		"{'port':'p1','src':'198.51.100.1','src_port':1,'dst':'198.51.100.77','dst_port':2,"
		"'next_hop':'198.51.100.9'},"
		"{'port':'p2','src':'198.51.100.1','src_port':1,'dst':'239.1.2.3','dst_port':2}]}",
		&fault);
	struct next_hop_info info;
	const struct flow *flow;

	cr_assert_eq(room_install(&room, &spec, 1, &fault), 0, "%s", fault.message);
	room_expect(&room, 2, 2);
	flow = flow_db_find(&room.flows.db, "v");
	next_hops_info_get(room.flows.hops, flow->hops[0], &info);
	cr_expect_eq(info.ifindex, 111);
	cr_expect_eq(flow->hops[1], flow_db_find(&room.flows.db, "old")->hops[0]);
	next_hops_info_get(room.flows.hops, flow->hops[2], &info);
	cr_expect_eq(info.state, NEXT_HOP_STATIC);
	cr_expect_eq(info.port, 2);
	cr_expect_arr_eq(info.mac, ((uint8_t[6]){1, 0, 0x5e, 1, 2, 3}), 6);
}

Test(install, id_in_use)
{
	second_refused(flow_spec_made("old", 12, 22), FAULT_CONFLICT, "/flows/1/id");
}

Test(install, id_twice_in_request)
{
	second_refused(flow_spec_made("new-a", 12, 22), FAULT_CONFLICT, "/flows/1/id");
}

Test(install, match_in_use)
{
	second_refused(flow_spec_made("new-b", 1, 22), FAULT_CONFLICT, "/flows/1/match");
}

Test(install, match_twice_in_request)
{
	second_refused(flow_spec_made("new-b", 11, 22), FAULT_CONFLICT, "/flows/1/match");
}

Test(install, unknown_port)
{
	struct flow_spec *spec = flow_spec_made("new-b", 12, 22);

	strcpy(spec->legs[0].port, "p9");
	second_refused(spec, FAULT_NOT_FOUND, "/flows/1/legs/0/port");
}

/* Install one flow whose only leg is then pending, for this reason. */
static void
pending(struct flow_spec *spec, const char *says)
{
	char reason[HOP_REASON_MAX];
	struct next_hop_info info;
	const struct flow *flow;
	struct fault fault;

	cr_assert_eq(room_install(&room, &spec, 1, &fault), 0, "%s", fault.message);
	flow = flow_db_find(&room.flows.db, spec->id);
	next_hops_info_get(room.flows.hops, flow->hops[0], &info);
	next_hops_reason(room.flows.hops, &spec->legs[0], reason);
	cr_expect_eq(info.state, NEXT_HOP_PENDING);
	cr_expect_not_null(strstr(reason, says), "%s", reason);
	cr_expect_eq(room.dp->next_hops[flow->hops[0]].mtu, 0, "its copies are dropped");
}

Test(install, neighbour_silent)
{
	pending(flow_spec_made("new", 12, 200), "neighbour 198.51.100.200");
	room_expect(&room, 2, 2);
}

Test(install, no_route)
{
	pending(flow_spec_made("new", 12, 250), "no route to 198.51.100.250");
	room_expect(&room, 2, 1);
}

Test(install, gateway_silent)
{
	struct flow_spec *spec = flow_spec_made("new", 12, 22);

	spec->legs[0].hop = FLOW_HOP_GATEWAY;
	memcpy(spec->legs[0].next_hop, (uint8_t[]){198, 51, 100, 201}, 4);
	pending(spec, "neighbour 198.51.100.201");
}

Test(install, later_leg_fails)
{
	struct fault fault;
	struct flow_spec *spec = flow_spec_of_text(
		"{'match':{'port':'p0','dst':'192.0.2.1','dst_port':50},'legs':["
		"{'port':'p1','src':'198.51.100.1','src_port':1,'dst':'198.51.100.7','dst_port':2},"
		"{'port':'p1','src':'198.51.100.1','src_port':1,'dst':'198.51.100.8',"
		"'dst_port':2}]}",
		&fault);

	fake_net()->fail_keep = -ENOMEM;
	fake_net()->keeps_before_fail = 2;
	second_refused(spec, FAULT_NO_ROOM, "/flows/1/legs/1");
}

Test(install, next_hop_refused)
{
	room.dp->fail_next_hop = -EINVAL;
	second_refused(flow_spec_made("new-b", 12, 22), FAULT_INTERNAL, "/flows/0/legs/0");
}

Test(install, no_transaction)
{
	room.dp->fail_begin = true;
	second_refused(flow_spec_made("new-b", 12, 22), FAULT_NO_ROOM, "");
}

Test(install, table_full)
{
	room.dp->capacity = 2;
	second_refused(flow_spec_made("new-b", 12, 22), FAULT_NO_ROOM, "/flows/1");
}

Test(install, no_memory_for_legs)
{
	room.dp->fail_add = -ENOMEM;
	room.dp->adds_before_fail = 1;
	second_refused(flow_spec_made("new-b", 12, 22), FAULT_NO_ROOM, "/flows/1");
}

Test(install, steering_full)
{
	fake_steer()->fail_add = -ENOSPC;
	fake_steer()->adds_before_fail = 1;
	second_refused(flow_spec_made("new-b", 12, 22), FAULT_NO_ROOM, "/flows/1/match/dst");
}

Test(install, rules_not_compiled)
{
	room.dp->fail_prepare = -ENOMEM;
	second_refused(flow_spec_made("new-b", 12, 22), FAULT_NO_ROOM, "");
}

static struct flow_spec *
spec_of(const char *text)
{
	struct fault fault;
	struct flow_spec *spec = flow_spec_of_text(text, &fault);

	cr_assert_not_null(spec, "%s: %s", fault.pointer, fault.message);
	return spec;
}

#define LEG(last) \
	"{'port':'p1','src':'198.51.100.1','src_port':1,'dst':'198.51.100." #last "','dst_port':2}"
#define MATCH(port) "'match':{'port':'p0','dst':'192.0.2.1','dst_port':" #port "}"

Test(install, leg_table_full)
{
	room.dp->leg_capacity = 2;
	second_refused(spec_of("{" MATCH(50) ",'legs':[" LEG(7) "," LEG(8) "," LEG(9) "]}"),
		FAULT_NO_ROOM, "/flows/1/legs");
}

Test(install, stream_leg_fails)
{
	fake_net()->fail_keep = -ENOMEM;
	fake_net()->keeps_before_fail = 2;
	second_refused(spec_of("{" MATCH(50) ",'streams':[{'ssrc':1,'action':'drop'},"
					     "{'ssrc':2,'legs':[" LEG(7) "," LEG(8) "]}]}"),
		FAULT_NO_ROOM, "/flows/1/streams/1/legs/1");
}

Test(install, rule_not_steered)
{
	fake_steer()->fail_add_range = -ENOSPC;
	second_refused(spec_of("{'rule':{'priority':1,'family':4},'action':'drop'}"), FAULT_NO_ROOM,
		"/flows/1/rule");
}

Test(install, rule_that_no_packet_meets)
{
	struct flow_spec *rule =
		spec_of("{'id':'r','rule':{'priority':1,'family':4},'action':'drop'}");
	struct fault fault;

	cr_assert_eq(room_install(&room, &rule, 1, &fault), 0, "%s", fault.message);
	rule = spec_of("{'rule':{'priority':1,'family':4,'port':'p0'},'action':'punt'}");
	cr_expect_eq(room_install(&room, &rule, 1, &fault), -1);
	cr_expect_eq(fault.code, FAULT_CONFLICT);
	cr_expect_str_eq(fault.pointer, "/flows/0/rule");
	room_expect(&room, 2, 1);
}

Test(install, rules_of_one_priority)
{
	struct flow_spec *specs[2] = {
		spec_of("{'rule':{'priority':1,'dst':'192.0.2.0/24'},'legs':[" LEG(7) "]}"),
		spec_of("{'rule':{'priority':1,'family':4},'action':'punt'}")};
	struct fault fault;

	cr_assert_eq(room_install(&room, specs, 2, &fault), 0, "%s", fault.message);
	room_expect(&room, 3, 2);
	cr_expect_eq(fake_steer()->n_ranges, 2);
	cr_expect_str_eq(specs[0]->id, "flow-1");
	cr_expect_str_eq(specs[1]->id, "flow-2");
}

Test(install, legs_get_ids_and_streams_get_hops)
{
	struct flow_spec *spec =
		spec_of("{'id':'s'," MATCH(50) ",'streams':[{'ssrc':2,'legs':[" LEG(
			9) "]}],"
			   "'legs':[" LEG(
				   7) ",{'id':'leg-2','port':'p2','src':'2001:db8::1','src_port':1,"
				      "'dst':'ff3e::1','dst_port':2}," LEG(8) "]}");
	const struct fake_flow *made;
	const struct flow *flow;
	struct fault fault;

	cr_assert_eq(room_install(&room, &spec, 1, &fault), 0, "%s", fault.message);
	room_expect(&room, 2, 3);
	cr_expect_str_eq(spec->legs[0].id, "leg-3", "above the id that was brought");
	cr_expect_str_eq(spec->legs[2].id, "leg-4");
	cr_expect_str_eq(spec->legs[3].id, "", "a stream's leg has none");
	flow = flow_db_find(&room.flows.db, "s");
	cr_expect_eq(flow->hops[3], flow_db_find(&room.flows.db, "old")->hops[0]);
	made = &room.dp->flows[flow->handle];
	cr_assert_eq(made->flow.n_streams, 1);
	cr_expect_eq(made->streams[0].legs[0].next_hop, flow->hops[3]);
	cr_expect_eq(made->legs[1].family, DP_IPV6);
	cr_expect_eq(made->legs[2].next_hop, flow->hops[2]);
}

struct reported {
	unsigned n;
	const struct flow *now, *before;
};

static void
told_note(void *arg, struct flow *now, struct flow *before)
{
	struct reported *reported = arg;

	*reported = (struct reported){.n = reported->n + 1, .now = now, .before = before};
}

Test(install, observer_is_called)
{
	struct flow_spec *spec = flow_spec_made("new", 12, 22);
	struct reported reported = {0};
	struct fault fault;

	flows_observe(&room.flows, told_note, &reported);
	cr_assert_eq(room_install(&room, &spec, 1, &fault), 0);
	cr_expect_eq(reported.n, 1);
	cr_expect_eq(reported.now, flow_db_find(&room.flows.db, "new"));
	cr_expect_null(reported.before);
	spec = flow_spec_made("new", 13, 22);
	cr_expect_eq(room_install(&room, &spec, 1, &fault), -1);
	cr_expect_eq(reported.n, 1, "nothing has changed");
}

Test(install, late_worker_is_not_a_failure)
{
	struct flow_spec *spec = flow_spec_made("late", 12, 22);
	struct fault fault;

	room.dp->fail_commit = -ETIMEDOUT;
	cr_expect_eq(room_install(&room, &spec, 1, &fault), 0);
	room_expect(&room, 2, 2);
}

Test(install, kernel_moves_neighbour)
{
	const struct flow *flow = flow_db_find(&room.flows.db, "old");
	const struct neigh_key key = {.address = {198, 51, 100, 9}, .ifindex = 11, .family = 4};
	const uint8_t mac[6] = {2, 9, 9, 9, 9, 9};

	fake_net()->observer.neighbour(fake_net()->observer.arg, &key, mac, 0);
	cr_expect_arr_eq(room.dp->next_hops[flow->hops[0]].dst_mac, mac, 6);
}
