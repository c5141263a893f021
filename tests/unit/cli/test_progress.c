/* SPDX-License-Identifier: BSD-3-Clause */
/* The bar as text; that it keeps still without a terminal is what every other test relies on. */
#include <criterion/criterion.h>
#include <string.h>

#include "cli/progress.h"

static void
expect(uint64_t done, uint64_t total, const char *expected)
{
	char text[PROGRESS_TEXT_MAX];

	progress_text(text, "sending flows", done, total);
	cr_expect_str_eq(text, expected);
}

Test(progress, bar)
{
	expect(0, 1000, "sending flows [                        ]   0%  0 of 1000");
	expect(499, 1000, "sending flows [###########             ]  49%  499 of 1000");
	expect(1000, 1000, "sending flows [########################] 100%  1000 of 1000");
}

Test(progress, never_more_than_all_and_never_a_division_by_zero)
{
	expect(7, 3, "sending flows [########################] 100%  3 of 3");
	expect(0, 0, "sending flows [########################] 100%  0 of 0");
}

Test(progress, fits_a_line)
{
	char text[PROGRESS_TEXT_MAX];

	progress_text(text, "a description that is far too long for the line",
		18000000000000000000u, 18446744073709551615u);
	cr_expect_leq(strlen(text), 79, "%s", text);
}
