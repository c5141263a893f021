/* SPDX-License-Identifier: BSD-3-Clause */
/* Address texts and kinds. */
#include "state/address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "schema/ip_text.h"

static_assert(ADDRESS_TEXT_MAX >= INET6_ADDRSTRLEN, "room for any address");

uint8_t
address_parse(const char *text, uint8_t bytes[16])
{
	return ip_read(text, bytes);
}

/* Returns the end. */
static char *
octet_format(uint8_t octet, char *text)
{
	if (octet >= 100)
		*text++ = (char)('0' + octet / 100);
	if (octet >= 10)
		*text++ = (char)('0' + octet / 10 % 10);
	*text++ = (char)('0' + octet % 10);
	return text;
}

void
address_format(uint8_t family, const uint8_t bytes[16], char text[ADDRESS_TEXT_MAX])
{
	if (family != 4) {
		inet_ntop(AF_INET6, bytes, text, ADDRESS_TEXT_MAX); /* cannot fail: there is room */
		return;
	}
	for (unsigned i = 0; i < 4; i++) {
		text = octet_format(bytes[i], text);
		*text++ = i < 3 ? '.' : '\0';
	}
}

static enum address_kind
kind_ipv4(const uint8_t *bytes)
{
	if (bytes[0] == 0)
		return ADDRESS_UNSPECIFIED;
	if (bytes[0] == 127)
		return ADDRESS_LOOPBACK;
	if (bytes[0] >= 240)
		return ADDRESS_RESERVED;
	return bytes[0] >= 224 ? ADDRESS_MULTICAST : ADDRESS_UNICAST;
}

static enum address_kind
kind_ipv6(const uint8_t *bytes)
{
	static const uint8_t zero[15], mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (bytes[0] == 0xff)
		return ADDRESS_MULTICAST;
	if (memcmp(bytes, mapped, sizeof(mapped)) == 0)
		return ADDRESS_MAPPED;
	if (memcmp(bytes, zero, sizeof(zero)) != 0 || bytes[15] > 1)
		return ADDRESS_UNICAST;
	return bytes[15] ? ADDRESS_LOOPBACK : ADDRESS_UNSPECIFIED;
}

enum address_kind
address_kind(uint8_t family, const uint8_t bytes[16])
{
	return family == 4 ? kind_ipv4(bytes) : kind_ipv6(bytes);
}

static const struct {
	enum address_kind kind;
	const char *name;
	const char *rule;
} kinds[] = {
	{ADDRESS_UNSPECIFIED, "unspecified",
		"names no host: RFC 1122, 3.2.1.3 and RFC 4291, 2.5.2"},
	{ADDRESS_LOOPBACK, "loopback",
		"never leaves a host: RFC 1122, 3.2.1.3 and RFC 4291, 2.5.3"},
	{ADDRESS_UNICAST, "unicast", "names one host"},
	{ADDRESS_MULTICAST, "multicast", "names a group: RFC 5771 and RFC 4291, 2.7"},
	{ADDRESS_RESERVED, "reserved", "for no host's use: RFC 1112, 4 and RFC 919, 7"},
	{ADDRESS_MAPPED, "IPv4-mapped", "never on the wire: RFC 4291, 2.5.5.2 and RFC 6890"},
};

const char *
address_kind_name(enum address_kind kind)
{
	unsigned i = 0;

	while (kinds[i].kind != kind)
		i++;
	return kinds[i].name;
}

const char *
address_kind_rule(enum address_kind kind)
{
	unsigned i = 0;

	while (kinds[i].kind != kind)
		i++;
	return kinds[i].rule;
}

/* Of a hexadecimal digit. */
static unsigned
digit_value(char digit)
{
	return digit <= '9' ? (unsigned)(digit - '0') : (unsigned)((digit | 32) - 'a' + 10);
}

int
mac_parse(const char *text, uint8_t mac[6])
{
	for (unsigned i = 0; i < 6; i++, text += 3) {
		if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]) ||
			text[2] != (i < 5 ? ':' : '\0'))
			return -EINVAL;
		mac[i] = (uint8_t)(digit_value(text[0]) << 4 | digit_value(text[1]));
	}
	return 0;
}

void
mac_format(const uint8_t mac[6], char text[MAC_TEXT_MAX])
{
	snprintf(text, MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		mac[3], mac[4], mac[5]);
}
