/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one way by which flows change: a change is staged over the desired state, validated, given
 * next hops, put into a transaction of the data plane and prepared; then it is written to the
 * store, and only when it is durable the data plane commits, which cannot fail any more. If a step
 * before that fails, nothing has changed.
 *
 * It works in slices of some milliseconds, so that readers are answered meanwhile. Changes that
 * wait for each other are committed together: one transaction, one write to the disk, but each
 * with a generation of its own, and a failure of one is its own.
 *
 * Everything here is called by the control thread.
 */
#ifndef CTRL_FLOW_COMMIT_H
#define CTRL_FLOW_COMMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "flow/change.h"
#include "flow/flows.h"
#include "store/store.h"

struct commits;

/*
 * Flows, store (NULL: nothing is kept) and base are borrowed. base NULL: changes are done when
 * commits_submit() returns. The first generation that is made is the one after `generation`. NULL
 * without memory.
 */
struct commits *commits_create(
	struct flows *flows, struct store *store, struct event_base *base, uint64_t generation);

/* Changes that wait are dropped without a notification. */
void commits_destroy(struct commits *commits);

/* Take a change over. Its `done` is called exactly once, from within this call at the earliest.
 */
void commits_submit(struct commits *commits, struct change *change);

/* Destroy a change that may be huge, a bit at a time, without a notification. NULL is allowed. */
void commits_discard(struct commits *commits, struct change *change);

/* Go on until nothing waits; before the event loop runs. */
void commits_finish(struct commits *commits);

/* The generation of the state as it is. */
uint64_t commits_generation(const struct commits *commits);

/* How long to work before others have their turn; 0: for one step. For tests. */
void commits_slice_set(struct commits *commits, uint64_t slice_ns);

/*
 * Call `alive` each 64 Ki flows while a change becomes visible, which is one turn of the
 * event loop however large the change. NULL: nothing is called, as at first.
 */
void commits_alive_set(struct commits *commits, void (*alive)(void *arg), void *arg);

/* Call `observe` for each committed change, for the life of the commits; few observers only. */
void commits_observe(struct commits *commits, change_observer_fn observe, void *arg);

#endif
