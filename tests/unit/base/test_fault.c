/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <string.h>

#include "base/fault.h"

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
