/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel's VLAN interfaces: which of them stands for VLAN `id` upon an interface. Neighbours
 * and routes of tagged traffic are the VLAN interface's, not the port's. Control thread.
 */
#ifndef CTRL_NET_LINK_H
#define CTRL_NET_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/request.h"

struct link_vlan {
	unsigned ifindex;
	unsigned parent; /* interface that it stands upon */
	uint16_t tpid; /* ETH_P_8021Q or ETH_P_8021AD */
	uint16_t id;
};

struct link_vlans {
	bool loaded;
	size_t n;
	struct link_vlan *vlan;
};

/* Read one RTM_NEWLINK. True: it is a VLAN interface upon one of this namespace. Pure. */
bool link_vlan_parse(const struct nlmsghdr *message, struct link_vlan *vlan);

/*
 * Interface index of VLAN `id` of that kind upon `parent`, 0 when there is none. *vlans starts as
 * zeros, is filled by the first call and released by link_vlans_fini(). Negative errno on failure.
 */
int link_vlan_find(struct request *request, struct link_vlans *vlans, unsigned parent,
	uint16_t tpid, uint16_t id);
void link_vlans_fini(struct link_vlans *vlans);

#endif
