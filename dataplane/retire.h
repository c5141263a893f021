/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What workers find no more, until none can hold it: one grace period (rte_rcu_qsbr) for all that
 * a commit has hidden, then final counters are told or carried on and memory is given back. A
 * worker that is late is named, not waited for; what it may hold is kept and looked at again by
 * later transactions. Control thread only.
 */
#ifndef DATAPLANE_RETIRE_H
#define DATAPLANE_RETIRE_H

#include <dp/dp.h>

struct rules;

/* A flow that is removed, or replaced by a version of it. */
struct leaving {
	uint32_t handle;
	uint32_t version; /* DP_HANDLE_NONE: removed */
	uint16_t *from; /* of dp_txn_replace() */
};

/*
 * Wait a grace period and let go of the flows and of the rule searches (NULL: none). Takes the
 * `from` arrays over. 0, or -ETIMEDOUT as dp_txn_commit() has it.
 */
int retire(struct dp *dp, struct leaving *leaving, unsigned n, struct rules *const rules[2],
	dp_removed_fn on_removed, void *arg);

/* Let go of what former commits could not, as far as its grace period is over now. */
void retired_reap(struct dp *dp);

/* Let go of everything that is still held. No worker may run. */
void retired_fini(struct dp *dp);

#endif
