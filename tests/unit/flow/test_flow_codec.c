/* SPDX-License-Identifier: BSD-3-Clause */
/* Flows between JSON and struct flow_spec: what is refused, and that what is written reads the
 * same. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "flow/flow_codec.h"
#include "flow_json.h"
#include "schema/schema.h"

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

Test(flow_spec, source_is_complete_or_absent)
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
	refused("{" MATCH ",'legs':[{" LEG_4 ",'mark':7,'next_hop':'198.51.100.254'}]}",
		"/legs/0/mark", "found it with next_hop", "expected one");
	refused("{" MATCH ",'legs':[{" LEG_4 ",'backup':'p1'}]}", "/legs/0/backup",
		"found the port and next hop of the leg itself", "expected another port");
	refused("{" MATCH ",'legs':[{" LEG_4 ",'next_hop':'198.51.100.254',"
		"'backup_next_hop':'198.51.100.254'}]}",
		"/legs/0/backup_next_hop", "found the port and next hop of the leg itself",
		"expected another port");
	refused("{" MATCH ",'legs':[{" LEG_4 ",'backup':'p2','mac':'02:00:00:00:00:01'}]}",
		"/legs/0/backup", "found it with mac", "the kernel resolves");
	refused("{" MATCH ",'legs':[{'port':'p1','src':'198.51.100.1','src_port':6000,"
		"'dst':'239.0.0.1','dst_port':5004,'backup':'p2'}]}",
		"/legs/0/backup", "found it with a multicast dst", "the kernel resolves");
	refused("{" MATCH ",'legs':[{'port':'p1','src':'198.51.100.1','src_port':6000,"
		"'learned':'b','backup':'p2'}]}",
		"/legs/0/backup", "found it with learned", "the kernel resolves");
	refused("{" MATCH ",'legs':[{" LEG_4 ",'mark':7,'mac':'02:00:00:00:00:01'}]}",
		"/legs/0/mark", "found it with mac", "expected one");
}

Test(flow_spec, destination_or_learned)
{
	static const char source[] = "'port':'p1','src':'198.51.100.1','src_port':6000";
	static const struct {
		const char *members, *pointer, *found, *expected;
	} cases[] = {
		{"", "/dst", "missing", "or learned"},
		{",'dst_port':5004", "/dst", "missing", "dst_port belongs to"},
		{",'dst_port':5004,'learned':'b'", "/dst", "missing", "dst_port belongs to"},
		{",'dst':'198.51.100.9'", "/dst_port", "missing", "as there is dst"},
		{",'dst':'198.51.100.9','learned':'b'", "/dst_port", "missing", "as there is dst"},
		{",'dst':'239.1.1.1','dst_port':5004,'learned':'b'", "/dst", "multicast",
			"a unicast address"},
		{",'learned':'b','mac':'02:00:00:00:00:01'", "/mac", "without dst", "none"},
		{",'learned':'b','next_hop':'198.51.100.254'", "/next_hop", "without dst", "none"},
	};
	char text[512], pointer[32];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), "{" MATCH ",'legs':[{%s%s}]}", source,
			cases[i].members);
		snprintf(pointer, sizeof(pointer), "/legs/0%s", cases[i].pointer);
		refused(text, pointer, cases[i].found, cases[i].expected);
	}
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
	cr_expect_eq(spec->match.key.vlan, 7);
	cr_expect_eq(spec->match.key.family, 4);
	cr_expect_eq(spec->match.key.any_source, 0);
	cr_expect_eq(spec->match.key.src_port, htons(5004));
	cr_expect_eq(spec->match.key.dst_port, htons(6000));
	cr_expect_arr_eq(spec->match.key.dst, ((uint8_t[16]){239, 0, 0, 1}), 16);
	cr_assert_eq(spec->n_legs, 3);
	cr_expect_eq(spec->legs[0].dp.dscp, 0, "a DSCP of zero is set, not kept");
	cr_expect_eq(spec->legs[0].dp.ttl, 64);
	cr_expect_eq(spec->legs[0].hop, FLOW_HOP_GATEWAY);
	cr_expect_arr_eq(spec->legs[0].next_hop, ((uint8_t[16]){198, 51, 100, 254}), 16);
	cr_expect_eq(spec->legs[1].hop, FLOW_HOP_MAC);
	cr_expect_arr_eq(spec->legs[1].mac, ((uint8_t[6]){2, 0, 0, 0, 0, 1}), 6);
	cr_expect_eq(spec->legs[2].hop, FLOW_HOP_ROUTE);
	cr_expect_eq(spec->legs[2].dp.dscp, DP_DSCP_KEEP);
	cr_expect_eq(spec->legs[2].dp.ttl, DP_TTL_DECREMENT);
	cr_expect_eq(spec->legs[2].dp.dst_port, htons(5004));
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
	cr_expect_eq(made->streams[1].dp.payload_type, 2);
	cr_expect_eq(made->legs[3].dp.ttl, 9);
	cr_expect_eq(made->allow[0].bits, 25);
	cr_expect_null(made->rule);
	spec = flow_spec_with_legs(made, NULL, 0, NULL, 0);
	free(made);
	cr_assert_eq(spec->n_all_legs, 1);
	cr_expect_eq(spec->legs[spec->streams[1].first_leg].dp.ttl, 9);
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
	comes_back("{'id':'a'," MATCH ",'legs':[{" LEG_4 ",'mark':4294967295}]}");
	comes_back("{'id':'a'," MATCH ",'legs':[{" LEG_4 ",'next_hop':'198.51.100.254',"
		   "'backup':'p1','backup_next_hop':'198.51.100.253'}]}");
	comes_back("{'id':'a'," MATCH ",'legs':[{" LEG_4 ",'backup':'p2'}]}");
	comes_back(
		"{'id':'a','match':{'port':'p0','vlan':4094,'src':'192.0.2.9','src_port':0,"
		"'dst':'192.0.2.1','dst_port':1},'legs':[{" LEG_4 ",'dscp':0,'ttl':255,"
		"'next_hop':'198.51.100.254'},{" LEG_4 ",'dscp':63,'mac':'02:00:00:00:00:01'}]}");
	comes_back("{'id':'a','match':{'port':'p0','vlan':0,'dst':'2001:db8::1','dst_port':1},"
		   "'legs':[{'port':'p1','vlan':9,'src':'2001:db8:1::1','src_port':1,"
		   "'dst':'ff3e::8000:1','dst_port':2}]}");
	comes_back("{'id':'a'," MATCH ",'legs':[{'id':'l','port':'p1','vlan':0,"
		   "'src':'198.51.100.1','src_port':6000,'learned':'b'},"
		   "{" LEG_4 ",'learned':'c','mac':'02:00:00:00:00:01'}]}");
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
		"'idle_timeout_s':31536000,'media_timeout_s':30,'reopen':true,"
		"'max_datagram_bytes':65535,'streams':["
		"{'ssrc':4294967295,'payload_type':127,'legs':[{" LEG_4 ",'one_in':2},{" LEG_4
		",'ttl':7}]},{'ssrc':5,'legs':[{" LEG_4 ",'ttl':8}]},"
		"{'ssrc':0,'action':'drop','legs':[]},"
		"{'payload_type':0,'action':'punt','legs':[]}],"
		"'legs':[{'id':'l','port':'p1','vlan':9,'outer_vlan':8,'src':'2001:db8:1::1',"
		"'src_port':1,'dst':'2001:db8:1::2','dst_port':2,'next_hop':'2001:db8:1::3',"
		"'admin':'down','one_in':1000000,'police':{'rate_bps':64000,'burst_bytes':1}}]}");
}

/* The rules across the fields of rules, policies, streams and leg ids. */

#define MATCH "'match':{'port':'p0','vlan':0,'dst':'192.0.2.1','dst_port':6000}"
#define LEG "'port':'p1','vlan':0,'src':'198.51.100.1','src_port':6000,'dst_port':5004"
#define LEG_4 LEG ",'dst':'198.51.100.9'"

Test(flow_parts, match_or_rule)
{
	refused("{'legs':[{" LEG_4 "}]}", "/match", "found neither", "expected one");
	refused("{" MATCH ",'rule':{'priority':1,'family':4},'legs':[{" LEG_4 "}]}", "/rule",
		"found match and rule", "expected one");
}

#define RULE(members) "{'rule':{'priority':1," members "},'action':'drop'}"

Test(flow_parts, rule_family)
{
	refused(RULE("'port':'p0'"), "/rule/family", "found no prefix", "expected 4 or 6");
	refused(RULE("'src':'192.0.2.0/24','dst':'2001:db8::/32'"), "/rule/dst", "found IPv6",
		"expected IPv4 as in the rule's src");
	refused(RULE("'family':6,'dst':'192.0.2.0/24'"), "/rule/dst", "found IPv4",
		"expected IPv6 as in the rule's family");
}

Test(flow_parts, rule_prefixes)
{
	refused(RULE("'src':'192.0.2.9/24'"), "/rule/src", "found 192.0.2.9/24",
		"expected 192.0.2.0/24");
	refused(RULE("'src':'192.0.2.128/24'"), "/rule/src", "bits set", "expected 192.0.2.0/24");
	refused(RULE("'src':'192.0.2.64/25'"), "/rule/src", "bits set", "expected 192.0.2.0/25");
	refused(RULE("'src':'192.0.2.130/25'"), "/rule/src", "bits set", "expected 192.0.2.128/25");
	refused(RULE("'dst':'2001:db8::1/33'"), "/rule/dst", "bits set", "expected 2001:db8::/33");
	refused(RULE("'dst':'0.0.0.1/0'"), "/rule/dst", "bits set", "expected 0.0.0.0/0");
	refused(RULE("'dst':'192.0.2.0/33'"), "/rule/dst", "found 192.0.2.0/33",
		"expected a prefix");
	refused(RULE("'dst':'2001:db8::/129'"), "/rule/dst", "found", "expected a prefix");
	refused(RULE("'dst':'192.0.2.0'"), "/rule/dst", "found 192.0.2.0", "expected a prefix");
	refused(RULE("'dst':'192.0.2.0/'"), "/rule/dst", "found", "expected a prefix");
	refused(RULE("'dst':'192.0.2.0/-1'"), "/rule/dst", "found", "expected a prefix");
	refused(RULE("'dst':'192.0.2.0/24 '"), "/rule/dst", "found", "expected a prefix");
	refused(RULE("'dst':'/24'"), "/rule/dst", "found", "expected a prefix");
	refused(RULE("'dst':'0000:0000:0000:0000:0000:0000:0000:0000:0000/1'"), "/rule/dst",
		"found", "expected a prefix");
}

Test(flow_parts, rule_port_ranges)
{
	refused(RULE("'family':4,'src_ports':[6,5]"), "/rule/src_ports", "found first 6",
		"the lower one first");
	refused(RULE("'family':4,'dst_ports':[65535,0]"), "/rule/dst_ports", "found first",
		"the lower one first");
}

#define EXACT \
	"'match':{'port':'p0','src':'192.0.2.9','src_port':1,'dst':'192.0.2.1','dst_port':6000}"

Test(flow_parts, latch_needs_an_open_source)
{
	refused("{" EXACT ",'latch':'first','legs':[{" LEG_4 "}]}", "/latch", "found first",
		"expected open");
	refused("{" MATCH ",'media_timeout_s':9,'reopen':true,'legs':[{" LEG_4 "}]}", "/reopen",
		"found true with latch open", "expected latch first or follow");
	refused("{" MATCH ",'latch':'first','reopen':true,'legs':[{" LEG_4 "}]}", "/reopen",
		"found true", "expected media_timeout_s with it");
	refused("{" MATCH ",'latch':'first','latch_interval_ms':1,'legs':[{" LEG_4 "}]}",
		"/latch_interval_ms", "found it with latch first", "expected it with follow only");
}

#define SOURCES "'sources':[{'src':'192.0.2.10'},{'src':'192.0.2.11','src_port':9}]"
#define SOURCES_LEGS ",'legs':[{" LEG_4 "}]}"

Test(flow_parts, sources_are_of_a_listener_and_differ)
{
	refused("{" EXACT "," SOURCES ",'source_timeout_ms':5" SOURCES_LEGS, "/sources",
		"found 2 with a match that names its source", "match without src and src_port");
	refused("{'rule':{'priority':1,'family':4}," SOURCES ",'source_timeout_ms':5" SOURCES_LEGS,
		"/sources", "found 2 with a rule", "match without src and src_port");
	refused("{" MATCH ",'latch':'first'," SOURCES ",'source_timeout_ms':5" SOURCES_LEGS,
		"/sources", "found 2 with latch first", "expected sources or a latch");
	refused("{" MATCH "," SOURCES SOURCES_LEGS, "/source_timeout_ms", "missing",
		"expected 1 to 10000");
	refused("{" MATCH ",'source_timeout_ms':5" SOURCES_LEGS, "/source_timeout_ms",
		"found it without sources", "expected it with sources only");
	refused("{" MATCH ",'source_return_ms':5" SOURCES_LEGS, "/source_return_ms",
		"found it without sources", "expected it with sources only");
	refused("{" MATCH ",'source_timeout_ms':5,'sources':[{'src':'192.0.2.10'},"
		"{'src':'192.0.2.10','src_port':9}]" SOURCES_LEGS,
		"/sources/1", "found the source of sources/0 again", "another src_port in both");
	refused("{" MATCH ",'source_timeout_ms':5,'sources':[{'src':'192.0.2.10'},"
		"{'src':'2001:db8::1'}]" SOURCES_LEGS,
		"/sources/1/src", "found IPv6", "expected IPv4");
	refused("{" MATCH ",'source_timeout_ms':5,'sources':[{'src':'192.0.2.10'},"
		"{'src':'224.0.0.1'}]" SOURCES_LEGS,
		"/sources/1/src", "224.0.0.1", "expected a unicast address");
}

Test(flow_parts, what_moves_a_latch_reaches_it)
{
	static const char *const words[] = {"ssrc", "rtcp_ssrc", "stun", "dtls", "rtp", "other"};
	char text[512];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		snprintf(text, sizeof(text),
			"{'id':'a'," MATCH ",'latch':'follow','latch_interval_ms':9,"
			"'latch_by':'%s','legs':[{" LEG_4 "}]}",
			words[i]);
		comes_back(text);
	}
	refused("{" MATCH ",'latch_by':'stun','legs':[{" LEG_4 "}]}", "/latch_by",
		"found it with latch open", "expected it with first or follow only");
	refused("{" MATCH ",'latch':'first','latch_by':'stun','classes':{'stun':'punt'},"
		"'legs':[{" LEG_4 "}]}",
		"/latch_by", "found stun, whose packets have the verdict punt", "forward");
	refused("{" MATCH ",'latch':'first','latch_by':'rtcp_ssrc','classes':{'rtp':'drop'},"
		"'legs':[{" LEG_4 "}]}",
		"/latch_by", "found rtcp_ssrc, whose packets have the verdict drop", "forward");
}

Test(flow_parts, allow_list)
{
	refused("{" MATCH ",'allow':['192.0.2.0/24','2001:db8::/32'],'legs':[{" LEG_4 "}]}",
		"/allow/1", "found IPv6", "expected IPv4 as in the match");
	refused("{" MATCH ",'allow':['192.0.2.1/24'],'legs':[{" LEG_4 "}]}", "/allow/0",
		"found 192.0.2.1/24", "expected 192.0.2.0/24");
}

Test(flow_parts, forward_needs_legs)
{
	struct fault fault;
	struct flow_spec *spec;

	refused("{" MATCH "}", "/legs", "found none", "expected a leg here or in a stream");
	refused("{" MATCH ",'legs':[],'streams':[{'ssrc':1,'action':'drop'}]}", "/legs",
		"found none", "expected a leg");
	refused("{" MATCH ",'legs':[{" LEG_4 "}],'streams':[{'ssrc':1}]}", "/streams/0/legs",
		"found none", "the stream's action is forward");
	spec = flow_spec_of_text("{" MATCH ",'streams':[{'ssrc':1,'legs':[{" LEG_4 "}]}]}", &fault);
	cr_assert_not_null(spec, "%s", fault.message);
	cr_expect_eq(spec->n_legs, 0);
	cr_expect_eq(spec->n_all_legs, 1);
	free(spec);
}

#define LEGS ",'legs':[{" LEG_4 "}]"

Test(flow_parts, streams_are_distinguished)
{
	refused("{" MATCH LEGS ",'streams':[{'action':'drop'}]}", "/streams/0", "found neither",
		"expected one of them or both");
	refused("{" MATCH LEGS ",'streams':[{'ssrc':1,'action':'drop'},"
		"{'payload_type':1,'action':'drop'},{'ssrc':1,'payload_type':1,'action':'drop'},"
		"{'ssrc':1,'action':'punt'}]}",
		"/streams/3", "of stream 0", "expected others");
	refused("{" MATCH LEGS ",'streams':[{'ssrc':1,'legs':[{'id':'x'," LEG_4 "}]}]}",
		"/streams/0/legs/0/id", "found x", "legs of streams have no id");
	refused("{" MATCH LEGS ",'streams':[{'ssrc':1,'action':'drop'},{'ssrc':2,'legs':[{" LEG_4
		"},{" LEG ",'dst':'127.0.0.1'}]}]}",
		"/streams/1/legs/1/dst", "found loopback", "expected a unicast");
}

Test(flow_parts, leg_ids_are_unique)
{
	refused("{" MATCH ",'legs':[{'id':'b'," LEG_4 "},{" LEG_4 "},{'id':'a'," LEG_4 "},{" LEG_4
		"},{'id':'b'," LEG_4 "}]}",
		"/legs/4/id", "found b, which leg number 1 has", "expected each id once");
}

Test(flow_parts, bursts_by_rate)
{
	static const struct {
		const char *police;
		uint64_t burst_bytes;
	} cases[] = {
		{"{'rate_bps':64000}", 3000},
		{"{'rate_bps':192000}", 3000},
		{"{'rate_bps':8000000}", 125000},
		{"{'rate_bps':400000000000}", UINT64_C(1) << 32},
		{"{'rate_bps':64000,'burst_bytes':4294967296}", UINT64_C(1) << 32},
		{"{'rate_bps':8000,'burst_bytes':540000000}", 540000000},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct flow_spec *spec;
		struct fault fault;
		char text[512];

		snprintf(text, sizeof(text), "{" MATCH LEGS ",'police':%s}", cases[i].police);
		spec = flow_spec_of_text(text, &fault);
		cr_assert_not_null(spec);
		cr_expect_eq(
			spec->dp.police.burst_bytes, cases[i].burst_bytes, "%s", cases[i].police);
		free(spec);
	}
}

Test(flow_parts, bursts_by_rate_have_an_end)
{
	refused("{" MATCH LEGS ",'police':{'rate_bps':8000,'burst_bytes':540000001}}",
		"/police/burst_bytes", "found 540000001 bytes",
		"expected at most 540000000 at 8000 bit/s");
	refused("{" MATCH ",'legs':[{" LEG_4
		",'police':{'rate_bps':8000,'burst_bytes':540000001}}]}",
		"/legs/0/police/burst_bytes", "found 540000001 bytes", "at 8000 bit/s");
}

Test(flow_parts, follow_has_an_interval)
{
	struct fault fault;
	struct flow_spec *spec = flow_spec_of_text("{" MATCH LEGS ",'latch':'follow'}", &fault);

	cr_assert_not_null(spec);
	cr_expect_eq(spec->dp.latch_interval_ms, 1000);
	free(spec);
	spec = flow_spec_of_text("{" MATCH LEGS ",'latch':'follow','latch_interval_ms':0}", &fault);
	cr_assert_not_null(spec);
	cr_expect_eq(spec->dp.latch_interval_ms, 0);
	free(spec);
}

/* Text of a flow and back: the flows of the document's examples, and many drawn at random. */

static struct schema *
flow_schema(void)
{
	json_t *document = schema_rpc_document();
	struct fault fault = {0};
	struct schema *schema = schema_create(document, schema_component(document, "flow"), &fault);

	cr_assert_not_null(schema, "%s", fault.message);
	return schema;
}

/* NULL: the schema or the rules of one flow do not take it. */
static struct flow_spec *
spec_of(const struct schema *schema, json_t *flow)
{
	struct fault fault;

	return schema_check(schema, flow, &fault) < 0 ? NULL : flow_spec_decode(flow, &fault);
}

/* Byte for byte, but for where the parts of the one piece of memory stand. */
static bool
spec_same(const struct flow_spec *a, const struct flow_spec *b)
{
	struct flow_spec head = *a;

	head.legs = b->legs;
	head.streams = b->streams;
	head.allow = b->allow;
	head.sources = b->sources;
	head.rule = b->rule;
	head.pool = b->pool;
	return !memcmp(&head, b, sizeof(head)) && !a->rule == !b->rule &&
	       !memcmp(a->legs, b->legs, a->n_all_legs * sizeof(a->legs[0])) &&
	       !memcmp(a->streams, b->streams, a->n_streams * sizeof(a->streams[0])) &&
	       !memcmp(a->allow, b->allow, a->n_allow * sizeof(a->allow[0])) &&
	       !memcmp(a->sources, b->sources, a->dp.n_sources * sizeof(a->sources[0])) &&
	       (!a->rule || !memcmp(a->rule, b->rule, sizeof(*a->rule))) && !a->pool == !b->pool &&
	       (!a->pool || !memcmp(a->pool, b->pool, sizeof(*a->pool)));
}

/* Whether the flow was one that is taken; it must then come back from its text as it was. */
static bool
round_trip(const struct schema *schema, json_t *flow)
{
	struct flow_spec *spec = spec_of(schema, flow), *back;
	json_error_t error;
	json_t *read;
	char *text, *again;

	if (!spec)
		return false;
	if (!spec->id[0])
		strcpy(spec->id, "flow-1"); /* a flow that is installed has one */
	text = flow_text_encode(spec, NULL);
	read = json_text_load(text, strlen(text), &error);
	cr_assert_not_null(read, "%s", text);
	back = spec_of(schema, read);
	cr_assert_not_null(back, "%s", text);
	cr_expect(spec_same(spec, back), "%s", text);
	again = flow_text_encode(back, NULL);
	cr_expect_str_eq(again, text);
	free(again);
	free(text);
	json_decref(read);
	free(back);
	free(spec);
	return true;
}

Test(flow_encode, examples_come_back)
{
	const json_t *methods = json_object_get(schema_rpc_document(), "methods");
	struct schema *schema = flow_schema();
	json_t *method, *example, *param, *flow;
	size_t i, j, k, l, n = 0;

	json_array_foreach (methods, i, method) {
		json_array_foreach (json_object_get(method, "examples"), j, example) {
			json_array_foreach (json_object_get(example, "params"), k, param) {
				if (strcmp(json_string_value(json_object_get(param, "name")),
					    "flows"))
					continue;
				json_array_foreach (json_object_get(param, "value"), l, flow)
					n += round_trip(schema, flow);
			}
		}
	}
	cr_expect_geq(n, 3);
	schema_destroy(schema);
}

static unsigned
draw(unsigned n)
{
	return (unsigned)rand() % n;
}

static void
put_string(json_t *object, const char *name, const char *const *choices, unsigned n)
{
	json_object_set_new(object, name, json_string(choices[draw(n)]));
}

#define PUT(object, name, ...) \
	put_string(object, name, (const char *const[]){__VA_ARGS__}, \
		sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static void
put_number(json_t *object, const char *name, unsigned low, unsigned high)
{
	json_object_set_new(object, name, json_integer(low + draw(high - low + 1)));
}

static void
put_end(json_t *object, const char *address, const char *port, bool ipv6)
{
	char text[64];

	if (ipv6)
		snprintf(text, sizeof(text), "2001:db8:%x::%x", draw(65536), draw(65536));
	else
		snprintf(text, sizeof(text), "%u.%u.%u.%u", 1 + draw(126), draw(256), draw(256),
			draw(256));
	json_object_set_new(object, address, json_string(text));
	if (port)
		put_number(object, port, 1, 65535);
}

static void
put_police(json_t *object)
{
	json_t *police = json_object();

	put_number(police, "rate_bps", 8000, 1000000000);
	if (draw(2))
		put_number(police, "burst_bytes", 3000, 1000000);
	json_object_set_new(object, "police", police);
}

static json_t *
legs_drawn(bool ids)
{
	json_t *legs = json_array();
	char id[16];

	for (unsigned i = draw(4); i > 0; i--) {
		json_t *leg = json_object();
		const bool ipv6 = draw(2);

		snprintf(id, sizeof(id), "l%u", i);
		if (ids && draw(2))
			json_object_set_new(leg, "id", json_string(id));
		PUT(leg, "port", "p0", "uplink-1", "a.b:c");
		put_end(leg, "src", "src_port", ipv6);
		put_end(leg, "dst", "dst_port", ipv6);
		if (draw(2))
			put_number(leg, "vlan", 0, 4094);
		if (draw(3) == 0)
			put_number(leg, "outer_vlan", 0, 4094);
		if (draw(3) == 0)
			put_number(leg, "dscp", 0, 63);
		if (draw(3) == 0)
			put_number(leg, "ttl", 1, 255);
		if (draw(3) == 0)
			put_number(leg, "one_in", 1, 100);
		if (draw(3) == 0)
			PUT(leg, "admin", "up", "down");
		if (draw(3) == 0)
			put_police(leg);
		if (draw(2))
			put_end(leg, "next_hop", NULL, ipv6);
		else if (draw(2))
			PUT(leg, "mac", "02:00:00:00:00:01", "0A:bc:DE:00:53:ff");
		else if (draw(2))
			put_number(leg, "mark", 1, UINT32_MAX);
		json_array_append_new(legs, leg);
	}
	return legs;
}

static json_t *
streams_drawn(void)
{
	json_t *streams = json_array();

	for (unsigned i = draw(3); i > 0; i--) {
		json_t *stream = json_object();

		if (draw(2))
			put_number(stream, "ssrc", 0, 2000000000);
		if (draw(2))
			put_number(stream, "payload_type", 0, 127);
		PUT(stream, "action", "forward", "drop", "punt");
		json_object_set_new(stream, "legs", legs_drawn(false));
		json_array_append_new(streams, stream);
	}
	return streams;
}

static json_t *
match_drawn(bool ipv6)
{
	json_t *match = json_object();

	PUT(match, "port", "p0", "p1");
	put_end(match, "dst", "dst_port", ipv6);
	if (draw(2))
		put_end(match, "src", "src_port", ipv6);
	if (draw(2))
		put_number(match, "vlan", 0, 4094);
	if (draw(3) == 0)
		put_number(match, "outer_vlan", 0, 4094);
	return match;
}

static json_t *
rule_drawn(bool ipv6)
{
	json_t *rule = json_object();

	put_number(rule, "priority", 1, 1000000);
	if (draw(2))
		json_object_set_new(rule, "family", json_integer(ipv6 ? 6 : 4));
	if (draw(2))
		PUT(rule, "port", "p0", "p1");
	if (draw(2))
		put_number(rule, "vlan", 0, 4094);
	if (draw(2) && ipv6)
		PUT(rule, "src", "2001:db8::/32", "::/0", "2001:db8::1/128");
	else if (draw(2))
		PUT(rule, "dst", "192.0.2.0/24", "0.0.0.0/0", "192.0.2.1/32", "10.0.0.0/7");
	if (draw(2))
		json_object_set_new(rule, "dst_ports",
			json_pack("[i, i]", (int)draw(100), (int)draw(65436) + 100));
	return rule;
}

static json_t *
flow_drawn(void)
{
	json_t *flow = json_object();
	const bool ipv6 = draw(2);

	if (draw(2))
		PUT(flow, "id", "call-1", "a.b:c_d");
	if (draw(4))
		json_object_set_new(flow, "match", match_drawn(ipv6));
	else
		json_object_set_new(flow, "rule", rule_drawn(ipv6));
	if (draw(3) == 0)
		PUT(flow, "admin", "up", "down");
	PUT(flow, "action", "forward", "forward", "drop", "punt");
	if (draw(3) == 0)
		PUT(flow, "latch", "open", "first", "follow");
	if (draw(8) == 0)
		put_number(flow, "latch_interval_ms", 0, 3600000);
	if (draw(32) == 0)
		PUT(flow, "latch_by", "any", "ssrc", "dtls", "other");
	if (draw(4) == 0)
		json_object_set_new(flow, "allow",
			ipv6 ? json_pack("[s, s]", "2001:db8::/32", "2001:db8:1::/64")
			     : json_pack("[s]", "198.51.100.0/24"));
	if (draw(4) == 0) {
		json_object_set_new(flow, "sources",
			ipv6 ? json_pack("[{s:s}, {s:s, s:i}]", "src", "2001:db8::7", "src",
				       "2001:db8::8", "src_port", 9)
			     : json_pack("[{s:s}, {s:s}]", "src", "192.0.2.7", "src", "192.0.2.8"));
		put_number(flow, "source_timeout_ms", 1, 10000);
		if (draw(2))
			put_number(flow, "source_return_ms", 0, 3600000);
	}
	if (draw(3) == 0)
		json_object_set_new(
			flow, "classes", json_pack("{s:s, s:s}", "stun", "punt", "rtp", "forward"));
	if (draw(3) == 0)
		put_police(flow);
	if (draw(3) == 0)
		put_number(flow, "idle_timeout_s", 1, 31536000);
	if (draw(3) == 0)
		put_number(flow, "media_timeout_s", 1, 31536000);
	if (draw(3) == 0)
		put_number(flow, "max_datagram_bytes", 64, 65535);
	if (draw(2))
		json_object_set_new(flow, "streams", streams_drawn());
	json_object_set_new(flow, "legs", legs_drawn(true));
	return flow;
}

Test(flow_encode, random_flows_come_back)
{
	struct schema *schema = flow_schema();
	unsigned n = 0;

	srand(1);
	for (int i = 0; i < 20000; i++) {
		json_t *flow = flow_drawn();

		n += round_trip(schema, flow);
		json_decref(flow);
	}
	cr_expect_geq(n, 5000, "only %u of the flows were taken", n);
	schema_destroy(schema);
}
