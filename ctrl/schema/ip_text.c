/* SPDX-License-Identifier: BSD-3-Clause */
/* IPv4 by hand, as it is on every flow's way; IPv6 has rules enough to leave to inet_pton(). */
#include "ip_text.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

/*
 * A decimal octet without leading zeros (POSIX.1-2017, inet_pton). Returns the text behind it, or
 * NULL when there is none.
 */
static const char *
octet_read(const char *text, uint8_t *octet)
{
	unsigned number = 0, n = 0;

	for (; (unsigned)(text[n] - '0') <= 9 && n < 3; n++)
		number = number * 10 + (unsigned)(text[n] - '0');
	if (n == 0 || number > 255 || (n > 1 && text[0] == '0'))
		return NULL;
	*octet = (uint8_t)number;
	return text + n;
}

static bool
ipv4_read(const char *text, uint8_t bytes[4])
{
	for (unsigned i = 0; i < 4; i++) {
		text = octet_read(text, &bytes[i]);
		if (!text || *text != (i < 3 ? '.' : '\0'))
			return false;
		text++;
	}
	return true;
}

uint8_t
ip_read(const char *text, uint8_t bytes[16])
{
	memset(bytes, 0, 16);
	if (ipv4_read(text, bytes))
		return 4;
	return inet_pton(AF_INET6, text, bytes) == 1 ? 6 : 0;
}
