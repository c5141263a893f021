/* SPDX-License-Identifier: BSD-3-Clause */
#include "monitor/watchdog.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "base/clock.h"
#include "base/log.h"

#define POLLS_AN_INTERVAL 20
#define FEED_SHARE 4 /* of the interval, one part is both the pause allowed and that of feeding */
#define TRIGGER_PARTS 3
#define EXTENDED_US (UINT64_C(30) * 1000 * 1000)

static void
timer_fired(void *arg)
{
	struct watchdog *watchdog = arg;

	timer_arm(&watchdog->timer, watchdog->period_ns);
	watchdog_poll(watchdog, clock_read_ns(CLOCK_MONOTONIC));
}

void
watchdog_init(struct watchdog *watchdog, const struct dp *dp, struct event_base *base)
{
	uint64_t interval_us;

	memset(watchdog, 0, sizeof(*watchdog));
	timer_init(&watchdog->timer, base, timer_fired, watchdog);
	if (sd_watchdog_enabled(0, &interval_us) <= 0)
		return;
	watchdog->dp = dp;
	watchdog->interval_ns = interval_us * 1000;
	watchdog->period_ns = watchdog->interval_ns / POLLS_AN_INTERVAL;
	watchdog->polled_ns = clock_read_ns(CLOCK_MONOTONIC);
	timer_arm(&watchdog->timer, watchdog->period_ns);
}

void
watchdog_fini(struct watchdog *watchdog)
{
	timer_disarm(&watchdog->timer);
}

void
watchdog_extend(bool extended)
{
	uint64_t interval_us;
	char state[64];

	if (sd_watchdog_enabled(0, &interval_us) <= 0)
		return;
	if (extended && interval_us < EXTENDED_US)
		interval_us = EXTENDED_US;
	snprintf(state, sizeof(state), "WATCHDOG_USEC=%" PRIu64, interval_us);
	sd_notify(0, state);
}

/* How long the worker has made no round, of which `passed_ns` since the last poll. */
static uint64_t
worker_still_ns(struct watchdog *watchdog, unsigned i, uint64_t passed_ns)
{
	struct watchdog_worker *worker = &watchdog->workers[i];
	struct dp_worker_stats stats;

	if (dp_worker_stats_get(watchdog->dp, i, &stats) < 0)
		return 0;
	worker->still_ns = stats.loops == worker->rounds ? worker->still_ns + passed_ns : 0;
	worker->rounds = stats.loops;
	return worker->still_ns;
}

static void
trigger(struct watchdog *watchdog, unsigned i, uint64_t still_ns)
{
	struct dp_worker_info info;

	if (watchdog->triggered || dp_worker_info_get(watchdog->dp, i, &info) < 0)
		return;
	watchdog->triggered = true;
	log_line("worker %u on CPU %u has not run for %" PRIu64 " ms: asking the service manager "
		 "for a restart",
		i, info.core, still_ns / NS_PER_MS);
	sd_notify(0, "WATCHDOG=trigger");
}

void
watchdog_poll(struct watchdog *watchdog, uint64_t now_ns)
{
	const uint64_t part_ns = watchdog->interval_ns / FEED_SHARE;
	const uint64_t gap_ns = now_ns - watchdog->polled_ns;
	/* Perhaps the whole process did not run in the rest of the gap. */
	const uint64_t passed_ns =
		gap_ns < 2 * watchdog->period_ns ? gap_ns : 2 * watchdog->period_ns;
	uint64_t longest_ns = 0;
	unsigned i, longest = 0;

	watchdog->polled_ns = now_ns;
	for (i = 0; i < dp_worker_count(watchdog->dp); i++) {
		const uint64_t still_ns = worker_still_ns(watchdog, i, passed_ns);

		if (still_ns > longest_ns) {
			longest_ns = still_ns;
			longest = i;
		}
	}
	if (longest_ns >= TRIGGER_PARTS * part_ns)
		trigger(watchdog, longest, longest_ns);
	/* One that stood still over such a gap is perhaps dead for longer than is known. */
	if (longest_ns >= part_ns || (longest_ns > 0 && gap_ns > passed_ns))
		return;
	watchdog->triggered = false;
	if (now_ns - watchdog->fed_ns < part_ns)
		return;
	watchdog->fed_ns = now_ns;
	sd_notify(0, "WATCHDOG=1");
}

void
watchdog_alive(void *watchdog)
{
	if (((struct watchdog *)watchdog)->interval_ns > 0)
		watchdog_poll(watchdog, clock_read_ns(CLOCK_MONOTONIC));
}
