/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Next hops as the kernel knows them. Routes, VLAN interfaces and neighbours are the kernel's;
 * here they are read when a flow is installed, and watched from then on, so that what manages the
 * kernel's tables manages ours. Nothing here waits for a neighbour.
 *
 * Everything here belongs to the control thread and needs CAP_NET_ADMIN. Families are 4 and 6; an
 * IPv4 address stands in the first four of its sixteen bytes.
 */
#ifndef CTRL_NET_NET_H
#define CTRL_NET_NET_H

#include <assert.h>
#include <stdint.h>

#include "base/fault.h"
#include "net/netlink.h"

struct net;

/* What a leg sends and where, as far as its next hop goes. Hashed as bytes. */
struct hop_request {
	uint32_t ifindex; /* the egress port's kernel interface */
	uint16_t port; /* the egress port; of no use here */
	uint16_t vlan; /* 802.1Q VLAN id to leave with, 0 = untagged */
	uint16_t outer_vlan; /* 802.1ad VLAN id before that, 0 = none */
	uint16_t
		bucket; /* of the leg, for its choice of a path (flow/hop_path.h); of no use here */
	uint8_t family; /* 4 or 6 */
	uint8_t has_gateway; /* the operator named the next hop: routes do not matter */
	uint8_t dscp; /* that it leaves with; 0 when it is that of each packet */
	uint8_t reserved; /* zero */
	uint32_t mark; /* that policy rules see; 0: none, or has_gateway */
	uint8_t from[16]; /* source address; zero: none is known, or has_gateway */
	uint8_t to[16]; /* that next hop, else the destination */
};

static_assert(sizeof(struct hop_request) == 52, "no padding in what is hashed");

/* A route has one path, or several that share its flows (ECMP). Hashed as bytes. */
struct hop_path {
	struct neigh_key neighbour;
	uint32_t weight; /* its share is in proportion to it; from 1 on */
};

#define HOP_PATHS_MAX 64 /* further ones are not used */

struct hop_paths {
	uint32_t ifindex; /* that they are on: the port's, or the VLAN's when there is one; or 0 */
	uint32_t mtu; /* of the route (RTAX_MTU), in bytes of IP; 0: it has none of its own */
	unsigned n;
	struct hop_path path[HOP_PATHS_MAX]; /* in the order of the route */
};

/* Destinations that a change of routes concerns. */
struct net_prefix {
	uint8_t address[16];
	uint8_t bits;
	uint8_t family;
};

struct net_observer {
	/*
	 * A neighbour in use has this MAC address now; NULL: it has none, and error says why as
	 * neighbour_ref() does. It must not call that, neighbour_unref() or net_destroy().
	 */
	void (*neighbour)(void *arg, const struct neigh_key *key, const uint8_t *mac, int error);
	/* What route_resolve() answers for these may be another thing now; NULL: for any. */
	void (*routes)(void *arg, const struct net_prefix *prefix);
	/* An interface changed in some way; 0: any may have. It may be gone. */
	void (*link)(void *arg, unsigned ifindex);
	void *arg;
};

/*
 * Watch the kernel's tables from the event loop of `base`, which must outlive the result. Returns
 * NULL and sets *fault on failure.
 */
struct net *net_create(
	struct event_base *base, const struct net_observer *observer, struct fault *fault);

/* NULL is allowed. */
void net_destroy(struct net *net);

/*
 * Index of the kernel's interface of these VLANs on an interface: itself for those that are 0. A
 * negative errno if there is none.
 */
int net_interface(struct net *net, unsigned ifindex, uint16_t outer_vlan, uint16_t vlan);

/*
 * Find out by which neighbours a request leaves: the interface of its VLANs, and the route that the
 * kernel has out of it for that source, destination, DSCP and mark, policy rules included. One
 *query to the kernel or two, which it answers at once. IPv4 rules by source apply to sources that
 *are addresses of the host only, as the kernel answers for no other. Returns
 * 0		   paths->n is from 1 on
 * -ENETUNREACH	   no route out of that interface, or it is down; with ifindex 0: the kernel has no
 *		   interface for these VLANs on it
 * -ENODEV	   that interface does not exist any more
 * -EADDRNOTAVAIL  there is no neighbour for it: a broadcast, unspecified or the host's own address
 * or what else the kernel refused a query with; paths->n is 0 then.
 */
int route_resolve(struct net *net, const struct hop_request *request, struct hop_paths *paths);

/*
 * The kernel's VLAN interfaces, read again after a link changed; none if that fails. Until the next
 * call here, or of route_resolve().
 */
const struct link_vlans *net_vlans(struct net *net);

/*
 * Keep a neighbour resolved and report changes of it, until the last reference is released.
 * 0: it has that MAC address now. Else it has none (yet): -EINPROGRESS the kernel resolves it,
 * -EHOSTUNREACH it got no answer, -ENOBUFS the kernel's neighbour table is full, -EPERM the kernel
 * does not resolve it without CAP_NET_ADMIN, -ENETDOWN or -ENODEV the interface is down or gone.
 * -ENOMEM: there is no reference.
 */
int neighbour_ref(struct net *net, const struct neigh_key *key, uint8_t mac[6]);

/* One that has no reference is ignored. */
void neighbour_unref(struct net *net, const struct neigh_key *key);

/*
 * Have the kernel resolve a neighbour that needs no reference: neighbour_ref() knows it once it has
 * answered. 0, or a negative errno of the kernel.
 */
int neighbour_resolve(struct net *net, const struct neigh_key *key);

#define NEIGHBOUR_PERIOD_MS 15000 /* half of the kernel's shortest default time to staleness */

/*
 * Poll no more than `max` neighbours that are due: report what changed, and have the kernel resolve
 * or confirm what is unknown, stale or failed. Returns in how many ms the next one is due, 0 = now,
 * UINT64_MAX = there is none. The timer calls it.
 */
uint64_t neighbours_poll(struct net *net, uint64_t now_ms, unsigned max);

#endif
