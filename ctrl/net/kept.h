/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The neighbours that are in use: what was last told about each, when to look at it again, and the
 * rule for when to tell. One that does not answer is asked less and less often. Control thread.
 */
#ifndef CTRL_NET_KEPT_H
#define CTRL_NET_KEPT_H

#include <sys/queue.h>

#include "net/neigh.h"
#include "net/netlink.h"
#include "net/request.h"

/* Steps of waiting before the next look: at once, then 1, 2, 4 and 8 s, then the period. */
#define KEPT_STEPS 6
#define KEPT_RETRY_MS 1000
#define KEPT_PERIOD_MS 15000 /* half of the kernel's shortest default time to staleness */

struct kept {
	struct neigh_key key; /* first: what the set is ordered by */
	unsigned uses;
	unsigned step; /* the queue that it waits in */
	uint64_t due_ms;
	TAILQ_ENTRY(kept) link;
	int error; /* what was told: 0 = mac is good; else as net_keep() has it */
	uint8_t mac[6];
};

TAILQ_HEAD(kept_queue, kept);

struct kept_set {
	struct request *request; /* borrowed */
	const struct net_observer *observer; /* borrowed */
	void *root; /* tree of struct kept, tsearch(3) */
	struct kept_queue queues[KEPT_STEPS]; /* each in the order of due_ms */
};

void kept_init(struct kept_set *set, struct request *request, const struct net_observer *observer);
void kept_fini(struct kept_set *set);

/*
 * One use more, with what the kernel knows now in it: nothing is told, and one that the kernel does
 * not know is to be asked for at once (kept_run()). NULL when out of memory. One use less; the last
 * one frees it.
 */
struct kept *kept_add(struct kept_set *set, const struct neigh_key *key, uint64_t now_ms);
void kept_remove(struct kept_set *set, const struct neigh_key *key);
struct kept *kept_find(const struct kept_set *set, const struct neigh_key *key);

/* An event said that its entry changed: read the kernel's table and tell what is new. */
void kept_refresh(struct kept_set *set, struct kept *kept, uint64_t now_ms);

/* Look at those on an interface that are not reachable (0: at all of any) as soon as may be. */
void kept_hurry(struct kept_set *set, unsigned ifindex, uint64_t now_ms);

/*
 * Look at no more than `max` that are due: tell what changed, and have the kernel find out or
 * confirm what is unknown, stale or failed. Returns in how many ms the next one is due, 0 = now,
 * UINT64_MAX = none is kept.
 */
uint64_t kept_run(struct kept_set *set, uint64_t now_ms, unsigned max);

#endif
