/* SPDX-License-Identifier: BSD-3-Clause */
/* At most DP_PORTS_MAX names: a walk over them is as quick as a hash. */
#include "config/ports.h"

#include <string.h>

#include "net/netlink.h"

int
ports_init(struct ports *ports, const struct dp *dp)
{
	unsigned i;

	memset(ports, 0, sizeof(*ports));
	for (i = 0; i < dp_port_count(dp); i++) {
		int rc = dp_port_info_get(dp, i, &ports->info[i]);

		if (rc < 0)
			return rc;
	}
	ports->n = i;
	return 0;
}

bool
port_follow_mac(struct dp_port_info *info, const struct dp *dp, unsigned port)
{
	struct dp_port_info now;

	if (dp_port_info_get(dp, port, &now) < 0 ||
		memcmp(now.mac, info->mac, sizeof(now.mac)) == 0)
		return false;
	memcpy(info->mac, now.mac, sizeof(info->mac));
	return true;
}

bool
port_follow_mtu(struct dp_port_info *info, const struct dp *dp, unsigned port)
{
	struct dp_port_info now;
	int mtu;

	if (info->ifindex == 0 || dp_port_info_get(dp, port, &now) < 0)
		return false;
	mtu = interface_mtu(info->ifindex);
	if (mtu > 0 && mtu < now.mtu)
		now.mtu = (uint16_t)mtu;
	if (mtu < 0 || now.mtu == info->mtu)
		return false;
	info->mtu = now.mtu;
	return true;
}

bool
port_follow_interface(struct dp_port_info *info, const struct dp *dp, unsigned port)
{
	struct dp_port_info now;

	if (dp_port_info_get(dp, port, &now) < 0 || now.ifindex == info->ifindex)
		return false;
	info->ifindex = now.ifindex;
	return true;
}

int
ports_find(const struct ports *ports, const char *name)
{
	unsigned i;

	for (i = 0; i < ports->n; i++) {
		if (strcmp(ports->info[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

bool
port_is_gone(const struct dp_port_info *info)
{
	return info->unplugged || (info->ifindex != 0 && interface_is_gone(info->ifindex));
}

const char *
port_hint(const struct dp_port_info *info)
{
	if (info->unplugged)
		return "its device was unplugged: no packets are received or sent; plug it in "
		       "and bind it to vfio-pci, sluiced then opens it again";
	if (port_is_gone(info) && info->kernel_path)
		return "its interface was deleted, and cannot be made again: no packets are "
		       "received or sent; the log says why";
	if (port_is_gone(info))
		return "its interface was deleted: no packets are received or sent; create it "
		       "and restart sluiced";
	if (info->ifindex == 0 || !interface_is_veth(info->ifindex))
		return NULL;
	return "its interface is a veth: run 'ethtool -K PEER tx off txvlan off' at the other "
	       "end, otherwise packets from there have wrong checksums and no VLAN tags";
}

bool
port_link_up(const struct dp_port_info *info)
{
	return info->link_up && (info->ifindex == 0 || interface_runs(info->ifindex));
}
