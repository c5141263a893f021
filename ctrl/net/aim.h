/* SPDX-License-Identifier: BSD-3-Clause */
/* From where a leg sends to the neighbour that it hands its packets to. Control thread. */
#ifndef CTRL_NET_AIM_H
#define CTRL_NET_AIM_H

#include "net/link.h"
#include "net/netlink.h"
#include "net/request.h"

/* As net_aim(). *vlans is filled when it is needed and may be kept until a link changes. */
void hop_aim(struct request *request, struct link_vlans *vlans, struct net_hop *hop);

#endif
