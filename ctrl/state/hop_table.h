/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What stands behind next_hops.h, for its own files only: slots (an index each) point to targets
 * (a neighbour, a fixed address, or no way to any), and are pointed to by askers (what legs ask
 * for). next_hops.c has slots and targets, hop_askers.c askers, hop_moves.c the changes of routes.
 */
#ifndef CTRL_STATE_HOP_TABLE_H
#define CTRL_STATE_HOP_TABLE_H

#include <sys/queue.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "state/hop_moves.h"
#include "state/next_hops.h"

/* Hashed as bytes. */
struct hop_key {
	uint32_t ifindex; /* of the neighbour's interface; 0 = static, or no such interface */
	uint16_t vlan; /* with has_way 0: what was asked for */
	uint16_t outer_vlan;
	uint8_t family; /* 0 = static */
	uint8_t has_way; /* 0: no neighbour is known to be asked */
	uint8_t mac[6]; /* static */
	uint8_t address[16];
};

static_assert(sizeof(struct hop_key) == 32, "no padding in what is hashed");

LIST_HEAD(hop_slots, hop_slot);
LIST_HEAD(hop_askers, hop_asker);

struct hop_target {
	UT_hash_handle hh;
	struct hop_key key;
	struct hop_slots slots;
	int error; /* 0: mac is good */
	uint8_t mac[6]; /* the last one known */
	bool kept; /* the kernel is asked to know it */
};

struct hop_slot {
	LIST_ENTRY(hop_slot) link; /* of the target's */
	struct hop_target *target; /* NULL: free, or idle */
	struct hop_askers askers;
	unsigned legs; /* that hold the index */
	unsigned away; /* of them, those whose asker has another slot by now */
	uint16_t port;
	bool resolved; /* as the data plane has it */
	bool seen; /* by workers, perhaps */
};

struct hop_asker {
	UT_hash_handle hh;
	struct hop_request request;
	LIST_ENTRY(hop_asker) link; /* of the slot's */
	struct hop_slot *slot; /* none of the legs that are away holds it */
	unsigned legs;
	unsigned away;
	int error; /* of the last answer: 0, or why there is no way */
	/* While routes are asked again. */
	bool moves;
	int next_error;
	struct hop_key next;
};

struct next_hops {
	struct dp *dp;
	const struct ports *ports;
	struct net *net;
	next_hops_changed_fn changed; /* NULL = nobody wants to know */
	void *changed_arg;
	void (*on_away)(void *arg); /* NULL = nobody wants to know */
	void *on_away_arg;
	struct hop_target *targets;
	struct hop_asker *askers;
	struct hop_moves moves;
	uint64_t away;
	bool rehearses; /* neighbours are not asked for */
	unsigned n_ever; /* slots from here on were never used */
	unsigned n_free;
	unsigned n_idle;
	uint16_t free[DP_NEXT_HOPS_MAX];
	uint16_t idle[DP_NEXT_HOPS_MAX];
	struct hop_slot slots[DP_NEXT_HOPS_MAX];
};

static inline unsigned
slot_index(const struct next_hops *hops, const struct hop_slot *slot)
{
	return (unsigned)(slot - hops->slots);
}

/*
 * A slot on that port for a target, one in use or, when `fresh`, one that nobody has. To be
 * released when it stays without legs and askers. NULL with *error set.
 */
struct hop_slot *hop_slot_take(
	struct next_hops *hops, unsigned port, const struct hop_key *key, bool fresh, int *error);

/* Free a slot that has neither legs nor askers; others stay. */
void hop_slot_release(struct next_hops *hops, struct hop_slot *slot);

/* Point a slot elsewhere, with all legs and askers. 0 or -ENOMEM, and nothing has changed. */
int hop_slot_retarget(struct next_hops *hops, struct hop_slot *slot, const struct hop_key *key);

/* NULL when no leg asks for it. */
struct hop_asker *hop_asker_find(const struct next_hops *hops, const struct hop_request *request);

/* Ask the kernel. Returns what route_resolve() answers with, and *key for it. */
int hop_asker_aim(
	const struct next_hops *hops, const struct hop_request *request, struct hop_key *key);

/* Give an asker another slot; the legs that it has are away from now on. */
void hop_asker_move(struct next_hops *hops, struct hop_asker *asker, struct hop_slot *slot);

#endif
