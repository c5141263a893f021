/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "schema/describe.h"
#include "schema/fault.h"

Test(fault, set_fills_all_and_returns_minus_one)
{
	struct fault fault;

	cr_expect_eq(fault_set(&fault, FAULT_CONFLICT, "/a/0", "found %d", 7), -1);
	cr_expect_eq(fault.code, FAULT_CONFLICT);
	cr_expect_str_eq(fault.pointer, "/a/0");
	cr_expect_str_eq(fault.message, "found 7");
}

Test(fault, prefix_goes_before_the_pointer)
{
	struct fault fault;

	fault_set(&fault, FAULT_CONFLICT, "/dst", "x");
	fault_prefix(&fault, "/flows/%d", 3);
	cr_expect_str_eq(fault.pointer, "/flows/3/dst");
}

Test(fault, long_texts_are_cut_to_their_room)
{
	char text[2 * FAULT_MESSAGE_MAX];
	struct fault fault;

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	fault_set(&fault, FAULT_PARSE, text, "%s", text);
	cr_expect_eq(strlen(fault.message), FAULT_MESSAGE_MAX - 1);
	cr_expect_eq(strlen(fault.pointer), FAULT_POINTER_MAX - 1);
	fault_prefix(&fault, "/a");
	cr_expect_eq(strlen(fault.pointer), FAULT_POINTER_MAX - 1);
	cr_expect_eq(strncmp(fault.pointer, "/ax", 3), 0);
}

static void
safe_check(const char *text, const char *expected)
{
	char safe[256];

	describe_safe(text, safe, sizeof(safe));
	cr_expect_str_eq(safe, expected);
	cr_expect_eq(text[describe_safe_head(text)] == '\0', strcmp(text, expected) == 0, "%s",
		expected);
}

Test(fault, what_acts_on_a_terminal_is_escaped)
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

Test(fault, whatever_is_escaped_is_safe)
{
	unsigned seed = 1;

	for (unsigned round = 0; round < 100000; round++) {
		char text[12] = "", safe[sizeof(text)], *copy;

		for (unsigned i = 0; i < sizeof(text) - 1; i++)
			text[i] = (char)(rand_r(&seed) % 2 ? 0xe2 - rand_r(&seed) % 100
							   : 1 + rand_r(&seed) % 255);
		describe_safe(text, safe, sizeof(safe));
		cr_assert_eq(safe[describe_safe_head(safe)], '\0');
		copy = describe_safe_copy(text);
		cr_assert_eq(copy[describe_safe_head(copy)], '\0');
		cr_assert_eq(strncmp(copy, safe, strlen(safe)), 0);
		free(copy);
	}
}

Test(fault, what_a_message_quotes_is_escaped)
{
	struct fault fault;

	fault_set(&fault, FAULT_CONFLICT, "", "found %s", "\x1b[2J\xff");
	cr_expect_str_eq(fault.message, "found \\u001b[2J\\xff");
}

Test(fault, codes_have_names)
{
	cr_expect_str_eq(fault_code_name(FAULT_INVALID_PARAMS), "INVALID_PARAMS");
	cr_expect_str_eq(fault_code_name(FAULT_LIMIT), "LIMIT");
	cr_expect_str_eq(fault_code_name((enum fault_code)12345), "UNKNOWN");
}
