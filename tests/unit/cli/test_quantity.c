/* SPDX-License-Identifier: BSD-3-Clause */
/* Rates and sizes: what they stand for, what is refused, and how a policer reads. */
#include <criterion/criterion.h>
#include <errno.h>

#include "cli/quantity.h"

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
expect_police(const char *given, json_int_t rate_bps, json_int_t burst_bytes, const char *read)
{
	json_t *police = police_parse(given);
	struct text text;

	cr_assert_not_null(police, "%s", given);
	cr_expect_eq(json_integer_value(json_object_get(police, "rate_bps")), rate_bps);
	cr_expect_eq(json_integer_value(json_object_get(police, "burst_bytes")), burst_bytes);
	text_clear(&text);
	text_add_police(&text, police);
	cr_expect_str_eq(text.s, read);
	json_decref(police);
}

Test(quantity, a_policer_reads_as_it_was_written)
{
	expect_police("64k", 64000, 0, "64 kbit/s");
	expect_police("2.5M/3k", 2500000, 3000, "2.5 Mbit/s, burst 3000 bytes");
	expect_police("10G/1", 10000000000, 1, "10 Gbit/s, burst 1 byte");
	expect_police("1234567", 1234567, 0, "1234.567 kbit/s");
	expect_police("7", 7, 0, "7 bit/s");
}

Test(quantity, a_policer_that_makes_no_sense_is_refused)
{
	static const char *const cases[] = {
		"", "/", "1M/", "/3000", "1M/x", "x/1", "1M/1/1", "9223372036854775808"};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_null(police_parse(cases[i]), "%s", cases[i]);
}
