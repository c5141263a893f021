/* SPDX-License-Identifier: BSD-3-Clause */
/* packet.trace: the packet given to the data plane, and the reply made of its result. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../flow/flow_json.h"
#include "../flow/flow_live.h"
#include "service.h"

#define IN \
	"0200000000a0020000000000080045b80021000040000911ed09c0000209c0000201" \
	"00090001000d85028000aabbcc"

TestSuite(trace_methods, .init = service_setup, .fini = service_teardown);
TestSuite(nearest, .init = service_setup, .fini = service_teardown);

/* The answer of the data plane: this handle, by this stage, and these legs. */
static void
answer(uint32_t handle, enum dp_trace_match match, const struct dp_trace_leg *legs, unsigned n)
{
	struct dp *dp = service_room()->dp;

	dp->trace = (struct dp_trace){
		.verdict = DP_FORWARD,
		.step = DP_TRACE_ACTION,
		.drop = DP_DROP_COUNT,
		.n_workers = 1,
		.key = {.src = {192, 0, 2, 9},
			.dst = {192, 0, 2, 1},
			.src_port = 0x0900,
			.dst_port = 0x0100,
			.family = 4},
		.ttl = 9,
		.tos = 46 << 2,
		.ip_bytes = 33,
		.payload_bytes = 5,
		.match = (uint8_t)match,
		.looked = 1 << DP_TRACE_EXACT,
		.handle = handle,
		.n_legs = n,
		.n_up = n,
	};
	dp->trace_legs = legs;
	dp->n_trace_legs = n;
}

Test(trace_methods, fields_become_a_frame)
{
	struct dp *dp = service_room()->dp;
	json_t *result;

	answer(DP_HANDLE_NONE, DP_TRACE_NONE, NULL, 0);
	result = service_result("packet.trace",
		json_of_text(
			"{'port':'p0','fields':{'src':'192.0.2.9','src_port':9,'dst':'192.0.2.1',"
			"'dst_port':1,'ttl':9,'dscp':46,'payload':'8000AABBCC'}}"));
	cr_expect_str_eq(json_string_value(json_object_get(result, "frame")), IN);
	cr_expect_eq(dp->trace_request.frame_bytes, strlen(IN) / 2);
	cr_expect_eq(dp->traced[14], 0x45);
	cr_expect_eq(dp->trace_request.port, 0);
	cr_expect_eq(dp->trace_request.first_leg, 0);
	cr_expect_eq(dp->trace_request.n_legs, 16);
	json_decref(result);
}

Test(trace_methods, frame_as_it_is)
{
	struct dp *dp = service_room()->dp;
	json_t *result;

	answer(DP_HANDLE_NONE, DP_TRACE_NONE, NULL, 0);
	dp->trace.step = DP_TRACE_PARSE;
	dp->trace.verdict = DP_DROP;
	dp->trace.drop = DP_DROP_eth_truncated;
	result = service_result("packet.trace",
		json_of_text("{'port':'p2','frame':'00fF','legs_after':7,'limit':9}"));
	json_expect(result,
		"{'port':'p2','frame':'00ff','verdict':'drop','flow':null,'worker':0,'workers':1,"
		"'stages':[{'stage':'parse','outcome':'drop','reason':'eth_truncated',"
		"'help':'help'}],'n_legs':0,'legs':[]}");
	cr_expect_eq(dp->trace_request.port, 2);
	cr_expect_eq(dp->trace_request.first_leg, 7);
	cr_expect_eq(dp->trace_request.n_legs, 9);
	cr_expect_eq(dp->traced[1], 0xff);
	json_decref(result);
}

/* Every way a leg can go, by the page. */
Test(trace_methods, legs)
{
	static const uint8_t frame[] = {0xab, 0xcd};
	static const struct dp_trace_leg legs[] = {
		{.frame = frame,
			.frame_bytes = 2,
			.outcome = DP_TRACE_SENT,
			.drop = DP_DROP_COUNT,
			.hop = {.dst_mac = {2, 1}, .src_mac = {2, 2}, .port = 1, .mtu = 1400}},
		{.index = 1,
			.outcome = DP_TRACE_DROPPED,
			.drop = DP_DROP_unresolved,
			.hop = {.port = 1},
			.police = {{64000, 3000}, 2000}},
		{.index = 2,
			.outcome = DP_TRACE_SAMPLED_OUT,
			.drop = DP_DROP_COUNT,
			.one_in = 10,
			.hop = {.port = 1}},
	};
	json_t *result;

	service_installs("{'id':'desk','match':{'port':'p1','dst':'198.51.100.1','dst_port':1},"
			 "'latch':'first','action':'drop','legs':[]}");
	service_installs(
		"{'id':'cam','match':{'port':'p0','src':'192.0.2.9','src_port':9,"
		"'dst':'192.0.2.1','dst_port':1},'legs':[{'port':'p1','src':'198.51.100.1',"
		"'src_port':6000,'learned':'desk','dst':'198.51.100.9','dst_port':5004}]}");
	answer(0, DP_TRACE_EXACT, legs, 3);
	service_room()->dp->trace.nth = 4;
	result = service_result(
		"packet.trace", json_of_text("{'port':'p0','frame':'00','limit':2}"));
	cr_expect_str_eq(json_string_value(json_object_get(result, "flow")), "cam");
	json_expect(json_object_get(result, "legs"),
		"[{'index':0,'id':'leg-1','learned':'desk','outcome':'sent','port':'p1',"
		"'link_up':true,'next_hop':{'resolved':true,'mac':'02:01:00:00:00:00',"
		"'src_mac':'02:02:00:00:00:00','mtu':1400},'frame_bytes':2,'frame':'abcd'},"
		"{'index':1,'outcome':'drop','reason':'unresolved','help':'help','port':'p1',"
		"'link_up':true,'next_hop':{'resolved':false,'mac':null,'src_mac':null,'mtu':0},"
		"'police':{'rate_bps':64000,'burst_bytes':3000,'left_bytes':2000}}]");
	cr_expect_eq(json_integer_value(json_object_get(result, "next")), 2);
	json_decref(result);
	result = service_result(
		"packet.trace", json_of_text("{'port':'p0','frame':'00','legs_after':2}"));
	json_expect(json_object_get(result, "legs"),
		"[{'index':2,'outcome':'sampled_out','port':'p1','link_up':true,'next_hop':"
		"{'resolved':false,'mac':null,'src_mac':null,'mtu':0},'one_in':10,'nth':4}]");
	cr_expect_null(json_object_get(result, "next"));
	json_decref(result);
}

Test(trace_methods, every_step)
{
	struct dp *dp = service_room()->dp;
	json_t *result;

	service_installs("{'id':'listener','match':{'port':'p0','dst':'192.0.2.1','dst_port':1},"
			 "'action':'drop','legs':[]}");
	answer(0, DP_TRACE_LISTENER, NULL, 0);
	dp->trace.looked |= 1 << DP_TRACE_LISTENER;
	dp->trace.n_allow = 2;
	dp->trace.has_classes = 1;
	dp->trace.payload_class = DP_CLASS_RTP;
	dp->trace.latch_mode = DP_LATCH_FOLLOW;
	dp->trace.latch = DP_TRACE_LATCH_MOVES;
	dp->trace.latched = (struct dp_latched){.src = {192, 0, 2, 8},
		.src_port = 0x0800,
		.valid = 1,
		.moves = 3,
		.has_ssrc = 1,
		.ssrc = UINT32_MAX};
	dp->trace.latch_by = DP_LATCH_BY_SSRC;
	dp->trace.n_streams = 2;
	dp->trace.police = (struct dp_trace_police){{64000, 3000}, 2000};
	dp->trace.verdict = DP_DROP;
	dp->trace.drop = DP_DROP_flow_drop;
	result = service_result("packet.trace", json_of_text("{'port':'p0','frame':'00'}"));
	cr_expect_str_eq(json_string_value(json_object_get(result, "flow")), "listener");
	json_expect(json_object_get(result, "stages"),
		"[{'stage':'parse','outcome':'pass','vlan':0,'outer_vlan':0,'src':'192.0.2.9',"
		"'src_port':9,'dst':'192.0.2.1','dst_port':1,'ttl':9,'dscp':46,'ip_bytes':33,"
		"'payload_bytes':5,'extension_bytes':0,'mtu':1500},"
		"{'stage':'exact','outcome':'miss'},{'stage':'listener','outcome':'match'},"
		"{'stage':'allow','outcome':'pass','prefixes':2},"
		"{'stage':'class','outcome':'pass','class':'rtp'},"
		"{'stage':'latch','outcome':'pass','mode':'follow','by':'ssrc','source':'moves',"
		"'latched':{'src':'192.0.2.8','src_port':8,'moves':3,'ssrc':4294967295}},"
		"{'stage':'stream','outcome':'pass','stream':null},"
		"{'stage':'police','outcome':'pass','rate_bps':64000,'burst_bytes':3000,"
		"'left_bytes':2000},"
		"{'stage':'action','outcome':'drop','reason':'flow_drop','help':'help'}]");
	json_decref(result);
}

Test(trace_methods, a_standby_source)
{
	struct dp *dp = service_room()->dp;
	json_t *result;

	service_installs(
		"{'id':'rule','rule':{'priority':9,'family':4},'action':'drop','legs':[]}");
	answer(0, DP_TRACE_RULE, NULL, 0);
	dp->trace.sources = (struct dp_sources){.n = 2, .active = 1};
	dp->trace.source = DP_TRACE_SOURCE_STANDBY;
	dp->trace.step = DP_TRACE_SOURCES;
	dp->trace.verdict = DP_DROP;
	dp->trace.drop = DP_DROP_standby_source;
	result = service_result("packet.trace", json_of_text("{'port':'p0','frame':'00'}"));
	cr_expect(json_is_object(result));
	json_expect(json_array_get(json_object_get(result, "stages"),
			    json_array_size(json_object_get(result, "stages")) - 1),
		"{'stage':'sources','outcome':'drop','reason':'standby_source','help':'help',"
		"'choice':'standby','active':1}");
	json_decref(result);
}

/* Stages behind the one that decided are left out. */
Test(trace_methods, no_step_too_many)
{
	struct dp *dp = service_room()->dp;
	json_t *result;

	service_installs(
		"{'id':'rule','rule':{'priority':9,'family':4},'action':'drop','legs':[]}");
	answer(0, DP_TRACE_RULE, NULL, 0);
	dp->trace.looked = 1 << DP_TRACE_EXACT | 1 << DP_TRACE_RULE;
	dp->trace.n_allow = 2;
	dp->trace.has_classes = 1;
	dp->trace.latch_mode = DP_LATCH_FIRST;
	dp->trace.n_streams = 2;
	dp->trace.police = (struct dp_trace_police){{64000, 3000}, 2000};
	dp->trace.step = DP_TRACE_ALLOW;
	dp->trace.verdict = DP_DROP;
	dp->trace.drop = DP_DROP_source_refused;
	result = service_result("packet.trace", json_of_text("{'port':'p0','frame':'00'}"));
	cr_expect_str_eq(json_string_value(json_object_get(result, "flow")), "rule");
	cr_expect_eq(json_array_size(json_object_get(result, "stages")), 4);
	json_expect(json_array_get(json_object_get(result, "stages"), 3),
		"{'stage':'allow','outcome':'drop','reason':'source_refused','help':'help',"
		"'prefixes':2}");
	json_decref(result);
}

Test(trace_methods, unmatched)
{
	json_t *result;

	answer(DP_HANDLE_NONE, DP_TRACE_NONE, NULL, 0);
	service_room()->dp->trace.step = DP_TRACE_CLASSIFY;
	service_room()->dp->trace.verdict = DP_PUNT;
	result = service_result("packet.trace", json_of_text("{'port':'p2','frame':'00'}"));
	json_expect(json_array_get(json_object_get(result, "stages"), 2),
		"{'stage':'unmatched','outcome':'punt','kernel_beside':false}");
	cr_expect(json_is_null(json_object_get(result, "flow")));
	json_decref(result);
}

static void
expect_checksum(const char *frame, const char *expected)
{
	json_t *result, *parse, *params = json_pack("{s:s, s:s}", "port", "p0", "frame", frame);
	json_t *wanted = json_of_text(expected), *value;
	const char *name;

	answer(DP_HANDLE_NONE, DP_TRACE_NONE, NULL, 0);
	service_room()->dp->trace.l2_bytes = 14;
	result = service_result("packet.trace", params);
	parse = json_array_get(json_object_get(result, "stages"), 0);
	json_object_foreach (wanted, name, value)
		cr_expect(json_equal(json_object_get(parse, name), value), "%s: %s", frame, name);
	cr_expect_eq(!json_object_get(parse, "checksum_found"),
		!json_object_get(wanted, "checksum_found"));
	json_decref(wanted);
	json_decref(result);
}

/* The frame as it left, and as it is left to a device that is not there. */
Test(trace_methods, udp_checksum_of_a_frame)
{
	static const char head[] = "0200000000a0020000000000080045b80021000040000911ed09c0000209"
				   "c000020100090001000d";
	char frame[128];

	expect_checksum(IN, "{'udp_checksum':'right'}");
	snprintf(frame, sizeof(frame), "%s85038000aabbcc", head);
	expect_checksum(frame, "{'udp_checksum':'wrong','checksum_found':34051,"
			       "'checksum_expected':34050}");
	snprintf(frame, sizeof(frame), "%s84298000aabbcc", head);
	expect_checksum(frame, "{'udp_checksum':'partial','checksum_found':33833,"
			       "'checksum_expected':34050}");
	snprintf(frame, sizeof(frame), "%s00008000aabbcc", head);
	expect_checksum(frame, "{'udp_checksum':'none'}");
}

/* No flow matches the packet, which is on p0, 192.0.2.10:1000 > 192.0.2.1:5004 untagged. */
static void
answer_unmatched(void)
{
	answer(DP_HANDLE_NONE, DP_TRACE_NONE, NULL, 0);
	service_room()->dp->trace.step = DP_TRACE_CLASSIFY;
	service_room()->dp->trace.verdict = DP_DROP;
	service_room()->dp->trace.key = (struct dp_flow_key){.src = {192, 0, 2, 10},
		.dst = {192, 0, 2, 1},
		.src_port = htons(1000),
		.dst_port = htons(5004),
		.family = 4};
}

static json_t *
nearest_get(void)
{
	json_t *result = service_result("packet.trace", json_of_text("{'port':'p0','frame':'00'}"));
	json_t *nearest = json_incref(json_object_get(result, "nearest"));

	json_decref(result);
	return nearest;
}

static void
nearest_expect(const char *expected)
{
	json_t *nearest = nearest_get();

	json_expect(nearest, expected);
	json_decref(nearest);
}

static void
flow_installs(const char *id, const char *text)
{
	char whole[512];

	snprintf(whole, sizeof(whole), "{'id':'%s',%s,'action':'drop'}", id, text);
	service_installs(whole);
}

#define EXACT(port, vlan, src, src_port, dst, dst_port) \
	"'match':{'port':'" port "','vlan':" #vlan ",'src':'" src "','src_port':" #src_port \
	",'dst':'" dst "','dst_port':" #dst_port "}"

Test(nearest, each_field)
{
	static const struct {
		const char *text;
		const char *differs; /* NULL: it has too little in common */
	} cases[] = {
		{EXACT("p0", 0, "192.0.2.10", 1000, "192.0.2.1", 5004), "[]"},
		{EXACT("p1", 0, "192.0.2.10", 1000, "192.0.2.1", 5004),
			"[{'field':'port','packet':'p0','flow':'p1'}]"},
		{EXACT("p0", 7, "192.0.2.10", 1000, "192.0.2.1", 5004),
			"[{'field':'vlan','packet':'none','flow':'7'}]"},
		{EXACT("p0", 0, "192.0.2.11", 1000, "192.0.2.1", 5004),
			"[{'field':'src','packet':'192.0.2.10','flow':'192.0.2.11'}]"},
		{EXACT("p0", 0, "192.0.2.10", 1001, "192.0.2.1", 5004),
			"[{'field':'src_port','packet':'1000','flow':'1001'}]"},
		{EXACT("p0", 0, "192.0.2.10", 1000, "192.0.2.2", 5004),
			"[{'field':'dst','packet':'192.0.2.1','flow':'192.0.2.2'}]"},
		{EXACT("p0", 0, "192.0.2.10", 1000, "192.0.2.1", 5005),
			"[{'field':'dst_port','packet':'5004','flow':'5005'}]"},
		{EXACT("p0", 0, "192.0.2.11", 1000, "192.0.2.2", 5004), NULL},
		{"'match':{'port':'p0','outer_vlan':9,'dst':'192.0.2.1','dst_port':5004}",
			"[{'field':'outer_vlan','packet':'none','flow':'9'}]"},
		{"'match':{'port':'p0','dst':'192.0.2.1','dst_port':5006}",
			"[{'field':'dst_port','packet':'5004','flow':'5006'}]"},
		{"'match':{'port':'p0','dst':'2001:db8::1','dst_port':5004}", NULL},
		{"'rule':{'priority':1,'family':4}", "[]"},
		{"'rule':{'priority':1,'family':6}", NULL},
		{"'rule':{'priority':1,'family':4,'port':'p1','vlan':3}",
			"[{'field':'port','packet':'p0','flow':'p1'},"
			"{'field':'vlan','packet':'none','flow':'3'}]"},
		{"'rule':{'priority':1,'dst':'192.0.2.0/31','src':'192.0.2.8/30'}", "[]"},
		{"'rule':{'priority':1,'dst':'192.0.2.0/31','src':'192.0.2.12/30'}",
			"[{'field':'src','packet':'192.0.2.10','flow':'192.0.2.12/30'}]"},
		{"'rule':{'priority':1,'dst':'192.0.2.2/31','src':'192.0.2.8/30'}",
			"[{'field':'dst','packet':'192.0.2.1','flow':'192.0.2.2/31'}]"},
		{"'rule':{'priority':1,'dst':'192.0.2.2/31','src':'192.0.2.12/30'}", NULL},
		{"'rule':{'priority':1,'family':4,'dst_ports':[5004,5004],'src_ports':[1000,1001]}",
			"[]"},
		{"'rule':{'priority':1,'family':4,'dst_ports':[5005,5006],'src_ports':[1,999]}",
			"[{'field':'src_port','packet':'1000','flow':'1-999'},"
			"{'field':'dst_port','packet':'5004','flow':'5005-5006'}]"},
	};

	answer_unmatched();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *nearest;

		flow_installs("f", cases[i].text);
		nearest = nearest_get();
		cr_expect_eq(!nearest, !cases[i].differs, "%s", cases[i].text);
		if (nearest)
			json_expect(json_object_get(nearest, "differs"), cases[i].differs);
		json_decref(nearest);
		json_decref(service_result("flow.remove", json_of_text("{'ids':['f']}")));
	}
}

Test(nearest, the_one_that_differs_least)
{
	answer_unmatched();
	cr_expect_null(nearest_get(), "no flows");
	flow_installs("far", EXACT("p0", 0, "203.0.113.9", 9, "203.0.113.1", 9));
	cr_expect_null(nearest_get(), "it has nothing in common");
	flow_installs("other-port", EXACT("p0", 0, "192.0.2.10", 1002, "192.0.2.1", 5006));
	flow_installs("near", EXACT("p0", 0, "192.0.2.10", 1001, "192.0.2.1", 5004));
	flow_installs("other-source", EXACT("p0", 0, "192.0.2.11", 1000, "192.0.2.1", 5004));
	nearest_expect("{'flow':'near','differs':[{'field':'src_port','packet':'1000','flow':"
		       "'1001'}],'looked_at':4,'flows':4}");
}

/* The newest are compared one by one; what the index knows is found however old it is. */
Test(nearest, among_more_than_are_compared)
{
	static struct flow *flows[8192];
	struct flow_db *db = &service_room()->flows.db;
	struct fault fault;
	char text[200];

	answer_unmatched();
	flow_installs("old", EXACT("p0", 7, "192.0.2.10", 1000, "192.0.2.1", 5004));
	for (unsigned i = 0; i < 8192; i++) {
		snprintf(text, sizeof(text),
			"{'id':'f%u','match':{'port':'p0','dst':'203.0.113.1','dst_port':%u},"
			"'action':'drop'}",
			i, i + 10000);
		flows[i] = flow_live(db, flow_spec_of_text(text, &fault), &fault);
		cr_assert_not_null(flows[i]);
	}
	nearest_expect("{'flow':'old','differs':[{'field':'vlan','packet':'none','flow':'7'}],"
		       "'looked_at':8192,'flows':8193}");
	service_room()->dp->trace.key.src_port = htons(1001);
	cr_expect_null(nearest_get());
	for (unsigned i = 0; i < 8192; i++)
		free(flow_gone(db, flows[i]));
}

/* Frames against those that scapy builds of the same fields. */
static void
frame_expect(const char *fields, const char *hex)
{
	json_t *result;

	answer(DP_HANDLE_NONE, DP_TRACE_NONE, NULL, 0);
	result = service_result("packet.trace",
		json_pack("{s:s, s:o}", "port", "p0", "fields", json_of_text(fields)));
	cr_expect_str_eq(json_string_value(json_object_get(result, "frame")), hex);
	json_decref(result);
}

Test(trace_methods, ipv6_with_two_tags)
{
	frame_expect("{'src':'2001:db8::9','src_port':7,'dst':'2001:db8::1','dst_port':5004,"
		     "'vlan':20,'outer_vlan':300,'dscp':46,'payload':'6162'}",
		"0200000000a002000000000088a8012c8100001486dd6b800000000a114020010db8000000"
		"00000000000000000920010db80000000000000000000000010007138c000a2f696162");
}

/* RFC 768: a sum of zero leaves as its other form. */
Test(trace_methods, checksum_is_never_zero)
{
	frame_expect("{'src':'192.0.2.9','src_port':7,'dst':'192.0.2.1','dst_port':5004,"
		     "'payload':'683c'}",
		"0200000000a002000000000008004500001e000040004011b6c4c0000209c00002010007138"
		"c000affff683c");
}

Test(trace_methods, refusals)
{
	service_refuses(
		"packet.trace", json_of_text("{'port':'p9','frame':'00'}"), -32002, "/port");
	service_refuses("packet.trace", json_of_text("{'port':'p0'}"), -32001, "");
	service_refuses(
		"packet.trace", json_of_text("{'port':'p0','frame':'000'}"), -32001, "/frame");
	service_refuses(
		"packet.trace", json_of_text("{'port':'p0','frame':'0g'}"), -32602, "/frame");
	service_refuses("packet.trace",
		json_of_text("{'port':'p0','frame':'','fields':{'src':'192.0.2.9','src_port':9,"
			     "'dst':'192.0.2.1','dst_port':1}}"),
		-32001, "");
	service_refuses("packet.trace",
		json_of_text("{'port':'p0','fields':{'src':'192.0.2.9','src_port':9,"
			     "'dst':'2001:db8::1','dst_port':1}}"),
		-32001, "/fields/dst");
	service_refuses("packet.trace",
		json_of_text("{'port':'p0','fields':{'src':'192.0.2.9','src_port':9,"
			     "'dst':'192.0.2.1','dst_port':1,'payload':'0'}}"),
		-32001, "/fields/payload");
}
