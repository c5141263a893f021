/* SPDX-License-Identifier: BSD-3-Clause */
/* Sets of characters are looked up, all else is regcomp()'s: both must say the same. */
#include <criterion/criterion.h>
#include <regex.h>

#include "schema/pattern.h"

static void
alike_check(const char *expression)
{
	struct pattern *pattern = pattern_create(expression);
	regex_t regex;

	cr_assert_eq(regcomp(&regex, expression, REG_EXTENDED | REG_NOSUB), 0, "%s", expression);
	for (unsigned c = 0; c < 256; c++) {
		const char texts[][4] = {
			{(char)c}, {'a', (char)c}, {(char)c, 'a'}, {'a', (char)c, '\n'}};

		for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
			cr_expect_eq(pattern_match(pattern, texts[i]),
				!regexec(&regex, texts[i], 0, NULL, 0), "%s, byte %u, form %zu",
				expression, c, i);
	}
	regfree(&regex);
	pattern_destroy(pattern);
}

Test(pattern, sets_are_those_of_regular_expressions)
{
	static const char *const expressions[] = {"^[A-Za-z0-9_.:-]+$", "^[a]+$", "^[-a]+$",
		"^[a-]+$", "^[+--]+$", "^[a\\b]+$", "^[^a]+$", "^[[:digit:]a]+$", "^[]a]+$",
		"^[a^]+$", "^[a]+[b]+$", "^[a-c]*$", "^/[^,]+$", "[a-c]+$", "^[ -~]+$"};

	for (size_t i = 0; i < sizeof(expressions) / sizeof(expressions[0]); i++)
		alike_check(expressions[i]);
}

Test(pattern, what_is_not_valid_matches_nothing)
{
	static const char *const expressions[] = {"(", "^[z-a]+$", "^[a+$"};

	for (size_t i = 0; i < sizeof(expressions) / sizeof(expressions[0]); i++) {
		struct pattern *pattern = pattern_create(expressions[i]);

		cr_expect_not(pattern_match(pattern, "a"), "%s", expressions[i]);
		cr_expect_not(pattern_match(pattern, expressions[i]));
		pattern_destroy(pattern);
	}
}
