/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DATAPLANE_FASTPATH_H
#define DATAPLANE_FASTPATH_H

/*
 * The worker's loop, launched on its lcore with a struct lcore; returns 0 once *lcore->stop is
 * true and the burst in hand has left.
 */
int fastpath_run(void *lcore);

#endif
