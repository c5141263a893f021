/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel's neighbour table (ARP, Neighbour Discovery): reading an entry, and having the kernel
 * find out or confirm one. We never resolve by ourselves. Control thread.
 */
#ifndef CTRL_NET_NEIGH_H
#define CTRL_NET_NEIGH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "net/request.h"

/* Compared byte by byte: made by neigh_key_init() only. */
struct neigh_key {
	uint8_t address[ADDRESS_BYTES];
	unsigned ifindex;
	uint8_t family; /* 4 or 6 */
	uint8_t reserved[3];
};

struct neigh {
	struct neigh_key key;
	uint16_t state; /* NUD_REACHABLE and the like; NUD_NONE = the kernel has no such entry */
	bool has_mac;
	uint8_t mac[6];
};

void neigh_key_init(struct neigh_key *key, unsigned ifindex, uint8_t family,
	const uint8_t address[ADDRESS_BYTES]);

/* Read one RTM_NEWNEIGH or RTM_DELNEIGH. False: not of IPv4 or IPv6, or a proxy entry. Pure. */
bool neigh_parse(const struct nlmsghdr *message, struct neigh *neigh);

/* True when frames can be sent to its MAC address now. Pure. */
bool neigh_is_usable(const struct neigh *neigh);

/* True when the kernel tried and nobody answered. Pure. */
bool neigh_is_failed(const struct neigh *neigh);

/*
 * True when the kernel should be asked to find out or to confirm. Never for permanent entries,
 * which neigh_kick() would turn into ordinary ones. Pure.
 */
bool neigh_wants_kick(const struct neigh *neigh);

/* Ask for one entry; an absent one is no error but state NUD_NONE. 0 or a negative errno. */
int neigh_get(struct request *request, const struct neigh_key *key, struct neigh *neigh);

/*
 * Have the kernel resolve or confirm the entry as if it had a packet to send to it. 0 or a negative
 * errno: -ENETDOWN, -ENODEV of the interface; -ENOBUFS: the kernel's neighbour table is full.
 */
int neigh_kick(struct request *request, const struct neigh_key *key);

#endif
