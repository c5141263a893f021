/* SPDX-License-Identifier: BSD-3-Clause */
/* Relays as flows and back, and what is wrong with one named by its own members. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "flow/relay_flows.h"
#include "flow_json.h"

#define PLAIN_A "'port':'p0','local':'192.0.2.1','local_port':6000"
#define PLAIN_B "'port':'p1','local':'198.51.100.1','local_port':6000"

static void
expand(const char *text, json_t *flows[RELAY_FLOWS])
{
	json_t *relay = json_of_text(text);
	struct fault fault;

	cr_assert_eq(relay_expand(relay, flows, &fault), 0, "%s: %s", fault.pointer, fault.message);
	json_decref(relay);
}

static void
release(json_t *flows[RELAY_FLOWS])
{
	for (unsigned i = 0; i < RELAY_FLOWS; i++)
		json_decref(flows[i]);
}

static void
is_flow(const json_t *flow, const char *text)
{
	json_t *expected = json_of_text(text);

	cr_expect(json_equal(flow, expected), "%s", json_dumps(flow, 0));
	json_decref(expected);
}

Test(relay_flows, each_side_answers_to_what_the_other_learned)
{
	json_t *flows[RELAY_FLOWS];

	expand("{'id':'r','a':{" PLAIN_A ",'vlan':7,'allow':['192.0.2.0/24'],'latch':'follow',"
	       "'dscp':46},'b':{" PLAIN_B ",'remote':'198.51.100.9','remote_port':5004,"
	       "'admin':'down'}}",
		flows);
	is_flow(flows[RELAY_A],
		"{'id':'r:a','relay':'r','match':{'port':'p0','vlan':7,'dst':'192.0.2.1',"
		"'dst_port':6000},'latch':'follow','allow':['192.0.2.0/24'],'legs':[{'port':'p1',"
		"'src':'198.51.100.1','src_port':6000,'learned':'r:b','dst':'198.51.100.9',"
		"'dst_port':5004}]}");
	is_flow(flows[RELAY_B],
		"{'id':'r:b','relay':'r','match':{'port':'p1','dst':'198.51.100.1','dst_port':6000}"
		",'admin':'down','latch':'first','legs':[{'port':'p0','vlan':7,'src':'192.0.2.1',"
		"'src_port':6000,'learned':'r:a','dscp':46}]}");
	cr_expect_null(flows[RELAY_A_RTCP]);
	cr_expect_null(flows[RELAY_B_RTCP]);
	release(flows);
}

/* A side that sends no RTCP is not silent. */
Test(relay_flows, media_is_rtp)
{
	json_t *flows[RELAY_FLOWS];

	expand("{'id':'r','rtcp':'next','a':{" PLAIN_A
	       ",'media_timeout_s':5,'reopen':true},'b':{" PLAIN_B "}}",
		flows);
	cr_expect(json_is_true(json_object_get(flows[RELAY_A], "reopen")));
	for (unsigned i = RELAY_A; i < RELAY_FLOWS; i++)
		cr_expect_eq(json_object_get(flows[i], "media_timeout_s") != NULL, i == RELAY_A);
	release(flows);
}

Test(relay_flows, rtcp_has_the_next_ports)
{
	json_t *flows[RELAY_FLOWS];

	expand("{'id':'r','rtcp':'next','a':{" PLAIN_A "},'b':{" PLAIN_B
	       ",'remote':'198.51.100.9','remote_port':5004}}",
		flows);
	is_flow(flows[RELAY_A_RTCP],
		"{'id':'r:a-rtcp','relay':'r','match':{'port':'p0','dst':'192.0.2.1','dst_port':"
		"6001},'latch':'first','legs':[{'port':'p1','src':'198.51.100.1','src_port':6001,"
		"'learned':'r:b-rtcp','dst':'198.51.100.9','dst_port':5005}]}");
	is_flow(flows[RELAY_B_RTCP],
		"{'id':'r:b-rtcp','relay':'r','match':{'port':'p1','dst':'198.51.100.1',"
		"'dst_port':6001},'latch':'first','legs':[{'port':'p0','src':'192.0.2.1',"
		"'src_port':6001,'learned':'r:a-rtcp'}]}");
	release(flows);
}

Test(relay_flows, a_pool_gives_what_a_side_leaves_out)
{
	json_t *flows[RELAY_FLOWS];

	expand("{'id':'r','rtcp':'next','a':{'port':'p0','pool':'v','local':'192.0.2.1'},"
	       "'b':{'port':'p1','pool':'w','local':'198.51.100.1','local_port':6000}}",
		flows);
	is_flow(flows[RELAY_A],
		"{'id':'r:a','relay':'r','match':{'port':'p0','pool':'v','dst':'192.0.2.1'},"
		"'latch':'first','legs':[{'port':'p1','src':'198.51.100.1','src_port':6000,"
		"'learned':'r:b'}]}");
	is_flow(flows[RELAY_A_RTCP],
		"{'id':'r:a-rtcp','relay':'r','match':{'port':'p0','pool':'v','rtcp_of':'r:a'},"
		"'latch':'first','legs':[{'port':'p1','src':'198.51.100.1','src_port':6001,"
		"'learned':'r:b-rtcp'}]}");
	is_flow(flows[RELAY_B_RTCP],
		"{'id':'r:b-rtcp','relay':'r','match':{'port':'p1','pool':'w','rtcp_of':'r:b',"
		"'dst':'198.51.100.1','dst_port':6001},'latch':'first','legs':[{'port':'p0',"
		"'src':'192.0.2.1','learned':'r:a-rtcp'}]}");
	release(flows);
}

/* As what is stored says: through specs, and all that a side may have. */
Test(relay_flows, its_flows_say_all_of_it)
{
	static const char *const texts[] = {
		"{'id':'x.y:z','a':{" PLAIN_A ",'vlan':0,'latch':'first'},'b':{" PLAIN_B
		",'vlan':0,'latch':'first'}}",
		"{'id':'r','rtcp':'next','idle_timeout_s':60,'a':{" PLAIN_A
		",'vlan':7,'outer_vlan':8,'remote':'192.0.2.9','remote_port':5000,'admin':'down',"
		"'latch':'follow','latch_interval_ms':5,'latch_by':'ssrc',"
		"'allow':['192.0.2.0/24','10.0.0.0/8'],"
		"'classes':{'stun':'punt'},'police':{'rate_bps':64000,'burst_bytes':3000},"
		"'media_timeout_s':30,'reopen':true,'max_datagram_bytes':1200,'dscp':46,"
		"'ttl':9,'mark':7},"
		"'b':{'port':'p1','vlan':0,'local':'2001:db8::1',"
		"'local_port':6000,'remote':'2001:db8::9','remote_port':5004,'latch':'first'}}",
	};
	json_t *flows[RELAY_FLOWS], *stored[RELAY_FLOWS], *relay;
	struct flow_spec *spec;
	struct fault fault;

	for (size_t k = 0; k < 2; k++) {
		expand(texts[k], flows);
		memset(stored, 0, sizeof(stored));
		for (unsigned i = 0; i < RELAY_FLOWS && flows[i]; i++) {
			spec = flow_spec_decode(flows[i], &fault);
			cr_assert_not_null(spec, "%s: %s", fault.pointer, fault.message);
			stored[i] = flow_spec_encode(spec);
			free(spec);
		}
		relay = relay_collapse((const json_t *const *)stored);
		is_flow(relay, texts[k]);
		json_decref(relay);
		release(flows);
		release(stored);
	}
}

/* RTP opens nothing on RTCP's port. */
Test(relay_flows, rtcp_has_its_senders_ssrc)
{
	json_t *flows[RELAY_FLOWS];

	expand("{'id':'r','rtcp':'next','a':{" PLAIN_A ",'latch_by':'ssrc'},'b':{" PLAIN_B
	       ",'latch_by':'stun'}}",
		flows);
	for (unsigned i = 0; i < RELAY_FLOWS; i++) {
		static const char *const expected[] = {[RELAY_A] = "ssrc",
			[RELAY_B] = "stun",
			[RELAY_A_RTCP] = "rtcp_ssrc",
			[RELAY_B_RTCP] = "stun"};

		cr_expect_str_eq(
			json_string_value(json_object_get(flows[i], "latch_by")), expected[i]);
	}
	release(flows);
}

static void
refused(const char *text, const char *pointer)
{
	json_t *relay = json_of_text(text), *flows[RELAY_FLOWS];
	struct fault fault;

	cr_expect_lt(relay_expand(relay, flows, &fault), 0, "%s", text);
	cr_expect_str_eq(fault.pointer, pointer, "%s: %s", text, fault.message);
	cr_expect_eq(fault.code, FAULT_INVALID_VALUE);
	json_decref(relay);
}

/* The latch of a receiver that says `more`; its side follows by the SSRC, every 5 ms. */
static void
receiver_latches(const char *more, const char *latch, int interval_ms, const char *by)
{
	json_t *side = json_of_text("{'id':'r:b','relay':'r','match':{'port':'p1','dst':"
				    "'198.51.100.1','dst_port':6000},'latch':'follow',"
				    "'latch_interval_ms':5,'latch_by':'ssrc','legs':[{}]}");
	json_t *receiver = json_pack("{s:s, s:i}", "name", "x", "local_port", 7001);
	json_t *said = json_of_text(more), *flow;
	const char *by_found;
	struct fault fault;

	json_object_update(receiver, said);
	flow = relay_receiver_expand(side, receiver, &fault);
	cr_assert_not_null(flow, "%s: %s", fault.pointer, fault.message);
	cr_expect_str_eq(json_string_value(json_object_get(flow, "latch")), latch, "%s", more);
	cr_expect_eq(json_integer_value(json_object_get(flow, "latch_interval_ms")), interval_ms,
		"%s", more);
	by_found = json_string_value(json_object_get(flow, "latch_by"));
	cr_expect_str_eq(by_found ? by_found : "any", by, "%s", more);
	json_decref(flow);
	json_decref(said);
	json_decref(receiver);
	json_decref(side);
}

/* What it does not say is as for the side, unless it has a latch of its own. */
Test(relay_flows, a_receiver_latches_as_its_side)
{
	receiver_latches("{}", "follow", 5, "ssrc");
	receiver_latches("{'latch_interval_ms':0}", "follow", 0, "ssrc");
	receiver_latches("{'latch_by':'stun'}", "follow", 5, "stun");
	receiver_latches("{'latch':'first'}", "first", 0, "any");
	receiver_latches("{'latch':'follow','latch_by':'stun'}", "follow", 0, "stun");
}

Test(relay_flows, a_signalled_address_is_one_that_can_be_sent_to)
{
	refused("{'id':'r','a':{" PLAIN_A "},'b':{" PLAIN_B ",'remote':'198.51.100.9'}}",
		"/b/remote_port");
	refused("{'id':'r','a':{" PLAIN_A ",'remote_port':9},'b':{" PLAIN_B "}}", "/a/remote");
	refused("{'id':'r','a':{" PLAIN_A "},'b':{" PLAIN_B
		",'remote':'2001:db8::9','remote_port':9}}",
		"/b/remote");
	refused("{'id':'r','a':{" PLAIN_A ",'remote':'224.0.0.9','remote_port':9},'b':{" PLAIN_B
		"}}",
		"/a/remote");
}

Test(relay_flows, rtcp_on_the_next_port_has_an_odd_one)
{
	refused("{'id':'r','rtcp':'next','a':{" PLAIN_A "},'b':{'port':'p1',"
		"'local':'198.51.100.1','local_port':6001}}",
		"/b/local_port");
	refused("{'id':'r','rtcp':'next','a':{" PLAIN_A
		",'remote':'192.0.2.9','remote_port':65535},'b':{" PLAIN_B "}}",
		"/a/remote_port");
}

Test(relay_flows, a_fault_of_a_flow_is_one_of_a_side)
{
	static const struct {
		enum relay_flow flow;
		const char *pointer, *expected;
	} cases[] = {
		{RELAY_A, "/match", "/a/local"},
		{RELAY_A, "/match/dst", "/a/local"},
		{RELAY_A, "/match/dst_port", "/a/local_port"},
		{RELAY_A_RTCP, "/match/pool", "/a/pool"},
		{RELAY_B_RTCP, "/match/rtcp_of", "/b/pool"},
		{RELAY_B_RTCP, "/match/port", "/b/port"},
		{RELAY_A, "/legs/0/dst", "/b/remote"},
		{RELAY_A, "/legs/0/port", "/b/port"},
		{RELAY_B, "/legs/0/src", "/a/local"},
		{RELAY_B, "/legs/0/learned", "/a"},
		{RELAY_B, "/legs", "/a"},
		{RELAY_A_RTCP, "/allow/3", "/a/allow/3"},
		{RELAY_B, "/police/burst_bytes", "/b/police/burst_bytes"},
		{RELAY_B, "/id", "/id"},
		{RELAY_B, "", ""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fault fault;

		fault_set(&fault, FAULT_INVALID_VALUE, cases[i].pointer, "wrong");
		relay_fault_place(cases[i].flow, &fault);
		cr_expect_str_eq(fault.pointer, cases[i].expected, "%s", cases[i].pointer);
	}
}

Test(relay_flows, a_flow_is_found_by_its_id)
{
	cr_expect_eq(relay_flow_find("r", 1, "r:a"), RELAY_A);
	cr_expect_eq(relay_flow_find("r:a", 1, "r:b-rtcp"), RELAY_B_RTCP);
	cr_expect_eq(relay_flow_find("r", 1, "r:c"), RELAY_FLOWS);
	cr_expect_eq(relay_flow_find("r", 1, "r:a:a"), RELAY_FLOWS);
	cr_expect_eq(relay_flow_find("r", 1, "s:a"), RELAY_FLOWS);
	cr_expect_eq(relay_flow_find("rr", 2, "r"), RELAY_FLOWS);
}
