/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Asking for next hops again when routes, links or addresses have changed: soon, so that a burst
 * of changes is one round, and in slices, so that a round over many never holds the loop.
 * Control thread.
 */
#ifndef CTRL_STATE_HOP_MOVES_H
#define CTRL_STATE_HOP_MOVES_H

#include <stdbool.h>

#include <event2/event.h>

#include "net/net.h"

#define HOP_PREFIXES_MAX 16 /* of a burst; beyond it all are asked for */

struct next_hops;
struct hop_asker;

struct hop_changes {
	bool all;
	unsigned n;
	struct net_prefix prefixes[HOP_PREFIXES_MAX];
};

struct hop_moves {
	struct event *timer; /* NULL: nothing happens by itself */
	struct hop_changes noted; /* for the next round */
	struct hop_changes asked; /* what this round is for */
	bool running;
	unsigned slot; /* where the round is */
	struct hop_asker *asker; /* of that slot, NULL = its first */
};

/* `base` NULL: no timer. 0 or -ENOMEM. */
int hop_moves_init(struct next_hops *hops, struct event_base *base);
void hop_moves_fini(struct next_hops *hops);

/* Destinations whose routes changed, NULL = any; a round is to begin. */
void hop_moves_note(struct next_hops *hops, const struct net_prefix *prefix);

/* An asker is about to go, or to get another slot. */
void hop_moves_forget(struct next_hops *hops, const struct hop_asker *asker);

/* Do a slice of a round, beginning one if changes were noted. True: there is more to do. */
bool hop_moves_run(struct next_hops *hops);

#endif
