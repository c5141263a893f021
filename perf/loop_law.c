/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop_law.h"

#include <stdio.h>

#include <dp/dp.h>

bool
law(const char *of, const char *text, uint64_t found, uint64_t expected)
{
	if (found != expected)
		fprintf(stderr, "closed-loop: %s: %s: found %llu, expected %llu\n", of, text,
			(unsigned long long)found, (unsigned long long)expected);
	return found == expected;
}

bool
law_no_drops(const char *of, const uint64_t *drops, unsigned first, unsigned n)
{
	bool ok = true;

	for (unsigned i = 0; i < n; i++)
		ok &= law(of, dp_drop_name(first + i), drops[i], 0);
	return ok;
}

uint64_t
law_sum(const uint64_t *values, unsigned n)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < n; i++)
		total += values[i];
	return total;
}
