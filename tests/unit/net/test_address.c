/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include <criterion/criterion.h>

#include "net/address.h"

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
		cr_expect_eq(address_is_multicast(cases[i].family, address), cases[i].multicast,
			"%s", cases[i].text);
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
