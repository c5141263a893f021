/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "state/address.h"

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
