/* SPDX-License-Identifier: BSD-3-Clause */
#include "bond.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_eth_bond.h>
#include <rte_eth_bond_8023ad.h>

#include "compat.h"

#define XDP_MONITOR_MS 2 /* workers wait as long for the loss of a member; the default is 10 */
#define INACTIVE_TIMEOUT_US 100000
#define INACTIVE_LOOK_US 20

static_assert(DP_DEVICE_MAX == RTE_ETH_NAME_MAX_LEN, "public API: name of a device");

static void
device_name(const char *devargs, char name[RTE_ETH_NAME_MAX_LEN])
{
	snprintf(name, RTE_ETH_NAME_MAX_LEN, "%.*s", (int)strcspn(devargs, ","), devargs);
}

static void
device_remove(uint16_t ethdev)
{
	struct rte_device *device = NULL;
	struct rte_eth_dev_info info;

	if (rte_eth_dev_info_get(ethdev, &info) == 0)
		device = info.device;
	rte_eth_dev_close(ethdev);
	if (device != NULL)
		rte_dev_remove(device);
}

static int
member_add(struct bond *bond, uint16_t ethdev, const char *devargs, const char **step)
{
	char name[RTE_ETH_NAME_MAX_LEN];
	uint16_t member;
	int ret;

	device_name(devargs, name);
	*step = "probing it";
	ret = rte_eth_dev_get_port_by_name(name, &member);
	if (ret < 0)
		ret = rte_dev_probe(devargs);
	if (ret == 0)
		ret = rte_eth_dev_get_port_by_name(name, &member);
	if (ret < 0)
		return ret;
	bond->members[bond->n_members++] = member;
	*step = "adding it to the bond";
	return rte_eth_bond_member_add(ethdev, member) < 0 ? -EINVAL : 0;
}

int
bond_open(struct bond *bond, const struct dp_port_config *config, uint16_t *ethdev, char *error,
	size_t error_size)
{
	const char *step = "", *mode = strstr(config->devargs, ",mode=");
	char name[RTE_ETH_NAME_MAX_LEN];
	int ret;

	/* Not by rte_dev_probe(): such a bond takes its members when it is configured only, after
	 * its limits have been read. */
	memset(bond, 0, sizeof(*bond));
	device_name(config->devargs, name);
	ret = rte_eth_bond_create(name, mode != NULL ? (uint8_t)atoi(mode + 6) : 0, 0);
	if (ret < 0) {
		snprintf(error, error_size, "port %s: the bond \"%s\" cannot be created: %s",
			config->name, config->devargs, strerror(-ret));
		return ret;
	}
	*ethdev = (uint16_t)ret;
	rte_eth_bond_xmit_policy_set(*ethdev, BALANCE_XMIT_POLICY_LAYER34);
	bond->is_lacp = rte_eth_bond_mode_get(*ethdev) == BONDING_MODE_8023AD;
	for (unsigned i = 0; i < config->n_members; i++) {
		ret = member_add(bond, *ethdev, config->members[i], &step);

		if (ret == 0)
			continue;
		snprintf(error, error_size,
			"port %s: member \"%s\" of the bond: %s failed: %s; the lines above say "
			"why",
			config->name, config->members[i], step, strerror(-ret));
		for (unsigned k = 0; k < bond->n_members; k++)
			rte_eth_bond_member_remove(*ethdev, bond->members[k]);
		rte_eth_bond_free(name);
		bond_close(bond);
		return ret;
	}
	if (bond_has_driver(bond, "net_af_xdp"))
		rte_eth_bond_link_monitoring_set(*ethdev, XDP_MONITOR_MS);
	return 0;
}

void
bond_close(struct bond *bond)
{
	while (bond->n_members > 0)
		device_remove(bond->members[--bond->n_members]);
}

/* The bond has it, whether or not it sends by it. */
static bool
is_listed(uint16_t ethdev, uint16_t member)
{
	uint16_t active[RTE_MAX_ETHPORTS];
	const int n = rte_eth_bond_active_members_get(ethdev, active, RTE_DIM(active));

	for (int i = 0; i < n; i++) {
		if (active[i] == member)
			return true;
	}
	return false;
}

static bool
is_active(uint16_t ethdev, uint16_t member)
{
	return is_listed(ethdev, member) &&
	       (rte_eth_bond_mode_get(ethdev) != BONDING_MODE_ACTIVE_BACKUP ||
		       rte_eth_bond_primary_get(ethdev) == member);
}

void
bond_member(const struct bond *bond, uint16_t ethdev, unsigned member, struct dp_bond_member *info)
{
	const uint16_t port = bond->members[member];
	struct rte_eth_bond_8023ad_member_info lacp;
	struct rte_eth_dev_info device;
	struct rte_eth_stats stats;
	struct rte_eth_link link;

	memset(info, 0, sizeof(*info));
	rte_eth_dev_get_name_by_port(port, info->device);
	if (rte_eth_dev_info_get(port, &device) == 0)
		info->ifindex = device.if_index;
	info->link_up =
		rte_eth_link_get_nowait(port, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
	info->active = info->link_up && is_active(ethdev, port);
	if (rte_eth_stats_get(port, &stats) == 0) {
		info->rx_packets = stats.ipackets;
		info->tx_packets = stats.opackets;
	}
	if (!bond->is_lacp || rte_eth_bond_8023ad_member_info(ethdev, port, &lacp) < 0)
		return;
	info->has_lacp = true;
	info->active = info->active && (lacp.actor_state & STATE_DISTRIBUTING) != 0;
	info->lacp_actor_state = lacp.actor_state;
	info->lacp_partner_state = lacp.partner_state;
	memcpy(info->lacp_partner, lacp.partner.system.addr_bytes, sizeof(info->lacp_partner));
}

bool
bond_is_active(const struct bond *bond, uint16_t ethdev)
{
	struct dp_bond_member member;

	for (unsigned i = 0; i < bond->n_members; i++) {
		bond_member(bond, ethdev, i, &member);
		if (member.active)
			return true;
	}
	return false;
}

/* The driver looks for changes of a link, in a thread of its own. */
static bool
becomes_inactive(uint16_t ethdev, uint16_t member)
{
	for (unsigned us = 0; us < INACTIVE_TIMEOUT_US; us += INACTIVE_LOOK_US) {
		if (!is_listed(ethdev, member))
			return true;
		rte_delay_us_sleep(INACTIVE_LOOK_US);
	}
	return false;
}

int
bond_member_link_set(const struct bond *bond, uint16_t ethdev, unsigned member, bool up,
	char *error, size_t error_size)
{
	const uint16_t port = bond->members[member];
	int ret = up ? rte_eth_dev_start(port) : rte_eth_dev_stop(port);

	if (ret == 0 && !up && !becomes_inactive(ethdev, port)) {
		rte_eth_dev_start(port);
		ret = -ETIMEDOUT;
	}
	if (ret < 0)
		snprintf(error, error_size, "member %u of the bond: it cannot be %s: %s", member,
			up ? "started" : "stopped", strerror(-ret));
	return ret;
}

int
bond_limit_queues(const struct bond *bond, struct rte_eth_dev_info *info)
{
	for (unsigned i = 0; i < bond->n_members; i++) {
		struct rte_eth_dev_info member;
		const int ret = rte_eth_dev_info_get(bond->members[i], &member);

		if (ret < 0)
			return ret;
		info->max_rx_queues = RTE_MIN(info->max_rx_queues, member.max_rx_queues);
		info->max_tx_queues = RTE_MIN(info->max_tx_queues, member.max_tx_queues);
	}
	return 0;
}

bool
bond_has_driver(const struct bond *bond, const char *driver)
{
	struct rte_eth_dev_info member;

	for (unsigned i = 0; i < bond->n_members; i++)
		if (rte_eth_dev_info_get(bond->members[i], &member) == 0 &&
			strcmp(member.driver_name, driver) == 0)
			return true;
	return false;
}
