/* SPDX-License-Identifier: BSD-3-Clause */
/* Devargs as people write them. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "config/devargs.h"

Test(devargs, af_xdp_by_name)
{
	cr_expect(devargs_is_af_xdp("net_af_xdp0,iface=veth0"));
	cr_expect_not(devargs_is_af_xdp("net_af_packet0,iface=veth0"));
	cr_expect_not(devargs_is_af_xdp("0000:03:00.0"));
}

Test(devargs, values)
{
	char value[8];

	cr_expect(devargs_value(
		"net_af_xdp0,iface=veth0,start_queue=2", "iface", value, sizeof(value)));
	cr_expect_str_eq(value, "veth0");
	cr_expect(devargs_value("net_x,a=1,ab=22", "ab", value, sizeof(value)));
	cr_expect_str_eq(value, "22");
	cr_expect_not(devargs_value("net_x,ab=22", "a", value, sizeof(value)));
	cr_expect_str_eq(value, "");
	cr_expect_not(
		devargs_value("iface=veth0", "iface", value, sizeof(value)), "it is the name");
	cr_expect_not(devargs_value("net_x,iface=", "iface", value, sizeof(value)));
	cr_expect(devargs_value("net_x,iface=1234567", "iface", value, sizeof(value)));
	cr_expect_not(devargs_value("net_x,iface=12345678", "iface", value, sizeof(value)));
}

Test(devargs, pci_addresses)
{
	char address[16];

	cr_expect(devargs_pci("0000:03:00.1", address, sizeof(address)));
	cr_expect_str_eq(address, "0000:03:00.1");
	cr_expect(devargs_pci("af:1f.7,arg=1", address, sizeof(address)));
	cr_expect_str_eq(address, "0000:af:1f.7");
	cr_expect_not(devargs_pci("net_af_xdp0,iface=a", address, sizeof(address)));
	cr_expect_not(devargs_pci("0000:03:00.1x", address, sizeof(address)));
}

Test(devargs, same_device)
{
	cr_expect(devargs_same_device("net_null0", "net_null0,size=64"));
	cr_expect_not(devargs_same_device("net_null0", "net_null01"));
	cr_expect_not(devargs_same_device("net_null0,size=64", "net_null1,size=64"));
}

static void
added(const char *devargs, const char *arguments, const char *expected)
{
	char room[32];

	snprintf(room, sizeof(room), "%s", devargs);
	cr_expect(devargs_add(room, sizeof(room), arguments));
	cr_expect_str_eq(room, expected);
}

Test(devargs, arguments_that_are_not_there_are_added)
{
	char room[20] = "0000:03:00.0";

	added("0000:03:00.0", "a=1,b=2", "0000:03:00.0,a=1,b=2");
	added("0000:03:00.0,a=7", "a=1,b=2", "0000:03:00.0,a=7,b=2");
	added("0000:03:00.0,aa=7", "a=1", "0000:03:00.0,aa=7,a=1");
	added("net_tap0", "", "net_tap0");
	cr_expect_not(devargs_add(room, sizeof(room), "a=1,b=1234"));
	cr_expect_str_eq(room, "0000:03:00.0,a=1");
}
