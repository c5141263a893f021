/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The next hops in use, each once however many legs point at it. A leg holds a reference and an
 * index; the MAC behind the index changes in one place when the neighbour moves.
 *
 * An index that workers have seen is not given out again before a grace period has passed, as a
 * worker may still hold a packet for it. All functions are called by the control thread.
 */
#ifndef CTRL_STATE_NEXT_HOPS_H
#define CTRL_STATE_NEXT_HOPS_H

#include <stdbool.h>
#include <stdint.h>

#include "state/ports.h"

struct net;
struct next_hops;

enum next_hop_state { NEXT_HOP_UNRESOLVED, NEXT_HOP_RESOLVED, NEXT_HOP_STATIC };

struct next_hop_info {
	enum next_hop_state state;
	unsigned port;
	unsigned ifindex; /* kernel interface of the neighbour, 0 when static */
	uint8_t family; /* 0 when static */
	uint8_t address[16]; /* zero when static */
	uint8_t mac[6]; /* the last one known */
};

/* The neighbour behind an index was lost, or was resolved after it was not. */
typedef void (*next_hops_changed_fn)(void *arg, unsigned index, bool resolved);

/* dp, ports and net are borrowed and must outlive the table. NULL without memory. */
struct next_hops *next_hops_create(struct dp *dp, const struct ports *ports, struct net *net);
void next_hops_destroy(struct next_hops *hops);

/* Have it told what becomes of neighbours in use; NULL: no more. fn must not change the table. */
void next_hops_observe(struct next_hops *hops, next_hops_changed_fn changed, void *arg);

/*
 * Take a reference on a neighbour, resolved to that MAC, behind `port` on interface `ifindex` (the
 * VLAN interface when there is one). Returns the index, -ENOSPC when all indexes are in use,
 * -ENOMEM, or what dp_next_hop_set() refused with.
 */
int next_hops_get_neighbour(struct next_hops *hops, unsigned port, unsigned ifindex, uint8_t family,
	const uint8_t address[16], const uint8_t mac[6]);

/* The same for a MAC address that stays as the operator gave it. */
int next_hops_get_static(struct next_hops *hops, unsigned port, const uint8_t mac[6]);

/* Take one more reference on an index that has some. */
void next_hops_hold(struct next_hops *hops, unsigned index);

/* Give a reference back. `seen`: a leg with this index was committed. */
void next_hops_put(struct next_hops *hops, unsigned index, bool seen);

/* A grace period has passed: indexes given back before may be used again. */
void next_hops_reclaim(struct next_hops *hops);

/* The kernel's neighbour changed; NULL: it cannot be reached now. Those not in use are ignored. */
void next_hops_changed(struct next_hops *hops, unsigned ifindex, uint8_t family,
	const uint8_t address[16], const uint8_t *mac);

/* What stands behind an index that has references. */
void next_hops_info_get(const struct next_hops *hops, unsigned index, struct next_hop_info *info);

#endif
