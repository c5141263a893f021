/* SPDX-License-Identifier: BSD-3-Clause */
/* The next hops of flows' legs: all of a request resolved and referenced together, or none. */
#ifndef CTRL_STATE_LEG_HOPS_H
#define CTRL_STATE_LEG_HOPS_H

#include <stdbool.h>
#include <stddef.h>

#include "state/flows.h"

/*
 * Find the next hop of every leg, take a reference on it, and note its index in the flow. Waits
 * up to a second for neighbours. 0, or -1 with *fault set ("/flows/N/legs/M/...") and no
 * reference taken. Control thread.
 */
int leg_hops_get(struct flows *flows, struct flow *const *list, size_t n, struct fault *fault);

/* Give the references of n flows back. `seen`: they were committed. Control thread. */
void leg_hops_put(struct flows *flows, struct flow *const *list, size_t n, bool seen);

#endif
