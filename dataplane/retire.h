/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What workers find no more, until none can hold it: grace periods (rte_rcu_qsbr), final counters,
 * and the places of flows, which are given back a part at a time, by the calls that follow. So a
 * commit of a million flows does not end in a long silence. Control thread only.
 */
#ifndef DATAPLANE_RETIRE_H
#define DATAPLANE_RETIRE_H

#include <stdbool.h>
#include <stdint.h>

struct dp;
struct dp_txn;

#define RETIRE_AT_ONCE 1024 /* flows: a millisecond at worst */

/* A grace period begins: of what is hidden by now, and of the view that was just left. */
void grace_begin(struct dp_txn *txn);

/*
 * Whether the grace period is over, or has lasted so long that it is not waited for any more; the
 * transaction is late then, and the workers that are at fault are named. Does not wait.
 */
bool grace_is_over(struct dp_txn *txn);

/* Nobody can hold what was hidden before the transaction's last grace period began. */
bool grace_has_ended(const struct dp_txn *txn);

/* Tell the last counters of the i-th leaving flow, and carry them on to its version. */
void leaving_tell(struct dp_txn *txn, unsigned i);

/* Keep a transaction that is over until its places are free. Takes it over. */
void retired_keep(struct dp_txn *txn);

/* Free places of at most max_flows flows, as far as their grace periods are over. How many. */
unsigned retired_reap(struct dp *dp, unsigned max_flows);

/* Before more is carried on: all that former commits could not yet. Their time is over, too. */
void retired_carry(struct dp *dp);

/* Let go of everything that is still held. No worker may run. */
void retired_fini(struct dp *dp);

#endif
