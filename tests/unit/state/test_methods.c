/* SPDX-License-Identifier: BSD-3-Clause */
/* The methods, through the service and the real document, over a fake data plane and kernel. */
#include <criterion/criterion.h>
#include <string.h>

#include "room.h"
#include "rpc/methods.h"
#include "schema/documents.h"
#include "schema/schema.h"

static struct room room;
static struct methods_context context;
static struct rpc_service *service;

static void
setup(void)
{
	const struct rpc_method *methods;
	size_t n;

	room_init(&room);
	room.config.max_message_bytes = 1024;
	context = (struct methods_context){
		.dp = room.dp, .config = &room.config, .flows = &room.flows};
	methods = methods_table(&n);
	service = rpc_service_create(schema_rpc_document(), methods, n, &context);
	cr_assert_not_null(service, "table and document must fit each other");
}

static void
teardown(void)
{
	rpc_service_destroy(service);
	room_fini(&room);
	schema_documents_release();
}

TestSuite(methods, .init = setup, .fini = teardown);

/* Takes the reference of params; returns the whole reply. */
static json_t *
called(const char *method, json_t *params)
{
	json_t *request = json_pack("{s:s, s:i, s:s, s:o}", "jsonrpc", "2.0", "id", 1, "method",
		method, "params", params);
	json_t *reply = rpc_service_call(service, request);

	cr_assert_not_null(reply);
	json_decref(request);
	return reply;
}

/* The result, which must fit the schema that the document gives for it. */
static json_t *
result_of(const char *method, json_t *params)
{
	json_t *reply = called(method, params);
	json_t *document = schema_rpc_document();
	json_t *result = json_incref(json_object_get(reply, "result"));
	struct fault fault = {0};

	cr_assert_not_null(result, "%s", json_dumps(reply, 0));
	cr_expect_eq(
		schema_check(document, schema_method_result(schema_method_find(document, method)),
			result, &fault),
		0, "%s: %s: %s", method, fault.pointer, fault.message);
	json_decref(reply);
	return result;
}

static void
refused(const char *method, json_t *params, int code, const char *pointer)
{
	json_t *reply = called(method, params);
	json_t *error = json_object_get(reply, "error");
	json_t *data = json_object_get(error, "data");

	cr_expect_eq(json_integer_value(json_object_get(error, "code")), code, "%s",
		json_dumps(reply, 0));
	cr_expect_str_eq(json_string_value(json_object_get(data, "pointer")), pointer);
	json_decref(reply);
}

static void
equals(json_t *json, const char *text)
{
	json_t *expected = json_of_text(text);

	cr_expect(json_equal(json, expected), "%s", json_dumps(json, 0));
	json_decref(expected);
}

static void
installed(const char *id, int port)
{
	json_decref(
		result_of("flow.install", json_pack("{s:[o]}", "flows", flow_json(id, port, 9))));
}

Test(methods, install_answers_ids)
{
	json_t *result = result_of("flow.install",
		json_pack("{s:[o,o]}", "flows", flow_json("a", 1, 9), flow_json(NULL, 2, 9)));

	equals(result, "{'installed':['a','flow-1']}");
	json_decref(result);
	room_expect(&room, 2, 1);
}

Test(methods, install_refusals_point_at_fields)
{
	json_t *flow = flow_json("a", 1, 9);

	installed("old", 5);
	refused("flow.install",
		json_pack("{s:[o,o]}", "flows", flow_json("a", 1, 9), flow_json("b", 0, 9)), -32602,
		"/flows/1/match/dst_port");
	json_object_set_new(json_object_get(flow, "match"), "src", json_string("192.0.2.9"));
	refused("flow.install", json_pack("{s:[o]}", "flows", flow), -32001,
		"/flows/0/match/src_port");
	refused("flow.install", json_pack("{s:[o]}", "flows", flow_json("old", 1, 9)), -32003,
		"/flows/0/id");
	refused("flow.install", json_pack("{s:[o]}", "flows", flow_json("a", 1, 222)), -32004,
		"/flows/0/legs/0/dst");
	room_expect(&room, 1, 1);
}

Test(methods, get_shows_flow_counters_and_next_hop)
{
	json_t *result;

	installed("a", 1);
	result = result_of("flow.get", json_pack("{s:s}", "id", "a"));
	equals(result,
		"{'flow':{'id':'a','match':{'port':'p0','vlan':0,'dst':'192.0.2.1','dst_port':1},"
		"'legs':[{'port':'p1','vlan':0,'src':'198.51.100.1','src_port':6000,"
		"'dst':'198.51.100.9','dst_port':5004}]},'counters':{'packets':100,'bytes':1000},"
		"'legs':[{'copies':100,'bytes':1000,'sent':100,'drops':{},'next_hop':{"
		"'address':'198.51.100.9','mac':'02:00:00:00:01:09','state':'resolved',"
		"'netdev':null}}]}");
	json_decref(result);
	refused("flow.get", json_pack("{s:s}", "id", "b"), -32002, "/id");
}

Test(methods, get_shows_unresolved_and_static_hops)
{
	const uint8_t address[16] = {198, 51, 100, 9};
	json_t *flow = flow_json("a", 1, 9),
	       *leg = json_deep_copy(json_array_get(json_object_get(flow, "legs"), 0)), *result,
	       *legs;

	json_object_set_new(leg, "mac", json_string("02:00:00:00:00:77"));
	json_array_append_new(json_object_get(flow, "legs"), leg);
	json_decref(result_of("flow.install", json_pack("{s:[o]}", "flows", flow)));
	fake_net()->changed(fake_net()->arg, 11, 4, address, NULL);
	result = result_of("flow.get", json_pack("{s:s}", "id", "a"));
	legs = json_object_get(result, "legs");
	equals(json_object_get(json_array_get(legs, 0), "next_hop"),
		"{'address':'198.51.100.9','mac':null,'state':'unresolved','netdev':null}");
	equals(json_object_get(json_array_get(legs, 1), "next_hop"),
		"{'address':null,'mac':'02:00:00:00:00:77','state':'static','netdev':null}");
	equals(json_object_get(json_array_get(legs, 1), "drops"), "{'tx_full':1}");
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
	result = result_of("flow.list", params);
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
	json_decref(result_of("flow.remove", json_pack("{s:[s,s]}", "ids", "a", "b")));
	installed("f", 9);
	cr_expect_not_null(page(next, ids, next));
	cr_expect_str_eq(ids, "cd");
	cr_expect_null(page(next, ids, next));
	cr_expect_str_eq(ids, "ef", "none twice, none left out");
	refused("flow.list", json_pack("{s:s}", "cursor", "7"), -32002, "/cursor");
	refused("flow.list", json_pack("{s:s}", "cursor", "0"), -32002, "/cursor");
	refused("flow.list", json_pack("{s:s}", "cursor", "2x"), -32002, "/cursor");
	refused("flow.list", json_pack("{s:s}", "cursor", " 2"), -32002, "/cursor");
	refused("flow.list", json_pack("{s:i}", "limit", 1001), -32602, "/limit");
}

Test(methods, remove_answers_last_counters)
{
	json_t *result;

	installed("a", 1);
	installed("b", 2);
	refused("flow.remove", json_pack("{s:[s,s]}", "ids", "a", "x"), -32002, "/ids/1");
	result = result_of("flow.remove", json_pack("{s:[s,s]}", "ids", "b", "a"));
	equals(result, "{'removed':[{'id':'b','counters':{'packets':101,'bytes':1001},"
		       "'legs':[{'copies':101,'bytes':1001,'sent':101,'drops':{}}]},"
		       "{'id':'a','counters':{'packets':100,'bytes':1000},"
		       "'legs':[{'copies':100,'bytes':1000,'sent':100,'drops':{}}]}]}");
	json_decref(result);
	room_expect(&room, 0, 0);
}

Test(methods, counters)
{
	json_t *result = result_of("counters.get", json_object()), *port;

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
	json_decref(result);
	installed("a", 1);
	result = result_of("counters.get", json_pack("{s:b}", "flows", 1));
	equals(json_object_get(result, "flows"),
		"[{'id':'a','packets':100,'bytes':1000,"
		"'legs':[{'copies':100,'bytes':1000,'sent':100,'drops':{}}]}]");
	json_decref(result);
}

Test(methods, ports_and_system)
{
	json_t *result = result_of("port.list", json_object());

	cr_expect_eq(json_array_size(json_object_get(result, "ports")), 3);
	cr_expect_str_eq(json_string_value(json_object_get(
				 json_array_get(json_object_get(result, "ports"), 2), "mac")),
		"02:00:00:00:00:a2");
	json_decref(result);
	result = result_of("system.info", json_object());
	equals(json_object_get(result, "workers"),
		"[{'worker':0,'core':1,'socket':-1,'rx_queues':3,'loops':4,'busy_loops':3,"
		"'rx_packets':2,'tx_packets':1099511627776}]");
	equals(json_object_get(result, "flows"),
		"{'ipv4':{'installed':0,'capacity':64},'ipv6':{'installed':0,'capacity':0}}");
	json_decref(result);
}
