/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Legs out of ports that are too narrow for what the flow carries. VLAN tags do not count: an MTU
 * is of IP datagrams. Pure, any thread.
 */
#ifndef CTRL_STATE_LEG_MTU_H
#define CTRL_STATE_LEG_MTU_H

#include "base/fault.h"
#include "config/ports.h"
#include "state/flow_spec.h"

/*
 * The longest datagram of a flow is its max_datagram_bytes, and 20 more in a leg that translates to
 * IPv6, 20 less in one that translates to IPv4 (RFC 7915, 4 and 5); else it is the MTU of the
 * port it comes in by (of a rule for any port, the greatest of all). An IPv6 link carries at least
 * 1280 (RFC 8200, 5). 0, or -1 with *fault set: FAULT_INVALID_VALUE at ".../legs/N/port".
 */
int legs_mtu_check(const struct flow_spec *spec, const struct ports *ports, struct fault *fault);

#endif
