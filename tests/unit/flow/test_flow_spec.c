/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "flow_json.h"

#define MATCH "'match':{'port':'p0','vlan':0,'dst':'192.0.2.1','dst_port':6000}"
#define LEG "'port':'p1','vlan':0,'src':'198.51.100.1','src_port':6000,'dst_port':5004"
#define LEG_4 LEG ",'dst':'198.51.100.9'"

/* The text must be refused there, in words that hold `found` and `expected`. */
static void
refused(const char *text, const char *pointer, const char *found, const char *expected)
{
	struct fault fault = {0};
	struct flow_spec *spec = flow_spec_of_text(text, &fault);

	cr_expect_null(spec, "%s", text);
	free(spec);
	cr_expect_eq(fault.code, FAULT_INVALID_VALUE);
	cr_expect_str_eq(fault.pointer, pointer, "%s: %s", fault.pointer, text);
	cr_expect(strstr(fault.message, found) && strstr(fault.message, expected), "%s",
		fault.message);
}

Test(flow_spec, source_comes_whole_or_not_at_all)
{
	refused("{'match':{'port':'p0','vlan':0,'dst':'192.0.2.1','dst_port':1,'src':'192.0.2.2'},"
		"'legs':[{" LEG_4 "}]}",
		"/match/src_port", "found src alone", "expected src_port with it");
	refused("{'match':{'port':'p0','vlan':0,'dst':'192.0.2.1','dst_port':1,'src_port':7},"
		"'legs':[{" LEG_4 "}]}",
		"/match/src", "found src_port alone", "expected src with it");
}

Test(flow_spec, one_family)
{
	refused("{'match':{'port':'p0','vlan':0,'dst':'192.0.2.1','dst_port':1,'src':'2001:db8::2',"
		"'src_port':7},'legs':[{" LEG_4 "}]}",
		"/match/src", "family mismatch: found IPv6", "expected IPv4 as in match");
	refused("{" MATCH ",'legs':[{" LEG_4 "},{" LEG ",'dst':'2001:db8::9'}]}", "/legs/1/dst",
		"found IPv6", "expected IPv4 as in src");
	refused("{" MATCH ",'legs':[{'port':'p1','src':'2001:db8::1','src_port':1,"
		"'dst':'198.51.100.9','dst_port':2}]}",
		"/legs/0/dst", "found IPv4", "expected IPv6");
	refused("{" MATCH ",'legs':[{" LEG_4 ",'next_hop':'2001:db8::1'}]}", "/legs/0/next_hop",
		"found IPv6", "expected IPv4");
}

Test(flow_spec, kinds_of_addresses)
{
	refused("{'match':{'port':'p0','dst':'0.0.0.0','dst_port':1},'legs':[{" LEG_4 "}]}",
		"/match/dst", "found unspecified", "unicast or multicast");
	refused("{'match':{'port':'p0','dst':'::1','dst_port':1},'legs':[{" LEG_4 "}]}",
		"/match/dst", "found loopback", "unicast or multicast");
	refused("{'match':{'port':'p0','dst':'192.0.2.1','dst_port':1,'src':'239.0.0.1',"
		"'src_port':1},'legs':[{" LEG_4 "}]}",
		"/match/src", "found multicast", "expected a unicast address");
	refused("{" MATCH ",'legs':[{" LEG ",'dst':'255.255.255.255'}]}", "/legs/0/dst",
		"found reserved", "unicast or multicast");
	refused("{" MATCH ",'legs':[{'port':'p1','src':'224.0.0.1','src_port':1,"
		"'dst':'198.51.100.9','dst_port':2}]}",
		"/legs/0/src", "found multicast", "expected a unicast address");
	refused("{" MATCH ",'legs':[{" LEG_4 ",'next_hop':'0.0.0.0'}]}", "/legs/0/next_hop",
		"found unspecified", "expected a unicast address");
}

Test(flow_spec, mac_excludes_next_hop)
{
	refused("{" MATCH ",'legs':[{" LEG_4
		",'next_hop':'198.51.100.254','mac':'02:00:00:00:00:01'}]}",
		"/legs/0/mac", "found mac and next_hop", "expected one");
}

Test(flow_spec, decoded_whole)
{
	struct fault fault;
	struct flow_spec *spec = flow_spec_of_text(
		"{'id':'f','match':{'port':'p0','vlan':7,'src':'192.0.2.9','src_port':5004,"
		"'dst':'239.0.0.1','dst_port':6000},"
		"'legs':[{" LEG_4 ",'dscp':0,'ttl':64,'next_hop':'198.51.100.254'},"
		"{" LEG_4 ",'mac':'02:00:00:00:00:01'},{" LEG_4 "}]}",
		&fault);

	cr_assert_not_null(spec);
	cr_expect_str_eq(spec->id, "f");
	cr_expect_str_eq(spec->match.port, "p0");
	cr_expect_eq(spec->match.vlan, 7);
	cr_expect_eq(spec->match.family, 4);
	cr_expect_eq(spec->match.any_source, 0);
	cr_expect_eq(spec->match.src_port, htons(5004));
	cr_expect_eq(spec->match.dst_port, htons(6000));
	cr_expect_arr_eq(spec->match.dst, ((uint8_t[16]){239, 0, 0, 1}), 16);
	cr_assert_eq(spec->n_legs, 3);
	cr_expect_eq(spec->legs[0].dscp, 0, "a DSCP of zero is set, not kept");
	cr_expect_eq(spec->legs[0].ttl, 64);
	cr_expect_eq(spec->legs[0].hop, FLOW_HOP_GATEWAY);
	cr_expect_arr_eq(spec->legs[0].next_hop, ((uint8_t[16]){198, 51, 100, 254}), 16);
	cr_expect_eq(spec->legs[1].hop, FLOW_HOP_MAC);
	cr_expect_arr_eq(spec->legs[1].mac, ((uint8_t[6]){2, 0, 0, 0, 0, 1}), 6);
	cr_expect_eq(spec->legs[2].hop, FLOW_HOP_ROUTE);
	cr_expect_eq(spec->legs[2].dscp, DP_DSCP_KEEP);
	cr_expect_eq(spec->legs[2].ttl, DP_TTL_DECREMENT);
	cr_expect_eq(spec->legs[2].dst_port, htons(5004));
	free(spec);
}

Test(flow_spec, mapped_addresses)
{
	refused("{'match':{'port':'p0','dst':'::ffff:192.0.2.1','dst_port':1},'legs':[{" LEG_4
		"}]}",
		"/match/dst", "found IPv4-mapped", "RFC 4291");
}

/* Legs before, between and after: what stays is whole, with the streams' legs behind. */
Test(flow_spec, copied_with_other_legs)
{
	static const uint16_t kept[] = {2, 0};
	struct fault fault;
	struct flow_spec *spec = flow_spec_of_text(
		"{'id':'f'," MATCH ",'allow':['192.0.2.0/25'],"
		"'streams':[{'ssrc':1,'action':'drop'},{'payload_type':2,'legs':[{" LEG_4
		",'ttl':9}]}],"
		"'legs':[{'id':'a'," LEG_4 "},{'id':'b'," LEG_4 "},{'id':'c'," LEG_4 "}]}",
		&fault);
	struct flow_leg added = spec->legs[0];
	struct flow_spec *made;

	strcpy(added.id, "d");
	made = flow_spec_with_legs(spec, kept, 2, &added, 1);
	free(spec);
	cr_assert_not_null(made);
	cr_expect_str_eq(made->id, "f");
	cr_assert_eq(made->n_legs, 3);
	cr_assert_eq(made->n_all_legs, 4);
	cr_expect_str_eq(made->legs[0].id, "c");
	cr_expect_str_eq(made->legs[1].id, "a");
	cr_expect_str_eq(made->legs[2].id, "d");
	cr_expect_eq(made->streams[1].first_leg, 3);
	cr_expect_eq(made->streams[1].payload_type, 2);
	cr_expect_eq(made->legs[3].ttl, 9);
	cr_expect_eq(made->allow[0].bits, 25);
	cr_expect_null(made->rule);
	spec = flow_spec_with_legs(made, NULL, 0, NULL, 0);
	free(made);
	cr_assert_eq(spec->n_all_legs, 1);
	cr_expect_eq(spec->legs[spec->streams[1].first_leg].ttl, 9);
	free(spec);
}

static void
comes_back(const char *text)
{
	struct fault fault;
	json_t *given = json_of_text(text);
	struct flow_spec *spec = flow_spec_decode(given, &fault);
	json_t *back;

	cr_assert_not_null(spec, "%s: %s", fault.pointer, fault.message);
	back = flow_spec_encode(spec);
	cr_expect(json_equal(given, back), "%s", json_dumps(back, 0));
	json_decref(given);
	json_decref(back);
	free(spec);
}

Test(flow_spec, encoded_as_given)
{
	comes_back("{'id':'a'," MATCH ",'legs':[{" LEG_4 "}]}");
	comes_back(
		"{'id':'a','match':{'port':'p0','vlan':4094,'src':'192.0.2.9','src_port':0,"
		"'dst':'192.0.2.1','dst_port':1},'legs':[{" LEG_4 ",'dscp':0,'ttl':255,"
		"'next_hop':'198.51.100.254'},{" LEG_4 ",'dscp':63,'mac':'02:00:00:00:00:01'}]}");
	comes_back("{'id':'a','match':{'port':'p0','vlan':0,'dst':'2001:db8::1','dst_port':1},"
		   "'legs':[{'port':'p1','vlan':9,'src':'2001:db8:1::1','src_port':1,"
		   "'dst':'ff3e::8000:1','dst_port':2}]}");
	comes_back("{'id':'r','rule':{'priority':1,'family':6},'action':'punt','legs':[]}");
	comes_back("{'id':'r','rule':{'priority':1000000,'port':'p0','vlan':0,'outer_vlan':4094,"
		   "'src':'192.0.2.0/24','dst':'198.51.100.1/32','src_ports':[0,0],"
		   "'dst_ports':[5000,65535]},'admin':'down','latch':'first',"
		   "'legs':[{'id':'x'," LEG_4 "}]}");
	comes_back(
		"{'id':'a','match':{'port':'p0','vlan':1,'outer_vlan':2,'dst':'192.0.2.1',"
		"'dst_port':1},'latch':'follow','latch_interval_ms':0,'allow':['0.0.0.0/0'],"
		"'classes':{'stun':'punt','dtls':'drop','rtp':'drop','other':'punt'},"
		"'police':{'rate_bps':400000000000,'burst_bytes':4294967296},"
		"'idle_timeout_s':31536000,'max_datagram_bytes':65535,'streams':["
		"{'ssrc':4294967295,'payload_type':127,'legs':[{" LEG_4 ",'one_in':2},{" LEG_4
		",'ttl':7}]},{'ssrc':5,'legs':[{" LEG_4 ",'ttl':8}]},"
		"{'ssrc':0,'action':'drop','legs':[]},"
		"{'payload_type':0,'action':'punt','legs':[]}],"
		"'legs':[{'id':'l','port':'p1','vlan':9,'outer_vlan':8,'src':'2001:db8:1::1',"
		"'src_port':1,'dst':'2001:db8:1::2','dst_port':2,'next_hop':'2001:db8:1::3',"
		"'admin':'down','one_in':1000000,'police':{'rate_bps':64000,'burst_bytes':1}}]}");
}
