/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DATAPLANE_FASTPATH_H
#define DATAPLANE_FASTPATH_H

#include <stdint.h>

struct lcore;

/* The loop of one worker: arg is its struct lcore. Returns 0 when told to stop. */
int fastpath_run(void *arg);

/*
 * One round of that loop: every queue of the worker is polled once, and all that came is forwarded
 * or else accounted for. now_ns is the time, of any origin, by which policers and latches go.
 * Returns the packets that came. For tests that are the worker themselves; fastpath_run() is made
 * of it.
 */
uint16_t fastpath_round(struct lcore *lc, uint64_t now_ns);

#endif
