/* SPDX-License-Identifier: BSD-3-Clause */
/* From where a leg sends to the MAC address that it sends to. Control thread. */
#ifndef CTRL_NET_RESOLVE_H
#define CTRL_NET_RESOLVE_H

#include "net/netlink.h"
#include "net/request.h"

/* As net_resolve(). */
int resolve_hops(struct request *request, struct net_hop *hops, size_t n, unsigned timeout_ms);

#endif
