/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses are read as inet_pton() reads them: real ones, near misses, and random texts. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/addr.h"

static void
parse(uint8_t family, const char *text, uint8_t address[ADDRESS_BYTES])
{
	memset(address, 0, ADDRESS_BYTES);
	cr_assert_eq(inet_pton(address_to_af(family), text, address), 1);
}

Test(address, families)
{
	cr_expect_eq(address_to_af(4), AF_INET);
	cr_expect_eq(address_to_af(6), AF_INET6);
	cr_expect_eq(address_to_af(5), 0);
	cr_expect_eq(address_from_af(AF_INET), 4);
	cr_expect_eq(address_from_af(AF_INET6), 6);
	cr_expect_eq(address_from_af(AF_BRIDGE), 0);
	cr_expect_eq(address_size(4), 4);
	cr_expect_eq(address_size(6), 16);
}

Test(address, multicast_and_void)
{
	static const struct {
		uint8_t family;
		const char *text;
		bool multicast;
		bool is_void;
	} cases[] = {
		{4, "223.255.255.255", false, false},
		{4, "224.0.0.0", true, false},
		{4, "239.255.255.255", true, false},
		{4, "240.0.0.0", false, false},
		{4, "192.0.2.1", false, false},
		{4, "0.0.0.0", false, true},
		{4, "255.255.255.255", false, true},
		{4, "255.255.255.254", false, false},
		{6, "fe80::1", false, false},
		{6, "ff02::1", true, false},
		{6, "ff3e::8000:1", true, false},
		{6, "::", false, true},
		{6, "::1", false, false},
		{6, "ffff:ffff::", true, false},
	};
	uint8_t address[ADDRESS_BYTES];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		parse(cases[i].family, cases[i].text, address);
		cr_expect_eq(address_kind(cases[i].family, address) == ADDRESS_MULTICAST,
			cases[i].multicast, "%s", cases[i].text);
		cr_expect_eq(address_is_void(cases[i].family, address), cases[i].is_void, "%s",
			cases[i].text);
	}
}

Test(address, multicast_mac)
{
	static const struct {
		uint8_t family;
		const char *text;
		uint8_t mac[6];
	} cases[] = {
		{4, "224.0.0.1", {0x01, 0x00, 0x5e, 0x00, 0x00, 0x01}},
		{4, "239.255.255.255", {0x01, 0x00, 0x5e, 0x7f, 0xff, 0xff}},
		{4, "233.252.130.9", {0x01, 0x00, 0x5e, 0x7c, 0x82, 0x09}},
		{6, "ff02::1:ff00:abcd", {0x33, 0x33, 0xff, 0x00, 0xab, 0xcd}},
		{6, "ff3e::1234:5678", {0x33, 0x33, 0x12, 0x34, 0x56, 0x78}},
	};
	uint8_t address[ADDRESS_BYTES];
	uint8_t mac[6];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		parse(cases[i].family, cases[i].text, address);
		address_multicast_mac(cases[i].family, address, mac);
		cr_expect_eq(memcmp(mac, cases[i].mac, sizeof(mac)), 0, "%s", cases[i].text);
	}
}

static enum address_kind
kind_of(const char *text)
{
	uint8_t bytes[16];
	uint8_t family = address_parse(text, bytes);

	cr_assert_neq(family, 0, "%s", text);
	return address_kind(family, bytes);
}

Test(address, families_and_bytes)
{
	uint8_t bytes[16];

	cr_assert_eq(address_parse("192.0.2.1", bytes), 4);
	cr_assert_arr_eq(bytes, ((uint8_t[16]){192, 0, 2, 1}), 16);
	cr_assert_eq(address_parse("2001:db8::1", bytes), 6);
	cr_assert_arr_eq(bytes,
		((uint8_t[16]){0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}), 16);
	cr_assert_eq(address_parse("192.0.2", bytes), 0);
	cr_assert_eq(address_parse("192.0.2.1 ", bytes), 0);
	cr_assert_eq(address_parse("", bytes), 0);
}

Test(address, kinds)
{
	cr_expect_eq(kind_of("0.0.0.0"), ADDRESS_UNSPECIFIED);
	cr_expect_eq(kind_of("0.1.2.3"), ADDRESS_UNSPECIFIED);
	cr_expect_eq(kind_of("127.255.0.1"), ADDRESS_LOOPBACK);
	cr_expect_eq(kind_of("223.255.255.255"), ADDRESS_UNICAST);
	cr_expect_eq(kind_of("224.0.0.1"), ADDRESS_MULTICAST);
	cr_expect_eq(kind_of("239.255.255.255"), ADDRESS_MULTICAST);
	cr_expect_eq(kind_of("240.0.0.0"), ADDRESS_RESERVED);
	cr_expect_eq(kind_of("255.255.255.255"), ADDRESS_RESERVED);
	cr_expect_eq(kind_of("::"), ADDRESS_UNSPECIFIED);
	cr_expect_eq(kind_of("::1"), ADDRESS_LOOPBACK);
	cr_expect_eq(kind_of("::2"), ADDRESS_UNICAST);
	cr_expect_eq(kind_of("1::1"), ADDRESS_UNICAST);
	cr_expect_eq(kind_of("fe80::1"), ADDRESS_UNICAST);
	cr_expect_eq(kind_of("ff02::1"), ADDRESS_MULTICAST);
	cr_expect_eq(kind_of("::ffff:192.0.2.1"), ADDRESS_MAPPED);
	cr_expect_eq(kind_of("::fffe:192.0.2.1"), ADDRESS_UNICAST);
}

Test(address, canonical_text)
{
	char text[ADDRESS_TEXT_MAX];
	uint8_t bytes[16];

	address_format(address_parse("2001:DB8:0:0::1", bytes), bytes, text);
	cr_assert_str_eq(text, "2001:db8::1");
	address_format(address_parse("192.0.2.1", bytes), bytes, text);
	cr_assert_str_eq(text, "192.0.2.1");
}

Test(address, mac_texts)
{
	char text[MAC_TEXT_MAX];
	uint8_t mac[6];

	cr_assert_eq(mac_parse("02:00:5E:00:53:ff", mac), 0);
	mac_format(mac, text);
	cr_assert_str_eq(text, "02:00:5e:00:53:ff");
	cr_expect_eq(mac_parse("02:00:5e:00:53", mac), -EINVAL);
	cr_expect_eq(mac_parse("02:00:5e:00:53:ff:00", mac), -EINVAL);
	cr_expect_eq(mac_parse("nonsense", mac), -EINVAL);
}

static void
alike_check(const char *text)
{
	uint8_t expected[16] = {0}, found[16];
	uint8_t family = inet_pton(AF_INET, text, expected) == 1 ? 4 : 0;

	if (!family)
		family = inet_pton(AF_INET6, text, expected) == 1 ? 6 : 0;
	cr_expect_eq(address_parse(text, found), family, "%s", text);
	if (family)
		cr_expect_eq(memcmp(found, expected, sizeof(found)), 0, "%s", text);
}

Test(address, reads_what_inet_pton_reads)
{
	static const char *const texts[] = {"192.0.2.1", "0.0.0.0", "255.255.255.255",
		"192.0.2.256", "192.0.2.01", "192.0.2.00", "192.0.2.", "192.0.2", ".192.0.2",
		"192..2.1", "192.0.2.1.", "192.0.2.1 ", " 192.0.2.1", "192.0.2.1000", "1.2.3.4.5",
		"0x1.2.3.4", "+1.2.3.4", "", ".", "...", "2001:db8::1", "::", "::ffff:192.0.2.1",
		"2001:db8::1%eth0", "2001:db8:::1"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		alike_check(texts[i]);
}

Test(address, reads_random_texts_alike)
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
