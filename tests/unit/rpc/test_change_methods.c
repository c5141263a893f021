/* SPDX-License-Identifier: BSD-3-Clause */
/* Transactions over several messages: seen as a whole or not at all, and gone with who began them.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "service.h"

TestSuite(change_methods, .init = service_setup, .fini = service_teardown);

static json_t *
txn(const char *name, const char *text)
{
	json_t *params = json_of_text(text);

	json_object_set_new(params, "txn", json_string(name));
	return params;
}

/* Begin one, and say its name. */
static const char *
begun(const char *text)
{
	static char name[24];
	json_t *result = service_result("txn.begin", json_of_text(text));

	strcpy(name, json_string_value(json_object_get(result, "txn")));
	json_decref(result);
	return name;
}

static void
put_flow(const char *name, const char *member, json_t *flow, int held)
{
	json_t *result =
		service_result("txn.put", json_pack("{s:s, s:[o]}", "txn", name, member, flow));

	cr_expect_eq(json_integer_value(json_object_get(result, "held")), held);
	json_decref(result);
}

Test(change_methods, all_of_it_or_nothing)
{
	const char *name = begun("{'comment':'for the test'}");

	put_flow(name, "install", flow_json("a", 1, 7), 1);
	put_flow(name, "install", flow_json("b", 2, 7), 2);
	room_expect(service_room(), 0, 0);
	service_answers("txn.commit", txn(name, "{}"), "{'added':2,'changed':0,'removed':0}");
	room_expect(service_room(), 2, 1);
	service_refuses("txn.commit", txn(name, "{}"), -32002, "/txn");
}

Test(change_methods, of_every_kind)
{
	const char *name = begun("{}");

	put_flow(name, "install", flow_json("a", 1, 7), 1);
	put_flow(name, "replace", flow_json("a", 1, 8), 2);
	json_decref(service_result(
		"txn.put", txn(name, "{'join':[{'flow':'a','legs':[{'id':'more','port':'p1',"
				     "'src':'198.51.100.1','src_port':1,'dst':'198.51.100.9',"
				     "'dst_port':2}]}]}")));
	json_decref(
		service_result("txn.put", txn(name, "{'leave':[{'flow':'a','legs':['more']}]}")));
	put_flow(name, "install", flow_json("b", 2, 7), 5);
	json_decref(service_result("txn.put", txn(name, "{'remove':['b']}")));
	json_decref(service_result("txn.commit", txn(name, "{}")));
	cr_expect_not_null(flow_db_find(&service_room()->flows.db, "a"));
	room_expect(service_room(), 1, 1);
}

/* The plan is made in slices; meanwhile the connection ends, and with it the transaction. */
Test(change_methods, one_that_is_planned_ends_with_its_connection)
{
	struct flows *flows = &service_room()->flows;
	struct event_base *base = event_base_new();
	const char *name;

	commits_destroy(flows->commits);
	flows->commits = commits_create(flows, NULL, base, 0);
	commits_slice_set(flows->commits, 0);
	name = begun("{}");
	put_flow(name, "install", flow_json("a", 1, 7), 1);
	service_hangs_up("txn.plan", txn(name, "{}"), base);
	service_refuses("txn.commit", txn(name, "{}"), -32002, "/txn");
	room_expect(service_room(), 0, 0);
	commits_destroy(flows->commits);
	flows->commits = commits_create(flows, NULL, NULL, 0);
	event_base_free(base);
}

Test(change_methods, a_fault_names_message_and_place)
{
	const char *name = begun("{}");

	put_flow(name, "install", flow_json("a", 1, 7), 1);
	put_flow(name, "install", flow_json("b", 1, 7), 2);
	service_refuses("txn.plan", txn(name, "{}"), -32003, "/messages/1/install/0/match");
	service_refuses("txn.commit", txn(name, "{}"), -32003, "/messages/1/install/0/match");
	room_expect(service_room(), 0, 0);
}

Test(change_methods, a_message_that_is_refused_is_not_in_it)
{
	const char *name = begun("{}");
	json_t *bad = flow_json("b", 2, 7);

	put_flow(name, "install", flow_json("a", 1, 7), 1);
	json_object_del(bad, "legs");
	service_refuses("txn.put",
		json_pack("{s:s, s:[o, o]}", "txn", name, "install", flow_json("c", 3, 7), bad),
		-32001, "/install/1/legs");
	service_answers("txn.commit", txn(name, "{}"), "{'added':1,'changed':0,'removed':0}");
}

Test(change_methods, a_plan_changes_nothing_and_can_be_repeated)
{
	const char *name = begun("{}");
	json_t *first, *second;

	put_flow(name, "install", flow_json("a", 1, 7), 1);
	put_flow(name, "install", flow_json("b", 2, 7), 2);
	first = service_result("txn.plan", txn(name, "{'limit':1}"));
	cr_expect_eq(json_array_size(json_object_get(first, "changes")), 1);
	cr_expect_eq(json_integer_value(json_object_get(first, "next")), 1);
	second = service_result("txn.plan", txn(name, "{'after':1}"));
	cr_expect_eq(json_array_size(json_object_get(second, "changes")), 1);
	cr_expect_null(json_object_get(second, "next"));
	cr_expect(json_equal(json_object_get(first, "flows"), json_object_get(second, "flows")));
	room_expect(service_room(), 0, 0);
	json_decref(first);
	json_decref(second);
	json_decref(service_result("txn.abort", txn(name, "{}")));
	service_refuses("txn.plan", txn(name, "{}"), -32002, "/txn");
}

/* Each limit that a commit meets is met by the plan of it, and in the same words. */
static void
plan_and_commit_refuse(const char *name, const char *pointer, const char *message)
{
	json_t *plan = service_error("txn.plan", txn(name, "{}"));
	json_t *commit = service_error("txn.commit", txn(name, "{}"));
	const json_t *data = json_object_get(plan, "data");

	cr_expect(json_equal(plan, commit), "%s, %s", json_dumps(plan, 0), json_dumps(commit, 0));
	cr_expect_eq(json_integer_value(json_object_get(plan, "code")), -32005);
	cr_expect_str_eq(json_string_value(json_object_get(data, "pointer")), pointer);
	cr_expect_str_eq(json_string_value(json_object_get(plan, "message")), message);
	json_decref(plan);
	json_decref(commit);
}

static const char *
begun_with(unsigned n_flows)
{
	const char *name = begun("{}");
	char id[2] = "a";

	for (unsigned i = 0; i < n_flows; i++, id[0]++)
		put_flow(name, "install", flow_json(id, (int)i + 1, 7), (int)i + 1);
	return name;
}

Test(change_methods, a_plan_checks_the_capacity_of_flows)
{
	service_room()->dp->capacity = 2;
	plan_and_commit_refuse(begun_with(5), "/messages/2/install/0",
		"flow c: found 5 IPv4 flows in all, expected at most 2 (tables.ipv4_flows)");
	room_expect(service_room(), 0, 0);
	service_answers(
		"txn.commit", txn(begun_with(2), "{}"), "{'added':2,'changed':0,'removed':0}");
}

Test(change_methods, a_plan_checks_the_capacity_of_legs)
{
	const char *name = begun("{}");
	json_t *flow = flow_json("a", 1, 7),
	       *leg = json_array_get(json_object_get(flow, "legs"), 0);

	for (int i = 0; i < 3; i++) {
		json_t *other = json_deep_copy(leg);

		json_object_set_new(other, "dst_port", json_integer(7000 + i));
		json_array_append_new(json_object_get(flow, "legs"), other);
	}
	service_room()->dp->leg_capacity = 3;
	put_flow(name, "install", flow, 1);
	plan_and_commit_refuse(name, "/messages/0/install/0/legs",
		"flow a: found 4 legs in all, expected at most 3 (tables.legs)");
}

Test(change_methods, a_plan_checks_the_capacity_of_steering)
{
	fake_steer()->n_others = 65536 - 2;
	plan_and_commit_refuse(begun_with(5), "/messages/2/install/0/match/dst",
		"flow c: found 65539 different local addresses, ports and VLANs on port p0, "
		"including those of flows that this change removes, expected at most 65536");
	room_expect(service_room(), 0, 0);
	service_answers(
		"txn.commit", txn(begun_with(2), "{}"), "{'added':2,'changed':0,'removed':0}");
}

/* A neighbour that is asked for can be seen in the network: no plan asks. */
Test(change_methods, a_plan_counts_next_hops_and_resolves_none)
{
	struct next_hops *hops = service_room()->flows.hops;
	unsigned n = DP_NEXT_HOPS_MAX - 1;
	struct flow_leg leg = {.port = "p0", .hop = FLOW_HOP_MAC, .mac = {2}};
	const char *name;

	for (unsigned i = 0; i < n; i++) {
		memcpy(leg.mac + 2, &i, sizeof(i));
		cr_assert_geq(next_hops_ref(hops, &leg), 0);
	}
	name = begun("{}");
	put_flow(name, "install", flow_json("a", 1, 7), 1);
	put_flow(name, "install", flow_json("b", 2, 7), 2);
	json_decref(service_result("txn.plan", txn(name, "{}")));
	cr_expect_eq(fake_net()->n_kept, 0);
	put_flow(name, "install", flow_json("c", 3, 8), 3);
	plan_and_commit_refuse(name, "/messages/2/install/0/legs/0",
		"flow c: found one next hop more than the limit of 65535, "
		"including those of legs that this change removes");
	cr_expect_eq(fake_net()->n_kept, 0);
	cr_expect_eq(next_hops_left(hops), 1);
	while (n-- > 0)
		next_hops_unref(hops, &leg, n, false);
}

Test(change_methods, gone_with_the_connection)
{
	char name[24];

	strcpy(name, begun("{}"));
	put_flow(name, "install", flow_json("a", 1, 7), 1);
	json_decref(service_result("txn.plan", txn(name, "{}")));
	service_reconnect();
	service_refuses("txn.put", txn(name, "{}"), -32002, "/txn");
	room_expect(service_room(), 0, 0);
}

Test(change_methods, the_generation_must_hold)
{
	const char *name = begun("{'if_generation':0}");

	put_flow(name, "install", flow_json("a", 1, 7), 1);
	json_decref(service_result(
		"flow.install", json_pack("{s:[o]}", "flows", flow_json("other", 9, 7))));
	service_refuses("txn.commit", txn(name, "{}"), -32008, "/if_generation");
	service_refuses("txn.begin", json_of_text("{'if_generation':0}"), -32008, "/if_generation");
}

static void
install_other(const char *id, int port)
{
	json_decref(service_result(
		"flow.install", json_pack("{s:[o]}", "flows", flow_json(id, port, 7))));
}

/* Begin a declaration of a and b, of which b is installed as it is to be, and plan it. */
static const char *
planned(const char *plan)
{
	const char *name = begun("{'declare':true}");

	put_flow(name, "declare", flow_json("a", 1, 7), 1);
	put_flow(name, "declare", flow_json("b", 2, 7), 2);
	json_decref(service_result("txn.plan", txn(name, plan)));
	return name;
}

Test(change_methods, a_plan_that_other_flows_do_not_change_is_committed)
{
	const char *name;

	install_other("b", 2);
	name = planned("{'limit':1}");
	install_other("other", 9);
	service_answers(
		"txn.commit", txn(name, "{'if_plan':true}"), "{'added':1,'changed':1,'removed':0}");
	room_expect(service_room(), 3, 1);
}

Test(change_methods, a_plan_that_has_changed_is_stale)
{
	static const char *const prune = "{'prune':true}";
	const char *name;

	/* What it adopts; what it adds is there by now, the same or another; what it prunes. */
	install_other("b", 2);
	name = planned("{}");
	json_decref(service_result("flow.remove", json_of_text("{'ids':['b']}")));
	service_refuses("txn.commit", txn(name, "{'if_plan':true}"), -32008, "/if_plan");
	name = planned("{}");
	install_other("a", 1);
	service_refuses("txn.commit", txn(name, "{'if_plan':true}"), -32008, "/if_plan");
	json_decref(service_result("flow.remove", json_of_text("{'ids':['a']}")));
	name = planned(prune);
	install_other("other", 9);
	service_refuses(
		"txn.commit", txn(name, "{'if_plan':true,'prune':true}"), -32008, "/if_plan");
	name = planned(prune);
	service_answers("txn.commit", txn(name, "{'if_plan':true,'prune':true}"),
		"{'added':2,'changed':0,'removed':1}");
}

Test(change_methods, a_plan_is_of_what_the_transaction_holds)
{
	const char *name = begun("{}");

	service_refuses("txn.commit", txn(name, "{'if_plan':true}"), -32001, "/if_plan");
	json_decref(service_result("txn.plan", txn(name, "{}")));
	put_flow(name, "install", flow_json("a", 1, 7), 1);
	service_refuses("txn.commit", txn(name, "{'if_plan':true}"), -32001, "/if_plan");
	json_decref(service_result("txn.plan", txn(name, "{}")));
	service_answers(
		"txn.commit", txn(name, "{'if_plan':true}"), "{'added':1,'changed':0,'removed':0}");
}

/* In the very generation of the plan, too, where nothing else need be compared. */
Test(change_methods, a_plan_is_of_what_is_pruned_or_is_not)
{
	const char *name;

	install_other("other", 9);
	name = planned("{}");
	service_refuses("txn.commit", txn(name, "{'if_plan':true,'prune':true}"), -32001, "/prune");
	json_decref(service_result("txn.plan", txn(name, "{'prune':true}")));
	service_refuses("txn.commit", txn(name, "{'if_plan':true}"), -32001, "/prune");
	service_answers("txn.commit", txn(name, "{'if_plan':true,'prune':true}"),
		"{'added':2,'changed':0,'removed':1}");
}

Test(change_methods, declared_only_where_it_is_declared)
{
	const char *name = begun("{'declare':true}");

	service_refuses("txn.put", txn(name, "{'remove':['a']}"), -32001, "/remove");
	service_refuses("txn.put",
		json_pack("{s:s, s:[o]}", "txn", name, "declare", flow_json(NULL, 1, 7)), -32001,
		"/declare/0/id");
	put_flow(name, "declare", flow_json("a", 1, 7), 1);
	service_answers("txn.commit", txn(name, "{}"), "{'added':1,'changed':0,'removed':0}");
	name = begun("{'declare':true}");
	service_answers("txn.commit", txn(name, "{}"), "{'added':0,'changed':0,'removed':1}");
	name = begun("{}");
	service_refuses("txn.put",
		json_pack("{s:s, s:[o]}", "txn", name, "declare", flow_json("a", 1, 7)), -32001,
		"/declare");
}

Test(change_methods, not_too_many)
{
	for (unsigned i = 0; i < 64; i++)
		begun("{}");
	service_refuses("txn.begin", json_object(), -32006, "");
}
