/* SPDX-License-Identifier: BSD-3-Clause */
/* --match and --leg to JSON: every key, and the part that is named when something is wrong. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "cli/flow_args.h"

typedef json_t *(*parse_fn)(const char *text, char *error);

static void
expect_json(parse_fn parse, const char *text, const char *expected_text)
{
	char error[FLOW_ARGS_ERROR_MAX] = "";
	json_t *expected = json_loads(expected_text, 0, NULL);
	json_t *object = parse(text, error);
	char *found = json_dumps(object, JSON_COMPACT);

	cr_assert_not_null(expected);
	cr_assert(json_equal(object, expected), "%s gave %s %s", text, found, error);
	free(found);
	json_decref(object);
	json_decref(expected);
}

static void
expect_error(parse_fn parse, const char *text, const char *expected)
{
	char error[FLOW_ARGS_ERROR_MAX] = "";

	cr_assert_null(parse(text, error), "%s was taken", text);
	cr_assert_str_eq(error, expected);
}

#define LEG "port=p1,src=203.0.113.1:5004,dst=203.0.113.9:5006"

Test(flow_args, match)
{
	expect_json(flow_args_match, "port=p0,dst=192.0.2.1:5004",
		"{\"port\": \"p0\", \"dst\": \"192.0.2.1\", \"dst_port\": 5004}");
	expect_json(flow_args_match,
		"vlan=7,src=[2001:db8::9]:1,dst=[2001:db8::1]:65535,port=media:0",
		"{\"port\": \"media:0\", \"vlan\": 7, \"src\": \"2001:db8::9\", \"src_port\": 1,"
		" \"dst\": \"2001:db8::1\", \"dst_port\": 65535}");
}

Test(flow_args, leg)
{
	expect_json(flow_args_leg, LEG,
		"{\"port\": \"p1\", \"src\": \"203.0.113.1\", \"src_port\": 5004,"
		" \"dst\": \"203.0.113.9\", \"dst_port\": 5006}");
	expect_json(flow_args_leg, LEG ",vlan=0,dscp=46,ttl=64,next-hop=203.0.113.254",
		"{\"port\": \"p1\", \"src\": \"203.0.113.1\", \"src_port\": 5004,"
		" \"dst\": \"203.0.113.9\", \"dst_port\": 5006, \"vlan\": 0, \"dscp\": 46,"
		" \"ttl\": 64, \"next_hop\": \"203.0.113.254\"}");
	expect_json(flow_args_leg, LEG ",mac=02:00:5e:00:53:01",
		"{\"port\": \"p1\", \"src\": \"203.0.113.1\", \"src_port\": 5004,"
		" \"dst\": \"203.0.113.9\", \"dst_port\": 5006, \"mac\": \"02:00:5e:00:53:01\"}");
}

/* Ranges are the daemon's to judge: its schema is the one place that knows them. */
Test(flow_args, a_number_out_of_range_goes_to_the_daemon)
{
	expect_json(flow_args_match, "port=p0,dst=192.0.2.1:5004,vlan=5000",
		"{\"port\": \"p0\", \"dst\": \"192.0.2.1\", \"dst_port\": 5004, \"vlan\": 5000}");
}

Test(flow_args, what_is_missing)
{
	expect_error(flow_args_match, "port=p0", "dst= is missing");
	expect_error(flow_args_match, "dst=192.0.2.1:5004", "port= is missing");
	expect_error(flow_args_leg, "port=p0,dst=192.0.2.1:5004", "src= is missing");
	expect_error(flow_args_match, "port=,dst=192.0.2.1:5004", "port has no value");
}

Test(flow_args, what_is_wrong)
{
	expect_error(flow_args_match, "", "\"\" is not KEY=VALUE");
	expect_error(flow_args_match, "port=p0,,dst=192.0.2.1:5004", "\"\" is not KEY=VALUE");
	expect_error(flow_args_match, "p0,dst=192.0.2.1:5004", "\"p0\" is not KEY=VALUE");
	expect_error(flow_args_match, "port=p0,ttl=3", "unknown key \"ttl\"");
	expect_error(flow_args_leg, LEG ",next_hop=192.0.2.1", "unknown key \"next_hop\"");
	expect_error(flow_args_leg, LEG ",=1", "unknown key \"\"");
	expect_error(flow_args_leg, LEG ",src=192.0.2.1:1", "src is given twice");
	expect_error(flow_args_leg, LEG ",ttl=x", "ttl: \"x\" is not a number");
	expect_error(flow_args_leg, LEG ",ttl=-1", "ttl: \"-1\" is not a number");
	expect_error(flow_args_leg, LEG ",next-hop=gw", "next-hop: \"gw\" is not an IP address");
	expect_error(flow_args_match, "port=p0,dst=192.0.2.300:1",
		"dst: \"192.0.2.300:1\": not an IPv4 address");
}
