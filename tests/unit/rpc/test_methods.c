/* SPDX-License-Identifier: BSD-3-Clause */
/* The methods, through the service and the real document, over a fake data plane and kernel. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "service.h"

/* Of a resolved next hop, of the ports of fake_dp.h. */
#define MTU "'mtu':1500,'mtu_from':'interface'"

TestSuite(methods, .init = service_setup, .fini = service_teardown);

static void
installed(const char *id, int port)
{
	json_decref(service_result(
		"flow.install", json_pack("{s:[o]}", "flows", flow_json(id, port, 9))));
}

Test(methods, install_answers_ids)
{
	json_t *result = service_result("flow.install",
		json_pack("{s:[o,o]}", "flows", flow_json("a", 1, 9), flow_json(NULL, 2, 9)));

	json_expect(result, "{'installed':['a','flow-1']}");
	json_decref(result);
	room_expect(service_room(), 2, 1);
}

Test(methods, install_refusals_point_at_fields)
{
	json_t *flow = flow_json("a", 1, 9);

	installed("old", 5);
	service_refuses("flow.install",
		json_pack("{s:[o,o]}", "flows", flow_json("a", 1, 9), flow_json("b", 0, 9)), -32602,
		"/flows/1/match/dst_port");
	json_object_set_new(json_object_get(flow, "match"), "src", json_string("192.0.2.9"));
	service_refuses("flow.install", json_pack("{s:[o]}", "flows", flow), -32001,
		"/flows/0/match/src_port");
	service_refuses("flow.install", json_pack("{s:[o]}", "flows", flow_json("old", 1, 9)),
		-32003, "/flows/0/id");
	room_expect(service_room(), 1, 1);
}

Test(methods, get_shows_flow_counters_and_next_hop)
{
	installed("a", 1);
	service_answers("flow.get", json_pack("{s:s}", "id", "a"),
		"{'flow':{'id':'a','match':{'port':'p0','vlan':0,'dst':'192.0.2.1','dst_port':1},"
		"'legs':[{'id':'leg-1','port':'p1','vlan':0,'src':'198.51.100.1','src_port':6000,"
		"'dst':'198.51.100.9','dst_port':5004}]},'counters':{'packets':100,'bytes':1000,"
		"'forwarded':99,'punted':0,'drops':{'policed':1}},'declared':false,'latched':null,"
		"'legs':[{'id':'leg-1','copies':100,'bytes':1000,'sent':100,'drops':{},'next_hop':{"
		"'address':'198.51.100.9','mac':'02:00:00:00:01:09','state':'resolved',"
		"'netdev':null," MTU "},'link_up':true}],'streams':[],"
		"'hint':'no interface has 192.0.2.1: the kernel "
		"does not answer ARP requests for it, so senders on the link of port p0 cannot "
		"reach it; add the address to an interface'}");
	service_refuses("flow.get", json_pack("{s:s}", "id", "b"), -32002, "/id");
}

Test(methods, get_shows_pending_and_static_hops)
{
	const struct neigh_key key = {.address = {198, 51, 100, 9}, .ifindex = 11, .family = 4};
	json_t *flow = flow_json("a", 1, 9),
	       *leg = json_deep_copy(json_array_get(json_object_get(flow, "legs"), 0)), *result,
	       *legs;

	json_object_set_new(leg, "mac", json_string("02:00:00:00:00:77"));
	json_array_append_new(json_object_get(flow, "legs"), leg);
	json_decref(service_result("flow.install", json_pack("{s:[o]}", "flows", flow)));
	fake_net()->observer.neighbour(fake_net()->observer.arg, &key, NULL, -EHOSTUNREACH);
	result = service_result("flow.get", json_pack("{s:s}", "id", "a"));
	legs = json_object_get(result, "legs");
	json_expect(json_object_get(json_array_get(legs, 0), "next_hop"),
		"{'address':'198.51.100.9','mac':null,'state':'pending','netdev':null,"
		"'reason':'neighbour 198.51.100.9 on #11 does not answer'}");
	json_expect(json_object_get(json_array_get(legs, 1), "next_hop"),
		"{'address':null,'mac':'02:00:00:00:00:77','state':'static','netdev':null," MTU
		"}");
	json_expect(json_object_get(json_array_get(legs, 1), "drops"), "{'tx_full':1}");
	cr_expect_eq(json_integer_value(json_object_get(json_array_get(legs, 1), "sent")), 99);
	json_decref(result);
}

/* Ids of a page, joined, and its cursor; flows may come and go between pages. */
static const char *
page(const char *cursor, char ids[64], char next[32])
{
	json_t *params = json_pack("{s:i}", "limit", 2), *result, *flow;
	const char *text;
	size_t i;

	if (cursor)
		json_object_set_new(params, "cursor", json_string(cursor));
	result = service_result("flow.list", params);
	ids[0] = '\0';
	json_array_foreach (json_object_get(result, "flows"), i, flow)
		strcat(ids, json_string_value(json_object_get(flow, "id")));
	text = json_string_value(json_object_get(result, "next_cursor"));
	snprintf(next, 32, "%s", text ? text : "");
	json_decref(result);
	return text ? next : NULL;
}

Test(methods, list_pages)
{
	char ids[64], next[32];

	cr_expect_null(page(NULL, ids, next));
	cr_expect_str_eq(ids, "");
	for (int i = 0; i < 5; i++)
		installed((char[]){(char)('a' + i), '\0'}, i + 1);
	cr_expect_not_null(page(NULL, ids, next));
	cr_expect_str_eq(ids, "ab");
	json_decref(service_result("flow.remove", json_pack("{s:[s,s]}", "ids", "a", "b")));
	installed("f", 9);
	cr_expect_not_null(page(next, ids, next));
	cr_expect_str_eq(ids, "cd");
	cr_expect_null(page(next, ids, next));
	cr_expect_str_eq(ids, "ef", "none twice, none left out");
	service_refuses("flow.list", json_pack("{s:s}", "cursor", "7"), -32002, "/cursor");
	service_refuses("flow.list", json_pack("{s:s}", "cursor", "0"), -32002, "/cursor");
	service_refuses("flow.list", json_pack("{s:s}", "cursor", "2x"), -32002, "/cursor");
	service_refuses("flow.list", json_pack("{s:s}", "cursor", " 2"), -32002, "/cursor");
	service_refuses("flow.list", json_pack("{s:i}", "limit", 1001), -32602, "/limit");
}

Test(methods, remove_answers_last_counters)
{
	installed("a", 1);
	installed("b", 2);
	service_refuses("flow.remove", json_pack("{s:[s,s]}", "ids", "a", "x"), -32002, "/ids/1");
	service_answers("flow.remove", json_pack("{s:[s,s]}", "ids", "b", "a"),
		"{'removed':[{'id':'b','counters':{'packets':101,'bytes':1001,'forwarded':100,"
		"'punted':0,'drops':{'policed':1}},"
		"'legs':[{'id':'leg-1','copies':101,'bytes':1001,'sent':101,'drops':{}}]},"
		"{'id':'a','counters':{'packets':100,'bytes':1000,'forwarded':99,'punted':0,"
		"'drops':{'policed':1}},"
		"'legs':[{'id':'leg-1','copies':100,'bytes':1000,'sent':100,'drops':{}}]}]}");
	room_expect(service_room(), 0, 0);
}

Test(methods, counters)
{
	json_t *result = service_result("counters.get", json_object()), *port;

	cr_expect_null(json_object_get(result, "flows"));
	cr_expect_eq(json_array_size(json_object_get(result, "ports")), 3);
	port = json_array_get(json_object_get(result, "ports"), 1);
	cr_expect_str_eq(json_string_value(json_object_get(port, "name")), "p1");
	cr_expect_eq(json_integer_value(json_object_get(port, "rx_packets")), 11);
	cr_expect_eq(json_object_size(json_object_get(port, "drops")), DP_DROP_COUNT);
	cr_expect_eq(
		json_integer_value(json_object_get(json_object_get(port, "drops"), "no_flow")), 3);
	cr_expect_eq(
		json_integer_value(json_object_get(json_object_get(port, "nic"), "missed")), 9);
	json_expect(json_object_get(port, "queues"),
		"[{'queue':0,'worker':0,'rx_packets':5},{'queue':1,'worker':1,'rx_packets':6}]");
	json_decref(result);
	installed("a", 1);
	result = service_result("counters.get", json_pack("{s:b}", "flows", 1));
	json_expect(json_object_get(result, "flows"),
		"[{'id':'a','packets':100,'bytes':1000,'forwarded':99,'punted':0,"
		"'drops':{'policed':1},"
		"'legs':[{'id':'leg-1','copies':100,'bytes':1000,'sent':100,'drops':{}}]}]");
	json_decref(result);
}

Test(methods, ports_and_system)
{
	json_t *result = service_result("port.list", json_object()), *worker;

	cr_expect_eq(json_array_size(json_object_get(result, "ports")), 3);
	cr_expect_str_eq(json_string_value(json_object_get(
				 json_array_get(json_object_get(result, "ports"), 2), "mac")),
		"02:00:00:00:00:a2");
	json_decref(result);
	result = service_result("system.info", json_object());
	cr_expect_eq(json_array_size(json_object_get(result, "workers")), 1);
	worker = json_array_get(json_object_get(result, "workers"), 0);
	cr_expect_eq(json_integer_value(json_object_get(worker, "core")), 1);
	cr_expect_eq(json_integer_value(json_object_get(worker, "rx_queues")), 3);
	cr_expect_eq(json_integer_value(json_object_get(worker, "tx_packets")), 1099511627776);
	json_expect(json_object_get(result, "flows"),
		"{'ipv4':{'installed':0,'capacity':64,'memory':{'bytes':4160,"
		"'page_bytes':2097152,'pages':1,'hugepages':true,"
		"'tlb_reach_percent':100,'socket':1}},"
		"'ipv6':{'installed':0,'capacity':0,'memory':{'bytes':64,"
		"'page_bytes':2097152,'pages':1,'hugepages':true,"
		"'tlb_reach_percent':100,'socket':-1}}}");
	json_decref(result);
}
