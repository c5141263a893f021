/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Next hops as the kernel knows them. Routes, VLAN interfaces and neighbours are the kernel's;
 * here they are asked for when a flow is installed, and neighbours in use are watched and kept
 * fresh, so that whatever manages the kernel's tables manages ours.
 *
 * Everything here belongs to the control thread and needs CAP_NET_ADMIN. Families are 4 and 6; an
 * IPv4 address stands in the first four of its sixteen bytes.
 */
#ifndef CTRL_NET_NETLINK_H
#define CTRL_NET_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "schema/fault.h"

struct net;

/* A question to net_resolve(), and the answer to it. */
struct net_hop {
	unsigned ifindex; /* the egress port's kernel interface */
	uint16_t vlan; /* 802.1Q VLAN id to leave with, 0 = untagged */
	uint16_t outer_vlan; /* 802.1ad VLAN id before that, 0 = none */
	uint8_t family; /* 4 or 6 */
	uint8_t dst[16]; /* where the leg sends */
	bool has_gateway; /* the operator named the next hop: routes are not asked */
	uint8_t gateway[16]; /* of the same family */

	/*
	 * The answer:
	 * 0		   address and mac are good
	 * -ENETUNREACH	   no route out of that interface, or it is down; with out_ifindex 0: the
	 *		   kernel has no interface for these VLANs upon it
	 * -EHOSTUNREACH   the neighbour did not answer, or not in time
	 * -EADDRNOTAVAIL  no neighbour is meant: a broadcast, unspecified or the host's own address
	 * -ENOBUFS	   the kernel's neighbour table is full (net.ipv4.neigh.default.gc_thresh3)
	 * or what else the kernel refused a question with
	 */
	int error;
	unsigned out_ifindex; /* the VLAN's interface when there is one, else ifindex */
	uint8_t address[16]; /* the neighbour; a multicast group is its own */
	uint8_t mac[6];
};

/*
 * A neighbour that is kept has this MAC address now; NULL: it is not reachable any more. Called
 * from the event loop on every change, and once soon after net_keep(), so that a change between
 * net_resolve() and net_keep() is not missed. It must not call net_keep(), net_forget() or
 * net_destroy().
 */
typedef void (*net_changed_fn)(
	void *arg, unsigned ifindex, uint8_t family, const uint8_t address[16], const uint8_t *mac);

/*
 * Watch the kernel's tables from the event loop of `base`, which must outlive the result. Returns
 * NULL and sets *fault on failure.
 */
struct net *net_create(
	struct event_base *base, net_changed_fn changed, void *arg, struct fault *fault);

/*
 * Answer all hops: ask routes and neighbours, have the kernel resolve those that it does not know
 * and wait for these, all together, at most timeout_ms (the kernel itself gives a neighbour up
 * after three seconds). Blocks for that time; the event loop does not run. Returns 0 when every
 * hop has error 0, otherwise the first error found; each hop has its own in any case.
 */
int net_resolve(struct net *net, struct net_hop *hops, size_t n, unsigned timeout_ms);

/*
 * Keep a neighbour (out_ifindex, family, address of a hop) fresh and report on it, until it is
 * forgotten. Counted: n calls want n of net_forget(). Multicast groups have no neighbour and are
 * ignored. -ENOMEM: not kept.
 */
int net_keep(struct net *net, unsigned ifindex, uint8_t family, const uint8_t address[16]);

/* What was not kept is ignored. */
void net_forget(struct net *net, unsigned ifindex, uint8_t family, const uint8_t address[16]);

/* Forgets everything. NULL is allowed. */
void net_destroy(struct net *net);

#endif
