/* SPDX-License-Identifier: BSD-3-Clause */
/* packet.trace: what is asked of the data plane, and what is told of its answer. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "service.h"

#define IN \
	"0200000000a0020000000000080045b80021000040000911ed09c0000209c0000201" \
	"00090001000d85028000aabbcc"

TestSuite(trace_methods, .init = service_setup, .fini = service_teardown);

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

	service_installs(
		"{'id':'cam','match':{'port':'p0','src':'192.0.2.9','src_port':9,"
		"'dst':'192.0.2.1','dst_port':1},'legs':[{'port':'p1','src':'198.51.100.1',"
		"'src_port':6000,'dst':'198.51.100.9','dst_port':5004}]}");
	answer(0, DP_TRACE_EXACT, legs, 3);
	service_room()->dp->trace.nth = 4;
	result = service_result(
		"packet.trace", json_of_text("{'port':'p0','frame':'00','limit':2}"));
	cr_expect_str_eq(json_string_value(json_object_get(result, "flow")), "cam");
	json_expect(json_object_get(result, "legs"),
		"[{'index':0,'id':'leg-1','outcome':'sent','port':'p1','link_up':true,"
		"'next_hop':{'resolved':true,'mac':'02:01:00:00:00:00',"
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
	dp->trace.latched = (struct dp_latched){
		.src = {192, 0, 2, 8}, .src_port = 0x0800, .valid = 1, .moves = 3};
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
		"{'stage':'latch','outcome':'pass','mode':'follow','source':'moves','latched':"
		"{'src':'192.0.2.8','src_port':8,'moves':3}},"
		"{'stage':'stream','outcome':'pass','stream':null},"
		"{'stage':'police','outcome':'pass','rate_bps':64000,'burst_bytes':3000,"
		"'left_bytes':2000},"
		"{'stage':'action','outcome':'drop','reason':'flow_drop','help':'help'}]");
	json_decref(result);
}

/* Stages behind the one that decided are not told of. */
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

/* What the packet misses the nearest flow by. */
Test(trace_methods, nearest_flow)
{
	json_t *result;

	service_installs("{'id':'cam','match':{'port':'p0','src':'192.0.2.8','src_port':9,'vlan':7,"
			 "'dst':'192.0.2.1','dst_port':1},'action':'drop'}");
	answer(DP_HANDLE_NONE, DP_TRACE_NONE, NULL, 0);
	service_room()->dp->trace.step = DP_TRACE_CLASSIFY;
	service_room()->dp->trace.verdict = DP_DROP;
	result = service_result("packet.trace", json_of_text("{'port':'p0','frame':'00'}"));
	json_expect(json_object_get(result, "nearest"),
		"{'flow':'cam','differs':[{'field':'vlan','packet':'none','flow':'7'},{'field':"
		"'src','packet':'192.0.2.9','flow':'192.0.2.8'}],'looked_at':1,'flows':1}");
	json_decref(result);
	service_installs(
		"{'id':'net','rule':{'priority':1,'family':4,'dst':'192.0.2.0/28','dst_ports':"
		"[2,9]},'action':'drop'}");
	result = service_result("packet.trace", json_of_text("{'port':'p0','frame':'00'}"));
	json_expect(json_object_get(result, "nearest"),
		"{'flow':'net','differs':[{'field':'dst_port','packet':'1','flow':'2-9'}],"
		"'looked_at':2,'flows':2}");
	json_decref(result);
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
