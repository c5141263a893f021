/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Raises an event when so many ports of a pool cannot be given that it has reached a level, and
 * when it is POOL_LEVEL_BELOW percent below again. Everything here is called by the control thread.
 */
#ifndef CTRL_MONITOR_POOL_LEVELS_H
#define CTRL_MONITOR_POOL_LEVELS_H

#include "base/timer.h"
#include "flow/pool.h"
#include "monitor/events.h"

#define POOL_LEVELS 2 /* 80 and 95 % */
#define POOL_LEVEL_BELOW 5

struct pool_levels {
	struct pools *pools;
	struct events *events;
	struct timer timer;
	uint8_t reached[POOLS_MAX]; /* how many levels, as reported */
};

/* Begin on `base`; pools (NULL: there are none) and events are borrowed. */
void pool_levels_init(struct pool_levels *levels, struct pools *pools, struct events *events,
	struct event_base *base);
void pool_levels_fini(struct pool_levels *levels);

/* Flows have changed, or time has passed; now_ns is of CLOCK_MONOTONIC. */
void pool_levels_check(struct pool_levels *levels, uint64_t now_ns);

#endif
