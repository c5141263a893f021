/* SPDX-License-Identifier: BSD-3-Clause */
/* Relays come, change and go as a whole, and nothing else changes their flows. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "service.h"

TestSuite(relay_methods, .init = service_setup, .fini = service_teardown);

#define SIDE_A "'port':'p0','local':'192.0.2.1','local_port':6000"
#define SIDE_B "'port':'p1','local':'198.51.100.1','local_port':6000"
#define RELAY(id, more_a, more_b, more) \
	"{'id':'" id "','a':{" SIDE_A more_a "},'b':{" SIDE_B more_b "}" more "}"
#define PLAIN(id) RELAY(id, "", "", "")
#define OTHER(id) \
	"{'id':'" id "','a':{'port':'p0','local':'192.0.2.1','local_port':7000}," \
	"'b':{'port':'p1','local':'198.51.100.1','local_port':7000}}"
#define FLOW(id, port) \
	"{'id':'" id "','match':{'port':'p0','dst':'192.0.2.1','dst_port':" #port \
	"},'legs':[{'port':'p1','src':'198.51.100.1','src_port':1,'dst':'198.51.100.7'," \
	"'dst_port':2}]}"

static void
answers(const char *method, const char *params, const char *result)
{
	service_answers(method, json_of_text(params), result);
}

static void
refuses(const char *method, const char *params, int code, const char *pointer)
{
	service_refuses(method, json_of_text(params), code, pointer);
}

static void
has_flows(size_t n)
{
	cr_expect_eq(flow_db_count(&service_room()->flows.db), n, "%zu",
		flow_db_count(&service_room()->flows.db));
}

/* What relay.get says the relay is. */
static void
is_relay(const char *id, const char *text)
{
	json_t *state = service_result("relay.get", json_pack("{s:s}", "id", id));

	json_expect(json_object_get(state, "relay"), text);
	json_decref(state);
}

static void
commits(const char *member, const char *list, int code, const char *pointer)
{
	json_t *begun = service_result(
		"txn.begin", json_pack("{s:b}", "declare", strncmp(member, "declare", 7) == 0));
	json_t *name = json_object_get(begun, "txn");

	json_decref(service_result(
		"txn.put", json_pack("{s:O, s:o}", "txn", name, member, json_of_text(list))));
	if (code)
		service_refuses("txn.commit", json_pack("{s:O}", "txn", name), code, pointer);
	else
		json_decref(service_result("txn.commit", json_pack("{s:O}", "txn", name)));
	json_decref(begun);
}

Test(relay_methods, one_command_sets_it_up)
{
	answers("relay.add", "{'relays':[" PLAIN("r") "," OTHER("s") "]}", "{'added':['r','s']}");
	has_flows(4);
	is_relay("r", "{'id':'r','a':{" SIDE_A ",'vlan':0,'latch':'first'},"
		      "'b':{" SIDE_B ",'vlan':0,'latch':'first'}}");
	refuses("relay.get", "{'id':'t'}", -32002, "/id");
	refuses("relay.get", "{'id':'r:a'}", -32002, "/id");
}

Test(relay_methods, rtcp_has_flows_of_its_own)
{
	answers("relay.add", "{'relays':[" RELAY("r", "", "", ",'rtcp':'next'") "]}",
		"{'added':['r']}");
	has_flows(4);
	is_relay("r", "{'id':'r','rtcp':'next','a':{" SIDE_A ",'vlan':0,'latch':'first'},"
		      "'b':{" SIDE_B ",'vlan':0,'latch':'first'}}");
	answers("relay.update", "{'relays':[" PLAIN("r") "]}", "{'updated':['r']}");
	has_flows(2);
	answers("relay.update", "{'relays':[" RELAY("r", "", "", ",'rtcp':'next'") "]}",
		"{'updated':['r']}");
	has_flows(4);
	json_decref(service_result("relay.remove", json_of_text("{'ids':['r']}")));
	has_flows(0);
}

Test(relay_methods, an_update_changes_what_it_says)
{
	answers("relay.add", "{'relays':[" PLAIN("r") "]}", "{'added':['r']}");
	answers("relay.update",
		"{'relays':[" RELAY("r", ",'admin':'down'",
			",'local_port':6002,'remote':'198.51.100.9','remote_port':5004", "") "]}",
		"{'updated':['r']}");
	is_relay("r", "{'id':'r','a':{" SIDE_A ",'vlan':0,'latch':'first','admin':'down'},"
		      "'b':{'port':'p1','local':'198.51.100.1','local_port':6002,'vlan':0,"
		      "'remote':'198.51.100.9','remote_port':5004,'latch':'first'}}");
	refuses("relay.update", "{'relays':[" OTHER("s") "]}", -32002, "/relays/0/id");
	has_flows(2);
}

Test(relay_methods, its_last_figures_are_of_both_sides)
{
	answers("relay.add", "{'relays':[" PLAIN("r") "]}", "{'added':['r']}");
	answers("relay.remove", "{'ids':['r']}",
		"{'removed':[{'id':'r','a':{'latched':null,'received':{'packets':100,'bytes':1000,"
		"'forwarded':99,'punted':0,'drops':{'policed':1}},'sent':{'copies':101,"
		"'bytes':1001,'sent':101,'drops':{}}},'b':{'latched':null,'received':{'packets':"
		"101,'bytes':1001,'forwarded':100,'punted':0,'drops':{'policed':1}},'sent':{"
		"'copies':100,'bytes':1000,'sent':100,'drops':{}}}}]}");
	has_flows(0);
	refuses("relay.remove", "{'ids':['r']}", -32002, "/ids/0");
}

/* Also a packet that came after the last look at the flow. A side that is not watched has none. */
Test(relay_methods, its_last_figures_have_the_last_packet)
{
	struct monitor *monitor = service_monitor();
	json_t *removed, *side;
	struct flow *flow;

	answers("relay.add", "{'relays':[" RELAY("r", ",'media_timeout_s':30", "", "") "]}",
		"{'added':['r']}");
	idle_monitor_init(
		&monitor->idle, &service_room()->flows, &monitor->latches, &monitor->events, NULL);
	flow = flow_db_find(&service_room()->flows.db, "r:a");
	idle_monitor_flow_changed(&monitor->idle, flow, flow, clock_read_ns(CLOCK_MONOTONIC));
	flow->watch.idle.accepted--;
	flow->watch.idle.looked_ns -= 3 * NS_PER_S;
	removed = service_result("relay.remove", json_of_text("{'ids':['r']}"));
	side = json_object_get(json_array_get(json_object_get(removed, "removed"), 0), "a");
	side = json_object_get(side, "last_packet");
	cr_expect_geq(json_integer_value(json_object_get(side, "within_ms")), 3000);
	cr_expect_lt(json_integer_value(json_object_get(side, "within_ms")), 10000);
	cr_expect_geq((uint64_t)json_integer_value(json_object_get(side, "time_ns")),
		clock_read_ns(CLOCK_REALTIME) - 10 * NS_PER_S);
	side = json_object_get(json_array_get(json_object_get(removed, "removed"), 0), "b");
	cr_expect_null(json_object_get(side, "last_packet"));
	json_decref(removed);
}

/* In a declaration everything is released first; an update finds the port of the other one. */
Test(relay_methods, local_ports_are_swapped_by_a_declaration)
{
	static const char swapped[] =
		"[{'id':'r','a':{'port':'p0','local':'192.0.2.1','local_port':7000},"
		"'b':{'port':'p1','local':'198.51.100.1','local_port':6002}},"
		"{'id':'s','a':{'port':'p1','local':'198.51.100.1','local_port':7000},"
		"'b':{'port':'p0','local':'192.0.2.1','local_port':6000}}]";
	char params[512];

	commits("declare_relays", "[" PLAIN("r") "," OTHER("s") "]", 0, NULL);
	snprintf(params, sizeof(params), "{'relays':%s}", swapped);
	refuses("relay.update", params, -32003, "/relays/0/a/local");
	commits("declare_relays", swapped, 0, NULL);
	is_relay("s", "{'id':'s','a':{'port':'p1','local':'198.51.100.1','local_port':7000,'vlan':0"
		      ",'latch':'first'},'b':{'port':'p0','local':'192.0.2.1','local_port':6000,"
		      "'vlan':0,'latch':'first'}}");
	has_flows(4);
}

Test(relay_methods, a_relay_that_has_the_id_is_named)
{
	json_t *error;

	answers("relay.add", "{'relays':[" PLAIN("r") "]}", "{'added':['r']}");
	error = service_error("relay.add", json_of_text("{'relays':[" OTHER("r") "]}"));
	cr_expect_str_eq(json_string_value(json_object_get(error, "message")),
		"found id r, which another relay has, expected a free one; relay.update changes "
		"that relay");
	json_decref(error);
	error = service_error(
		"relay.add", json_of_text("{'relays':[" OTHER("s") "," OTHER("s") "]}"));
	cr_expect_str_eq(json_string_value(json_object_get(error, "message")),
		"found s twice, expected each id once");
	json_decref(error);
}

Test(relay_methods, all_or_none)
{
	answers("relay.add", "{'relays':[" PLAIN("r") "]}", "{'added':['r']}");
	refuses("relay.add", "{'relays':[" OTHER("s") "," PLAIN("r") "]}", -32003, "/relays/1/id");
	refuses("relay.add", "{'relays':[" OTHER("s") "," PLAIN("t") "]}", -32003,
		"/relays/1/a/local");
	refuses("relay.remove", "{'ids':['r','s']}", -32002, "/ids/1");
	refuses("relay.remove", "{'ids':['r','r']}", -32001, "/ids/1");
	refuses("relay.update",
		"{'relays':[" RELAY("r", ",'ttl':9", "", "") "," RELAY(
			"r", "", ",'ttl':9", "") "]}",
		-32001, "/relays/1/id");
	has_flows(2);
}

Test(relay_methods, a_fault_is_one_of_a_side)
{
	refuses("relay.add", "{'relays':[" RELAY("r", ",'allow':['2001:db8::/32']", "", "") "]}",
		-32001, "/relays/0/a/allow/0");
	refuses("relay.add", "{'relays':[" RELAY("r", "", ",'reopen':true", "") "]}", -32001,
		"/relays/0/b/reopen");
	refuses("relay.add", "{'relays':[" RELAY("r", "", ",'media_timeout_s':0", "") "]}", -32602,
		"/relays/0/b/media_timeout_s");
	refuses("relay.add",
		"{'relays':[" RELAY(
			"r", "", ",'latch_by':'dtls','classes':{'dtls':'drop'}", "") "]}",
		-32001, "/relays/0/b/latch_by");
	refuses("relay.add", "{'relays':[" RELAY("r", "", ",'latch_interval_ms':5", "") "]}",
		-32001, "/relays/0/b/latch_interval_ms");
	refuses("relay.add",
		"{'relays':[" RELAY("r", "", ",'remote':'2001:db8::9','remote_port':9", "") "]}",
		-32001, "/relays/0/b/remote");
	refuses("relay.add",
		"{'relays':[{'id':'r','a':{'port':'p0','local':'192.0.2.1','local_port':6001},"
		"'b':{" SIDE_B "},'rtcp':'next'}]}",
		-32001, "/relays/0/a/local_port");
	refuses("relay.add",
		"{'relays':[{'id':'r','a':{'port':'p9','local':'192.0.2.1','local_port':6001},"
		"'b':{" SIDE_B "}}]}",
		-32002, "/relays/0/a/port");
	refuses("relay.add", "{'relays':[{'id':'r','a':{" SIDE_A "},'b':{" SIDE_A "}}]}", -32003,
		"/relays/0/b/local");
	refuses("relay.add", "{'relays':[{'id':'r','a':{" SIDE_A "}}]}", -32602, "/relays/0/b");
	refuses("relay.add", "{'relays':[" RELAY("r", ",'latch':'open'", "", "") "]}", -32602,
		"/relays/0/a/latch");
	refuses("relay.add", "{'relays':[" PLAIN("r/a") "]}", -32602, "/relays/0/id");
	has_flows(0);
}

Test(relay_methods, flows_of_a_relay_change_with_it_only)
{
	answers("relay.add", "{'relays':[" PLAIN("r") "]}", "{'added':['r']}");
	refuses("flow.remove", "{'ids':['r:a']}", -32001, "/ids/0");
	refuses("flow.admin", "{'flow':'r:a','admin':'down'}", -32001, "/flow");
	refuses("leg.leave", "{'flow':'r:a','legs':['leg-1']}", -32001, "/flow");
	refuses("leg.join",
		"{'flow':'r:b','legs':[{'port':'p1','src':'198.51.100.1','src_port':1,"
		"'dst':'198.51.100.9','dst_port':2}]}",
		-32001, "/flow");
	refuses("flow.replace", "{'flows':[" FLOW("r:a", 6000) "]}", -32001, "/flows/0/id");
	refuses("flow.install",
		"{'flows':[{'id':'q:a','relay':'q','match':{'port':'p0','dst':'192.0.2.1',"
		"'dst_port':9},'action':'drop'}]}",
		-32001, "/flows/0/relay");
	commits("remove", "['r:b']", -32001, "/messages/0/remove/0");
	commits("declare", "[" FLOW("r:a", 6000) "]", -32001, "/messages/0/declare/0/id");
	has_flows(2);
	is_relay("r", "{'id':'r','a':{" SIDE_A ",'vlan':0,'latch':'first'},"
		      "'b':{" SIDE_B ",'vlan':0,'latch':'first'}}");
}

Test(relay_methods, a_flow_is_not_taken_for_a_relays)
{
	service_installs(FLOW("r:a", 6000));
	refuses("relay.add", "{'relays':[" PLAIN("r") "]}", -32003, "/relays/0/id");
	refuses("relay.update", "{'relays':[" PLAIN("r") "]}", -32003, "/relays/0/id");
	refuses("relay.remove", "{'ids':['r']}", -32002, "/ids/0");
	refuses("relay.get", "{'id':'r'}", -32002, "/id");
	commits("declare_relays", "[" PLAIN("r") "]", -32003, "/messages/0/declare_relays/0/id");
	has_flows(1);
	answers("relay.list", "{}", "{'relays':[],'next_cursor':null}");
}

static const struct pool_config voice[] = {
	{.name = "voice",
		.family = 4,
		.n_addresses = 1,
		.addresses = {{192, 0, 2, 1}},
		.first = 20000,
		.last = 20007,
		.pairs = true,
		.quarantine_s = 60},
	{.name = "single",
		.family = 4,
		.n_addresses = 1,
		.addresses = {{198, 51, 100, 1}},
		.first = 9000,
		.last = 9001,
		.quarantine_s = 60},
	{.name = "fast",
		.family = 4,
		.n_addresses = 1,
		.addresses = {{198, 51, 100, 1}},
		.first = 9100,
		.last = 9103,
		.pairs = true},
};

static void
pools_setup(void)
{
	struct flows *flows;

	service_setup();
	flows = &service_room()->flows;
	commits_destroy(flows->commits);
	flows->pools = pools_create(voice, sizeof(voice) / sizeof(voice[0]));
	flows->commits = commits_create(flows, NULL, NULL, 0);
}

static void
pools_teardown(void)
{
	struct pools *pools = service_room()->flows.pools;

	service_teardown();
	pools_destroy(pools);
}

TestSuite(relay_pools, .init = pools_setup, .fini = pools_teardown);

#define POOLED(id, a, b, more) \
	"{'id':'" id "','a':{'port':'p0'," a "},'b':{'port':'p1'," b "}" more "}"
#define FIXED "'local':'198.51.100.1','local_port':6000"
#define NEXT ",'rtcp':'next'"
#define IN_VOICE(number) \
	"'a':{'port':'p0','vlan':0,'local':'192.0.2.1','local_port':" #number \
	",'pool':'voice','latch':'first'}"
#define AT_FIXED "'b':{'port':'p1','vlan':0," FIXED ",'latch':'first'}"

static void
usage_expect(unsigned pool, unsigned given, unsigned quarantined)
{
	struct pool_usage usage;

	pools_usage_get(service_room()->flows.pools, pool, clock_read_ns(CLOCK_MONOTONIC), &usage);
	cr_expect_eq(usage.given, given, "%u given, expected %u", usage.given, given);
	cr_expect_eq(usage.quarantined, quarantined, "%u quarantined, expected %u",
		usage.quarantined, quarantined);
	cr_expect_eq(usage.given + usage.named + usage.quarantined + usage.free, usage.size);
}

/* Each flow receives, and the other one sends, at the port that is the number of its pool. */
static void
ports_expect(const char *id, unsigned number)
{
	const struct flow *flow = flow_db_find(&service_room()->flows.db, id), *other;

	cr_assert_not_null(flow, "%s", id);
	other = flow_db_find(&service_room()->flows.db, flow->spec->legs[0].learned);
	cr_assert_not_null(other, "%s", id);
	cr_expect_eq(ntohs(flow->spec->match.key.dst_port), number, "%s: %u, expected %u", id,
		ntohs(flow->spec->match.key.dst_port), number);
	cr_expect_eq(ntohs(other->spec->legs[0].dp.src_port), number, "%s", id);
	cr_expect_arr_eq(other->spec->legs[0].dp.src, flow->spec->match.key.dst, 16);
}

Test(relay_pools, a_side_is_given_a_pair)
{
	answers("relay.add", "{'relays':[" POOLED("r", "'pool':'voice'", FIXED, NEXT) "]}",
		"{'added':['r'],'given':[{'id':'r:a','pool':'voice','dst':'192.0.2.1','dst_port':"
		"20000},{'id':'r:a-rtcp','pool':'voice','dst':'192.0.2.1','dst_port':20001}]}");
	ports_expect("r:a", 20000);
	ports_expect("r:a-rtcp", 20001);
	ports_expect("r:b-rtcp", 6001);
	is_relay("r", "{'id':'r','rtcp':'next'," IN_VOICE(20000) "," AT_FIXED "}");
	usage_expect(0, 1, 0);
	/* Another description of the same side, with its place or without, keeps it. */
	answers("relay.update",
		"{'relays':[" POOLED("r", "'pool':'voice','admin':'down'", FIXED, "") "]}",
		"{'updated':['r'],'given':[{'id':'r:a','pool':'voice','dst':'192.0.2.1',"
		"'dst_port':20000}]}");
	has_flows(2);
	answers("relay.update",
		"{'relays':[" POOLED("r", "'pool':'voice','local':'192.0.2.1','local_port':20000",
			FIXED, NEXT) "]}",
		"{'updated':['r'],'given':[{'id':'r:a','pool':'voice','dst':'192.0.2.1','dst_port':"
		"20000},{'id':'r:a-rtcp','pool':'voice','dst':'192.0.2.1','dst_port':20001}]}");
	has_flows(4);
	usage_expect(0, 1, 0);
	json_decref(service_result("relay.remove", json_of_text("{'ids':['r']}")));
	usage_expect(0, 0, 1);
}

/* The receiver's flow has another version, as it sends from the port that side a is given. */
Test(relay_pools, a_receiver_is_given_a_port)
{
	answers("relay.add",
		"{'relays':[" POOLED("r", "'pool':'voice'",
			FIXED ",'receivers':[{'name':'x','pool':'single'}]", "") "]}",
		"{'added':['r'],'given':[{'id':'r:a','pool':'voice','dst':'192.0.2.1','dst_port':"
		"20000},{'id':'r:b.x','pool':'single','dst':'198.51.100.1','dst_port':9000}]}");
}

/* Also of a side whose flow stays as it is: that sends to side a from where it did. */
Test(relay_pools, an_update_says_the_ports_of_both_sides)
{
	const char *given =
		"{'updated':['r'],'given':[{'id':'r:a','pool':'voice','dst':'192.0.2.1','dst_port':"
		"20000},{'id':'r:b','pool':'single','dst':'198.51.100.1','dst_port':9000}]}";

	json_decref(
		service_result("relay.add", json_of_text("{'relays':[" POOLED("r", "'pool':'voice'",
						    "'pool':'single'", "") "]}")));
	answers("relay.update",
		"{'relays':[" POOLED("r", "'pool':'voice'",
			"'pool':'single','remote':'198.51.100.9','remote_port':5004", "") "]}",
		given);
	answers("relay.update",
		"{'relays':[" POOLED("r", "'pool':'voice'",
			"'pool':'single','remote':'198.51.100.9','remote_port':5004", "") "]}",
		given);
}

/* Its address is known, so that it needs no port of its own; others are refused that port. */
Test(relay_pools, a_known_receiver_shares_the_port_of_its_side)
{
	json_decref(service_result("relay.add",
		json_of_text("{'relays':[" POOLED("r", FIXED, "'pool':'single'", "") "]}")));
	answers("relay.join",
		"{'id':'r','receivers':[{'name':'x','remote':'198.51.100.9','remote_port':5004}]}",
		"{'joined':[{'name':'x','local':'198.51.100.1','local_port':9000}]}");
	refuses("relay.join",
		"{'id':'r','receivers':[{'name':'y','local':'198.51.100.1','local_port':9000}]}",
		-32003, "/receivers/0/local_port");
	refuses("flow.install",
		"{'flows':[{'match':{'port':'p1','src':'198.51.100.8','src_port':9,"
		"'dst':'198.51.100.1','dst_port':9000},'action':'drop'}]}",
		-32003, "/flows/0/match/dst_port");
	usage_expect(1, 1, 0);
	json_decref(service_result("relay.leave", json_of_text("{'id':'r','names':['x']}")));
	usage_expect(1, 1, 0);
	json_decref(service_result("relay.join",
		json_of_text("{'id':'r','receivers':[{'name':'x','remote':'198.51.100.9',"
			     "'remote_port':5004}]}")));
	json_decref(service_result("relay.remove", json_of_text("{'ids':['r']}")));
	usage_expect(1, 0, 1);
}

Test(relay_pools, both_sides_and_a_change_of_one)
{
	answers("relay.add",
		"{'relays':[" POOLED(
			"r", "'pool':'voice'", "'pool':'single','local':'198.51.100.1'", "") "]}",
		"{'added':['r'],'given':[{'id':'r:a','pool':'voice','dst':'192.0.2.1','dst_port':"
		"20000},{'id':'r:b','pool':'single','dst':'198.51.100.1','dst_port':9000}]}");
	ports_expect("r:a", 20000);
	ports_expect("r:b", 9000);
	/* Only b moves; a's flow is a new version, which sends from there. */
	answers("relay.update", "{'relays':[" POOLED("r", "'pool':'voice'", FIXED, "") "]}",
		"{'updated':['r'],'given':[{'id':'r:a','pool':'voice','dst':'192.0.2.1','dst_port':"
		"20000}]}");
	ports_expect("r:a", 20000);
	ports_expect("r:b", 6000);
	usage_expect(0, 1, 0);
	usage_expect(1, 0, 1);
	/* And back: the other port, as that one is in quarantine. */
	json_decref(service_result("relay.update",
		json_of_text(
			"{'relays':[" POOLED("r", "'pool':'voice'", "'pool':'single'", "") "]}")));
	ports_expect("r:b", 9001);
	json_decref(service_result("relay.update",
		json_of_text("{'relays':[" POOLED("r", FIXED, "'pool':'single'", "") "]}")));
	ports_expect("r:a", 6000);
	ports_expect("r:b", 9001);
	usage_expect(0, 0, 1);
	usage_expect(1, 1, 1);
}

/* Refused, with the member of the side; and no port is held. */
Test(relay_pools, all_or_none)
{
	refuses("relay.add", "{'relays':[" POOLED("r", "'vlan':0", FIXED, "") "]}", -32001,
		"/relays/0/a/local");
	refuses("relay.add", "{'relays':[" POOLED("r", FIXED, "'local':'198.51.100.1'", "") "]}",
		-32001, "/relays/0/b/local_port");
	refuses("relay.add",
		"{'relays':[" POOLED("r", "'pool':'voice','local_port':20000", FIXED, "") "]}",
		-32001, "/relays/0/a/local");
	refuses("relay.add", "{'relays':[" POOLED("r", FIXED, "'pool':'none'", "") "]}", -32002,
		"/relays/0/b/pool");
	refuses("relay.add",
		"{'relays':[" POOLED("r", FIXED, "'pool':'single','local':'192.0.2.1'", "") "]}",
		-32002, "/relays/0/b/local");
	refuses("relay.add",
		"{'relays':[" POOLED("r", "'pool':'voice','local':'192.0.2.2','local_port':20000",
			FIXED, "") "]}",
		-32002, "/relays/0/a/local");
	refuses("relay.add",
		"{'relays':[" POOLED("r", "'pool':'voice','local':'192.0.2.1','local_port':20010",
			FIXED, "") "]}",
		-32001, "/relays/0/a/local_port");
	refuses("relay.add",
		"{'relays':[" POOLED("r", "'pool':'voice','local':'192.0.2.1','local_port':20001",
			FIXED, NEXT) "]}",
		-32001, "/relays/0/a/local_port");
	refuses("relay.add", "{'relays':[" POOLED("r", "'pool':'single'", FIXED, NEXT) "]}", -32001,
		"/relays/0/a/pool");
	refuses("relay.add",
		"{'relays':[" POOLED("r", "'pool':'voice','remote':'2001:db8::9','remote_port':9",
			FIXED, "") "]}",
		-32001, "/relays/0/a/remote");
	refuses("relay.add",
		"{'relays':[" POOLED(
			"r", "'pool':'voice','allow':['2001:db8::/32']", FIXED, "") "]}",
		-32001, "/relays/0/a/pool");
	refuses("relay.add",
		"{'relays':[" POOLED("r", "'pool':'single'", "'pool':'voice'", "") "," POOLED(
			"r", "'pool':'voice'", FIXED, "") "]}",
		-32001, "/relays/1/id");
	has_flows(0);
	usage_expect(0, 0, 0);
	usage_expect(1, 0, 0);
}

Test(relay_pools, exhaustion_names_the_pool_of_the_side)
{
	json_t *error;

	answers("relay.add",
		"{'relays':[" POOLED("r", "'pool':'voice'", "'pool':'single'", "") "]}",
		"{'added':['r'],'given':[{'id':'r:a','pool':'voice','dst':'192.0.2.1','dst_port':"
		"20000},{'id':'r:b','pool':'single','dst':'198.51.100.1','dst_port':9000}]}");
	error = service_error("relay.add",
		json_of_text("{'relays':[" POOLED("s", "'pool':'voice'", "'pool':'single'",
			"") "," POOLED("t", "'pool':'voice'", "'pool':'single'", "") "]}"));
	cr_expect_str_eq(
		json_string_value(json_object_get(json_object_get(error, "data"), "pointer")),
		"/relays/1/b/pool");
	cr_expect(strstr(json_string_value(json_object_get(error, "message")),
			  "found no free port in pool single: of its 2 ports 2 are given out"),
		"%s", json_dumps(error, 0));
	json_decref(error);
	has_flows(2);
	usage_expect(0, 1, 0);
	usage_expect(1, 1, 0);
}

#define ON_PORT(id, port, pool, more) \
	POOLED(id, "'local':'192.0.2.9','local_port':" #port, "'pool':'" pool "'", more)

/* One relay goes and another comes in one change, and the pool has no other port. */
Test(relay_pools, one_makes_way_for_another)
{
	commits("declare_relays",
		"[" ON_PORT("r", 6000, "single", "") "," ON_PORT("s", 6002, "single", "") "]", 0,
		NULL);
	commits("declare_relays",
		"[" ON_PORT("s", 6002, "single", "") "," ON_PORT("t", 6004, "single", "") "]",
		-32005, "/messages/0/declare_relays/1/b/pool");
	ports_expect("r:b", 9000);
	usage_expect(1, 2, 0);
	commits("declare_relays",
		"[" ON_PORT("r", 6000, "fast", NEXT) "," ON_PORT("s", 6002, "fast", NEXT) "]", 0,
		NULL);
	ports_expect("r:b", 9100);
	commits("declare_relays",
		"[" ON_PORT("s", 6002, "fast", NEXT) "," ON_PORT("t", 6004, "fast", NEXT) "]", 0,
		NULL);
	ports_expect("s:b", 9102);
	ports_expect("t:b", 9100);
	ports_expect("t:b-rtcp", 9101);
	usage_expect(2, 2, 0);
	commits("declare_relays", "[]", 0, NULL);
	usage_expect(2, 0, 0);
}

/* Ports that are named come first, whatever the order; and what is there stays. */
Test(relay_pools, of_a_declaration)
{
	commits("declare_relays", "[" POOLED("r", "'pool':'voice'", "'pool':'single'", NEXT) "]",
		-32001, "/messages/0/declare_relays/0/b/pool");
	commits("declare_relays",
		"[" POOLED("r", "'pool':'voice'", FIXED, NEXT) "," POOLED("s", "'pool':'voice'",
			"'local':'198.51.100.1','local_port':6010",
			"") "," POOLED("t", "'local':'192.0.2.1','local_port':20000",
			"'local':'198.51.100.1','local_port':9000", NEXT) "]",
		0, NULL);
	ports_expect("r:a", 20002);
	ports_expect("r:a-rtcp", 20003);
	ports_expect("s:a", 20004);
	ports_expect("t:a-rtcp", 20001);
	commits("declare_relays",
		"[" POOLED("s", "'pool':'voice'", FIXED, NEXT) "," POOLED("r",
			"'pool':'voice','local':'192.0.2.1','local_port':20000",
			"'local':'198.51.100.1','local_port':9000", NEXT) "]",
		0, NULL);
	ports_expect("r:a", 20000);
	ports_expect("r:a-rtcp", 20001);
	ports_expect("r:b-rtcp", 9001);
	ports_expect("s:a", 20004);
	ports_expect("s:a-rtcp", 20005);
	usage_expect(0, 2, 1);
	commits("declare_relays", "[]", 0, NULL);
	usage_expect(0, 0, 3);
	has_flows(0);
}

Test(relay_methods, in_transactions)
{
	commits("add_relays", "[" PLAIN("r") "," OTHER("s") "]", 0, NULL);
	has_flows(4);
	commits("update_relays", "[" RELAY("r", "", "", ",'rtcp':'next'") "]", 0, NULL);
	has_flows(6);
	commits("remove_relays", "['s','r']", 0, NULL);
	has_flows(0);
	commits("remove_relays", "['s']", -32002, "/messages/0/remove_relays/0");
	commits("update_relays", "[" PLAIN("s") "]", -32002, "/messages/0/update_relays/0/id");
}

Test(relay_methods, declared_ones_go_with_their_declaration)
{
	commits("declare_relays", "[" RELAY("r", "", "", ",'rtcp':'next'") "," OTHER("s") "]", 0,
		NULL);
	has_flows(6);
	commits("declare_relays", "[" PLAIN("r") "]", 0, NULL);
	has_flows(2);
	answers("relay.update", "{'relays':[" RELAY("r", "", "", ",'rtcp':'next'") "]}",
		"{'updated':['r']}");
	commits("declare", "[]", 0, NULL);
	has_flows(0);
}

/* One that was set up by hand is taken over as a whole. */
Test(relay_methods, a_declaration_names_it)
{
	answers("relay.add", "{'relays':[" RELAY("r", "", "", ",'rtcp':'next'") "," OTHER("s") "]}",
		"{'added':['r','s']}");
	commits("declare_relays", "[" PLAIN("r") "]", 0, NULL);
	has_flows(4);
	commits("declare_relays", "[]", 0, NULL);
	has_flows(2);
	is_relay("s", "{'id':'s','a':{'port':'p0','local':'192.0.2.1','local_port':7000,'vlan':0,"
		      "'latch':'first'},'b':{'port':'p1','local':'198.51.100.1','local_port':7000,"
		      "'vlan':0,'latch':'first'}}");
}

/* Each side by itself; of a flow that is not watched nothing is said. */
Test(relay_methods, it_says_when_media_came)
{
	struct monitor *monitor = service_monitor();
	struct flow *flow;
	json_t *state, *side;

	answers("relay.add", "{'relays':[" RELAY("r", ",'media_timeout_s':30", "", "") "]}",
		"{'added':['r']}");
	idle_monitor_init(
		&monitor->idle, &service_room()->flows, &monitor->latches, &monitor->events, NULL);
	flow = flow_db_find(&service_room()->flows.db, "r:a");
	idle_monitor_flow_changed(&monitor->idle, flow, flow, clock_read_ns(CLOCK_MONOTONIC));
	state = service_result("relay.get", json_of_text("{'id':'r'}"));
	side = json_object_get(state, "a");
	cr_expect(json_is_null(json_object_get(side, "last_packet")));
	cr_expect_str_eq(json_string_value(json_object_get(side, "media")), "waiting");
	cr_expect_null(json_object_get(json_object_get(state, "b"), "last_packet"));
	cr_expect_null(json_object_get(json_object_get(state, "b"), "media"));
	json_decref(state);
	flow->watch.idle.accepted--;
	flow->watch.idle.looked_ns -= 3 * NS_PER_S;
	state = service_result("flow.get", json_of_text("{'id':'r:a'}"));
	cr_expect_str_eq(json_string_value(json_object_get(state, "media")), "flowing");
	side = json_object_get(state, "last_packet");
	cr_expect_geq(json_integer_value(json_object_get(side, "within_ms")), 3000);
	cr_expect_lt(json_integer_value(json_object_get(side, "within_ms")), 10000);
	cr_expect_leq((uint64_t)json_integer_value(json_object_get(side, "time_ns")),
		clock_read_ns(CLOCK_REALTIME));
	cr_expect_geq((uint64_t)json_integer_value(json_object_get(side, "time_ns")),
		clock_read_ns(CLOCK_REALTIME) - 10 * NS_PER_S);
	json_decref(state);
}

Test(relay_methods, pages)
{
	json_t *page, *relays;

	service_installs(FLOW("x", 1));
	answers("relay.add", "{'relays':[" RELAY("r", "", "", ",'rtcp':'next'") "," OTHER("s") "]}",
		"{'added':['r','s']}");
	page = service_result("relay.list", json_of_text("{'limit':1}"));
	relays = json_object_get(page, "relays");
	cr_expect_eq(json_array_size(relays), 1);
	relays = json_array_get(relays, 0);
	cr_expect_str_eq(
		json_string_value(json_object_get(json_object_get(relays, "relay"), "id")), "r");
	cr_expect_not_null(json_object_get(relays, "b_rtcp"));
	relays = service_result(
		"relay.list", json_pack("{s:O}", "cursor", json_object_get(page, "next_cursor")));
	json_decref(page);
	cr_expect_eq(json_array_size(json_object_get(relays, "relays")), 1);
	cr_expect(json_is_null(json_object_get(relays, "next_cursor")));
	json_decref(relays);
	answers("relay.list", "{'declared':true}", "{'relays':[],'next_cursor':null}");
}

#define LEARNED(name, port) "{'name':'" name "','local_port':" #port "}"
#define KNOWN(name, port) "{'name':'" name "','remote':'198.51.100.9','remote_port':" #port "}"

/* A page of the receivers of side b must be of these names. */
static void
has_receivers(const char *params, const char *names)
{
	json_t *page = service_result("relay.receivers", json_of_text(params)), *receiver;
	json_t *found = json_array();
	size_t i;

	json_array_foreach (json_object_get(page, "receivers"), i, receiver)
		json_array_append(
			found, json_object_get(json_object_get(receiver, "receiver"), "name"));
	json_expect(found, names);
	json_decref(found);
	json_decref(page);
}

/* How many legs of the flow send to receivers, and how many it has beside these. */
static void
has_legs(const char *id, unsigned n_own, unsigned n_receivers)
{
	const struct flow *flow = flow_db_find(&service_room()->flows.db, id);

	cr_assert_not_null(flow, "%s", id);
	cr_expect_eq(flow->spec->n_receivers, n_receivers, "%s: %u", id, flow->spec->n_receivers);
	cr_expect_eq(flow->spec->n_legs, n_own + n_receivers, "%s: %u", id, flow->spec->n_legs);
}

static void
joins(const char *receivers)
{
	json_decref(service_result("relay.join",
		json_pack("{s:s, s:o}", "id", "r", "receivers", json_of_text(receivers))));
}

Test(relay_methods, receivers_join_and_leave)
{
	answers("relay.add", "{'relays':[" PLAIN("r") "]}", "{'added':['r']}");
	answers("relay.join",
		"{'id':'r','receivers':[" LEARNED("x", 7001) "," KNOWN("y", 5004) "]}",
		"{'joined':[{'name':'x','local':'198.51.100.1','local_port':7001},"
		"{'name':'y','local':'198.51.100.1','local_port':6000}]}");
	has_flows(4);
	has_legs("r:a", 1, 2);
	has_legs("r:b", 1, 0);
	has_legs("r:b.x", 1, 0);
	has_receivers("{'id':'r'}", "['x','y']");
	has_receivers("{'id':'r','side':'a'}", "[]");
	answers("relay.leave", "{'id':'r','names':['x']}",
		"{'left':[{'name':'x','latched':null,'received':{'packets':103,'bytes':1003,"
		"'forwarded':102,'punted':0,'drops':{'policed':1}},'sent':{'copies':100,'bytes':"
		"1000,'sent':99,'drops':{'tx_full':1}}}]}");
	has_receivers("{'id':'r'}", "['y']");
	has_legs("r:a", 1, 1);
	joins("[" LEARNED("x", 7002) "]");
	has_legs("r:a", 1, 2);
}

Test(relay_methods, receivers_are_like_their_side)
{
	json_t *page, *list;

	answers("relay.add",
		"{'relays':[" RELAY(
			"r", "", ",'latch':'follow','latch_interval_ms':7,'vlan':9", "") "]}",
		"{'added':['r']}");
	joins("[" LEARNED("x", 7001) ",{'name':'y','local_port':7002,'latch':'first','vlan':0,"
				     "'action':'drop','idle_timeout_s':60}]");
	page = service_result("relay.receivers", json_of_text("{'id':'r'}"));
	list = json_object_get(page, "receivers");
	json_expect(json_object_get(json_array_get(list, 0), "receiver"),
		"{'name':'x','port':'p1','vlan':9,'local':'198.51.100.1','local_port':7001,"
		"'latch':'follow','latch_interval_ms':7}");
	json_expect(json_object_get(json_array_get(list, 1), "receiver"),
		"{'name':'y','port':'p1','vlan':0,'local':'198.51.100.1','local_port':7002,"
		"'latch':'first','action':'drop','idle_timeout_s':60}");
	json_decref(page);
	has_legs("r:b.y", 0, 0);
}

Test(relay_methods, receivers_outlive_an_update)
{
	json_t *state;

	answers("relay.add", "{'relays':[" PLAIN("r") "]}", "{'added':['r']}");
	joins("[" LEARNED("x", 7001) "," KNOWN("y", 5004) "]");
	answers("relay.update", "{'relays':[" RELAY("r", ",'ttl':9", ",'dscp':46", "") "]}",
		"{'updated':['r']}");
	has_legs("r:a", 1, 2);
	cr_expect_eq(flow_db_find(&service_room()->flows.db, "r:a")->spec->legs[2].dp.dscp, 46);
	cr_expect_eq(flow_db_find(&service_room()->flows.db, "r:b.x")->spec->legs[0].dp.ttl, 9,
		"its packets go as those of the side");
	state = service_result("relay.get", json_of_text("{'id':'r'}"));
	cr_expect_eq(
		json_integer_value(json_object_get(json_object_get(state, "b"), "receivers")), 2);
	cr_expect_null(json_object_get(json_object_get(state, "a"), "receivers"));
	json_decref(state);
	refuses("relay.update",
		"{'relays':[" RELAY("r", "", ",'receivers':[" KNOWN("z", 5006) "]", "") "]}",
		-32001, "/relays/0/b/receivers");
	/* Another local port of side a: its flow begins anew. */
	answers("relay.update",
		"{'relays':[{'id':'r','a':{'port':'p0','local':'192.0.2.1','local_port':6010},"
		"'b':{" SIDE_B "}}]}",
		"{'updated':['r']}");
	has_legs("r:a", 1, 2);
	cr_expect_eq(flow_db_find(&service_room()->flows.db, "r:b.x")->spec->legs[0].dp.src_port,
		htons(6010));
}

/* The receiver follows to a port of another MTU, and says nothing of its own of that. */
Test(relay_methods, a_receiver_that_cannot_follow_its_side)
{
	struct dp_port_info *ports = service_room()->ports.info;

	ports[0].mtu = ports[2].mtu = 9000;
	answers("relay.add",
		"{'relays':[{'id':'r','a':{" SIDE_A "},'b':{'port':'p2','local':'203.0.113.1',"
		"'local_port':6000,'max_datagram_bytes':1400}}]}",
		"{'added':['r']}");
	joins("[" LEARNED("x", 7001) "]");
	refuses("relay.update",
		"{'relays':[{'id':'r','a':{'port':'p1','local':'192.0.2.1','local_port':6000},"
		"'b':{'port':'p2','local':'203.0.113.1','local_port':6000,"
		"'max_datagram_bytes':1400}}]}",
		-32001, "/relays/0/a/port");
	refuses("relay.join",
		"{'id':'r','receivers':[" LEARNED("a", 7002) ",{'name':'y','port':'p1',"
							     "'local_port':7003}]}",
		-32001, "/receivers/1");
}

Test(relay_methods, receivers_go_with_their_relay)
{
	json_t *removed, *relay;

	answers("relay.add", "{'relays':[" PLAIN("r") "," OTHER("s") "]}", "{'added':['r','s']}");
	joins("[" LEARNED("x", 7001) "," KNOWN("y", 5004) "]");
	removed = service_result("relay.remove", json_of_text("{'ids':['s','r']}"));
	relay = json_array_get(json_object_get(removed, "removed"), 1);
	cr_expect_eq(json_array_size(json_object_get(relay, "receivers")), 2);
	cr_expect_str_eq(json_string_value(json_object_get(
				 json_array_get(json_object_get(relay, "receivers"), 1), "name")),
		"y");
	cr_expect_null(json_object_get(
		json_array_get(json_object_get(removed, "removed"), 0), "receivers"));
	json_decref(removed);
	has_flows(0);
}

Test(relay_methods, receivers_that_cannot_join)
{
	answers("relay.add",
		"{'relays':[" PLAIN("r") "," RELAY(
			"n", ",'vlan':5", ",'vlan':5", ",'rtcp':'next'") "]}",
		"{'added':['r','n']}");
	joins("[" LEARNED("x", 7001) "]");
	refuses("relay.add",
		"{'relays':[" RELAY("t", "",
			",'receivers':[" LEARNED("x", 7002) "," LEARNED("x", 7003) "]", "") "]}",
		-32001, "/relays/0/b/receivers/1/name");
	refuses("relay.join", "{'id':'t','receivers':[" LEARNED("x", 7002) "]}", -32002, "/id");
	refuses("relay.join", "{'id':'n','receivers':[" LEARNED("x", 7002) "]}", -32001, "/id");
	refuses("relay.join",
		"{'id':'r','receivers':[" LEARNED("y", 7002) "," LEARNED("x", 7003) "]}", -32003,
		"/receivers/1/name");
	refuses("relay.join", "{'id':'r','receivers':[{'name':'y'}]}", -32001,
		"/receivers/0/local_port");
	refuses("relay.join",
		"{'id':'r','receivers':[" LEARNED("y", 7002) "," LEARNED("y", 7003) "]}", -32001,
		"/receivers/1/name");
	refuses("relay.join", "{'id':'r','receivers':[" LEARNED("y", 7001) "]}", -32003,
		"/receivers/0/local");
	refuses("relay.join", "{'id':'r','receivers':[" KNOWN("y", 1) "," KNOWN("z", 1) "]}",
		-32003, "/receivers/1/remote");
	refuses("relay.join", "{'id':'r','receivers':[{'name':'y','local_port':7002,'port':'p9'}]}",
		-32002, "/receivers/0/port");
	refuses("relay.join",
		"{'id':'r','receivers':[{'name':'y','remote':'2001:db8::1','remote_port':1}]}",
		-32001, "/receivers/0/remote");
	refuses("relay.join",
		"{'id':'r','receivers':[{'name':'y','local_port':1,'remote':'198.51.100.9'}]}",
		-32001, "/receivers/0/remote_port");
	refuses("relay.leave", "{'id':'r','names':['x','y']}", -32002, "/names/1");
	refuses("relay.leave", "{'id':'r','names':['x','x']}", -32001, "/names/1");
	refuses("relay.leave", "{'id':'t','names':['x']}", -32002, "/id");
	refuses("relay.receivers", "{'id':'t'}", -32002, "/id");
	refuses("relay.update", "{'relays':[" RELAY("r", "", "", ",'rtcp':'next'") "]}", -32001,
		"/relays/0/rtcp");
	refuses("flow.remove", "{'ids':['r:b.x']}", -32001, "/ids/0");
	refuses("leg.leave", "{'flow':'r:a','legs':['b.x']}", -32001, "/flow");
	has_receivers("{'id':'r'}", "['x']");
	has_legs("r:a", 1, 1);
}

Test(relay_methods, receivers_in_transactions)
{
	commits("add_relays", "[" PLAIN("r") "]", 0, NULL);
	commits("join_relays",
		"[{'id':'r','receivers':[" LEARNED("x", 7001) "]},{'id':'r','side':'a','receivers':"
							      "[{'name':'x','local_port':7003}]}]",
		0, NULL);
	has_legs("r:a", 1, 1);
	has_legs("r:b", 1, 1);
	commits("join_relays",
		"[{'id':'r','receivers':[" LEARNED("y", 7002) "," LEARNED("x", 7004) "]}]", -32003,
		"/messages/0/join_relays/0/receivers/1/name");
	commits("leave_relays", "[{'id':'r','names':['x','y']}]", -32002,
		"/messages/0/leave_relays/0/names/1");
	commits("leave_relays", "[{'id':'r','names':['x']}]", 0, NULL);
	has_legs("r:a", 1, 0);
	commits("remove_relays", "['r']", 0, NULL);
	has_flows(0);
}

#define WITH(id, receivers) RELAY(id, "", ",'receivers':[" receivers "]", "")

/* Its own flow has another version for them. */
Test(relay_methods, receivers_come_with_their_relay)
{
	answers("relay.add",
		"{'relays':[" WITH("r", LEARNED("x", 7001) "," KNOWN("y", 5004)) "," OTHER(
			"s") "]}",
		"{'added':['r','s']}");
	has_legs("r:a", 1, 2);
}

Test(relay_methods, receivers_of_a_declared_relay)
{
	commits("declare_relays", "[" WITH("r", LEARNED("x", 7001) "," KNOWN("y", 5004)) "]", 0,
		NULL);
	has_legs("r:a", 1, 2);
	joins("[" LEARNED("z", 7002) "]");
	has_receivers("{'id':'r','declared':true}", "['x','y']");
	/* Who has joined stays, and who is not declared any more goes. */
	commits("declare_relays", "[" WITH("r", LEARNED("x", 7005)) "]", 0, NULL);
	has_receivers("{'id':'r'}", "['x','z']");
	has_legs("r:a", 1, 2);
}

/* Another local port of side a: all that is released is declared before the flow comes again. */
Test(relay_methods, receivers_outlive_a_declaration_with_another_port)
{
	static const char *const lists[] = {KNOWN("y", 5004), KNOWN("w", 5006)};
	const struct flow_db *db = &service_room()->flows.db;
	unsigned i;

	commits("declare_relays", "[" WITH("r", KNOWN("y", 5004)) "]", 0, NULL);
	joins("[" LEARNED("x", 7001) "," LEARNED("b", 7002) "]");
	for (i = 0; i < 2; i++) {
		json_t *list = json_of_text("[" WITH("r", "") "]");
		json_t *relay = json_array_get(list, 0);
		char *text;

		json_array_append_new(json_object_get(json_object_get(relay, "b"), "receivers"),
			json_of_text(lists[i]));
		json_object_set_new(json_object_get(relay, "a"), "local_port",
			json_integer(6010 + (json_int_t)i));
		text = json_dumps(list, 0);
		commits("declare_relays", text, 0, NULL);
		free(text);
		json_decref(list);
		has_legs("r:a", 1, 3);
		has_receivers("{'id':'r'}", i == 0 ? "['b','x','y']" : "['b','w','x']");
		cr_expect_eq(flow_db_find(db, "r:b.x")->spec->legs[0].dp.src_port,
			htons((uint16_t)(6010 + i)));
	}
	json_decref(service_result("relay.remove", json_of_text("{'ids':['r']}")));
	has_flows(0);
}

/* Whatever the order: who goes in the same change is no receiver any more. */
Test(relay_methods, receivers_make_way_for_rtcp)
{
	commits("declare_relays", "[" WITH("r", LEARNED("x", 7005)) "]", 0, NULL);
	joins("[" LEARNED("z", 7002) "]");
	commits("declare_relays", "[" RELAY("r", "", "", ",'rtcp':'next'") "]", -32001,
		"/messages/0/declare_relays/0/rtcp");
	has_legs("r:a", 1, 2);
	json_decref(service_result("relay.leave", json_of_text("{'id':'r','names':['z']}")));
	commits("declare_relays", "[" RELAY("r", "", "", ",'rtcp':'next'") "]", 0, NULL);
	has_legs("r:a", 1, 0);
	has_flows(4);
}

/* All at once: the relay is declared as it is, and so is one receiver; another one comes. */
Test(relay_methods, receivers_are_declared_with_their_relay)
{
	const struct flow_db *db = &service_room()->flows.db;

	answers("relay.add", "{'relays':[" PLAIN("r") "]}", "{'added':['r']}");
	joins("[" LEARNED("x", 7001) "]");
	commits("declare_relays", "[" WITH("r", LEARNED("x", 7001) "," KNOWN("y", 5004)) "]", 0,
		NULL);
	has_legs("r:a", 1, 2);
	cr_expect(flow_db_find(db, "r:a")->spec->declared);
	cr_expect(flow_db_find(db, "r:b.x")->spec->declared);
}

Test(relay_methods, receivers_are_paged)
{
	json_t *page;

	answers("relay.add", "{'relays':[" PLAIN("r") "]}", "{'added':['r']}");
	joins("[" LEARNED("c", 7003) "," LEARNED("a", 7001) "," LEARNED("b", 7002) "]");
	page = service_result("relay.receivers", json_of_text("{'id':'r','limit':2}"));
	cr_expect_eq(json_integer_value(json_object_get(page, "total")), 3);
	cr_expect_str_eq(json_string_value(json_object_get(page, "next_cursor")), "b");
	json_decref(page);
	json_decref(service_result("relay.leave", json_of_text("{'id':'r','names':['b']}")));
	has_receivers("{'id':'r','limit':2,'cursor':'b'}", "['c']");
}

/* A page holds up whoever else asks: it is not as long as its limit may be. */
Test(relay_methods, pages_of_receivers_are_bounded)
{
	json_t *receivers = json_array(), *page;
	uint32_t handle;
	unsigned i;

	service_room()->dp->capacity = service_room()->dp->leg_capacity = 1024;
	answers("relay.add", "{'relays':[" PLAIN("r") "]}", "{'added':['r']}");
	for (i = 0; i < 501; i++) {
		char name[8];

		snprintf(name, sizeof(name), "v%03u", i);
		json_array_append_new(
			receivers, json_pack("{s:s, s:i}", "name", name, "local_port", 7001 + i));
	}
	page = service_result(
		"relay.join", json_pack("{s:s, s:o}", "id", "r", "receivers", receivers));
	cr_expect_eq(json_array_size(json_object_get(page, "joined")), 501);
	json_decref(page);
	handle = flow_db_find(&service_room()->flows.db, "r:a")->handle;
	service_room()->dp->flows[handle].more_packets = 1000; /* legs drop one more each */
	page = service_result("relay.receivers", json_of_text("{'id':'r','limit':1000}"));
	cr_expect_eq(json_array_size(json_object_get(page, "receivers")), 500);
	cr_expect_str_eq(json_string_value(json_object_get(page, "next_cursor")), "v499");
	json_decref(page);
	has_receivers("{'id':'r','limit':1000,'cursor':'v499'}", "['v500']");
	answers("relay.receivers", "{'id':'r','declared':true}",
		"{'receivers':[],'total':501,'next_cursor':null}");
}

static unsigned
sends_from_port(const char *id)
{
	const struct flow *flow = flow_db_find(&service_room()->flows.db, id);

	return flow ? ntohs(flow->spec->legs[0].dp.src_port) : 0;
}

#define BESIDE_POOL(receivers) \
	"[" POOLED("r", "'pool':'voice'", FIXED ",'receivers':[" receivers "]", "") "]"

/* They are decoded before the other side has its port, and are the same a second time. */
Test(relay_pools, receivers_are_declared_beside_a_pool)
{
	static const char declared[] =
		BESIDE_POOL(LEARNED("x", 7001) ",{'name':'y','pool':'single'}");
	const struct commits *all = service_room()->flows.commits;
	uint64_t generation;
	json_t *begun;

	commits("declare_relays", declared, 0, NULL);
	has_legs("r:a", 1, 2);
	cr_expect_eq(sends_from_port("r:b.x"), 20000);
	cr_expect_eq(sends_from_port("r:b.y"), 20000);
	generation = commits_generation(all);
	commits("declare_relays", declared, 0, NULL);
	cr_expect_eq(commits_generation(all), generation, "nothing changes");
	commits("declare_relays", BESIDE_POOL(LEARNED("x", 7001) "," LEARNED("y", 7001)), -32003,
		"/messages/0/declare_relays/0/b/receivers/1/local");
	begun = service_result("txn.begin", json_of_text("{'declare':true}"));
	service_refuses("txn.put",
		json_pack("{s:O, s:o}", "txn", json_object_get(begun, "txn"), "declare_relays",
			json_of_text(BESIDE_POOL(LEARNED("x", 7001) "," LEARNED("x", 7002)))),
		-32001, "/declare_relays/0/b/receivers/1/name");
	json_decref(begun);
	has_legs("r:a", 1, 2);
}

Test(relay_pools, who_joined_beside_a_pool_is_declared)
{
	answers("relay.add", "{'relays':[" POOLED("r", "'pool':'voice'", FIXED, "") "]}",
		"{'added':['r'],'given':[{'id':'r:a','pool':'voice','dst':'192.0.2.1','dst_port':"
		"20000}]}");
	joins("[" LEARNED("x", 7001) "]");
	commits("declare_relays", BESIDE_POOL("{'name':'x','local_port':7001,'idle_timeout_s':60}"),
		0, NULL);
	has_legs("r:a", 1, 1);
	cr_expect_eq(sends_from_port("r:b.x"), 20000);
	cr_expect_eq(flow_db_find(&service_room()->flows.db, "r:b.x")->spec->idle_timeout_s, 60);
}

Test(relay_pools, a_port_that_a_receiver_names_is_not_taken)
{
	commits("declare_relays",
		"[" POOLED("r", "'pool':'voice'",
			"'pool':'single','receivers':[{'name':'x','local':'198.51.100.1',"
			"'local_port':9000}]",
			"") "]",
		0, NULL);
	ports_expect("r:b", 9001);
	has_legs("r:a", 1, 1);
	cr_expect_eq(sends_from_port("r:b.x"), 20000);
}
