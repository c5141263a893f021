/* SPDX-License-Identifier: BSD-3-Clause */
/* Two steps: the interface for the VLANs, outer one first, then the route out of that interface. */
#include "net/aim.h"

#include <errno.h>
#include <string.h>

#include <linux/if_ether.h>

#include "net/interface.h"
#include "net/route.h"

/* Step from hop->out_ifindex to the interface of one of its tags upon it. */
static int
tag_step(struct request *request, struct link_vlans *vlans, struct net_hop *hop, uint16_t tpid,
	uint16_t id)
{
	const int ifindex = id ? link_vlan_find(request, vlans, hop->out_ifindex, tpid, id)
			       : (int)hop->out_ifindex;

	hop->out_ifindex = ifindex > 0 ? (unsigned)ifindex : 0;
	if (ifindex < 0)
		return ifindex;
	return ifindex == 0 ? -ENETUNREACH : 0;
}

static int
hop_find(struct request *request, struct link_vlans *vlans, struct net_hop *hop)
{
	const uint8_t *dst = hop->has_gateway ? hop->gateway : hop->dst;
	int ret;

	hop->out_ifindex = hop->ifindex;
	memset(hop->address, 0, sizeof(hop->address));
	memcpy(hop->address, dst, address_size(hop->family));
	if (address_is_void(hop->family, dst) || address_is_multicast(hop->family, dst))
		return -EADDRNOTAVAIL;
	ret = tag_step(request, vlans, hop, ETH_P_8021AD, hop->outer_vlan);
	if (ret == 0)
		ret = tag_step(request, vlans, hop, ETH_P_8021Q, hop->vlan);
	if (ret == 0 && !hop->has_gateway)
		ret = route_next_hop(
			request, hop->out_ifindex, hop->family, hop->dst, hop->address);
	return ret == -ENETUNREACH && interface_is_gone(hop->ifindex) ? -ENODEV : ret;
}

void
hop_aim(struct request *request, struct link_vlans *vlans, struct net_hop *hop)
{
	hop->error = hop_find(request, vlans, hop);
}
