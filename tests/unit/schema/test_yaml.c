/* SPDX-License-Identifier: BSD-3-Clause */
/* Typing, lines and refusals of YAML files. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "schema/yaml.h"

/* Load text by way of a file; *path is where it was, for messages. */
static json_t *
text_load(const char *text, size_t bytes, char path[32], struct fault *fault)
{
	json_t *value;
	int fd;

	strcpy(path, "/tmp/test-yaml-XXXXXX");
	fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, bytes), (ssize_t)bytes);
	close(fd);
	value = yaml_load(path, fault);
	unlink(path);
	return value;
}

static void
value_check(const char *yaml, const char *json)
{
	json_t *expected = json_loads(json, JSON_DECODE_ANY, NULL);
	struct fault fault = {0};
	char path[32];
	json_t *value = text_load(yaml, strlen(yaml), path, &fault);

	cr_assert_not_null(expected, "%s", json);
	cr_assert_not_null(value, "%s: %s", yaml, fault.message);
	cr_expect(json_equal(value, expected), "%s is not %s", yaml, json);
	json_decref(value);
	json_decref(expected);
}

/* A refusal on that line with that text in it. */
static void
bytes_refused(const char *yaml, size_t bytes, unsigned line, const char *text)
{
	struct fault fault = {0};
	char start[64];
	char path[32];
	json_t *value = text_load(yaml, bytes, path, &fault);

	snprintf(start, sizeof(start), "%s:%u: ", path, line);
	cr_expect_null(value, "%s", yaml);
	cr_expect_eq(fault.code, FAULT_PARSE);
	cr_expect_eq(strncmp(fault.message, start, strlen(start)), 0, "%s", fault.message);
	cr_expect_not_null(strstr(fault.message, text), "%s", fault.message);
	json_decref(value);
}

static void
refused(const char *yaml, unsigned line, const char *text)
{
	bytes_refused(yaml, strlen(yaml), line, text);
}

Test(yaml, plain_scalars_are_typed)
{
	value_check("[0, 7, -7, +7, 08, 0x1f, 0o17, 9223372036854775807]",
		"[0, 7, -7, 7, 8, 31, 15, 9223372036854775807]");
	value_check("[true, True, TRUE, false, False, FALSE]",
		"[true, true, true, false, false, false]");
	value_check("[null, Null, NULL, ~]", "[null, null, null, null]");
	value_check("a:\nb: 1", "{\"a\": null, \"b\": 1}");
	value_check("[1.5, -.5, 1., 1e3, 2.5E-1]", "[1.5, -0.5, 1.0, 1000.0, 0.25]");
}

Test(yaml, what_is_no_number_is_a_string)
{
	value_check("[yes, no, on, off, 1:30, 0x, 0o, 0o8, 0xg, '-', +, ., e5, 1e, 1_000]",
		"[\"yes\", \"no\", \"on\", \"off\", \"1:30\", \"0x\", \"0o\", \"0o8\", \"0xg\","
		" \"-\", \"+\", \".\", \"e5\", \"1e\", \"1_000\"]");
	value_check("[02:00:5e:00:53:01, 0000:01:00.0, 192.0.2.1, -0x1]",
		"[\"02:00:5e:00:53:01\", \"0000:01:00.0\", \"192.0.2.1\", \"-0x1\"]");
}

Test(yaml, quoted_scalars_and_blocks_are_strings)
{
	value_check("['1', \"true\", 'null', '', \"\\u00e9\"]",
		"[\"1\", \"true\", \"null\", \"\", \"\\u00e9\"]");
	value_check("a: |\n  12\n", "{\"a\": \"12\\n\"}");
}

Test(yaml, json_is_yaml)
{
	value_check("{\"a\": [1, {\"b\": null}], \"c\": \"x\"}",
		"{\"a\": [1, {\"b\": null}], \"c\": \"x\"}");
}

Test(yaml, keys_are_text)
{
	value_check("1: a\ntrue: b\n", "{\"1\": \"a\", \"true\": \"b\"}");
}

static void
located(const char *path, const char *pointer, unsigned line)
{
	char where[YAML_WHERE_MAX], expected[64];

	snprintf(expected, sizeof(expected), "%s:%u", path, line);
	cr_expect_str_eq(yaml_locate(path, pointer, where), expected, "%s", pointer);
}

Test(yaml, lines_of_values_and_of_what_is_missing)
{
	static const char text[] = "# comment\n"
				   "workers: [1,\n"
				   "  2]\n"
				   "ports:\n"
				   "  - name: p0\n"
				   "    devargs: x\n"
				   "  -\n"
				   "    name: p1\n"
				   "a/b: 1\n";
	char path[] = "/tmp/test-yaml-XXXXXX", where[YAML_WHERE_MAX];
	const int fd = mkstemp(path);

	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	located(path, "", 2);
	located(path, "/workers", 2);
	located(path, "/workers/1", 3);
	located(path, "/ports", 4);
	located(path, "/ports/0/devargs", 6);
	located(path, "/ports/1/name", 8);
	located(path, "/a~1b", 9);
	located(path, "/ports/1/devargs", 8);
	located(path, "/ports/7/name", 4);
	located(path, "/nowhere", 2);
	unlink(path);
	cr_expect_str_eq(yaml_locate(path, "", where), path);
}

Test(yaml, syntax_errors_name_the_line)
{
	refused("a: 1\nb: [1, 2\n", 3, "expected ',' or ']'");
	refused("a: 1\n  b: 2\n", 2, "mapping values are not allowed");
	refused("a: \"x\n", 2, "unexpected end of stream");
	refused("a: 1\n\tb: 2\n", 2, "tab character");
	bytes_refused("a: 1\nb: \xff\n", 10, 2, "UTF-8");
	bytes_refused("a: 1\n\n\nb: \x01\n", 12, 4, "control characters");
}

Test(yaml, refusals_name_the_line)
{
	refused("a: 1\nb: 2\na: 3\n", 3, "repeated key a");
	refused("a: &x 1\n", 1, "anchors");
	refused("a: &x [1]\n", 1, "anchors");
	refused("a: &x {b: 1}\n", 1, "anchors");
	refused("a: 1\nb: *x\n", 2, "aliases");
	refused("a: !!str 1\n", 1, "tags");
	refused("a: ! 1\n", 1, "tags");
	refused("--- !x {a: 1}\n", 1, "tags");
	refused("a: 1\n&x b: 2\n", 2, "anchors");
	refused("a: 1\n!!str b: 2\n", 2, "tags");
	refused("a: 1\n! b: 2\n", 2, "tags");
	refused("a: {b: {\n? !x c\n: 2}}\n", 2, "tags");
	refused("a: 1\n*x : 2\n", 2, "aliases");
	refused("&x [1]: 2\n", 1, "anchors");
	refused("a:\n  <<: {b: 1}\n", 2, "merge keys");
	refused("\n[1]: 2\n", 2, "key");
	refused("a: .inf\n", 1, "not finite");
	refused("a: -.INF\n", 1, "not finite");
	refused("a: .nan\n", 1, "not finite");
	refused("a: 1e999\n", 1, "not finite");
	refused("a: 9223372036854775808\n", 1, "64 bits");
	refused("a: \"x\\0y\"\n", 1, "NUL");
	refused("\"x\\0y\": 1\n", 1, "NUL");
	refused("a: 1\n---\nb: 2\n", 2, "second document");
	refused("%YAML 1.1\n---\na: yes\n", 1, "expected 1.2");
	refused("%TAG ! tag:example.com,2026:\n---\na: 1\n", 1, "%TAG");
	refused("", 1, "empty");
	refused("# nothing\n", 2, "empty");
}

Test(yaml, encodings)
{
	value_check("\xef\xbb\xbf"
		    "a: 1\n",
		"{\"a\": 1}");
	value_check("%YAML 1.2\n---\na: yes\n", "{\"a\": \"yes\"}");
	value_check("\"<<\": 1\n", "{\"<<\": 1}");
	bytes_refused("\xff\xfe"
		      "a\0:\0 \0001\0",
		10, 1, "found UTF-16 or UTF-32, expected UTF-8");
	bytes_refused("\xfe\xff\0a\0:\0 \0001", 10, 1, "found UTF-16 or UTF-32, expected UTF-8");
	bytes_refused("a\0:\0 \0001\0", 8, 1, "found UTF-16 or UTF-32, expected UTF-8");
	bytes_refused("\0\0\xfe\xff\0\0\0a", 8, 1, "found UTF-16 or UTF-32, expected UTF-8");
}

Test(yaml, depth_is_bounded)
{
	char text[201];

	memset(text, '[', 100);
	memset(text + 100, ']', 100);
	text[200] = '\0';
	refused(text, 1, "nested too deep");
}

Test(yaml, missing_file)
{
	struct fault fault;

	cr_expect_null(yaml_load("/nonexistent/sluice.yaml", &fault));
	cr_expect_eq(fault.code, FAULT_NOT_FOUND);
	cr_expect_str_eq(fault.message, "/nonexistent/sluice.yaml: No such file or directory");
}

Test(yaml, directory)
{
	struct fault fault;

	cr_expect_null(yaml_load("/tmp", &fault));
	cr_expect_eq(fault.code, FAULT_NOT_FOUND);
}

/* None of them is waited for, which would be for ever. */
Test(yaml, what_is_no_file_is_refused_by_name, .timeout = 20)
{
	char directory[] = "/tmp/test-yaml-XXXXXX", fifo[64];
	struct fault fault;

	cr_assert_not_null(mkdtemp(directory));
	snprintf(fifo, sizeof(fifo), "%s/a.yaml", directory);
	cr_assert_eq(mkfifo(fifo, 0600), 0);
	cr_expect_null(yaml_load(fifo, &fault));
	cr_expect_str_eq(fault.message + strlen(fifo), ": found a FIFO, expected a file");
	cr_expect_eq(fault.code, FAULT_NOT_FOUND);
	cr_expect_null(yaml_load(directory, &fault));
	cr_expect_str_eq(fault.message + strlen(directory), ": found a directory, expected a file");
	unlink(fifo);
	rmdir(directory);
}

/* As a shell gives one for <(COMMAND), and /dev/stdin. */
Test(yaml, a_pipe_without_a_name_is_read, .timeout = 20)
{
	struct fault fault = {0};
	char path[32];
	json_t *value;
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(write(ends[1], "a: 1", 4), 4);
	close(ends[1]);
	snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
	value = yaml_load(path, &fault);
	cr_expect_eq(json_integer_value(json_object_get(value, "a")), 1, "%s", fault.message);
	json_decref(value);
	close(ends[0]);
}
