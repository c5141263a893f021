/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fake_dp.h"
#include "flow_json.h"
#include "state/compile.h"

#define LEG "'vlan':0,'src':'198.51.100.1','src_port':6000,'dst_port':5004"
#define FLOW(match_port, leg) \
	"{'match':{'port':'" match_port "','vlan':0,'dst':'192.0.2.1','dst_port':6000}," \
	"'legs':[{'port':'p1','dst':'198.51.100.9'," LEG "},{" leg "}]}"

static void
spec_compile(const char *text, const uint16_t *hops, struct dp_flow *flow, struct dp_leg *legs)
{
	struct fault fault;
	struct flow_spec *spec = flow_spec_of_text(text, &fault);
	struct ports ports;

	cr_assert_not_null(spec, "%s", fault.message);
	ports_init(&ports, fake_dp_reset());
	cr_assert_eq(flow_ports_check(spec, &ports, &fault), 0, "%s", fault.message);
	memset(flow, 0xff, sizeof(*flow));
	memset(legs, 0xff, 2 * sizeof(*legs));
	flow_compile(spec, &ports, hops, flow, legs);
	free(spec);
}

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
		.dscp = 34,
		.ttl = DP_TTL_DECREMENT,
	};
	struct dp_flow_key expected_key = key;
	struct dp_leg expected_leg = leg;
	struct dp_leg legs[2];
	struct dp_flow flow;

	expected_key.src_port = htons(5004);
	expected_key.dst_port = htons(6000);
	expected_leg.src_port = htons(6001);
	expected_leg.dst_port = htons(5005);
	spec_compile("{'match':{'port':'p1','vlan':5,'src':'192.0.2.9','src_port':5004,"
		     "'dst':'192.0.2.1','dst_port':6000},'legs':[{'port':'p0','vlan':6,"
		     "'src':'198.51.100.1','src_port':6001,'dst':'198.51.100.20','dst_port':5005,"
		     "'dscp':34}]}",
		(uint16_t[]){77}, &flow, legs);
	cr_expect_arr_eq(&flow.key, &expected_key, sizeof(expected_key));
	cr_assert_eq(flow.n_legs, 1);
	cr_assert_eq(flow.legs, legs);
	cr_expect_arr_eq(&legs[0], &expected_leg, sizeof(expected_leg));
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
		.dscp = DP_DSCP_KEEP,
		.ttl = 9,
	};
	struct dp_leg legs[2];
	struct dp_flow flow;

	spec_compile("{'match':{'port':'p0','vlan':0,'dst':'2001:db8::1','dst_port':6000},"
		     "'legs':[{'port':'p1','vlan':0,'src':'2001:db8::2','src_port':1,"
		     "'dst':'2001:db8::3','dst_port':2,'ttl':9}]}",
		(uint16_t[]){4095}, &flow, legs);
	cr_expect_arr_eq(&flow.key, &key, sizeof(key));
	cr_expect_arr_eq(&legs[0], &leg, sizeof(leg));
}

static void
refused(const char *text, enum fault_code code, const char *pointer)
{
	struct fault fault = {0};
	struct flow_spec *spec = flow_spec_of_text(text, &fault);
	struct ports ports;

	cr_assert_not_null(spec, "%s", fault.message);
	ports_init(&ports, fake_dp_reset());
	cr_expect_eq(flow_ports_check(spec, &ports, &fault), -1);
	cr_expect_eq(fault.code, code);
	cr_expect_str_eq(fault.pointer, pointer, "%s", fault.pointer);
	free(spec);
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
	struct dp_leg legs[2];
	struct dp_flow flow;

	refused(FLOW("p0", "'port':'p2','dst':'198.51.100.9'," LEG), FAULT_INVALID_VALUE,
		"/legs/1/mac");
	refused(FLOW("p0", "'port':'p2','dst':'198.51.100.9','next_hop':'198.51.100.7'," LEG),
		FAULT_INVALID_VALUE, "/legs/1/mac");
	spec_compile(FLOW("p0", "'port':'p2','dst':'198.51.100.9','mac':'02:00:00:00:00:01'," LEG),
		(uint16_t[]){1, 2}, &flow, legs);
	spec_compile(
		FLOW("p2", "'port':'p2','dst':'239.0.0.1'," LEG), (uint16_t[]){1, 2}, &flow, legs);
	cr_expect_eq(flow.key.port, 2);
}
