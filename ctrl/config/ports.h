/* SPDX-License-Identifier: BSD-3-Clause */
/* The appliance's ports as control needs them to compile flows: name to index, and what is fixed.
 */
#ifndef CTRL_CONFIG_PORTS_H
#define CTRL_CONFIG_PORTS_H

#include <dp/dp.h>

struct ports {
	unsigned n;
	struct dp_port_info info[DP_PORTS_MAX]; /* as at start; link and MAC may change */
};

/* Read the ports of a data plane. 0, or the negative errno of dp_port_info_get(). */
int ports_init(struct ports *ports, const struct dp *dp);

/*
 * Read a port's MAC address again, after a change of its interface. Whether it is another one.
 */
bool port_follow_mac(struct dp_port_info *info, const struct dp *dp, unsigned port);

/*
 * The same of its MTU: the smaller one of the interface's and of that which the port has had since
 * it was opened, for which its buffers are.
 */
bool port_follow_mtu(struct dp_port_info *info, const struct dp *dp, unsigned port);

/* The same of its interface, which is another one if its TAP was made again. */
bool port_follow_interface(struct dp_port_info *info, const struct dp *dp, unsigned port);

/* Index of the port of that name, -1 when there is none. */
int ports_find(const struct ports *ports, const char *name);

/*
 * What to see to outside of sluiced, a sentence of static storage; NULL: nothing. A veth's other
 * end leaves checksums and VLAN tags to a device that there is not: what it sends is forwarded with
 * a wrong checksum, and tagged packets match no flow.
 */
const char *port_hint(const struct dp_port_info *info);

/* Whether its device was unplugged, or it had a kernel interface, which was deleted. */
bool port_is_gone(const struct dp_port_info *info);

/*
 * Whether a port has a link. net_af_xdp says yes for ever: where there is a kernel interface, that
 * is asked too.
 */
bool port_link_up(const struct dp_port_info *info);

#endif
