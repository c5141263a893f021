/* SPDX-License-Identifier: BSD-3-Clause */
/* The differences between the releases of DPDK that Sluice builds with: docs/dpdk-versions.md. */
#ifndef DATAPLANE_COMPAT_H
#define DATAPLANE_COMPAT_H

#include <rte_version.h>

/* The initializer of an address in struct rte_ipv6_hdr, from its bytes: an array before 24.11. */
#if RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0)
#define IPV6_ADDRESS(...) \
	{ \
		.a = { __VA_ARGS__ } \
	}
#else
#define IPV6_ADDRESS(...) \
	{ \
		__VA_ARGS__ \
	}
#endif

/* The calls about members of a bond, which had other names before 23.11. */
#if RTE_VERSION < RTE_VERSION_NUM(23, 11, 0, 0)
#define rte_eth_bond_member_add rte_eth_bond_slave_add
#define rte_eth_bond_member_remove rte_eth_bond_slave_remove
#define rte_eth_bond_active_members_get rte_eth_bond_active_slaves_get
#define rte_eth_bond_8023ad_member_info rte_eth_bond_8023ad_slave_info
#endif

#endif
