/* SPDX-License-Identifier: BSD-3-Clause */
/* The argument parser, and the values of options. */
#include "cli/args.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <criterion/criterion.h>

#include "cli/output.h"
#include "schema/schema.h"

static const struct option_spec globals[] = {
	{"json", NULL, ""}, {"socket", "PATH", ""}, {"help", NULL, "", 'h'}, {NULL}};
static const struct option_spec locals[] = {
	{"leg", "K=V", ""}, {"flows", NULL, ""}, {"output", "FILE", "", 'o'}, {NULL}};

static struct option_scan
scan_of(int argc, const char *const *argv)
{
	return (struct option_scan){.argc = argc,
		.argv = (char *const *)(uintptr_t)argv,
		.globals = globals,
		.locals = locals};
}

#define SCAN(...) \
	const char *const argv[] = {"sluicectl", __VA_ARGS__, NULL}; \
	struct option_scan scan = scan_of(sizeof(argv) / sizeof(argv[0]) - 1, argv)

static void
expect(struct option_scan *scan, enum option_kind kind, const char *name, const char *value)
{
	cr_assert_eq(options_next(scan), kind, "before argument %d", optind);
	if (name != NULL)
		cr_assert_str_eq(scan->spec->name, name);
	if (value != NULL)
		cr_assert_str_eq(scan->value, value);
	else
		cr_assert_null(scan->value);
}

static void
expect_error(struct option_scan *scan, const char *message)
{
	cr_assert_eq(options_next(scan), OPTION_ERROR);
	cr_assert_str_eq(scan->error, message);
}

Test(options, words_and_options_mix)
{
	SCAN("--json", "flow", "--leg", "port=p0,dst=x", "id", "--flows", "--socket=/a=b");

	expect(&scan, OPTION_NAMED, "json", NULL);
	expect(&scan, OPTION_WORD, NULL, "flow");
	expect(&scan, OPTION_NAMED, "leg", "port=p0,dst=x");
	expect(&scan, OPTION_WORD, NULL, "id");
	expect(&scan, OPTION_NAMED, "flows", NULL);
	expect(&scan, OPTION_NAMED, "socket", "/a=b");
	cr_assert_eq(options_next(&scan), OPTION_END);
	cr_assert_eq(options_next(&scan), OPTION_END);
}

Test(options, a_value_may_look_like_an_option)
{
	SCAN("--leg", "--json", "--leg=");

	expect(&scan, OPTION_NAMED, "leg", "--json");
	expect(&scan, OPTION_NAMED, "leg", "");
}

Test(options, dash_is_a_word_and_two_dashes_end_options)
{
	SCAN("-", "-h", "--", "--json", "--");

	expect(&scan, OPTION_WORD, NULL, "-");
	expect(&scan, OPTION_NAMED, "help", NULL);
	expect(&scan, OPTION_WORD, NULL, "--json");
	expect(&scan, OPTION_WORD, NULL, "--");
	cr_assert_eq(options_next(&scan), OPTION_END);
}

Test(options, unknown_options_are_refused)
{
	SCAN("--jso", "--jsonx", "-x", "-json");

	expect_error(&scan, "unknown option --jso");
	expect_error(&scan, "unknown option --jsonx");
	expect_error(&scan, "unknown option -x");
	expect_error(&scan, "unknown option -json");
}

Test(options, locals_are_unknown_before_the_command)
{
	SCAN("--leg", "x");

	scan.locals = NULL;
	expect_error(&scan, "unknown option --leg");
}

Test(options, values_must_fit)
{
	SCAN("--json=1", "--leg");

	expect_error(&scan, "option takes no value: --json=1");
	expect_error(&scan, "value missing after --leg");
}

Test(arguments, repeated_options_keep_their_order)
{
	struct arguments arguments;
	size_t position = 0;

	arguments_init(&arguments, 4);
	arguments.options[arguments.n_options].name = "leg";
	arguments.options[arguments.n_options++].value = "a";
	arguments.options[arguments.n_options].name = "flows";
	arguments.options[arguments.n_options++].value = NULL;
	arguments.options[arguments.n_options].name = "leg";
	arguments.options[arguments.n_options++].value = "b";
	cr_assert_str_eq(arguments_next(&arguments, "leg", &position), "a");
	cr_assert_str_eq(arguments_next(&arguments, "leg", &position), "b");
	cr_assert_null(arguments_next(&arguments, "leg", &position));
	cr_assert_str_eq(arguments_value(&arguments, "leg"), "b");
	cr_assert_str_eq(arguments_value(&arguments, "flows"), "");
	cr_assert_null(arguments_value(&arguments, "id"));
	arguments_fini(&arguments);
}

Test(numbers, only_digits_in_range)
{
	uint64_t number = 99;

	cr_assert_eq(number_parse("0", 0, 10, &number), 0);
	cr_assert_eq(number, 0);
	cr_assert_eq(number_parse("18446744073709551615", 0, UINT64_MAX, &number), 0);
	cr_assert_eq(number, UINT64_MAX);
	number = 99;
	cr_assert_eq(number_parse("18446744073709551616", 0, UINT64_MAX, &number), -EINVAL);
	cr_assert_eq(number_parse("", 0, 10, &number), -EINVAL);
	cr_assert_eq(number_parse("-1", 0, 10, &number), -EINVAL);
	cr_assert_eq(number_parse("+1", 0, 10, &number), -EINVAL);
	cr_assert_eq(number_parse("1 ", 0, 10, &number), -EINVAL);
	cr_assert_eq(number_parse("0x1", 0, 10, &number), -EINVAL);
	cr_assert_eq(number_parse("11", 0, 10, &number), -EINVAL);
	cr_assert_eq(number_parse("0", 1, 10, &number), -EINVAL);
	cr_assert_eq(number, 99, "written in spite of the error");
}

Test(numbers, seconds_become_milliseconds)
{
	static const struct {
		const char *text;
		uint64_t ms; /* 0: refused */
	} cases[] = {
		{"1", 1000},
		{"0.5", 500},
		{"1.25", 1250},
		{"0.001", 1},
		{"0.05", 50},
		{"86400", 86400000},
		{"0", 0},
		{"0.000", 0},
		{"86400.001", 0},
		{"1.", 0},
		{".5", 0},
		{"1.0001", 0},
		{"1.2.3", 0},
		{"1s", 1000},
		{"500ms", 500},
		{"1.5s", 1500},
		{"2m", 120000},
		{"0.5ms", 0},
		{"1w", 0},
		{"", 0},
		{"-1", 0},
		{"123456789", 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t ms = 0;

		cr_expect_eq(seconds_parse(cases[i].text, &ms), cases[i].ms != 0 ? 0 : -EINVAL,
			"%s", cases[i].text);
		cr_expect_eq(ms, cases[i].ms, "%s", cases[i].text);
	}
}

Test(options, some_have_a_letter)
{
	SCAN("-o", "flows.yaml", "-oflows.yaml");

	expect(&scan, OPTION_NAMED, "output", "flows.yaml");
	expect(&scan, OPTION_NAMED, "output", "flows.yaml");
}

Test(duration, moments_are_local)
{
	char text[MOMENT_TEXT_MAX];

	setenv("TZ", "UTC-2", 1); /* two hours east, as POSIX has it */
	tzset();
	cr_expect_str_eq(moment_text(1700000000999999999, text), "2023-11-15 00:13:20");
}

static void
expect_endpoint(const char *text, const char *address, uint16_t port)
{
	json_t *object = json_object();
	struct text again;

	cr_assert_null(endpoint_set(object, "dst", text), "%s", text);
	cr_assert_str_eq(member_text(object, "dst"), address);
	cr_assert_eq(member_number(object, "dst_port"), port);
	cr_assert_str_eq(text_members(&again, object, "{dst:endpoint}"), text);
	json_decref(object);
}

static void
expect_wrong(const char *text, const char *word)
{
	json_t *object = json_object();
	const char *wrong = endpoint_set(object, "dst", text);

	cr_assert_not_null(wrong, "%s was taken", text);
	cr_expect_not_null(strstr(wrong, word), "%s: \"%s\" has no \"%s\"", text, wrong, word);
	cr_expect_eq(json_object_size(object), 0);
	json_decref(object);
}

Test(endpoint, both_families_there_and_back)
{
	expect_endpoint("192.0.2.1:5004", "192.0.2.1", 5004);
	expect_endpoint("192.0.2.255:1", "192.0.2.255", 1);
	expect_endpoint("192.0.2.1:0", "192.0.2.1", 0);
	expect_endpoint("[2001:db8::1]:65535", "2001:db8::1", 65535);
	expect_endpoint("[::ffff:192.0.2.1]:5004", "::ffff:192.0.2.1", 5004);
	expect_endpoint("[2001:db8:1111:2222:3333:4444:5555:6666]:5004",
		"2001:db8:1111:2222:3333:4444:5555:6666", 5004);
}

Test(endpoint, the_fault_is_named)
{
	expect_wrong("2001:db8::1:5004", "brackets");
	expect_wrong("[2001:db8::1]", "ADDRESS:PORT");
	expect_wrong("[2001:db8::1]5004", "ADDRESS:PORT");
	expect_wrong("[2001:db8::1:5004", "ADDRESS:PORT");
	expect_wrong("192.0.2.1", "ADDRESS:PORT");
	expect_wrong("", "ADDRESS:PORT");
	expect_wrong(":5004", "no IP address");
	expect_wrong("[]:5004", "no IP address");
	expect_wrong("192.0.2.256:5004", "not an IPv4");
	expect_wrong("192.0.2:5004", "not an IPv4");
	expect_wrong("camera.example:5004", "not an IPv4");
	expect_wrong("[192.0.2.1]:5004", "not an IPv6");
	expect_wrong("[2001:db8::1%eth0]:5004", "not an IPv6");
	expect_wrong("192.0.2.1:", "port");
	expect_wrong("192.0.2.1:65536", "port");
	expect_wrong("192.0.2.1:rtp", "port");
	expect_wrong("[2001:db8::1]:-1", "port");
}

Test(endpoint, a_text_that_is_far_too_long_is_cut_or_refused)
{
	char text[300], out[ENDPOINT_TEXT_MAX];

	memset(text, '1', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	endpoint_format(text, 5004, out);
	cr_assert_lt(strlen(out), sizeof(out));
	memcpy(text + 200, ":5004", 6);
	expect_wrong(text, "address");
}

Test(quantity, suffixes_are_decimal_and_exact)
{
	static const struct {
		const char *text;
		uint64_t number;
	} cases[] = {
		{"0", 0},
		{"64000", 64000},
		{"64k", 64000},
		{"2.5M", 2500000},
		{"0.001k", 1},
		{"1.000000001G", 1000000001},
		{"400G", 400000000000},
		{"18446744073709551615", UINT64_MAX},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t number = 99;

		cr_expect_eq(quantity_parse(cases[i].text, &number), 0, "%s", cases[i].text);
		cr_expect_eq(number, cases[i].number, "%s", cases[i].text);
	}
}

Test(quantity, what_makes_no_sense_is_refused)
{
	static const char *const cases[] = {"", "k", ".5M", "1.M", "1.5", "1.0005k", "1K", "1m",
		"1kk", "1k ", "-1", "+1", "1e6", "18446744073709551616", "18446744073709551616G",
		"99999999999999999999", "1..5M", "1.5.5M", "123456789012345678901234567890"};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t number = 99;

		cr_expect_eq(quantity_parse(cases[i], &number), -EINVAL, "%s", cases[i]);
		cr_expect_eq(number, 99, "%s", cases[i]);
	}
}

static void
expect_police(json_int_t rate_bps, json_int_t burst_bytes, const char *read)
{
	json_t *police = json_pack("{s:I, s:I}", "rate_bps", rate_bps, "burst_bytes", burst_bytes);
	struct text text;

	text_members(&text, police, "{:police}");
	cr_expect_str_eq(text.s, read);
	json_decref(police);
}

Test(quantity, a_policer_in_words)
{
	expect_police(64000, 0, "64 kbit/s");
	expect_police(2500000, 3000, "2.5 Mbit/s, burst 3000 bytes");
	expect_police(10000000000, 1, "10 Gbit/s, burst 1 byte");
	expect_police(1234567, 0, "1234.567 kbit/s");
	expect_police(7, 0, "7 bit/s");
}

#define MATCH "port=p0,dst=192.0.2.1:5004"
#define MATCH_JSON "{\"port\": \"p0\", \"dst\": \"192.0.2.1\", \"dst_port\": 5004}"
#define LEG "port=p1,src=203.0.113.1:5004,dst=203.0.113.9:5006"
#define LEG_JSON \
	"\"port\": \"p1\", \"src\": \"203.0.113.1\", \"src_port\": 5004," \
	" \"dst\": \"203.0.113.9\", \"dst_port\": 5006"

/* What the options, pairs of name and value up to a NULL, make of a flow: JSON, or an error. */
static void
expect_flow(const char *const *given, const char *expected_text, const char *expected_error)
{
	json_t *expected = expected_text != NULL ? json_loads(expected_text, 0, NULL) : NULL;
	char error[ARGS_ERROR_MAX] = "", *found;
	struct arguments arguments;
	json_t *flow;

	arguments_init(&arguments, 32);
	for (; *given != NULL; given += 2) {
		arguments.options[arguments.n_options].name = given[0];
		arguments.options[arguments.n_options++].value = given[1];
	}
	flow = flow_args_flow(&arguments, error);
	found = json_dumps(flow, JSON_COMPACT);
	cr_expect(json_equal(flow, expected) || flow == expected, "%s: found %s", expected_text,
		found);
	cr_expect_str_eq(error, expected_error);
	free(found);
	json_decref(flow);
	json_decref(expected);
	arguments_fini(&arguments);
}

static void
expect_json(const char *option, const char *text, const char *json)
{
	const bool is_leg = strcmp(option, "leg") == 0;
	char *expected = text_format("{\"%s\": %s%s%s}", is_leg ? "legs" : option,
		is_leg ? "[" : "", json, is_leg ? "]" : "");

	expect_flow((const char *const[]){option, text, NULL}, expected, "");
	free(expected);
}

static void
expect_refused(const char *option, const char *text, const char *error)
{
	char *expected = text_format(
		"--%s%s: %s", option, strcmp(option, "leg") == 0 ? " number 1" : "", error);

	expect_flow((const char *const[]){option, text, NULL}, NULL, expected);
	free(expected);
}

Test(flow_args, match)
{
	expect_json("match", MATCH, MATCH_JSON);
	expect_json("match",
		"vlan=7,outer-vlan=300,src=[2001:db8::9]:0,dst=[2001:db8::1]:65535,port=media:0",
		"{\"port\": \"media:0\", \"vlan\": 7, \"outer_vlan\": 300,"
		" \"src\": \"2001:db8::9\", \"src_port\": 0,"
		" \"dst\": \"2001:db8::1\", \"dst_port\": 65535}");
}

Test(flow_args, rule)
{
	expect_json("rule", "priority=10,family=6", "{\"priority\": 10, \"family\": 6}");
	expect_json("rule",
		"priority=1000000,port=p0,vlan=0,outer-vlan=300,src=2001:db8::/32,"
		"dst=2001:db8::1/128,src-ports=5004,dst-ports=5000-5999",
		"{\"priority\": 1000000, \"port\": \"p0\", \"vlan\": 0, \"outer_vlan\": 300,"
		" \"src\": \"2001:db8::/32\", \"dst\": \"2001:db8::1/128\","
		" \"src_ports\": [5004, 5004], \"dst_ports\": [5000, 5999]}");
}

Test(flow_args, leg)
{
	expect_json("leg", LEG, "{" LEG_JSON "}");
	expect_json("leg", LEG ",vlan=0,dscp=46,ttl=64,next-hop=203.0.113.254",
		"{" LEG_JSON ", \"vlan\": 0, \"dscp\": 46, \"ttl\": 64,"
		" \"next_hop\": \"203.0.113.254\"}");
	expect_json("leg", LEG ",mac=02:00:5e:00:53:01,id=wall,outer-vlan=9,admin=down",
		"{" LEG_JSON ", \"mac\": \"02:00:5e:00:53:01\", \"id\": \"wall\","
		" \"outer_vlan\": 9, \"admin\": \"down\"}");
	expect_json("leg", LEG ",one-in=100,police=2.5M/3000",
		"{" LEG_JSON ", \"one_in\": 100,"
		" \"police\": {\"rate_bps\": \"2.5M\", \"burst_bytes\": \"3000\"}}");
}

Test(flow_args, whole_flow)
{
	const char *const given[] = {"id", "cam", "match", MATCH, "leg", LEG, "leg", LEG, "action",
		"punt", "admin", "down", "latch", "follow", "latch-interval-ms", "1.5s", "allow",
		"192.0.2.0/24", "allow", "203.0.113.0/24", "classes", "stun=punt,other=drop",
		"police", "64k", "idle-timeout", "1m", "media-timeout", "30s", "reopen", NULL,
		"max-datagram", "1200", NULL};

	expect_flow(given,
		"{\"id\": \"cam\", \"match\": " MATCH_JSON ", \"legs\": [{" LEG_JSON "}, {" LEG_JSON
		"}], \"action\": \"punt\", \"admin\": \"down\","
		" \"latch\": \"follow\", \"latch_interval_ms\": \"1.5s\","
		" \"allow\": [\"192.0.2.0/24\", \"203.0.113.0/24\"],"
		" \"classes\": {\"stun\": \"punt\", \"other\": \"drop\"},"
		" \"police\": {\"rate_bps\": \"64k\"}, \"idle_timeout_s\": \"1m\","
		" \"media_timeout_s\": \"30s\", \"reopen\": true,"
		" \"max_datagram_bytes\": 1200}",
		"");
}

Test(flow_args, the_last_option_of_a_kind_counts)
{
	expect_flow((const char *const[]){"id", "a", "id", "b", NULL}, "{\"id\": \"b\"}", "");
}

Test(flow_args, the_option_at_fault_is_named)
{
	const char *const leg[] = {"match", MATCH, "leg", LEG, "leg", "port=p1", NULL};
	const char *const rule[] = {"rule", "port=p0", NULL};

	expect_flow(leg, NULL, "--leg number 2: src= is missing");
	expect_flow(rule, NULL, "--rule: priority= is missing");
}

/* The contract, which the daemon checks, is the one place that knows what a value may be. */
Test(flow_args, values_go_to_the_daemon_as_they_are)
{
	static const char *const ranges[] = {
		"5-", "-5", "a", "5-6-7", "1234567890", "5 - 6", "", "5-6 "};

	expect_json("match", MATCH ",vlan=5000",
		"{\"port\": \"p0\", \"dst\": \"192.0.2.1\", \"dst_port\": 5004, \"vlan\": 5000}");
	expect_json("match", "port=p0,pool=v,dst=192.0.2.1",
		"{\"port\": \"p0\", \"pool\": \"v\", \"dst\": \"192.0.2.1\"}");
	expect_json("match", "dst=[2001:db8::1],port=p0",
		"{\"port\": \"p0\", \"dst\": \"2001:db8::1\"}");
	expect_json("classes", "stun=keep", "{\"stun\": \"keep\"}");
	expect_json("leg", LEG ",ttl=x", "{" LEG_JSON ", \"ttl\": \"x\"}");
	expect_json("leg", LEG ",ttl=-1", "{" LEG_JSON ", \"ttl\": \"-1\"}");
	expect_json("leg", LEG ",dscp=EF", "{" LEG_JSON ", \"dscp\": \"EF\"}");
	expect_json("leg", LEG ",next-hop=gw", "{" LEG_JSON ", \"next_hop\": \"gw\"}");
	expect_json(
		"leg", LEG ",police=fast", "{" LEG_JSON ", \"police\": {\"rate_bps\": \"fast\"}}");
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		char *text = text_format("priority=1,dst-ports=%s", ranges[i]);
		char *json = text_format("{\"priority\": 1, \"dst_ports\": \"%s\"}", ranges[i]);

		if (ranges[i][0] == '\0')
			expect_refused("rule", text, "dst-ports has no value");
		else
			expect_json("rule", text, json);
		free(text);
		free(json);
	}
}

Test(flow_args, what_is_missing)
{
	expect_refused("match", "vlan=7", "port= is missing");
	expect_refused("match", "dst=192.0.2.1:5004", "port= is missing");
	expect_refused("leg", "port=p0,dst=192.0.2.1:5004", "src= is missing");
	expect_refused("match", "port=,dst=192.0.2.1:5004", "port has no value");
}

Test(flow_args, what_is_wrong)
{
	expect_refused("match", "", "\"\" is not KEY=VALUE");
	expect_refused("match", "port=p0,,dst=192.0.2.1:5004", "\"\" is not KEY=VALUE");
	expect_refused("match", "p0,dst=192.0.2.1:5004", "\"p0\" is not KEY=VALUE");
	expect_refused("match", "port=p0,ttl=3", "unknown key \"ttl\"");
	expect_refused("leg", LEG ",next_hop=192.0.2.1", "unknown key \"next_hop\"");
	expect_refused("leg", LEG ",=1", "unknown key \"\"");
	expect_refused("leg", "port=p0,src=192.0.2.1",
		"src: \"192.0.2.1\": expected ADDRESS:PORT, as 192.0.2.1:5004 or "
		"[2001:db8::1]:5004");
	expect_refused("match", "port=p0,dst=2001:db8::1",
		"dst: \"2001:db8::1\": an IPv6 address must be in brackets: [2001:db8::1]:5004");
	expect_refused("leg", LEG ",src=192.0.2.1:1", "src is given twice");
	expect_refused("match", "port=p0,dst=192.0.2.300:1",
		"dst: \"192.0.2.300:1\": not an IPv4 address");
}
