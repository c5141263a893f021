/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The next hops in use. A leg holds an index; what stands behind the index, a neighbour's MAC
 * address or nothing yet, changes in one place.
 *
 * The request of a leg (struct hop_request, net.h) is resolved by the kernel's routes and
 * interfaces: to a neighbour and the MTU of the route, or to none for now. Requests with the same
 * answer share an index. When routes change, requests are resolved again: if all behind an index
 * move together, the index is pointed elsewhere; if only some do, these get another index, and the
 * legs that still hold the old one are stale until their flows have been rewritten (flows.h).
 *
 * An index that workers have seen is not given out again before a grace period has passed, as a
 * worker may still hold a packet for it. All functions are called by the control thread, and none
 * waits for a neighbour.
 */
#ifndef CTRL_FLOW_NEXT_HOP_H
#define CTRL_FLOW_NEXT_HOP_H

#include <stdbool.h>
#include <stdint.h>

#include "config/ports.h"
#include "flow/flow_spec.h"
#include "net/net.h"

#define HOP_REASON_MAX 256
#define HOP_INTERFACE_DELETED "the port's interface was deleted; create it and restart sluiced"
#define HOP_PREFIXES_MAX 16 /* of a burst of changed routes; beyond it all are resolved again */

struct event_base;
struct next_hops;

enum next_hop_state {
	NEXT_HOP_PENDING, /* packets for it are dropped as unresolved; info says why */
	NEXT_HOP_RESOLVED,
	NEXT_HOP_STATIC,
	NEXT_HOP_BACKUP, /* resolved, by the backup of its legs, as their own way is lost */
};

struct next_hop_info {
	enum next_hop_state state;
	unsigned port;
	unsigned ifindex; /* kernel interface of the neighbour, 0 when static or unknown */
	uint8_t family; /* 0 when there is no neighbour: static, or no way to one */
	uint8_t address[16]; /* of the neighbour */
	uint8_t mac[6]; /* the last one known */
	uint16_t mtu; /* bytes of IP: the least of the port's, the VLAN interface's and the route's
		       */
	bool mtu_of_route; /* the route's is that least one */
	int error; /* when pending: as of route_resolve() or neighbour_ref() */
};

enum next_hop_change {
	NEXT_HOP_WAS_LOST, /* packets for the index are dropped */
	NEXT_HOP_WAS_RESOLVED, /* after it was not */
	NEXT_HOP_TOOK_BACKUP,
	NEXT_HOP_LEFT_BACKUP,
};

/* What stands behind an index changed. */
typedef void (*next_hops_changed_fn)(void *arg, unsigned index, enum next_hop_change change);

/*
 * dp, ports and net are borrowed and must outlive the table. Requests are resolved again from the
 * event loop of `base`; NULL: never. `on_stale` is called when there are stale legs; NULL:
 * disabled. It must not change the table. NULL without memory.
 */
struct next_hops *next_hops_create(struct dp *dp, const struct ports *ports, struct net *net,
	struct event_base *base, void (*on_stale)(void *arg), void *arg);
void next_hops_destroy(struct next_hops *hops);

/* Call `changed` for neighbours in use; NULL: disabled. It must not change the table. */
void next_hops_observe(struct next_hops *hops, next_hops_changed_fn changed, void *arg);

/* Indexes that are in no use. */
unsigned next_hops_left(const struct next_hops *hops);

/*
 * While it rehearses, references are taken to see whether there is room for them: routes are
 * resolved, neighbours are not.
 */
void next_hops_rehearse(struct next_hops *hops, bool rehearses);

/*
 * Take the reference of one leg. Returns the index, -ENOSPC when all indexes are in use, -ENOMEM,
 * or what dp_next_hop_set() refused with.
 */
int next_hops_ref(struct next_hops *hops, const struct flow_leg *leg);

/*
 * Give the reference of a leg back, which holds `index`. `seen`: a leg with this index was
 * committed.
 */
void next_hops_unref(struct next_hops *hops, const struct flow_leg *leg, unsigned index, bool seen);

/* A grace period has passed: indexes given back before may be used again. */
void next_hops_reclaim(struct next_hops *hops);

/* As struct net_observer has them, which these are for. Neighbours not in use are ignored. */
void next_hops_neighbour_changed(
	struct next_hops *hops, const struct neigh_key *neighbour, const uint8_t *mac, int error);
void next_hops_routes_changed(struct next_hops *hops, const struct net_prefix *prefix);

#define NEXT_HOP_HOLD_MS 1000

/*
 * The port has another MAC address or MTU, or its link went or came back, as dp_port_is_down() has
 * it. Legs with a backup leave by that at once when the port's link or their neighbour is lost; and
 * by their own way again when that has been well for NEXT_HOP_HOLD_MS. What leaves by it observes
 * its MAC address and MTU from now on.
 */
void next_hops_port_changed(struct next_hops *hops, unsigned port);

/*
 * VLAN interfaces changed: what leaves by one has its MAC address as source, and is no longer than
 * its MTU and the port's.
 */
void next_hops_vlans_changed(struct next_hops *hops);

/* The port that packets for an index with references leave by: that of its legs, or the backup's.
 */
unsigned next_hops_port(const struct next_hops *hops, unsigned index);

/* What stands behind an index that has references. */
void next_hops_info_get(const struct next_hops *hops, unsigned index, struct next_hop_info *info);

/* Why a leg is pending, for people: "no route to 198.51.100.7 out of eth1"; "": it is not. */
void next_hops_reason(
	const struct next_hops *hops, const struct flow_leg *leg, char reason[HOP_REASON_MAX]);

/* Legs that hold an index which is not that of their request any more. */
uint64_t next_hops_stale_all(const struct next_hops *hops);

/* The index that a leg with a reference ought to hold, while it holds `index`. */
unsigned next_hops_index(const struct next_hops *hops, const struct flow_leg *leg, unsigned index);

/* A leg that was stale at `from` holds the index that it ought to; committed. */
void next_hops_updated(struct next_hops *hops, const struct flow_leg *leg, unsigned from);

/*
 * After a change of routes, links or addresses, requests are resolved again soon, so that a burst
 * of changes is one round, and in slices, so that a round over many never holds the loop. Do a
 * slice, beginning a round if changes were noted. True: there is more to do.
 */
bool hop_moves_run(struct next_hops *hops);

#endif
