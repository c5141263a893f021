/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Next hops as the kernel knows them. Routes, VLAN interfaces and neighbours are the kernel's;
 * here they are asked for when a flow is installed, and watched from then on, so that what
 * manages the kernel's tables manages ours. Nothing here waits for a neighbour.
 *
 * Everything here belongs to the control thread and needs CAP_NET_ADMIN. Families are 4 and 6; an
 * IPv4 address stands in the first four of its sixteen bytes.
 */
#ifndef CTRL_NET_NET_H
#define CTRL_NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "base/fault.h"

struct net;

/* A question to route_resolve(), and the answer to it. */
struct net_hop {
	unsigned ifindex; /* the egress port's kernel interface */
	uint16_t vlan; /* 802.1Q VLAN id to leave with, 0 = untagged */
	uint16_t outer_vlan; /* 802.1ad VLAN id before that, 0 = none */
	uint8_t family; /* 4 or 6 */
	uint8_t dst[16]; /* where the leg sends; ignored when there is a gateway */
	bool has_gateway; /* the operator named the next hop: routes are not asked */
	uint8_t gateway[16]; /* of the same family */

	/*
	 * The answer:
	 * 0		   address is the neighbour
	 * -ENETUNREACH	   no route out of that interface, or it is down; with out_ifindex 0: the
	 *		   kernel has no interface for these VLANs on it
	 * -ENODEV	   that interface does not exist any more
	 * -EADDRNOTAVAIL  no neighbour is meant: a broadcast, unspecified or the host's own address
	 * or what else the kernel refused a question with
	 */
	int error;
	unsigned out_ifindex; /* the VLAN's interface when there is one, else ifindex */
	uint8_t address[16];
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
	void (*neighbour)(void *arg, unsigned ifindex, uint8_t family, const uint8_t address[16],
		const uint8_t *mac, int error);
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

/*
 * Find out which neighbour a hop means: by its VLANs' interface and the routes out of it. One
 * question or two to the kernel, which answers at once.
 */
void route_resolve(struct net *net, struct net_hop *hop);

/*
 * Have a neighbour (out_ifindex, family, address of a hop) kept fresh and changes of it reported,
 * until the last reference is given up. 0: it has that MAC address now. Else it has none (yet):
 * -EINPROGRESS the kernel is being asked, -EHOSTUNREACH it got no answer, -ENOBUFS the kernel's
 * neighbour table is full, -ENETDOWN or -ENODEV the interface is down or gone. -ENOMEM: there is no
 * reference.
 */
int neighbour_ref(struct net *net, unsigned ifindex, uint8_t family, const uint8_t address[16],
	uint8_t mac[6]);

/* One that has no reference is ignored. */
void neighbour_unref(struct net *net, unsigned ifindex, uint8_t family, const uint8_t address[16]);

/* NULL is allowed. */
void net_destroy(struct net *net);

#endif
