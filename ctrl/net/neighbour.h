/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel's neighbour table (ARP, Neighbour Discovery), which does all resolution, and the
 * neighbours in use: what was last reported about each, when to read it again, and the rule for
 * when to report. The data plane sends past the kernel, so the kernel never sees their use and
 * would let them age: a timer has it confirm them. One that does not answer is asked less and less
 * often. Control thread.
 */
#ifndef CTRL_NET_NEIGHBOUR_H
#define CTRL_NET_NEIGHBOUR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/addr.h"
#include "net/netlink.h"

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

/* True when the kernel tried and got no answer. Pure. */
bool neigh_is_failed(const struct neigh *neigh);

/*
 * True when the kernel should be asked to find out or to confirm. Never for permanent entries,
 * which neigh_kick() would turn into ordinary ones. Pure.
 */
bool neigh_wants_kick(const struct neigh *neigh);

/* Ask for one entry; an absent one is no error but state NUD_NONE. 0 or a negative errno. */
int neigh_get(struct netlink *netlink, const struct neigh_key *key, struct neigh *neigh);

/*
 * Have the kernel resolve or confirm the entry as if it had a packet to send to it. 0 or a negative
 * errno: -ENETDOWN, -ENODEV of the interface; -ENOBUFS: the kernel's neighbour table is full.
 */
int neigh_kick(struct netlink *netlink, const struct neigh_key *key);

/* Steps of waiting before the next poll: at once, then 1, 2, 4 and 8 s, then the period. */
#define NEIGHBOUR_STEPS 6
#define NEIGHBOUR_RETRY_MS 1000
#define NEIGHBOUR_PERIOD_MS 15000 /* half of the kernel's shortest default time to staleness */

struct neighbour {
	struct neigh_key key; /* first: what the cache is ordered by */
	unsigned refs;
	unsigned step; /* the queue that it waits in */
	uint64_t due_ms;
	TAILQ_ENTRY(neighbour) link;
	int error; /* what was reported: 0 = mac is good; else as neighbour_ref() has it */
	uint8_t mac[6];
};

/*
 * A neighbour in use has this MAC address now; NULL: it has none, and error says why as
 * neighbour_ref() does. It must not change the cache.
 */
typedef void (*neighbour_fn)(void *arg, unsigned ifindex, uint8_t family, const uint8_t address[16],
	const uint8_t *mac, int error);

struct neighbour_cache {
	struct netlink *netlink; /* borrowed */
	neighbour_fn report;
	void *arg;
	void *root; /* tree of struct neighbour, tsearch(3) */
	TAILQ_HEAD(, neighbour) queues[NEIGHBOUR_STEPS]; /* each in the order of due_ms */
	struct event *on_due;
	uint64_t due_ms; /* when the timer runs out; UINT64_MAX: it does not run */
};

/* 0 or -ENOMEM. All zeros may be passed to the second. */
int neighbour_cache_init(struct neighbour_cache *cache, struct netlink *netlink,
	struct event_base *base, neighbour_fn report, void *arg);
void neighbour_cache_fini(struct neighbour_cache *cache);

/* As neighbour_ref() and neighbour_unref(). */
int neighbour_cache_ref(struct neighbour_cache *cache, const struct neigh_key *key, uint8_t mac[6]);
void neighbour_cache_unref(struct neighbour_cache *cache, const struct neigh_key *key);

/* A notification about a neighbour: read the kernel's table and report what is new. */
void neighbour_cache_notify(struct neighbour_cache *cache, const struct nlmsghdr *message);

/* Poll those on an interface that are not reachable (0: all of any) as soon as may be. */
void neighbour_cache_hurry(struct neighbour_cache *cache, unsigned ifindex);

/*
 * Poll no more than `max` that are due: report what changed, and have the kernel resolve or confirm
 * what is unknown, stale or failed. Returns in how many ms the next one is due, 0 = now,
 * UINT64_MAX = the cache is empty. The timer calls it.
 */
uint64_t neighbour_cache_poll(struct neighbour_cache *cache, uint64_t now_ms, unsigned max);

#endif
