/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Latches by the cookies of their flows. A latch is held by the flows that latch, and by the legs
 * that send to what it learns, whichever comes first. Control thread only; workers use the latches.
 *
 * A version of a flow holds a latch for as long as it has memory. Whether the latch still has its
 * name depends on the flows that will be there after the open transaction: a flow that comes when
 * the last one has left gets a latch that has learned nothing, although the former one is still
 * in memory until its grace period is over.
 */
#ifndef DATAPLANE_LATCH_TABLE_H
#define DATAPLANE_LATCH_TABLE_H

#include <stdint.h>

#include "latch.h"

struct rte_rcu_qsbr;
struct latch_record;
struct latch_retired;

struct latch_table {
	struct latch_record *named; /* by cookie */
	struct rte_rcu_qsbr *qsbr; /* of the workers; NULL: none runs */
	struct latch_retired *retired; /* arrays of users that a worker may still read */
	unsigned n_workers;
	int node; /* NUMA node of the latches */
};

/* The latch of a cookie, held once more; 0: one that nobody else gets. NULL: no memory. */
struct latch *latch_table_ref(struct latch_table *table, uint64_t cookie);

/* Hold it once more. Returns its argument. */
struct latch *latch_ref(struct latch *latch);

/* Hold it once less; the last one frees it. Only after a grace period. NULL is ignored. */
void latch_table_unref(struct latch_table *table, struct latch *latch);

/*
 * After the open transaction one flow or leg more (sign 1) or less (-1) has the latch, which loses
 * its name with the last one. NULL is ignored.
 */
void latch_table_count(struct latch_table *table, struct latch *latch, int sign);

/*
 * Make room in the latch for a user more that may be added, or give it back. 0 or -ENOMEM. Arrays
 * that are too small are freed after a grace period.
 */
int latch_table_reserve(struct latch_table *table, struct latch *latch);
void latch_table_unreserve(struct latch *latch);

/*
 * Add a user, for which there is room, before a worker can see its rewrite; if the latch has moved
 * since that was compiled, the rewrite is made stale. Take it out again before the grace period
 * after which its memory is used otherwise.
 */
void latch_user_add(struct latch *latch, struct latch_user *user);
void latch_user_remove(struct latch *latch, struct latch_user *user);

/* Free what no worker can read any more; no worker runs (all). */
void latch_table_reap(struct latch_table *table, bool all);

/* The latch of a cookie, or NULL. */
struct latch *latch_table_find(const struct latch_table *table, uint64_t cookie);

#endif
