/* SPDX-License-Identifier: BSD-3-Clause */
/* Which capabilities ports require; tests/system/privileges.sh shows that these suffice. */
#include <criterion/criterion.h>
#include <linux/capability.h>
#include <stdio.h>

#include "config/privileges.h"

#define BIT(capability) (UINT64_C(1) << (capability))

static struct privileges
of(const char *first, const char *second)
{
	struct dp_port_config ports[2] = {0};

	snprintf(ports[0].devargs, sizeof(ports[0].devargs), "%s", first);
	snprintf(ports[1].devargs, sizeof(ports[1].devargs), "%s", second);
	return privileges_of_ports(ports, second[0] ? 2 : 1);
}

Test(privileges, ports_without_a_kernel_interface_require_none)
{
	const struct privileges needs = of("net_null0,no-rx=1", "net_memif0,role=client");

	cr_expect_eq(needs.start, 0);
	cr_expect_eq(needs.run, 0);
}

Test(privileges, af_xdp_is_root_only_while_it_starts)
{
	const struct privileges needs = of("net_af_xdp0,iface=eth1", "");

	cr_expect(needs.start & BIT(CAP_SYS_ADMIN));
	cr_expect_eq(needs.run, BIT(CAP_NET_ADMIN) | BIT(CAP_BPF));
}

Test(privileges, those_of_several_ports_add_up)
{
	const struct privileges needs = of("net_af_xdp0,iface=eth1", "0000:41:00.0");

	cr_expect(needs.start & BIT(CAP_BPF));
	cr_expect_eq(needs.run,
		BIT(CAP_NET_ADMIN) | BIT(CAP_NET_RAW) | BIT(CAP_IPC_LOCK) | BIT(CAP_BPF));
}

Test(privileges, what_runs_was_there_at_the_start)
{
	static const char *const devargs[] = {"net_af_xdp0,iface=a", "0000:41:00.0", "net_tap0",
		"net_pcap0,rx_pcap=a", "net_af_packet0,iface=a", "net_bonding0,mode=1"};

	for (size_t i = 0; i < sizeof(devargs) / sizeof(devargs[0]); i++) {
		const struct privileges needs = of(devargs[i], "");

		cr_expect_neq(needs.start, 0, "%s", devargs[i]);
		cr_expect_eq(needs.run & ~needs.start, 0, "%s", devargs[i]);
	}
}
