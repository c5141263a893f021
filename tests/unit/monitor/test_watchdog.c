/* SPDX-License-Identifier: BSD-3-Clause */
/* Heartbeats that a test makes or withholds, and what the service manager is told of them. */
#include <criterion/criterion.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/clock.h"
#include "monitor/watchdog.h"

#define INTERVAL_MS 1000u
#define PERIOD_MS (INTERVAL_MS / 20)

struct dp {
	uint64_t rounds[2];
};

static struct dp dp;
static struct event_base *base;
static struct watchdog watchdog;
static uint64_t now_ns;
static unsigned n_fed, n_triggered;
static uint64_t triggered_ns;

unsigned
dp_worker_count(const struct dp *from)
{
	(void)from;
	return 2;
}

int
dp_worker_info_get(const struct dp *from, unsigned worker, struct dp_worker_info *info)
{
	(void)from;
	memset(info, 0, sizeof(*info));
	info->core = worker + 1;
	return 0;
}

int
dp_worker_stats_get(const struct dp *from, unsigned worker, struct dp_worker_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	stats->loops = from->rounds[worker];
	return 0;
}

static uint64_t interval_us; /* that the manager was told last */

/* In the place of the library's. */
int
sd_notify(int unset_environment, const char *state)
{
	(void)unset_environment;
	if (strcmp(state, "WATCHDOG=1") == 0) {
		n_fed++;
	} else if (strncmp(state, "WATCHDOG_USEC=", 14) == 0) {
		interval_us = strtoull(&state[14], NULL, 10);
	} else {
		cr_expect_str_eq(state, "WATCHDOG=trigger");
		n_triggered++;
		triggered_ns = now_ns;
	}
	return 1;
}

static void
setup(void)
{
	setenv("WATCHDOG_USEC", "1000000", 1);
	unsetenv("WATCHDOG_PID");
	base = event_base_new();
	watchdog_init(&watchdog, &dp, base);
	now_ns = watchdog.polled_ns;
}

static void
teardown(void)
{
	watchdog_fini(&watchdog);
	event_base_free(base);
}

TestSuite(watchdog, .init = setup, .fini = teardown);

/* So much time, in which these workers make rounds. */
static void
pass(unsigned ms, bool first_moves, bool second_moves)
{
	for (; ms >= PERIOD_MS; ms -= PERIOD_MS) {
		now_ns += PERIOD_MS * NS_PER_MS;
		dp.rounds[0] += first_moves;
		dp.rounds[1] += second_moves;
		watchdog_poll(&watchdog, now_ns);
	}
}

Test(watchdog, is_fed_four_times_an_interval)
{
	pass(5000, true, true);
	cr_expect_eq(n_fed, 20, "%u", n_fed);
	cr_expect_eq(n_triggered, 0);
}

Test(watchdog, one_still_worker_stops_it_within_the_interval)
{
	uint64_t since_ns;

	pass(1000, true, true);
	since_ns = now_ns;
	pass(200, true, false);
	n_fed = 0;
	pass(5000, true, false);
	cr_expect_eq(n_fed, 0, "%u", n_fed);
	cr_expect_eq(n_triggered, 1, "asked once: %u", n_triggered);
	cr_expect_lt(triggered_ns - since_ns, INTERVAL_MS * NS_PER_MS, "after %u ms",
		(unsigned)((triggered_ns - since_ns) / NS_PER_MS));
}

Test(watchdog, a_short_pause_is_forgiven)
{
	pass(1000, true, true);
	n_fed = 0;
	pass(500, false, true);
	cr_expect_leq(n_fed, 1, "%u", n_fed);
	pass(1000, true, true);
	cr_expect_geq(n_fed, 4, "%u", n_fed);
	cr_expect_eq(n_triggered, 0);
}

Test(watchdog, a_pause_of_the_whole_process_is_not_the_workers)
{
	pass(1000, true, true);
	now_ns += 60 * NS_PER_S;
	watchdog_poll(&watchdog, now_ns);
	cr_expect_eq(n_triggered, 0);
	n_fed = 0;
	pass(1000, true, true);
	cr_expect_geq(n_fed, 3, "%u", n_fed);
}

/* As while a large change is committed. */
Test(watchdog, long_turns_of_the_control_thread_do_not_hide_a_dead_worker)
{
	const unsigned turn_ms = 3 * PERIOD_MS;
	uint64_t since_ns;

	pass(1000, true, true);
	since_ns = now_ns;
	n_fed = 0;
	while (n_triggered == 0 && now_ns - since_ns < 5 * NS_PER_S) {
		now_ns += turn_ms * NS_PER_MS;
		dp.rounds[0]++;
		watchdog_poll(&watchdog, now_ns);
	}
	cr_expect_eq(n_fed, 0, "%u", n_fed);
	cr_expect_leq(triggered_ns - since_ns, (INTERVAL_MS + 2 * turn_ms) * NS_PER_MS,
		"after %u ms", (unsigned)((triggered_ns - since_ns) / NS_PER_MS));
}

Test(watchdog, long_turns_of_the_control_thread_are_forgiven)
{
	for (unsigned turn = 0; turn < 10; turn++) {
		now_ns += 8 * PERIOD_MS * NS_PER_MS;
		dp.rounds[0]++;
		dp.rounds[1]++;
		watchdog_poll(&watchdog, now_ns);
	}
	cr_expect_eq(n_fed, 10, "%u", n_fed);
	cr_expect_eq(n_triggered, 0);
}

Test(watchdog, is_fed_within_a_turn_only_while_workers_move)
{
	dp.rounds[0]++;
	dp.rounds[1]++;
	watchdog_alive(&watchdog);
	cr_expect_eq(n_fed, 1, "%u", n_fed);
	usleep(3 * PERIOD_MS * 1000);
	watchdog.fed_ns = 0;
	dp.rounds[0]++;
	watchdog_alive(&watchdog);
	cr_expect_eq(n_fed, 1, "one stood still: %u", n_fed);
	dp.rounds[1]++;
	watchdog_alive(&watchdog);
	cr_expect_eq(n_fed, 2, "%u", n_fed);
}

Test(watchdog, is_extended_for_what_takes_long)
{
	watchdog_extend(true);
	cr_expect_eq(interval_us, 30000000);
	watchdog_extend(false);
	cr_expect_eq(interval_us, INTERVAL_MS * 1000);
	setenv("WATCHDOG_USEC", "60000000", 1);
	watchdog_extend(true);
	cr_expect_eq(interval_us, 60000000, "never shorter");
}

Test(without_a_manager, nothing_is_said)
{
	unsetenv("WATCHDOG_USEC");
	base = event_base_new();
	watchdog_init(&watchdog, &dp, base);
	cr_expect_eq(watchdog.interval_ns, 0);
	watchdog_extend(true);
	cr_expect_eq(interval_us, 0);
	cr_expect_not(evtimer_pending(&watchdog.timer.event, NULL));
	watchdog_alive(&watchdog);
	cr_expect_eq(n_fed, 0);
	watchdog_fini(&watchdog);
	event_base_free(base);
}
