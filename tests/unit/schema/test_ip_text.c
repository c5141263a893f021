/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses are taken as inet_pton() takes them: real ones, near misses, and random texts. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "schema/ip_text.h"

static void
alike_check(const char *text)
{
	uint8_t expected[16] = {0}, found[16];
	uint8_t family = inet_pton(AF_INET, text, expected) == 1 ? 4 : 0;

	if (!family)
		family = inet_pton(AF_INET6, text, expected) == 1 ? 6 : 0;
	cr_expect_eq(ip_read(text, found), family, "%s", text);
	if (family)
		cr_expect_eq(memcmp(found, expected, sizeof(found)), 0, "%s", text);
}

Test(ip_text, reads_what_inet_pton_reads)
{
	static const char *const texts[] = {"192.0.2.1", "0.0.0.0", "255.255.255.255",
		"192.0.2.256", "192.0.2.01", "192.0.2.00", "192.0.2.", "192.0.2", ".192.0.2",
		"192..2.1", "192.0.2.1.", "192.0.2.1 ", " 192.0.2.1", "192.0.2.1000", "1.2.3.4.5",
		"0x1.2.3.4", "+1.2.3.4", "", ".", "...", "2001:db8::1", "::", "::ffff:192.0.2.1",
		"2001:db8::1%eth0", "2001:db8:::1"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		alike_check(texts[i]);
}

Test(ip_text, reads_random_texts_alike)
{
	static const char alphabet[] = "0123456789....2550";
	char text[17];

	srand(1);
	for (int i = 0; i < 200000; i++) {
		const int n = rand() % (int)sizeof(text);

		for (int c = 0; c < n; c++)
			text[c] = alphabet[(size_t)rand() % (sizeof(alphabet) - 1)];
		text[n] = '\0';
		alike_check(text);
	}
}
