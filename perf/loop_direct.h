/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_ring counts the packets of all its queues in one cache line, which workers would fight for:
 * some six cycles a packet on two lcores, and none of them ours. Where several workers are
 * compared with one, both sides therefore take packets off the same rings, and put them there,
 * without that count.
 */
#ifndef PERF_LOOP_DIRECT_H
#define PERF_LOOP_DIRECT_H

#include "loop_rig.h"

/* The loop's port, which is started, goes to its rings directly. 0, or -1 after a message. */
int loop_direct(const struct loop_rig *rig);

#endif
