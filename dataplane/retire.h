/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A transaction, from dp_txn_begin() until the last entry that it frees can be used again: filled
 * in txn.c, committed in commit.c, retired here: grace periods (rte_rcu_qsbr), final counters, and
 * the entries of flows, which later calls free in parts so that a commit of a million flows does
 * not block the control thread at its end. Control thread only.
 */
#ifndef DATAPLANE_RETIRE_H
#define DATAPLANE_RETIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <dp/dp.h>

#define RETIRE_AT_ONCE 1024 /* flows; at most about a millisecond */

struct rules;

/* A flow that is removed, or replaced by a version of it. */
struct leaving {
	uint32_t handle;
	uint32_t version; /* DP_HANDLE_NONE: removed */
	uint16_t *from; /* of dp_txn_replace() */
};

struct dp_txn {
	struct dp *dp;
	uint32_t *added; /* handles */
	struct leaving *leaving;
	unsigned n_added, room_added;
	unsigned n_leaving, room_leaving;
	dp_removed_fn on_removed;
	void *on_removed_arg;
	bool prepared;
	struct dp_leg_stats *last_legs; /* for on_removed: room for the legs of any flow */
	/* Of the commit. */
	unsigned phase; /* past the last one when it is over */
	unsigned at; /* flows done in this phase */
	bool waiting; /* for a grace period */
	bool late; /* one did not end in time */
	uint64_t token; /* of the last grace period, rte_rcu_qsbr_start() */
	uint64_t deadline_tsc;
	struct rules *old_rules[2];
	/* What is left of it: entries to be freed, those of `leaving` or, after an abort, the
	 * others. */
	STAILQ_ENTRY(dp_txn) link;
	bool aborted;
	bool carried; /* counters of replaced flows were added to their versions */
};

/* Start a grace period for what is invisible by now and for the view that was just left. */
void grace_begin(struct dp_txn *txn);

/*
 * Whether the grace period is over or has timed out; after a timeout the transaction is late, and
 * the workers that did not report are logged. Does not wait.
 */
bool grace_is_over(struct dp_txn *txn);

/* No worker can hold what was hidden before the transaction's last grace period began. */
bool grace_has_ended(const struct dp_txn *txn);

/* Report the last counters of the i-th leaving flow, and add them to its version's. */
void leaving_report(struct dp_txn *txn, unsigned i);

/* Keep a transaction that is over until its entries are free. Takes ownership. */
void retired_keep(struct dp_txn *txn);

/* Free the entries of at most max_flows flows, as far as their grace periods are over. How many. */
unsigned retired_reap(struct dp *dp, unsigned max_flows);

/* Move the counters that former commits could not move yet; their grace periods are over, too. */
void retired_carry(struct dp *dp);

/* Free everything that is still held. No worker may run. */
void retired_fini(struct dp *dp);

#endif
