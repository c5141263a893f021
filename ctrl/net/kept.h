/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The neighbours that are in use: what was last told about each, and the rule for when to tell
 * again. Control thread.
 */
#ifndef CTRL_NET_KEPT_H
#define CTRL_NET_KEPT_H

#include "net/neigh.h"
#include "net/netlink.h"
#include "net/request.h"

enum kept_told { KEPT_NOTHING, KEPT_REACHABLE, KEPT_UNREACHABLE };

struct kept {
	struct neigh_key key; /* first: what the set is ordered by */
	unsigned uses;
	enum kept_told told;
	uint8_t mac[6]; /* what was told, when KEPT_REACHABLE */
};

/* Zeros with the members below filled in are an empty set. */
struct kept_set {
	struct request *request; /* borrowed */
	net_changed_fn changed;
	void *arg;
	void *root; /* tree of struct kept, tsearch(3) */
};

/* One use more; *kept is NULL when out of memory. One use less; the last one frees it. */
struct kept *kept_add(struct kept_set *set, const struct neigh_key *key);
void kept_remove(struct kept_set *set, const struct neigh_key *key);
struct kept *kept_find(const struct kept_set *set, const struct neigh_key *key);

/*
 * Read the neighbour from the kernel's table and tell what changed. An entry that the kernel has
 * dropped is asked for again; with `confirm` also one that is stale or has failed.
 */
void kept_refresh(const struct kept_set *set, struct kept *kept, bool confirm);

/* Refresh, with confirmation, every one that `wanted` (NULL: all) says true to. */
void kept_refresh_all(
	const struct kept_set *set, bool (*wanted)(const struct kept *kept, void *arg), void *arg);

void kept_fini(struct kept_set *set);

#endif
