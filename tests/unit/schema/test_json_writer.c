/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#include "schema/json_writer.h"

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
	json_write_integer_member(&writer, "c", 0);
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
