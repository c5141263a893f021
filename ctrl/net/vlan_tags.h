/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where an interface of the kernel has the VLAN tags of what it receives. A NIC that "offloads"
 * them cuts a tag out of the frame and hands it to the kernel beside the frame. XDP programs and
 * AF_XDP sockets see only the frame: one of a VLAN would be taken for one without a tag, and match
 * the flows of others.
 */
#ifndef CTRL_NET_VLAN_TAGS_H
#define CTRL_NET_VLAN_TAGS_H

#include <stddef.h>

/*
 * Have the interface leave the tags in the frames: turn rx-vlan-offload and rx-vlan-stag-hw-parse
 * (ethtool(8)) off. Needs CAP_NET_ADMIN; control thread. Returns 1 if one of them was on, 0 if none
 * was; -EOPNOTSUPP if the driver keeps it on, or another negative errno, and then *error holds one
 * sentence for people.
 */
int vlan_tags_keep(const char *iface, char *error, size_t error_size);

#endif
