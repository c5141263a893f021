/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A transaction, from dp_txn_begin() until the last place that it gives up is free again: filled in
 * txn.c, committed in commit.c, and then kept here: grace periods (rte_rcu_qsbr), final counters,
 * and the places of flows, which are given back a part at a time, by the calls that follow. So a
 * commit of a million flows does not end in a long silence. Control thread only.
 */
#ifndef DATAPLANE_RETIRE_H
#define DATAPLANE_RETIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <dp/dp.h>

#define RETIRE_AT_ONCE 1024 /* flows: a millisecond at worst */

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
	unsigned at; /* flows that the phase is done with */
	bool waiting; /* for a grace period */
	bool late; /* one did not end in time */
	uint64_t token; /* of the last grace period, rte_rcu_qsbr_start() */
	uint64_t deadline_tsc;
	struct rules *old_rules[2];
	/* What is left of it: places to be freed, those of `leaving` or, aborted, of the others. */
	STAILQ_ENTRY(dp_txn) link;
	bool aborted;
	bool carried; /* what replaced flows had counted has gone over to their versions */
};

/* A grace period begins: of what is hidden by now, and of the view that was just left. */
void grace_begin(struct dp_txn *txn);

/*
 * Whether the grace period is over, or has lasted so long that it is not waited for any more; the
 * transaction is late then, and the workers that are at fault are named. Does not wait.
 */
bool grace_is_over(struct dp_txn *txn);

/* No worker can hold what was hidden before the transaction's last grace period began. */
bool grace_has_ended(const struct dp_txn *txn);

/* Report the last counters of the i-th leaving flow, and add them to its version's. */
void leaving_report(struct dp_txn *txn, unsigned i);

/* Keep a transaction that is over until its places are free. Takes it over. */
void retired_keep(struct dp_txn *txn);

/* Free places of at most max_flows flows, as far as their grace periods are over. How many. */
unsigned retired_reap(struct dp *dp, unsigned max_flows);

/* Before more is carried on: all that former commits could not yet. Their time is over, too. */
void retired_carry(struct dp *dp);

/* Free everything that is still held. No worker may run. */
void retired_fini(struct dp *dp);

#endif
