/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fake_dp.h"
#include "flow/flows.h"
#include "flow_json.h"

#define LEG "'vlan':0,'src':'198.51.100.1','src_port':6000,'dst_port':5004"
#define FLOW(match_port, leg) \
	"{'match':{'port':'" match_port "','vlan':0,'dst':'192.0.2.1','dst_port':6000}," \
	"'legs':[{'port':'p1','dst':'198.51.100.9'," LEG "},{" leg "}]}"

static struct compiled compiled;
static struct flow_spec *spec; /* that was compiled last; its allow-list is borrowed */

static void
spec_compile(const char *text, const uint16_t *hops)
{
	struct ports ports;
	struct fault fault;

	free(spec);
	spec = flow_spec_of_text(text, &fault);
	cr_assert_not_null(spec, "%s", fault.message);
	ports_init(&ports, fake_dp_reset());
	cr_assert_eq(flow_ports_check(spec, &ports, &fault), 0, "%s", fault.message);
	memset(&compiled.flow, 0xff, sizeof(compiled.flow));
	if (compiled.legs)
		memset(compiled.legs, 0xff, compiled.legs_room * sizeof(compiled.legs[0]));
	cr_assert_eq(flow_compile(spec, &ports, hops, NULL, &compiled), 0);
}

static void
teardown(void)
{
	compiled_fini(&compiled);
	free(spec);
}

TestSuite(compile, .fini = teardown);

Test(compile, ipv4_byte_for_byte)
{
	static const struct dp_flow_key key = {
		.src = {192, 0, 2, 9},
		.dst = {192, 0, 2, 1},
		.port = 1,
		.vlan = 5,
		.family = DP_IPV4,
	};
	static const struct dp_leg leg = {
		.src = {198, 51, 100, 1},
		.dst = {198, 51, 100, 20},
		.next_hop = 77,
		.vlan = 6,
		.family = DP_IPV4,
		.dscp = 34,
		.ttl = DP_TTL_DECREMENT,
		.one_in = 1,
	};
	struct dp_flow_key expected_key = key;
	struct dp_leg expected_leg = leg;
	const struct dp_flow *flow = &compiled.flow;

	expected_key.src_port = htons(5004);
	expected_key.dst_port = htons(6000);
	expected_leg.src_port = htons(6001);
	expected_leg.dst_port = htons(5005);
	spec_compile("{'match':{'port':'p1','vlan':5,'src':'192.0.2.9','src_port':5004,"
		     "'dst':'192.0.2.1','dst_port':6000},'legs':[{'port':'p0','vlan':6,"
		     "'src':'198.51.100.1','src_port':6001,'dst':'198.51.100.20','dst_port':5005,"
		     "'dscp':34}]}",
		(uint16_t[]){77});
	cr_expect_arr_eq(&flow->key, &expected_key, sizeof(expected_key));
	cr_expect_null(flow->rule);
	cr_expect_eq(flow->verdict, DP_FORWARD);
	cr_assert_eq(flow->n_legs, 1);
	cr_expect_arr_eq(&flow->legs[0], &expected_leg, sizeof(expected_leg));
}

Test(compile, ipv6_listener_byte_for_byte)
{
	struct dp_flow_key key = {
		.dst = {0x20, 0x01, 0x0d, 0xb8, [15] = 1},
		.dst_port = htons(6000),
		.family = DP_IPV6,
		.any_source = 1,
	};
	struct dp_leg leg = {
		.src = {0x20, 0x01, 0x0d, 0xb8, [15] = 2},
		.dst = {0x20, 0x01, 0x0d, 0xb8, [15] = 3},
		.src_port = htons(1),
		.dst_port = htons(2),
		.next_hop = 4095,
		.family = DP_IPV6,
		.dscp = DP_DSCP_KEEP,
		.ttl = 9,
		.one_in = 1,
	};

	spec_compile("{'match':{'port':'p0','vlan':0,'dst':'2001:db8::1','dst_port':6000},"
		     "'legs':[{'port':'p1','vlan':0,'src':'2001:db8::2','src_port':1,"
		     "'dst':'2001:db8::3','dst_port':2,'ttl':9}]}",
		(uint16_t[]){4095});
	cr_expect_arr_eq(&compiled.flow.key, &key, sizeof(key));
	cr_expect_arr_eq(&compiled.flow.legs[0], &leg, sizeof(leg));
}

static void
refused(const char *text, enum fault_code code, const char *pointer)
{
	struct fault fault = {0};
	struct ports ports;

	free(spec);
	spec = flow_spec_of_text(text, &fault);
	cr_assert_not_null(spec, "%s", fault.message);
	ports_init(&ports, fake_dp_reset());
	cr_expect_eq(flow_ports_check(spec, &ports, &fault), -1);
	cr_expect_eq(fault.code, code);
	cr_expect_str_eq(fault.pointer, pointer, "%s", fault.pointer);
}

Test(compile, ports_must_exist)
{
	refused(FLOW("nowhere", "'port':'p1','dst':'198.51.100.9'," LEG), FAULT_NOT_FOUND,
		"/match/port");
	refused(FLOW("p0", "'port':'p','dst':'198.51.100.9'," LEG), FAULT_NOT_FOUND,
		"/legs/1/port");
}

Test(compile, port_without_interface_needs_mac)
{
	refused(FLOW("p0", "'port':'p2','dst':'198.51.100.9'," LEG), FAULT_INVALID_VALUE,
		"/legs/1/mac");
	refused(FLOW("p0", "'port':'p2','dst':'198.51.100.9','next_hop':'198.51.100.7'," LEG),
		FAULT_INVALID_VALUE, "/legs/1/mac");
	refused(FLOW("p0", "'port':'p1','dst':'198.51.100.9','backup':'p2'," LEG),
		FAULT_INVALID_VALUE, "/legs/1/backup");
	refused(FLOW("p0", "'port':'p1','dst':'198.51.100.9','backup':'p7'," LEG), FAULT_NOT_FOUND,
		"/legs/1/backup");
	spec_compile(FLOW("p0", "'port':'p2','dst':'198.51.100.9','mac':'02:00:00:00:00:01'," LEG),
		(uint16_t[]){1, 2});
	spec_compile(FLOW("p2", "'port':'p2','dst':'239.0.0.1'," LEG), (uint16_t[]){1, 2});
	cr_expect_eq(compiled.flow.key.port, 2);
}

Test(compile, rule_byte_for_byte)
{
	const struct dp_rule rule = {
		.src = {192, 0, 2},
		.priority = 9,
		.src_port_last = UINT16_MAX,
		.dst_port_first = 5000,
		.dst_port_last = 5999,
		.port = 1,
		.vlan = 3,
		.outer_vlan = DP_RULE_ANY,
		.src_bits = 24,
		.family = DP_IPV4,
	};
	const struct dp_flow_key key = {.family = DP_IPV4};

	spec_compile("{'rule':{'priority':9,'port':'p1','vlan':3,'src':'192.0.2.0/24',"
		     "'dst_ports':[5000,5999]},'action':'punt'}",
		NULL);
	cr_assert_not_null(compiled.flow.rule);
	cr_expect_arr_eq(compiled.flow.rule, &rule, sizeof(rule));
	cr_expect_arr_eq(&compiled.flow.key, &key, sizeof(key));
	cr_expect_eq(compiled.flow.verdict, DP_PUNT);
	cr_expect_eq(compiled.flow.n_legs, 0);
	spec_compile("{'rule':{'priority':9,'family':6},'action':'drop'}", NULL);
	cr_expect_eq(compiled.flow.rule->port, DP_RULE_ANY);
	cr_expect_eq(compiled.flow.rule->family, DP_IPV6);
	cr_expect_eq(compiled.flow.key.family, DP_IPV6);
	refused("{'rule':{'priority':9,'family':6,'port':'p9'},'action':'drop'}", FAULT_NOT_FOUND,
		"/rule/port");
}

Test(compile, policy_and_streams)
{
	const struct dp_flow *flow = &compiled.flow;

	spec_compile("{'match':{'port':'p0','outer_vlan':7,'dst':'192.0.2.1','dst_port':6000},"
		     "'admin':'down','latch':'follow','latch_interval_ms':5,"
		     "'allow':['192.0.2.0/24','0.0.0.0/0'],'classes':{'dtls':'punt','rtp':'drop'},"
		     "'police':{'rate_bps':64000,'burst_bytes':1},"
		     "'streams':[{'ssrc':0,'action':'drop'},{'ssrc':7,'payload_type':96,'legs':["
		     "{'port':'p1','dst':'198.51.100.8'," LEG "},"
		     "{'port':'p1','dst':'198.51.100.7'," LEG "}]}],"
		     "'legs':[{'port':'p1','admin':'down','one_in':10,'outer_vlan':4,"
		     "'police':{'rate_bps':800000},'src':'2001:db8::1','src_port':1,"
		     "'dst':'2001:db8::2','dst_port':2}]}",
		(uint16_t[]){10, 11, 12});
	cr_expect_eq(flow->key.outer_vlan, 7);
	cr_expect_eq(flow->down, 1);
	cr_expect_eq(flow->latch, DP_LATCH_FOLLOW);
	cr_expect_eq(flow->latch_interval_ms, 5);
	cr_assert_eq(flow->n_allow, 2);
	cr_expect_eq(flow->allow[0].bits, 24);
	cr_expect_eq(flow->class_verdict[DP_CLASS_STUN], DP_FORWARD);
	cr_expect_eq(flow->class_verdict[DP_CLASS_DTLS], DP_PUNT);
	cr_expect_eq(flow->class_verdict[DP_CLASS_RTP], DP_DROP);
	cr_expect_eq(flow->police.rate_bps, 64000);
	cr_expect_eq(flow->police.burst_bytes, 1);
	cr_assert_eq(flow->n_legs, 1);
	cr_expect_eq(flow->legs[0].family, DP_IPV6);
	cr_expect_eq(flow->legs[0].down, 1);
	cr_expect_eq(flow->legs[0].one_in, 10);
	cr_expect_eq(flow->legs[0].outer_vlan, 4);
	cr_expect_eq(flow->legs[0].next_hop, 10);
	cr_expect_eq(flow->legs[0].police.burst_bytes, 12500);
	cr_assert_eq(flow->n_streams, 2);
	cr_expect_eq(flow->streams[0].has_ssrc, 1, "an SSRC of zero is one");
	cr_expect_eq(flow->streams[0].has_payload_type, 0);
	cr_expect_eq(flow->streams[0].verdict, DP_DROP);
	cr_expect_eq(flow->streams[0].n_legs, 0);
	cr_expect_eq(flow->streams[1].ssrc, 7);
	cr_expect_eq(flow->streams[1].payload_type, 96);
	cr_assert_eq(flow->streams[1].n_legs, 2);
	cr_expect_eq(flow->streams[1].legs[1].next_hop, 12);
	cr_expect_eq(flow->streams[1].legs[1].dst[3], 7);
	refused("{'match':{'port':'p0','dst':'192.0.2.1','dst_port':6000},'streams':[{'ssrc':1,"
		"'action':'drop'},{'ssrc':2,'legs':[{'port':'p9','dst':'198.51.100.8'," LEG "}]}]}",
		FAULT_NOT_FOUND, "/streams/1/legs/0/port");
}
