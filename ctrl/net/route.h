/* SPDX-License-Identifier: BSD-3-Clause */
/* Whom the kernel's routes name as the next hop out of a given interface. Control thread. */
#ifndef CTRL_NET_ROUTE_H
#define CTRL_NET_ROUTE_H

#include <stdint.h>

#include "base/addr.h"
#include "net/request.h"

/*
 * The neighbour towards `dst` out of `ifindex`: the gateway of the route, or dst itself when that
 * is on the link. 0; -ENETUNREACH: no route out of that interface (or it is down, or the gateway
 * is of the other family); -EADDRNOTAVAIL: the route says that dst is the host's own, a broadcast
 * address, or blocked, so that no neighbour is meant.
 */
int route_next_hop(struct request *request, unsigned ifindex, uint8_t family,
	const uint8_t dst[ADDRESS_BYTES], uint8_t next_hop[ADDRESS_BYTES]);

#endif
