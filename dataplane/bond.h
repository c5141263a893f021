/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A port of several devices, by net_bonding: its members, and what the driver says of them. Link
 * aggregation is by IEEE 802.1AX (LACP), which the driver and the workers' polls run. Control
 * thread.
 */
#ifndef DATAPLANE_BOND_H
#define DATAPLANE_BOND_H

#include <rte_ethdev.h>

#include <dp/dp.h>

/* The devices of a bond, while it is open. All 0: the port is none. */
struct bond {
	unsigned n_members;
	uint16_t members[DP_BOND_MEMBERS_MAX]; /* their DPDK port ids */
	bool is_lacp;
};

/*
 * Create the bond that the configuration names, as *ethdev, probe its members and add them. 0, or a
 * negative errno, *error naming the member, and nothing left.
 */
int bond_open(struct bond *bond, const struct dp_port_config *config, uint16_t *ethdev, char *error,
	size_t error_size);

/* Remove the members. After the ethdev of the bond is closed. */
void bond_close(struct bond *bond);

/* What dp_bond_member_get() returns, of the bond `ethdev`. */
void bond_member(
	const struct bond *bond, uint16_t ethdev, unsigned member, struct dp_bond_member *info);

/*
 * Start or stop a member, which sets its link. To stop it, no worker may run: rte_eth_dev_stop()
 * exchanges the functions that it calls. Waits until the bond does not send by it. 0, or a negative
 * errno, *error set, and the member is as before.
 */
int bond_member_link_set(const struct bond *bond, uint16_t ethdev, unsigned member, bool up,
	char *error, size_t error_size);

/*
 * Cut *info, of the bond, to the queues that every member has: the driver's own limits are higher
 * in some cases. 0 or a negative errno.
 */
int bond_limit_queues(const struct bond *bond, struct rte_eth_dev_info *info);

/* It has a member that it sends by. */
bool bond_is_active(const struct bond *bond, uint16_t ethdev);

/* One of its members has that driver. */
bool bond_has_driver(const struct bond *bond, const char *driver);

#endif
