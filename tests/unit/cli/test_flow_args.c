/* SPDX-License-Identifier: BSD-3-Clause */
/* Options to the JSON of flows and legs: every key, and what is named when something is wrong. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "cli/flow_args.h"

#define MATCH "port=p0,dst=192.0.2.1:5004"
#define MATCH_JSON "{\"port\": \"p0\", \"dst\": \"192.0.2.1\", \"dst_port\": 5004}"
#define LEG "port=p1,src=203.0.113.1:5004,dst=203.0.113.9:5006"
#define LEG_JSON \
	"\"port\": \"p1\", \"src\": \"203.0.113.1\", \"src_port\": 5004," \
	" \"dst\": \"203.0.113.9\", \"dst_port\": 5006"

static void
expect_equal(json_t *found, const char *text, const char *expected_text, const char *error)
{
	json_t *expected = json_loads(expected_text, 0, NULL);
	char *found_text = json_dumps(found, JSON_COMPACT);

	cr_assert_not_null(expected, "%s", expected_text);
	cr_assert(json_equal(found, expected), "%s gave %s %s", text, found_text, error);
	free(found_text);
	json_decref(found);
	json_decref(expected);
}

static void
expect_json(const struct pair_key *keys, const char *text, const char *expected)
{
	char error[PAIRS_ERROR_MAX] = "";

	expect_equal(pairs_parse(keys, text, error), text, expected, error);
}

static void
expect_error(const struct pair_key *keys, const char *text, const char *expected)
{
	char error[PAIRS_ERROR_MAX] = "";

	cr_assert_null(pairs_parse(keys, text, error), "%s was taken", text);
	cr_assert_str_eq(error, expected);
}

/* What the options, pairs of name and value up to a NULL, make of a flow: JSON, or an error. */
static void
expect_flow(const char *const *given, const char *expected, const char *expected_error)
{
	char error[FLOW_ARGS_ERROR_MAX] = "";
	struct arguments arguments;
	json_t *flow;

	cr_assert_eq(arguments_init(&arguments, 32), 0);
	for (; *given != NULL; given += 2) {
		arguments.options[arguments.n_options].name = given[0];
		arguments.options[arguments.n_options++].value = given[1];
	}
	flow = flow_args_flow(&arguments, error);
	if (expected != NULL)
		expect_equal(flow, "the options", expected, error);
	else
		cr_assert_null(flow);
	cr_assert_str_eq(error, expected_error);
	arguments_fini(&arguments);
}

Test(flow_args, match)
{
	expect_json(flow_match_keys, MATCH, MATCH_JSON);
	expect_json(flow_match_keys,
		"vlan=7,outer-vlan=300,src=[2001:db8::9]:0,dst=[2001:db8::1]:65535,port=media:0",
		"{\"port\": \"media:0\", \"vlan\": 7, \"outer_vlan\": 300,"
		" \"src\": \"2001:db8::9\", \"src_port\": 0,"
		" \"dst\": \"2001:db8::1\", \"dst_port\": 65535}");
}

Test(flow_args, rule)
{
	expect_json(flow_rule_keys, "priority=10,family=6", "{\"priority\": 10, \"family\": 6}");
	expect_json(flow_rule_keys,
		"priority=1000000,port=p0,vlan=0,outer-vlan=300,src=2001:db8::/32,"
		"dst=2001:db8::1/128,src-ports=5004,dst-ports=5000-5999",
		"{\"priority\": 1000000, \"port\": \"p0\", \"vlan\": 0, \"outer_vlan\": 300,"
		" \"src\": \"2001:db8::/32\", \"dst\": \"2001:db8::1/128\","
		" \"src_ports\": [5004, 5004], \"dst_ports\": [5000, 5999]}");
}

Test(flow_args, leg)
{
	expect_json(flow_leg_keys, LEG, "{" LEG_JSON "}");
	expect_json(flow_leg_keys, LEG ",vlan=0,dscp=ef,ttl=64,next-hop=203.0.113.254",
		"{" LEG_JSON ", \"vlan\": 0, \"dscp\": 46, \"ttl\": 64,"
		" \"next_hop\": \"203.0.113.254\"}");
	expect_json(flow_leg_keys, LEG ",mac=02:00:5e:00:53:01,id=wall,outer-vlan=9,admin=down",
		"{" LEG_JSON ", \"mac\": \"02:00:5e:00:53:01\", \"id\": \"wall\","
		" \"outer_vlan\": 9, \"admin\": \"down\"}");
	expect_json(flow_leg_keys, LEG ",one-in=100,police=2.5M/3000",
		"{" LEG_JSON ", \"one_in\": 100,"
		" \"police\": {\"rate_bps\": 2500000, \"burst_bytes\": 3000}}");
}

Test(flow_args, whole_flow)
{
	const char *const given[] = {"id", "cam", "match", MATCH, "leg", LEG, "leg", LEG, "action",
		"punt", "admin", "down", "latch", "follow", "latch-interval-ms", "1.5s", "allow",
		"192.0.2.0/24", "allow", "203.0.113.0/24", "classes", "stun=punt,other=drop",
		"police", "64k", "idle-timeout", "1m", "max-datagram", "1.2k", NULL};

	expect_flow(given,
		"{\"id\": \"cam\", \"match\": " MATCH_JSON ", \"legs\": [{" LEG_JSON "}, {" LEG_JSON
		"}], \"action\": \"punt\", \"admin\": \"down\","
		" \"latch\": \"follow\", \"latch_interval_ms\": 1500,"
		" \"allow\": [\"192.0.2.0/24\", \"203.0.113.0/24\"],"
		" \"classes\": {\"stun\": \"punt\", \"other\": \"drop\"},"
		" \"police\": {\"rate_bps\": 64000}, \"idle_timeout_s\": 60,"
		" \"max_datagram_bytes\": 1200}",
		"");
}

Test(flow_args, a_flow_without_legs_is_left_to_the_daemon)
{
	const char *const given[] = {"rule", "priority=1,family=4", "action", "drop", NULL};

	expect_flow(given,
		"{\"rule\": {\"priority\": 1, \"family\": 4}, \"action\": \"drop\", \"legs\": []}",
		"");
}

Test(flow_args, the_option_at_fault_is_named)
{
	const char *const leg[] = {"match", MATCH, "leg", LEG, "leg", "port=p1", NULL};
	const char *const rate[] = {"match", MATCH, "police", "1.5", NULL};
	const char *const prefix[] = {
		"match", MATCH, "allow", "192.0.2.0/24", "allow", "192.0.2.0", NULL};
	const char *const number[] = {"match", MATCH, "idle-timeout", "1w", NULL};
	const char *const rule[] = {"rule", "port=p0", NULL};

	expect_flow(leg, NULL, "--leg number 2: src= is missing");
	expect_flow(rate, NULL, "--police: \"1.5\" is not RATE or RATE/BURST, as 64k or 2.5M/3000");
	expect_flow(prefix, NULL, "--allow: \"192.0.2.0\" is not a prefix, as 192.0.2.0/24");
	expect_flow(number, NULL,
		"--idle-timeout: \"1w\" is not a time in whole seconds, as 60, 60s or 5m");
	expect_flow(rule, NULL, "--rule: priority= is missing");
}

/* Ranges are the daemon's to judge: its schema is the one place that knows them. */
Test(flow_args, a_number_out_of_range_goes_to_the_daemon)
{
	expect_json(flow_match_keys, MATCH ",vlan=5000",
		"{\"port\": \"p0\", \"dst\": \"192.0.2.1\", \"dst_port\": 5004, \"vlan\": 5000}");
	expect_json(flow_class_keys, "stun=keep", "{\"stun\": \"keep\"}");
}

Test(flow_args, what_is_missing)
{
	expect_error(flow_match_keys, "port=p0", "dst= is missing");
	expect_error(flow_match_keys, "dst=192.0.2.1:5004", "port= is missing");
	expect_error(flow_leg_keys, "port=p0,dst=192.0.2.1:5004", "src= is missing");
	expect_error(flow_match_keys, "port=,dst=192.0.2.1:5004", "port has no value");
}

Test(flow_args, what_is_wrong)
{
	expect_error(flow_match_keys, "", "\"\" is not KEY=VALUE");
	expect_error(flow_match_keys, "port=p0,,dst=192.0.2.1:5004", "\"\" is not KEY=VALUE");
	expect_error(flow_match_keys, "p0,dst=192.0.2.1:5004", "\"p0\" is not KEY=VALUE");
	expect_error(flow_match_keys, "port=p0,ttl=3", "unknown key \"ttl\"");
	expect_error(flow_leg_keys, LEG ",next_hop=192.0.2.1", "unknown key \"next_hop\"");
	expect_error(flow_leg_keys, LEG ",=1", "unknown key \"\"");
	expect_error(flow_leg_keys, LEG ",src=192.0.2.1:1", "src is given twice");
	expect_error(flow_leg_keys, LEG ",ttl=x", "ttl: \"x\" is not a number");
	expect_error(flow_leg_keys, LEG ",ttl=-1", "ttl: \"-1\" is not a number");
	expect_error(flow_leg_keys, LEG ",next-hop=gw", "next-hop: \"gw\" is not an IP address");
	expect_error(flow_leg_keys, LEG ",police=fast",
		"police: \"fast\" is not RATE or RATE/BURST, as 64k or 2.5M/3000");
	expect_error(flow_match_keys, "port=p0,dst=192.0.2.300:1",
		"dst: \"192.0.2.300:1\": not an IPv4 address");
}

Test(flow_args, prefixes_and_ranges_that_are_wrong)
{
	static const char *const prefixes[] = {"192.0.2.0", "192.0.2.0/", "192.0.2.0/33",
		"2001:db8::/129", "gw/24", "/24", "192.0.2.0/24x"};
	static const char *const ranges[] = {
		"5-", "-5", "6-5", "65536", "5-65536", "a", "5-6-7", "123456789"};
	char text[64], expected[128];

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		snprintf(text, sizeof(text), "src=%s", prefixes[i]);
		snprintf(expected, sizeof(expected), "src: \"%s\" is not a prefix, as 192.0.2.0/24",
			prefixes[i]);
		expect_error(flow_rule_keys, text, expected);
	}
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		snprintf(text, sizeof(text), "dst-ports=%s", ranges[i]);
		snprintf(expected, sizeof(expected),
			"dst-ports: \"%s\" is not a port or FIRST-LAST, from 0 to 65535",
			ranges[i]);
		expect_error(flow_rule_keys, text, expected);
	}
}
