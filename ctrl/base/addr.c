/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IPv4 is written by hand: 6 ns instead of 100, and each flow in the store has several addresses.
 * All else is libc's.
 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"

static_assert(ADDRESS_TEXT_MAX >= INET6_ADDRSTRLEN, "room for any address");

uint8_t
address_to_af(uint8_t family)
{
	return family == 4 ? AF_INET : family == 6 ? AF_INET6 : 0;
}

uint8_t
address_from_af(uint8_t af)
{
	return af == AF_INET ? 4 : af == AF_INET6 ? 6 : 0;
}

size_t
address_size(uint8_t family)
{
	return family == 4 ? 4 : 16;
}

bool
address_in_prefix(
	const uint8_t prefix[ADDRESS_BYTES], unsigned bits, const uint8_t address[ADDRESS_BYTES])
{
	const unsigned bytes = bits / 8, rest = bits % 8;

	return memcmp(prefix, address, bytes) == 0 &&
	       (rest == 0 || ((prefix[bytes] ^ address[bytes]) & (0xff00u >> rest & 0xff)) == 0);
}

bool
address_is_void(uint8_t family, const uint8_t address[ADDRESS_BYTES])
{
	static const uint8_t zeros[ADDRESS_BYTES];
	static const uint8_t ones[4] = {255, 255, 255, 255};

	return memcmp(address, zeros, address_size(family)) == 0 ||
	       (family == 4 && memcmp(address, ones, sizeof(ones)) == 0);
}

void
address_multicast_mac(uint8_t family, const uint8_t address[ADDRESS_BYTES], uint8_t mac[6])
{
	if (family == 4) {
		/* 01-00-5e and the low 23 bits of the group. */
		const uint8_t group[6] = {
			0x01, 0x00, 0x5e, address[1] & 0x7f, address[2], address[3]};

		memcpy(mac, group, sizeof(group));
	} else {
		/* 33-33 and the last four bytes of the group. */
		memset(mac, 0x33, 2);
		memcpy(mac + 2, address + 12, 4);
	}
}

uint8_t
address_parse(const char *text, uint8_t bytes[16])
{
	memset(bytes, 0, 16);
	if (inet_pton(AF_INET, text, bytes) == 1)
		return 4;
	return inet_pton(AF_INET6, text, bytes) == 1 ? 6 : 0;
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

/* By the number of the kind's bit. */
static const struct {
	const char *name;
	const char *rule;
} kinds[] = {
	{"unspecified", "names no host: RFC 1122, 3.2.1.3 and RFC 4291, 2.5.2"},
	{"loopback", "never leaves a host: RFC 1122, 3.2.1.3 and RFC 4291, 2.5.3"},
	{"unicast", "names one host"},
	{"multicast", "names a group: RFC 5771 and RFC 4291, 2.7"},
	{"reserved", "for no host's use: RFC 1112, 4 and RFC 919, 7"},
	{"IPv4-mapped", "never on the wire: RFC 4291, 2.5.5.2 and RFC 6890"},
};

const char *
address_kind_name(enum address_kind kind)
{
	return kinds[__builtin_ctz(kind)].name;
}

const char *
address_kind_rule(enum address_kind kind)
{
	return kinds[__builtin_ctz(kind)].rule;
}

int
mac_parse(const char *text, uint8_t mac[6])
{
	for (unsigned i = 0; i < 6; i++, text += 3) {
		if (strnlen(text, 3) < 2 || hex_read(text, 2, &mac[i]) < 0 ||
			text[2] != (i < 5 ? ':' : '\0'))
			return -EINVAL;
	}
	return 0;
}

void
mac_format(const uint8_t mac[6], char text[MAC_TEXT_MAX])
{
	snprintf(text, MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		mac[3], mac[4], mac[5]);
}
