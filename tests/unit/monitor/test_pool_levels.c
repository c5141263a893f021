/* SPDX-License-Identifier: BSD-3-Clause */
/* Events of a pool of 20 ports: each level once, until usage is well below it. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/clock.h"
#include "monitor/pool_levels.h"

static const struct pool_config config = {
	.name = "voice",
	.family = 4,
	.n_addresses = 1,
	.addresses = {{192, 0, 2, 1}},
	.first = 20000,
	.last = 20019,
	.quarantine_s = 60,
};

static struct events events;
static struct pool_levels levels;
static struct pool_place given[20];
static unsigned n_given;
static uint64_t now_ns = NS_PER_S;

static void
setup(void)
{
	events_init(&events);
	pool_levels_init(&levels, pools_create(&config, 1), &events, NULL);
	cr_assert_not_null(levels.pools);
}

static void
teardown(void)
{
	pools_destroy(levels.pools);
}

TestSuite(pool_levels, .init = setup, .fini = teardown);

/* So many ports are given now; those that are released are in quarantine. */
static void
use(unsigned n)
{
	struct fault fault;

	for (; n_given < n; n_given++) {
		given[n_given] = (struct pool_place){0};
		cr_assert_eq(
			pools_take(levels.pools, "voice", "a", now_ns, &given[n_given], &fault), 0);
	}
	while (n_given > n)
		pools_release(levels.pools, &given[--n_given], true, true, now_ns);
	pool_levels_check(&levels, now_ns);
}

static void
expect(uint64_t number, unsigned percent, bool over, unsigned free, unsigned quarantined)
{
	const struct event_entry *entry = events_get(&events, number);

	cr_assert_not_null(entry);
	cr_expect_eq(events.last, number);
	cr_expect_eq(entry->kind, EVENT_POOL_USAGE);
	cr_expect_str_eq(entry->pool.name, "voice");
	cr_expect_eq(entry->pool.percent, percent);
	cr_expect_eq(entry->pool.over, over);
	cr_expect_eq(entry->pool.size, 20);
	cr_expect_eq(entry->pool.free, free);
	cr_expect_eq(entry->pool.quarantined, quarantined);
}

Test(pool_levels, each_is_reported_once)
{
	use(15);
	cr_expect_eq(events.last, 0);
	use(16);
	expect(1, 80, true, 4, 0);
	use(18);
	cr_expect_eq(events.last, 1);
	use(19);
	expect(2, 95, true, 1, 0);
	use(16);
	cr_expect_eq(events.last, 2, "three are in quarantine");
	now_ns += 60 * NS_PER_S;
	pool_levels_check(&levels, now_ns);
	expect(3, 95, false, 4, 0);
	use(14);
	now_ns += 60 * NS_PER_S;
	pool_levels_check(&levels, now_ns);
	expect(4, 80, false, 6, 0);
}

Test(pool_levels, both_at_once)
{
	use(20);
	cr_expect_eq(events_get(&events, 1)->pool.percent, 80);
	expect(2, 95, true, 0, 0);
	use(0);
	cr_expect_eq(events.last, 2);
	now_ns += 60 * NS_PER_S;
	pool_levels_check(&levels, now_ns);
	cr_expect_eq(events_get(&events, 3)->pool.percent, 95);
	expect(4, 80, false, 20, 0);
}
