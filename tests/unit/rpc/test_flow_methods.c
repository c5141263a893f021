/* SPDX-License-Identifier: BSD-3-Clause */
/* What changes a flow that is there, and what is shown of all that a flow can be. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>

#include "service.h"

/* Of a resolved next hop, of the ports of fake_dp.h. */
#define MTU "'mtu':1500,'mtu_from':'interface'"

TestSuite(flow_methods, .init = service_setup, .fini = service_teardown);

#define MATCH "'match':{'port':'p0','vlan':0,'dst':'192.0.2.1','dst_port':6000}"
#define LEG(id, last) \
	"{'id':'" id "','port':'p1','vlan':0,'src':'198.51.100.1','src_port':1," \
	"'dst':'198.51.100." #last "','dst_port':2}"

/* Call with a text that may use ' for ", and expect the result. */
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

Test(flow_methods, replace)
{
	service_installs("{'id':'a'," MATCH ",'legs':[" LEG("x", 7) "]}");
	answers("flow.replace",
		"{'flows':[{'id':'a'," MATCH
		",'police':{'rate_bps':64000},'legs':[" LEG("x", 7) "]}]}",
		"{'replaced':['a']}");
	cr_expect_eq(fake_dp_only(service_room()->dp)->flow.police.rate_bps, 64000);
	refuses("flow.replace", "{'flows':[{'id':'b'," MATCH ",'legs':[" LEG("x", 7) "]}]}", -32002,
		"/flows/0/id");
	refuses("flow.replace", "{'flows':[{" MATCH ",'legs':[" LEG("x", 7) "]}]}", -32001,
		"/flows/0/id");
	refuses("flow.replace", "{'flows':[{'id':'a'," MATCH "}]}", -32001, "/flows/0/legs");
	refuses("flow.replace",
		"{'flows':[{'id':'a'," MATCH ",'legs':[" LEG("x", 7) "," LEG("y", 7) "]}]}", -32001,
		"/flows/0/legs/1");
}

Test(flow_methods, join_and_leave)
{
	service_installs("{'id':'a'," MATCH ",'legs':[" LEG("x", 7) "]}");
	answers("leg.join",
		"{'flow':'a','legs':[{'port':'p1','src':'198.51.100.1','src_port':1,"
		"'dst':'198.51.100.8','dst_port':2}," LEG("y", 9) "]}",
		"{'joined':['leg-1','y']}");
	answers("leg.leave", "{'flow':'a','legs':['y','x']}",
		"{'left':[{'id':'y','counters':{'copies':100,'bytes':1000,'sent':98,"
		"'drops':{'tx_full':2}}},"
		"{'id':'x','counters':{'copies':100,'bytes':1000,'sent':100,'drops':{}}}]}");
	refuses("leg.leave", "{'flow':'a','legs':['leg-1']}", -32001, "/legs");
	refuses("leg.leave", "{'flow':'a','legs':['x']}", -32002, "/legs/0");
	refuses("leg.leave", "{'flow':'b','legs':['x']}", -32002, "/flow");
	refuses("leg.leave", "{'flow':'a','legs':[]}", -32602, "/legs");
	refuses("leg.join", "{'flow':'a','legs':[" LEG("leg-1", 9) "]}", -32003, "/legs/0/id");
	refuses("leg.join",
		"{'flow':'a','legs':[{'port':'p1','src':'198.51.100.1','src_port':1,"
		"'dst':'2001:db8::8','dst_port':2}]}",
		-32001, "/legs/0/dst");
}

Test(flow_methods, admin)
{
	service_installs("{'id':'a'," MATCH ",'legs':[" LEG("x", 7) "]}");
	answers("flow.admin", "{'flow':'a','admin':'down'}", "{}");
	cr_expect_eq(fake_dp_only(service_room()->dp)->flow.down, 1);
	answers("flow.admin", "{'flow':'a','leg':'x','admin':'down'}", "{}");
	cr_expect_eq(fake_dp_only(service_room()->dp)->legs[0].down, 1);
	cr_expect_eq(fake_dp_only(service_room()->dp)->flow.down, 1);
	answers("flow.admin", "{'flow':'a','admin':'up'}", "{}");
	cr_expect_eq(fake_dp_only(service_room()->dp)->flow.down, 0);
	cr_expect_eq(fake_dp_only(service_room()->dp)->legs[0].down, 1);
	refuses("flow.admin", "{'flow':'b','admin':'up'}", -32002, "/flow");
	refuses("flow.admin", "{'flow':'a','leg':'y','admin':'up'}", -32002, "/leg");
	refuses("flow.admin", "{'flow':'a','leg':'x'}", -32602, "/admin");
}

Test(flow_methods, get_shows_latch_and_streams)
{
	struct dp_latched latched = {.src = {192, 0, 2, 77}, .valid = 1, .moves = 3};
	json_t *result;

	latched.src_port = htons(5004);
	service_installs("{'id':'a'," MATCH ",'latch':'first','streams':["
			 "{'ssrc':1,'action':'drop'},{'payload_type':2,'legs':["
			 "{'port':'p1','src':'198.51.100.1','src_port':1,'dst':'198.51.100.8',"
			 "'dst_port':2},{'port':'p1','src':'198.51.100.1','src_port':1,"
			 "'dst':'198.51.100.9','dst_port':2}]}],'legs':[" LEG("x", 7) "]}");
	result = service_result("flow.get", json_of_text("{'id':'a'}"));
	cr_expect(json_is_null(json_object_get(result, "latched")), "none has been learned yet");
	json_decref(result);
	fake_dp_only(service_room()->dp)->latched = latched;
	service_room()->dp->down[1] = true;
	result = service_result("flow.get", json_of_text("{'id':'a'}"));
	json_expect(json_object_get(result, "latched"),
		"{'src':'192.0.2.77','src_port':5004,'moves':3}");
	json_expect(json_object_get(result, "streams"),
		"[{'packets':200,'bytes':2000,'legs':[]},{'packets':201,'bytes':2001,'legs':["
		"{'copies':201,'bytes':2001,'sent':201,'drops':{},'next_hop':{"
		"'address':'198.51.100.8','mac':'02:00:00:00:01:08','state':'resolved',"
		"'netdev':null," MTU "},'link_up':false},"
		"{'copies':201,'bytes':2001,'sent':200,'drops':{'tx_full':1},'next_hop':{"
		"'address':'198.51.100.9','mac':'02:00:00:00:01:09','state':'resolved',"
		"'netdev':null," MTU "},'link_up':false}]}]");
	json_decref(result);
	answers("flow.admin", "{'flow':'a','admin':'down'}", "{}");
	result = service_result("flow.get", json_of_text("{'id':'a'}"));
	json_expect(json_object_get(result, "latched"),
		"{'src':'192.0.2.77','src_port':5004,'moves':3}");
	json_decref(result);
}

/* All or none; one that has learned nothing has nothing to forget. */
static void
expect_state(const char *id, const char *member, const char *text)
{
	json_t *result = service_result("flow.get", json_pack("{s:s}", "id", id));

	json_expect(
		json_object_get(json_array_get(json_object_get(result, "legs"), 0), member), text);
	json_decref(result);
}

/* By its own next hop once that is known, before to the address that its frame had. */
Test(flow_methods, get_shows_where_a_learned_leg_sends)
{
	struct room *room = service_room();
	struct flow *a;
	json_t *result;

	service_installs("{'id':'a'," MATCH ",'latch':'first','legs':[" LEG("x", 7) "]}");
	service_installs("{'id':'b','match':{'port':'p1','dst':'198.51.100.1','dst_port':1},"
			 "'legs':[{'port':'p0','src':'192.0.2.1','src_port':6000,'learned':'a'}]}");
	service_installs("{'id':'c','match':{'port':'p1','dst':'198.51.100.1','dst_port':2},"
			 "'legs':[{'port':'p1','src':'192.0.2.1','src_port':6000,'learned':'a',"
			 "'dst':'198.51.100.8','dst_port':5}]}");
	result = service_result("flow.get", json_of_text("{'id':'b'}"));
	cr_expect(json_is_null(
		json_object_get(json_array_get(json_object_get(result, "legs"), 0), "sends_to")));
	json_decref(result);
	expect_state(
		"b", "next_hop", "{'address':null,'mac':null,'state':'unknown','netdev':null}");
	expect_state("c", "sends_to",
		"{'learned':false,'port':'p1','vlan':0,'outer_vlan':0,'dst':'198.51.100.8',"
		"'dst_port':5}");
	a = flow_db_find(&room->flows.db, "a");
	room->dp->flows[a->handle].latched = (struct dp_latched){
		.src = {192, 0, 2, 77},
		.src_port = htons(5004),
		.valid = 1,
		.moves = 1,
		.state = 9,
		.mac = {2, 0, 0, 0, 0, 0x77},
		.vlan = 0,
	};
	expect_state("c", "sends_to",
		"{'learned':true,'port':'p0','vlan':0,'outer_vlan':0,'dst':'192.0.2.77',"
		"'dst_port':5004}");
	expect_state("c", "next_hop",
		"{'address':null,'mac':'02:00:00:00:00:77','state':'learned','netdev':null}");
	flows_source_moved(&room->flows, a);
	flows_refresh(&room->flows);
	expect_state("b", "next_hop",
		"{'address':'192.0.2.77','mac':'02:00:00:00:01:4d','state':'resolved',"
		"'netdev':null," MTU "}");
}

Test(flow_methods, forget_opens_latches)
{
	struct dp_latched latched = {.src = {192, 0, 2, 77}, .valid = 1, .moves = 3};
	struct fake_flow *flow;
	json_t *result;

	latched.src_port = htons(5004);
	service_installs("{'id':'a'," MATCH ",'latch':'first','legs':[" LEG("x", 7) "]}");
	flow = fake_dp_only(service_room()->dp);
	service_installs("{'id':'b','match':{'port':'p0','dst':'192.0.2.9','dst_port':9},"
			 "'legs':[" LEG("x", 8) "]}");
	flow->latched = latched;
	refuses("flow.forget", "{'ids':['a','b']}", -32001, "/ids/1");
	refuses("flow.forget", "{'ids':['a','none']}", -32002, "/ids/1");
	refuses("flow.forget", "{'ids':[]}", -32602, "/ids");
	cr_expect(flow->latched.valid);
	answers("flow.forget", "{'ids':['a'],'comment':'he called again'}",
		"{'forgotten':[{'id':'a','latched':{'src':'192.0.2.77','src_port':5004,"
		"'moves':3}}]}");
	answers("flow.forget", "{'ids':['a']}", "{'forgotten':[{'id':'a','latched':null}]}");
	result = service_result("flow.get", json_of_text("{'id':'a'}"));
	cr_expect(json_is_null(json_object_get(result, "latched")));
	json_decref(result);
}

/* Every member that a flow may have passes the schema, and comes back. */
Test(flow_methods, list_shows_all_of_a_flow)
{
	static const char flow[] =
		"{'id':'a','match':{'port':'p0','vlan':1,'outer_vlan':2,'dst':'192.0.2.1',"
		"'dst_port':1},'latch':'follow','latch_interval_ms':0,'allow':['0.0.0.0/0'],"
		"'classes':{'stun':'punt','dtls':'drop','rtp':'drop','other':'punt'},"
		"'police':{'rate_bps':400000000000,'burst_bytes':4294967296},"
		"'idle_timeout_s':31536000,'media_timeout_s':31536000,'reopen':true,"
		"'max_datagram_bytes':1200,'streams':["
		"{'ssrc':4294967295,'payload_type':127,'legs':[{'port':'p1','vlan':0,"
		"'src':'198.51.100.1','src_port':1,'dst':'198.51.100.7','dst_port':2,"
		"'one_in':2}]},{'ssrc':0,'action':'drop','legs':[]}],"
		"'legs':[{'id':'l','port':'p1','vlan':9,'outer_vlan':8,'src':'2001:db8:1::1',"
		"'src_port':1,'dst':'2001:db8:1::2','dst_port':2,'next_hop':'2001:db8:1::3',"
		"'admin':'down','one_in':1000000,'dscp':0,'ttl':255,"
		"'police':{'rate_bps':64000,'burst_bytes':1}}]}";
	static const char rule[] =
		"{'id':'r','rule':{'priority':1000000,'port':'p0','vlan':0,'outer_vlan':4094,"
		"'src':'192.0.2.0/24','src_ports':[0,0],'dst_ports':[5000,65535]},"
		"'action':'punt','legs':[]}";
	json_t *result, *list;

	service_installs(flow);
	service_installs(rule);
	result = service_result("flow.list", json_object());
	list = json_object_get(result, "flows");
	json_expect(json_array_get(list, 0), flow);
	json_expect(json_array_get(list, 1), rule);
	json_decref(result);
}

Test(flow_methods, install_errors_name_what_was_expected)
{
	refuses("flow.install", "{'flows':[{'action':'drop'}]}", -32001, "/flows/0/match");
	refuses("flow.install", "{'flows':[{'rule':{'family':4},'action':'drop'}]}", -32602,
		"/flows/0/rule/priority");
	refuses("flow.install", "{'flows':[{'rule':{'priority':1,'family':5},'action':'drop'}]}",
		-32602, "/flows/0/rule/family");
	refuses("flow.install",
		"{'flows':[{'rule':{'priority':1,'src':'192.0.2.1/24'},'action':'drop'}]}", -32001,
		"/flows/0/rule/src");
	refuses("flow.install",
		"{'flows':[{'rule':{'priority':1,'family':4,'src_ports':[1]},'action':'drop'}]}",
		-32602, "/flows/0/rule/src_ports");
	refuses("flow.install",
		"{'flows':[{" MATCH ",'police':{'rate_bps':7999},'action':'drop'}]}", -32602,
		"/flows/0/police/rate_bps");
	refuses("flow.install",
		"{'flows':[{" MATCH
		",'streams':[{'ssrc':1,'legs':[" LEG("x", 7) "]}],'action':'drop'}]}",
		-32001, "/flows/0/streams/0/legs/0/id");
	room_expect(service_room(), 0, 0);
}
