/* SPDX-License-Identifier: BSD-3-Clause */
/* To which MAC addresses in which VLANs frames are steered. */
#include <criterion/criterion.h>
#include <linux/if_ether.h>

#include "fake_dp.h"
#include "fake_kernel.h"
#include "flow/steering.h"

static struct ports ports;
static struct steering steering;

static void
setup(void)
{
	fake_kernel_reset();
	ports_init(&ports, fake_dp_reset());
	steering = (struct steering){.ports = &ports, .n = 2, .steers = {fake_steer()}};
}

TestSuite(steering, .init = setup);

/* p0 is interface 10. */
Test(steering, mac_addresses_of_vlan_interfaces)
{
	struct link_vlan list[] = {
		{.ifindex = 20, .parent = 10, .tpid = ETH_P_8021Q, .id = 7, .mac = {2, 7}},
		{.ifindex = 21, .parent = 10, .tpid = ETH_P_8021AD, .id = 9, .mac = {2, 9}},
		{.ifindex = 22, .parent = 21, .tpid = ETH_P_8021Q, .id = 7, .mac = {2, 97}},
		/* Not on the port, too deep, and with the port's address. */
		{.ifindex = 23, .parent = 11, .tpid = ETH_P_8021Q, .id = 8, .mac = {2, 8}},
		{.ifindex = 24, .parent = 22, .tpid = ETH_P_8021Q, .id = 8, .mac = {2, 8}},
		{.ifindex = 25, .parent = 10, .tpid = ETH_P_8021Q, .id = 5},
	};
	const struct link_vlans vlans = {.loaded = true, .n = 6, .vlan = list};
	const struct steer_mac expected[] = {
		{.mac = {2, 7}, .vlan = 7},
		{.mac = {2, 9}, .outer_vlan = 9},
		{.mac = {2, 97}, .vlan = 7, .outer_vlan = 9},
	};

	memcpy(list[5].mac, ports.info[0].mac, sizeof(list[5].mac));
	steering_vlans_changed(&steering, &vlans);
	cr_assert_eq(fake_steer()->n_macs, 3);
	cr_expect_arr_eq(fake_steer()->macs, expected, sizeof(expected));
	steering_vlans_changed(&steering, &(struct link_vlans){.loaded = true});
	cr_expect_eq(fake_steer()->n_macs, 0);
}
