/* SPDX-License-Identifier: BSD-3-Clause */
/* What is written must be read back as the same value, by the reader of files of flows. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/yaml_text.h"
#include "schema/yaml.h"

static void
expect_line(const char *json, const char *expected)
{
	json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	cr_assert_not_null(value, "%s", json);
	yaml_text_print(out, value);
	fclose(out);
	cr_expect_str_eq(text, expected);
	free(text);
	json_decref(value);
}

/* Write it as an item of a list and compare with what the reader makes of it. */
static void
expect_back(json_t *object)
{
	char path[] = "/tmp/test-yaml-text-XXXXXX";
	const int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");
	struct fault fault = {0};
	json_t *back;

	fputs("flows:\n", file);
	yaml_item_print(file, object);
	fclose(file);
	back = yaml_load(path, NULL, &fault);
	cr_assert_not_null(back, "%s", fault.message);
	cr_expect(json_equal(json_array_get(json_object_get(back, "flows"), 0), object));
	unlink(path);
	json_decref(back);
	json_decref(object);
}

Test(yaml_text, quotes_stand_where_they_matter)
{
	expect_line("{\"a\": \"p0\", \"b\": 7, \"c\": true, \"d\": [\"x\", 1]}",
		"{a: p0, b: 7, c: true, d: [x, 1]}");
	expect_line("[\"192.0.2.1\", \"2001:db8::1\", \"192.0.2.0/24\", \"cam1\"]",
		"[192.0.2.1, 2001:db8::1, 192.0.2.0/24, cam1]");
	expect_line("[\"7\", \"1e3\", \"true\", \"null\", \"0x1f\", \"\", \"-\", \"2001:db8::\"]",
		"[\"7\", \"1e3\", \"true\", \"null\", \"0x1f\", \"\", \"-\", \"2001:db8::\"]");
	expect_line("[\"a b\", \"a: b\", \"#a\", \"a\\u001b[31m\"]",
		"[\"a b\", \"a: b\", \"#a\", \"a\\u001B[31m\"]");
	expect_line("{}", "{}");
	expect_line("[]", "[]");
}

Test(yaml_text, every_string_comes_back)
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

Test(yaml_text, what_is_too_long_for_a_line_comes_back)
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

	yaml_item_print(out, flow);
	fclose(out);
	cr_expect_str_eq(text, "  - id: cam1\n"
			       "    match: {port: p0, dst: 192.0.2.1, dst_port: 5004}\n"
			       "    legs:\n"
			       "      - {id: wall, port: p1}\n"
			       "    latch: first\n");
	free(text);
	json_decref(flow);
}
