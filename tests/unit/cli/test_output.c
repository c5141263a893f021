/* SPDX-License-Identifier: BSD-3-Clause */
/* Pieces of replies as text, tables, YAML, frames. */
#include "cli/output.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/redirect.h>

#include "base/escape.h"
#include "schema/yaml.h"

#define JSON(name, source) \
	json_t *name = json_loads(source, JSON_DECODE_ANY, NULL); \
	cr_assert_not_null(name)

/* JSON with ' for ", a template, and what it makes of it. */
static const struct {
	const char *object, *template, *text;
} templates[] = {
	/* members */
	{"{'a': 'x', 'n': 7, 'r': 4.6, 'o': {'p': {'q': 9}}}", "{a} {n} {r} {o/p/q}.", "x 7 5 9."},
	{"{'a': null}", "{a} {b} {#a} {b/c} {a?none}{b?}", "- - 0 - none"},
	{"{'a': 1, 'b': 2}", "{a packet}, {b packet}, {c packet}",
		"1 packet, 2 packets, 0 packets"},
	{"{'a': 0, 'b': 'x', 'c': false, 'd': ''}", "<[{a}][{#a}][ {b}][{b}{z}][{c}][{d}]>",
		"<0 x>"},
	{"{'a': 0.12345}", "{a:percent}", "12.3%"},
	{"{'a': true}", "{a:up} {b:up}", "up down"},
	{"{'a': -1, 'b': 1}", "{a:node} {b:node} {c:node}", "- 1 0"},
	{"{'t': 1700000000000000000}", "{t:time}", "2023-11-14 22:13:20"},
	{"{'a': {'src': '2001:db8::1', 'src_port': 7}}", "{a/src:endpoint}", "[2001:db8::1]:7"},
	/* what a flow takes */
	{"{'match': {'port': 'p0', 'vlan': 7, 'src': '198.51.100.1', 'src_port': 1, "
	 "'dst': '192.0.2.1', 'dst_port': 2}}",
		"{:match}", "p0 vlan 7 198.51.100.1:1 > 192.0.2.1:2"},
	{"{'match': {'port': 'p0', 'vlan': 0, 'dst': '2001:db8::1', 'dst_port': 2}}", "{:match}",
		"p0 any > [2001:db8::1]:2"},
	{"{'match': {'port': 'p0', 'vlan': 0, 'outer_vlan': 300, 'dst': '192.0.2.1', "
	 "'dst_port': 2}}",
		"{:match}", "p0 vlan 300.0 any > 192.0.2.1:2"},
	{"{'match': {'port': 'p0', 'pool': 'voice', 'dst': '192.0.2.1', 'dst_port': 2}}",
		"{:match}", "p0 any > 192.0.2.1:2 of pool voice"},
	{"{'rule': {'priority': 9, 'family': 6}}", "{:match}", "rule 9 IPv6 any > any"},
	{"{'rule': {'priority': 9, 'port': 'p0', 'src': '192.0.2.0/24', "
	 "'dst_ports': [5000, 5999]}}",
		"{:match}", "rule 9 p0 192.0.2.0/24 > any:5000-5999"},
	{"{'rule': {'priority': 9, 'vlan': 0, 'outer_vlan': 300, 'dst': '2001:db8::/32', "
	 "'src_ports': [1, 1]}}",
		"{:match}", "rule 9 outer-vlan 300 vlan 0 any:1 > 2001:db8::/32"},
	{"{'rule': {'priority': 9, 'dst': '2001:db8::/32', 'dst_ports': [0, 0]}}", "{:match}",
		"rule 9 any > [2001:db8::/32]:0"},
	{"{'port': 5, 'dst': null}", "{:match}", "- any > -:0"},
	/* tags, drops, policers */
	{"{'vlan': 20, 'outer_vlan': 300}", "{:vlans}", "300.20"},
	{"{'vlan': 20}", "{:vlans}", "20"},
	{"{}", "{:vlans}", "-"},
	{"{'d': {'a': 0, 'tx_full': 3, 'b': 0, 'no_buffer': 9000000000}}", "{d:drops}",
		"tx_full=3 no_buffer=9000000000"},
	{"{'d': {'a': 0}}", "{d:drops} {e:drops}", "- -"},
	{"{'p': {'rate_bps': 64000, 'burst_bytes': 1}}", "{p:police}", "64 kbit/s, burst 1 byte"},
	{"{'rate_bps': 2500000}", "{:police}", "2.5 Mbit/s"},
	/* next hops that are not resolved */
	{"{'vlan': 7, 'h': {'state': 'pending', 'reason': 'none'}}", "{h:pending}",
		"pending: none; see 'ip -d link show type vlan'"},
	{"{'h': {'state': 'pending', 'reason': 'none'}}", "{h:pending}", "pending: none"},
	{"{'src': '192.0.2.1', 'dst': '192.0.2.9', "
	 "'next_hop': {'state': 'pending', 'reason': 'none', 'netdev': 'p1'}}",
		"{next_hop:pending}",
		"pending: none; see 'ip route get 192.0.2.9 from 192.0.2.1 oif p1'"},
	{"{'next_hop': {'state': 'pending', 'reason': 'none', 'netdev': 'p1', "
	 "'address': '192.0.2.8'}}",
		"{next_hop:pending}", "pending: none; see 'ip neigh show 192.0.2.8 dev p1'"},
};

Test(text, templates)
{
	setenv("TZ", "UTC", 1);
	for (size_t i = 0; i < sizeof(templates) / sizeof(templates[0]); i++) {
		char *source = strdup(templates[i].object);
		struct text text;
		json_t *object;

		for (char *quote = source; (quote = strchr(quote, '\'')) != NULL;)
			*quote = '"';
		object = json_loads(source, 0, NULL);
		cr_assert_not_null(object, "%s", source);
		cr_expect_str_eq(
			text_members(&text, object, templates[i].template), templates[i].text);
		json_decref(object);
		free(source);
	}
}

Test(text, short_numbers)
{
	static const struct {
		double number;
		const char *text;
	} numbers[] = {
		{0, "0"},
		{409.7, "409"},
		{9999, "9999"},
		{10000, "10.0k"},
		{12345, "12.3k"},
		{99949, "99.9k"},
		{99951, "100k"},
		{999499, "999k"},
		{999500, "1.00M"},
		{1234567, "1.23M"},
		{9994999, "9.99M"},
		{9995000, "10.0M"},
		{100000000000, "100G"},
		{18446744073709551615.0, "18.4E"},
	};
	struct text text;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		json_t *object = json_pack("{s:f}", "n", numbers[i].number);

		cr_expect_str_eq(text_members(&text, object, "{n:short}"), numbers[i].text);
		json_decref(object);
	}
}

Test(text, members_of_the_wrong_kind_are_harmless)
{
	struct text text;
	JSON(object, "{\"port\":5,\"dst\":null,\"n\":\"x\"}");

	cr_assert_str_eq(member_text(object, "port"), "-");
	cr_assert_str_eq(member_text(NULL, "port"), "-");
	cr_assert_eq(member_number(object, "n"), 0);
	cr_assert_eq(member_number(NULL, "n"), 0);
	cr_assert_str_eq(text_members(&text, NULL, "{:match} {a/b?keep}"), "- any > -:0 keep");
	cr_assert_str_eq(text_drops(&text, NULL), "-");
	json_decref(object);
}

Test(text, what_does_not_fit_is_cut)
{
	struct text text;

	text_clear(&text);
	for (size_t i = 0; i < sizeof(text.s); i++)
		text_add(&text, "%s", "ab");
	cr_assert_eq(strlen(text.s), sizeof(text.s) - 1);
	cr_assert_eq(text.length, sizeof(text.s) - 1);
}

#define COLUMNS "ID={id}|PACKETS>={n}|DROPS={drops:drops}"

static void
expect_rows(const char *columns, const char *rows_source, size_t width, const char *expected)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	JSON(rows, rows_source);

	setlocale(LC_CTYPE, "C.UTF-8"); /* as main() does */
	rows_print_within(columns, rows, width, out);
	fclose(out);
	cr_expect_str_eq(text, expected);
	free(text);
	json_decref(rows);
}

Test(table, title_alone)
{
	expect_rows(COLUMNS, "[]", SIZE_MAX, "ID  PACKETS  DROPS\n");
}

Test(table, columns_are_as_wide_as_their_longest_cell)
{
	expect_rows(COLUMNS,
		"[{\"id\":\"cam1\",\"n\":7},"
		"{\"id\":\"a\",\"n\":1234567890,\"drops\":{\"tx_full\":1}}, {}]",
		SIZE_MAX,
		"ID       PACKETS  DROPS\n"
		"cam1           7  -\n"
		"a     1234567890  tx_full=1\n"
		"-              -  -\n");
}

Test(table, nothing_stands_behind_the_last_character)
{
	expect_rows("ID={id?}|PACKETS>={n?}|COMMENT={comment?}", "[{\"id\":\"cam1\"}, {\"n\":5}]",
		SIZE_MAX,
		"ID    PACKETS  COMMENT\n"
		"cam1\n"
		"            5\n");
}

static void
expect_within(size_t room, const char *expected)
{
	expect_rows("FLOW={id}|TO={to}|N>={n}|COMMENT~={comment?}",
		"[{\"id\":\"cam1\",\"to\":\"p1 192.0.2.1:5004 > 192.0.2.9:5004\",\"n\":12345,"
		"\"comment\":\"the caf\xc3\xa9's wall, in the evening only, until Friday\"},"
		"{\"id\":\"b\",\"to\":\"drop\",\"n\":7}]",
		room, expected);
}

Test(table, free_text_is_cut_to_the_room_that_is_left)
{
	expect_within(200,
		"FLOW  TO                                      N  COMMENT\n"
		"cam1  p1 192.0.2.1:5004 > 192.0.2.9:5004  12345  the caf\xc3\xa9's wall, in "
		"the evening only, until Friday\n"
		"b     drop                                    7\n");
	expect_within(70,
		"FLOW  TO                                      N  COMMENT\n"
		"cam1  p1 192.0.2.1:5004 > 192.0.2.9:5004  12345  the caf\xc3\xa9's wall, i...\n"
		"b     drop                                    7\n");
}

Test(table, columns_without_room_go_on_below)
{
	expect_within(60, "FLOW  TO                                      N\n"
			  "    COMMENT\n"
			  "cam1  p1 192.0.2.1:5004 > 192.0.2.9:5004  12345\n"
			  "    the caf\xc3\xa9's wall, in the evening only, until Friday\n"
			  "b     drop                                    7\n");
	expect_within(40, "FLOW  TO\n"
			  "        N  COMMENT\n"
			  "cam1  p1 192.0.2.1:5004 > 192.0.2.9:5004\n"
			  "    12345  the caf\xc3\xa9's wall, in the ev...\n"
			  "b     drop\n"
			  "        7\n");
	expect_within(30, "FLOW\n"
			  "    TO\n"
			  "        N  COMMENT\n"
			  "cam1\n"
			  "    p1 192.0.2.1:5004 >\n"
			  "        192.0.2.9:5004\n"
			  "    12345  the caf\xc3\xa9's wall,...\n"
			  "b\n"
			  "    drop\n"
			  "        7\n");
}

Test(table, the_first_text_that_is_cut_gets_what_is_left)
{
	expect_rows("FLOW~={id}|LEG~={leg}|N>={n}",
		"[{\"id\":\"a-name-that-is-rather-long\",\"leg\":\"another-one-as-long-as-it\","
		"\"n\":1}]",
		40,
		"FLOW                     LEG           N\n"
		"a-name-that-is-rathe...  another-o...  1\n");
}

static void
expect_line(const char *json, const char *expected)
{
	json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
	char *text = yaml_line(value);

	cr_assert_not_null(value, "%s", json);
	cr_expect_str_eq(text, expected);
	free(text);
	json_decref(value);
}

/* Write it and compare with what the reader makes of it. */
static void
expect_back(json_t *object)
{
	char path[] = "/tmp/test-yaml-text-XXXXXX";
	const int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");
	struct fault fault = {0};
	json_t *back;

	yaml_print(file, object);
	fclose(file);
	back = yaml_load(path, &fault);
	cr_assert_not_null(back, "%s", fault.message);
	cr_expect(json_equal(back, object));
	unlink(path);
	json_decref(back);
	json_decref(object);
}

Test(yaml_text, quotes_stand_where_they_matter)
{
	expect_line("{\"a\": \"p0\", \"b\": 7, \"c\": true, \"d\": [\"x\", {\"e\": 1}]}",
		"{a: p0, b: 7, c: true, d: [x, {e: 1}]}");
	expect_line("[\"192.0.2.1\", \"2001:db8::1\", \"192.0.2.0/24\", \"cam1\"]",
		"[192.0.2.1, '2001:db8::1', 192.0.2.0/24, cam1]");
	expect_line("[\"7\", \"1e3\", \"true\", \"null\", \"0x1f\", \"\", \"-\", \"2001:db8::\"]",
		"[\"7\", \"1e3\", \"true\", \"null\", \"0x1f\", \"\", '-', '2001:db8::']");
	expect_line("[\"a b\", \"a: b\", \"#a\", \"a\\u001b[31m\", \"\\u202e\"]",
		"[a b, 'a: b', '#a', \"a\\e[31m\", \"\\u202E\"]");
	expect_line("{}", "{}");
	expect_line("[]", "[]");
	expect_line("7", "7");
	expect_line("\"cam1\"", "cam1");
}

Test(yaml_text, every_string_is_read_back)
{
	const char *const strings[] = {"7", "07", "1.5", "1e3", "true", "~", "null", "-",
		"a:", "::", "2001:db8::", "02:00:5e:00:53:01", "", " ", "a #b", "a: b", "[", "{",
		"*a", "&a", "!a", "%", "@", "'", "\"", "\\", "a\nb", "\xc3\xa9", "yes", "0o17",
		"._/", "a,b", ".5", ".inf"};

	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		expect_back(json_pack("{s:s}", "id", strings[i]));
		expect_back(json_pack("{s:{s:s}, s:[s, s]}", "match", "port", strings[i], "allow",
			strings[i], strings[i]));
	}
}

Test(yaml_text, long_strings_are_read_back)
{
	const char long_id[] = "a-name-of-sixty-four-characters-which-is-the-longest-that-is-ok";
	json_t *leg = json_pack("{s:s, s:s, s:s, s:s, s:{s:i, s:i}}", "id", long_id, "port", "p1",
		"src", long_id, "dst", long_id, "police", "rate_bps", 64000, "burst_bytes", 3000);

	expect_back(json_pack("{s:s, s:O, s:[O, O], s:[{s:i, s:[O]}], s:[]}", "id", long_id,
		"match", leg, "legs", leg, leg, "streams", "ssrc", 7, "legs", leg, "allow"));
	json_decref(leg);
}

Test(yaml_text, a_flow_reads_well)
{
	json_t *flow = json_pack("{s:s, s:{s:s, s:s, s:i}, s:[{s:s, s:s}], s:s}", "id", "cam1",
		"match", "port", "p0", "dst", "192.0.2.1", "dst_port", 5004, "legs", "id", "wall",
		"port", "p1", "latch", "first");
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	yaml_print(out, flow);
	fclose(out);
	cr_expect_str_eq(text, "id: cam1\n"
			       "match: {port: p0, dst: 192.0.2.1, dst_port: 5004}\n"
			       "legs:\n"
			       "- {id: wall, port: p1}\n"
			       "latch: first\n");
	free(text);
	json_decref(flow);
}

#define IP4 \
	"0200000000a0020000000000080045b80021000040000911ed09c0000209c0000201" \
	"00090001000d85028000aabbcc"
#define IP6 \
	"0200000000a002000000000088a8012c8100001486dd6b800000000a1140" \
	"20010db800000000000000000000000920010db8000000000000000000000001" \
	"0007138c000a2f696162"

static bool
described(const char *hex, size_t bytes, struct text *endpoints, struct text *fields)
{
	uint8_t *frame = malloc(bytes + 1); /* for the sanitizers to watch */
	bool ok;

	text_clear(endpoints);
	text_clear(fields);
	cr_assert_eq(hex_read(hex, 2 * bytes, frame), 0);
	ok = frame_describe(frame, bytes, endpoints, fields);
	free(frame);
	return ok;
}

Test(frame_text, udp)
{
	struct text endpoints, fields;

	cr_assert(described(IP4, strlen(IP4) / 2, &endpoints, &fields));
	cr_expect_str_eq(endpoints.s, "192.0.2.9:9 > 192.0.2.1:1");
	cr_expect_str_eq(fields.s, "ttl 9, dscp 46, 5 bytes of payload");
	cr_assert(described(IP6, strlen(IP6) / 2, &endpoints, &fields));
	cr_expect_str_eq(endpoints.s, "[2001:db8::9]:7 > [2001:db8::1]:5004");
	cr_expect_str_eq(fields.s, "ttl 64, dscp 46, vlan 300.20, 2 bytes of payload");
}

Test(frame_text, cut_short)
{
	static const struct {
		const char *hex;
		size_t headers;
	} frames[] = {{IP4, 42}, {IP6, 70}};
	struct text endpoints, fields;

	for (size_t f = 0; f < 2; f++) {
		for (size_t n = 0; n < frames[f].headers; n++) {
			cr_expect_not(described(frames[f].hex, n, &endpoints, &fields));
			cr_expect_eq(endpoints.length + fields.length, 0);
		}
	}
}

Test(frame_text, not_udp)
{
	struct text endpoints, fields;
	char hex[] = IP4;

	memcpy(hex + 2 * 23, "06", 2);
	cr_expect_not(described(hex, strlen(hex) / 2, &endpoints, &fields));
	memcpy(hex + 2 * 12, "0806", 4);
	cr_expect_not(described(hex, strlen(hex) / 2, &endpoints, &fields));
}

Test(frame_text, dump, .init = cr_redirect_stdout)
{
	frame_dump("000102030405060708090a0b0c0d0e0f10", 99, "  ");
	frame_dump("000102", 2, "");
	fflush(stdout);
	cr_assert_stdout_eq_str("  000000 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f\n"
				"  000010 10\n"
				"000000 00 01\n"
				"# 1 byte more, with --full\n");
}
