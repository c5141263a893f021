/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The service manager's watchdog (sd_watchdog_enabled(3)), fed only while every worker moves: its
 * count of rounds, which grows with and without packets, is its heartbeat. The event loop feeds it,
 * so that a control thread that hangs is noticed, too.
 *
 * Of the manager's interval, a worker may pause for a quarter before feeding stops. After three
 * quarters the log names it, and the manager is asked to act at once. A pause of the whole process,
 * as in a debugger or while a virtual machine is moved, is not held against the workers: of the
 * time between two polls, no more than two periods count. But the poll that finds a longer gap
 * feeds only if every worker has moved meanwhile.
 *
 * Everything here is called by the control thread.
 */
#ifndef CTRL_MONITOR_WATCHDOG_H
#define CTRL_MONITOR_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

#include <dp/dp.h>

#include "base/timer.h"

struct watchdog_worker {
	uint64_t rounds; /* as seen last */
	uint64_t still_ns; /* time without a round */
};

struct watchdog {
	const struct dp *dp;
	struct timer timer;
	uint64_t interval_ns; /* of the manager; 0 = it has no watchdog */
	uint64_t period_ns; /* between polls */
	uint64_t polled_ns; /* CLOCK_MONOTONIC as all times here */
	uint64_t fed_ns;
	bool triggered; /* the manager was asked to act */
	struct watchdog_worker workers[DP_WORKERS_MAX];
};

/*
 * Begin on `base`, if WATCHDOG_USEC and WATCHDOG_PID of the environment ask this process to; dp is
 * borrowed, and its workers are running.
 */
void watchdog_init(struct watchdog *watchdog, const struct dp *dp, struct event_base *base);
void watchdog_fini(struct watchdog *watchdog);

/*
 * Around what the event loop has to wait for: `extended`, the manager waits for half a minute at
 * least before it acts; then for its own interval again. Nothing without such a manager.
 */
void watchdog_extend(bool extended);

/* Check the workers at that time of CLOCK_MONOTONIC, and notify the manager. */
void watchdog_poll(struct watchdog *watchdog, uint64_t now_ns);

/*
 * The same now, from within a turn of the event loop that may take as long as the interval, between
 * two bounded parts of it. `watchdog` is a struct watchdog; without a manager, nothing is done.
 */
void watchdog_alive(void *watchdog);

#endif
