/* SPDX-License-Identifier: BSD-3-Clause */
/* The rules across the fields of rules, policies, streams and leg ids. */
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
	refused("{" MATCH ",'latch':'first','latch_interval_ms':1,'legs':[{" LEG_4 "}]}",
		"/latch_interval_ms", "found it with latch first", "expected it with follow only");
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

Test(flow_parts, streams_are_told_apart)
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
		cr_expect_eq(spec->police.burst_bytes, cases[i].burst_bytes, "%s", cases[i].police);
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
	cr_expect_eq(spec->latch_interval_ms, 1000);
	free(spec);
	spec = flow_spec_of_text("{" MATCH LEGS ",'latch':'follow','latch_interval_ms':0}", &fault);
	cr_assert_not_null(spec);
	cr_expect_eq(spec->latch_interval_ms, 0);
	free(spec);
}
