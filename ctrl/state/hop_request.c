/* SPDX-License-Identifier: BSD-3-Clause */
#include "state/hop_request.h"

#include <string.h>

#include "base/addr.h"

bool
hop_request_make(const struct flow_leg *leg, const struct ports *ports, struct hop_request *request)
{
	const bool has_gateway = leg->hop == FLOW_HOP_GATEWAY;

	if (leg->hop == FLOW_HOP_MAC)
		return false;
	if (!has_gateway && address_kind(leg->family, leg->dst) == ADDRESS_MULTICAST)
		return false;
	memset(request, 0, sizeof(*request));
	request->port = (uint16_t)ports_find(ports, leg->port);
	request->ifindex = ports->info[request->port].ifindex;
	request->vlan = leg->vlan;
	request->outer_vlan = leg->outer_vlan;
	request->family = leg->family;
	request->has_gateway = has_gateway;
	memcpy(request->to, has_gateway ? leg->next_hop : leg->dst, sizeof(request->to));
	return true;
}

void
hop_static_mac(const struct flow_leg *leg, uint8_t mac[6])
{
	if (leg->hop == FLOW_HOP_MAC)
		memcpy(mac, leg->mac, sizeof(leg->mac));
	else
		address_multicast_mac(leg->family, leg->dst, mac);
}
