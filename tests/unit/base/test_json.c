/* SPDX-License-Identifier: BSD-3-Clause */
/* Beside jansson's own reader: texts that are right, near misses, and the documents, damaged. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "schema/schema.h"

static void
alike_check(const char *text, size_t bytes)
{
	json_error_t right, error;
	json_t *expected =
		json_loadb(text, bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &right);
	json_t *found = json_text_load(text, bytes, &error);

	if (expected)
		cr_expect(found && json_equal(found, expected), "%.*s", (int)bytes, text);
	else
		cr_expect(!found && !strcmp(error.text, right.text) && error.line == right.line,
			"%.*s", (int)bytes, text);
	json_decref(expected);
	json_decref(found);
}

Test(json_text, reads_as_jansson_does)
{
	static const char *const texts[] = {"{}", "[]", " { } ", "[ ]", "\"\"", "\"a\"", "0", "-0",
		"-1", "12", "01", "-", "--1", "+1", "1.5", "1e3", "1E3", "1.", "123456789012345678",
		"999999999999999999", "1234567890123456789", "9223372036854775807",
		"9223372036854775808", "-9223372036854775808", "-99999999999999999999", "true",
		"false", "null", "tru", "truex", "True", "nul", "", " ", "{\"a\":1}", "{\"a\":1,}",
		"{\"a\":1,\"a\":2}", "{\"a\":1 \"b\":2}", "{\"a\"}", "{a:1}", "{\"a\":}", "[1,2]",
		"[1,]", "[,1]", "[1 2]", "[1", "{\"a\":1", "[1]]", "1 2", "\"a\nb\"", "\"a\\nb\"",
		"\"\\u00e9\"", "\"\\u0000\"", "\"\xc3\xa9\"", "\"\xc3\"", "{\"\xc3\xa9\": 1}",
		"{\"\xff\": 1}", "\"\x7f\"", "{\"a\\u0062\": 1, \"ab\": 2}",
		"[\"a\", {\"b\": [{}]}]", "\r\n\t[\r\n\t1\r\n\t,\r\n\t2\r\n\t]\r\n\t", "[1]\v",
		"'a'", "[1e400]", "NaN"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		alike_check(texts[i], strlen(texts[i]));
}

Test(json_text, a_text_ends_where_it_ends)
{
	static const char text[] = "[12345, \"abc\", true]";

	for (size_t bytes = 0; bytes < sizeof(text); bytes++)
		alike_check(text, bytes); /* the last one has a NUL behind it */
	alike_check("[1]\0[2]", 7);
	alike_check("\"a\0b\"", 5);
}

Test(json_text, reads_deep_texts)
{
	char text[2 * 4096];

	for (size_t depth = 1; depth <= sizeof(text) / 2; depth *= 2) {
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		alike_check(text, 2 * depth);
		alike_check(text, 2 * depth - 1);
	}
}

/* The document of the socket, one byte of it changed. */
Test(json_text, reads_damaged_texts_as_jansson_does)
{
	static const char bytes[] = "{}[]\",:\\ 019-.eutfn\n\x80\xc3";
	char *text = json_dumps(schema_method_find(schema_rpc_document(), "flow.install"), 0);
	const size_t n = strlen(text);

	srand(1);
	for (int i = 0; i < 3000; i++) {
		char *at = &text[(size_t)rand() % n];
		const char kept = *at;

		*at = bytes[(size_t)rand() % sizeof(bytes)];
		alike_check(text, n);
		*at = kept;
	}
	free(text);
}

static void
written_expect(struct json_writer *writer, const char *expected)
{
	size_t bytes;
	char *text = json_writer_take(writer, &bytes);

	cr_assert_str_eq(text, expected);
	cr_expect_eq(bytes, strlen(expected));
	free(text);
}

Test(json_writer, brackets_and_commas)
{
	struct json_writer writer;

	json_writer_init(&writer);
	json_write_open(&writer, '{');
	json_write_string_member(&writer, "a", "x");
	json_write_name(&writer, "b");
	json_write_open(&writer, '[');
	json_write_integer(&writer, 1);
	json_write_integer(&writer, -2);
	json_write_open(&writer, '{');
	json_write_close(&writer, '}');
	json_write_open(&writer, '[');
	json_write_close(&writer, ']');
	json_write_string(&writer, "");
	json_write_close(&writer, ']');
	json_write_name(&writer, "c");
	json_write_integer(&writer, 0);
	json_write_close(&writer, '}');
	written_expect(&writer, "{\"a\":\"x\",\"b\":[1,-2,{},[],\"\"],\"c\":0}");
}

Test(json_writer, strings_and_numbers_are_read_back)
{
	static const char *const strings[] = {
		"", "\"", "\\", "a\"b\\c\n\t\x01", "\xc3\xa9", "/", "\x7f"};
	static const int64_t numbers[] = {0, 9, 10, -1, INT64_MAX, INT64_MIN};
	struct json_writer writer;
	json_t *list;
	size_t bytes, i;
	char *text;

	json_writer_init(&writer);
	json_write_open(&writer, '[');
	for (i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		json_write_string(&writer, strings[i]);
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		json_write_integer(&writer, numbers[i]);
	json_write_close(&writer, ']');
	text = json_writer_take(&writer, &bytes);
	list = json_loadb(text, bytes, 0, NULL);
	for (i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		cr_expect_str_eq(json_string_value(json_array_get(list, i)), strings[i]);
	for (size_t n = 0; n < sizeof(numbers) / sizeof(numbers[0]); n++)
		cr_expect_eq(json_integer_value(json_array_get(list, i + n)), numbers[n]);
	json_decref(list);
	free(text);
}

Test(json_writer, grows)
{
	struct json_writer writer;
	char expected[20002] = "[";
	size_t n = 1;

	json_writer_init(&writer);
	json_write_open(&writer, '[');
	for (int i = 0; i < 5000; i++) {
		json_write_integer(&writer, i % 10);
		expected[n++] = (char)('0' + i % 10);
		expected[n++] = ',';
	}
	json_write_close(&writer, ']');
	expected[n - 1] = ']';
	expected[n] = '\0';
	written_expect(&writer, expected);
}

Test(json_writer, values_are_written_as_jansson_writes_them)
{
	static const char expected[] =
		"{\"a b\":[1,-2,{},[],true,null,\"x\\u0000\\u001fy\\u0022\"],\"r\":0.5,\"e\":\"\"}";
	json_t *value = json_loads(expected, JSON_ALLOW_NUL, NULL);
	struct json_writer writer;

	cr_assert_not_null(value);
	json_writer_init(&writer);
	json_write_value(&writer, value);
	json_decref(value);
	written_expect(&writer, expected);
}
