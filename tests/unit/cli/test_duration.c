/* SPDX-License-Identifier: BSD-3-Clause */
/* Spans and moments of time, read and written. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <time.h>

#include "cli/duration.h"

static void
expect(const char *text, uint64_t seconds)
{
	uint64_t found = 0;

	cr_expect_eq(duration_parse(text, &found), 0, "%s", text);
	cr_expect_eq(found, seconds, "%s is %lu", text, (unsigned long)found);
}

Test(duration, units)
{
	expect("60", 60);
	expect("60s", 60);
	expect("1s", 1);
	expect("5m", 300);
	expect("1.5m", 90);
	expect("5000ms", 5);
	expect("2h", 7200);
	expect("24h", 86400);
	expect("1d", 86400);
	expect("86400", 86400);
}

Test(duration, what_is_none_is_refused)
{
	const char *const texts[] = {"", "s", "0", "0s", "-1s", "1.5s", "5 m", "5x", "5ms", "86401",
		"1441m", "25h", "2d", "18446744073709551617s", "s5"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		uint64_t seconds = 7;

		cr_expect_lt(duration_parse(texts[i], &seconds), 0, "%s", texts[i]);
		cr_expect_eq(seconds, 7);
	}
}

Test(duration, moments_are_local)
{
	char text[MOMENT_TEXT_MAX];

	setenv("TZ", "UTC-2", 1); /* two hours east, as POSIX has it */
	tzset();
	cr_expect_str_eq(moment_text(1700000000999999999, text), "2023-11-15 00:13:20");
}
