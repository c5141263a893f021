/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A transaction, from dp_txn_begin() until the last place that it gives up is free again: filled
 * in txn.c, committed in commit.c, and then kept by retire.c. Control thread only.
 */
#ifndef DATAPLANE_TXN_H
#define DATAPLANE_TXN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <dp/dp.h>

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

/* Give the memory of a transaction back that holds no places any more. txn.c. */
void txn_destroy(struct dp_txn *txn);

#endif
