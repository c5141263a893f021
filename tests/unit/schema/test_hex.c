/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "schema/hex.h"

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
