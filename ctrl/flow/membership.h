/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Multicast groups that flows receive: sluiced has the kernel join them on the interface of the
 * flow's port, or of its VLANs there. The kernel answers queriers (IGMPv3, RFC 3376; MLDv2, RFC
 * 3810), and has the NIC take the group's frames. A flow that matches a source joins that source's
 * channel only (RFC 4607), a listener the group from any source. Rules join nothing.
 *
 * What the kernel refuses is no error of the flow: it is pending, and is tried again when an
 * interface changes. Control thread only.
 */
#ifndef CTRL_FLOW_MEMBERSHIP_H
#define CTRL_FLOW_MEMBERSHIP_H

#include "config/ports.h"
#include "flow/flow_spec.h"
#include "net/net.h"

struct memberships;

/* ports and net are borrowed and must outlive the result. NULL: no memory. */
struct memberships *memberships_create(const struct ports *ports, struct net *net);

/* Leaves all groups. NULL is allowed. */
void memberships_destroy(struct memberships *memberships);

/*
 * Join, or no longer be a member for, the group that a flow matches; counted. A flow that matches
 * no group is none of their business. 0 or -ENOMEM, and then nothing was added.
 */
int membership_add(struct memberships *memberships, const struct flow_spec *spec);
void membership_del(struct memberships *memberships, const struct flow_spec *spec);

/* An interface changed, or any may have: join where it is another one now, or was refused before.
 */
void memberships_link_changed(struct memberships *memberships);

struct membership_info {
	unsigned ifindex; /* interface that it is on; 0: the port has none for these VLANs */
	int error; /* 0: the kernel is a member, else why it is not, a negative errno */
	bool has_source; /* of one source's channel */
};

/* False: the flow matches no group. */
bool membership_info_get(const struct memberships *memberships, const struct flow_spec *spec,
	struct membership_info *info);

#endif
