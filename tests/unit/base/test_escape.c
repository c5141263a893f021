/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"

static void
safe_check(const char *text, const char *expected)
{
	char safe[256];

	text_escape(text, safe, sizeof(safe));
	cr_expect_str_eq(safe, expected);
	cr_expect_eq(
		text[text_plain_length(text)] == '\0', strcmp(text, expected) == 0, "%s", expected);
}

Test(escape, what_acts_on_a_terminal_is_escaped)
{
	safe_check("plain, \"\\\" and caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8e\xa5",
		"plain, \"\\\" and caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8e\xa5");
	safe_check("\x1b]0;a\a\r\n\t\x7f", "\\u001b]0;a\\u0007\\u000d\\u000a\\u0009\\u007f");
	safe_check("\xc2\x9b"
		   "2J\xc2\x80\xc2\x9f\xc2\xa0",
		"\\u009b2J\\u0080\\u009f\xc2\xa0");
	safe_check(
		"\xe2\x80\xae\xe2\x80\xaa\xe2\x81\xa6\xe2\x81\xa9", "\\u202e\\u202a\\u2066\\u2069");
	safe_check("\xd8\x9c\xe2\x80\x8e\xe2\x80\x8f", "\\u061c\\u200e\\u200f");
	safe_check("\xe2\x80\xa8\xe2\x80\xa9", "\\u2028\\u2029");
	/* Bytes alone, cut, overlong, of a surrogate, and beyond Unicode. */
	safe_check("\x9b\xff\xc3", "\\x9b\\xff\\xc3");
	safe_check("\xc0\x9b\xe0\x82\x9b", "\\xc0\\x9b\\xe0\\x82\\x9b");
	safe_check("\xed\xa0\x80\xf4\x90\x80\x80", "\\xed\\xa0\\x80\\xf4\\x90\\x80\\x80");
	safe_check("\xe2\x82", "\\xe2\\x82");
}

Test(escape, whatever_is_escaped_is_safe)
{
	unsigned seed = 1;

	for (unsigned round = 0; round < 100000; round++) {
		char text[12] = "", safe[sizeof(text)], *copy;

		for (unsigned i = 0; i < sizeof(text) - 1; i++)
			text[i] = (char)(rand_r(&seed) % 2 ? 0xe2 - rand_r(&seed) % 100
							   : 1 + rand_r(&seed) % 255);
		text_escape(text, safe, sizeof(safe));
		cr_assert_eq(safe[text_plain_length(safe)], '\0');
		copy = text_escape_copy(text);
		cr_assert_eq(copy[text_plain_length(copy)], '\0');
		cr_assert_eq(strncmp(copy, safe, strlen(safe)), 0);
		free(copy);
	}
}

Test(hex, there_and_back)
{
	uint8_t bytes[256], back[256];
	char text[2 * sizeof(bytes) + 1];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	hex_write(bytes, sizeof(bytes), text);
	cr_expect_eq(strncmp(text, "000102", 6), 0);
	cr_expect_str_eq(text + 508, "feff");
	cr_expect_eq(hex_read(text, strlen(text), back), 0);
	cr_expect_arr_eq(back, bytes, sizeof(bytes));
	hex_write(bytes, 0, text);
	cr_expect_str_eq(text, "");
}

Test(hex, what_is_none)
{
	static const char *const wrong[] = {"0", "000", "0g", "g0", "0x", " 0", "0 ", "@0", "`0"};
	uint8_t bytes[2];

	cr_expect_eq(hex_read("aBCd", 4, bytes), 0);
	cr_expect_eq(bytes[1], 0xcd);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_expect_eq(hex_read(wrong[i], strlen(wrong[i]), bytes), -EINVAL, "%s", wrong[i]);
}
