/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The flow table under a reader that never waits: flows that stay are found at every moment, a flow
 * that is replaced is found as old or as new, and never a third thing.
 */
#include <criterion/criterion.h>

#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_memory.h>

#include "fixture.h"
#include "flow_compile.h"
#include "flow_table.h"

#define CAPACITY 512
#define N_STAYING 30
#define N_PASSING 30
#define ROUNDS 20000
#define REPLACED_TTL_MIN 100

static struct flow_table table;
static union flow_key staying_keys[N_STAYING], replaced_key;
static uint32_t staying[N_STAYING];
static atomic_ulong reader_rounds, failures;
static atomic_bool stop;

/* A flow; its one leg's TTL says which edition of the flow it is. */
static uint32_t
flow_add(uint32_t n, uint8_t ttl)
{
	struct dp_leg leg;
	struct dp_flow flow = fixture_flow(DP_IPV4, n, &leg, 1);
	uint32_t index;

	leg.ttl = ttl;
	if (flow_table_add(&table, &flow, &index) != 0)
		cr_assert_fail("no room for flow %u", n);
	return index;
}

static void
key_of(uint32_t n, union flow_key *key)
{
	struct dp_leg leg;
	struct dp_flow flow = fixture_flow(DP_IPV4, n, &leg, 1);

	flow_compile_key(&flow.key, key, DP_IPV4);
}

static const struct flow_entry4 *
find(const union flow_key *key)
{
	return flow_table_find(&table, key, flow_key_hash(key, DP_IPV4), DP_IPV4);
}

/* On the worker's lcore, so on a CPU of its own. */
static int
reader_run(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		const struct flow_entry4 *replaced = find(&replaced_key);

		for (unsigned i = 0; i < N_STAYING; i++) {
			const struct flow_entry4 *entry = find(&staying_keys[i]);

			if (entry == NULL || entry->rewrite.tail.ttl != i + 1)
				atomic_fetch_add(&failures, 1);
		}
		/* The entry may not be used again before this round ends. */
		if (replaced == NULL || !flow_key_equal(replaced, &replaced_key, DP_IPV4) ||
			replaced->rewrite.tail.ttl < REPLACED_TTL_MIN)
			atomic_fetch_add(&failures, 1);
		atomic_fetch_add(&reader_rounds, 1);
	}
	return 0;
}

/* A grace period: the reader has begun and ended a round since. */
static void
grace_wait(void)
{
	unsigned long start = atomic_load(&reader_rounds);

	while (atomic_load(&reader_rounds) < start + 2)
		sched_yield();
}

/* Flow numbers that share a bucket, so that all of it happens in one chain. */
static uint32_t
next_number(uint32_t after)
{
	union flow_key key;

	do
		key_of(++after, &key);
	while ((flow_key_hash(&key, DP_IPV4) & table.bucket_mask) != 0);
	return after;
}

static void
writer_round(uint32_t number, const uint32_t *passing, uint8_t edition, uint32_t *replaced)
{
	uint32_t fresh, added[N_PASSING];

	for (unsigned i = 0; i < N_PASSING; i++) {
		added[i] = flow_add(passing[i], 99);
		flow_table_show(&table, added[i]);
		flow_table_activate(&table, added[i]);
	}
	flow_table_remove(&table, *replaced);
	fresh = flow_add(number, edition);
	flow_table_show(&table, fresh);
	flow_table_activate(&table, fresh);
	flow_table_unlink(&table, *replaced);
	for (unsigned i = 0; i < N_PASSING; i++)
		flow_table_unlink(&table, added[i]);
	grace_wait();
	flow_table_reclaim(&table);
	flow_table_free(&table, *replaced);
	for (unsigned i = 0; i < N_PASSING; i++)
		flow_table_free(&table, added[i]);
	*replaced = fresh;
}

Test(table_readers, see_each_flow_whole_at_every_moment)
{
	uint32_t number = 0, passing[N_PASSING], replaced;

	fixture_eal(1);
	cr_assert_eq(flow_table_init(&table, DP_IPV4, CAPACITY, 1, SOCKET_ID_ANY, NULL), 0);
	for (unsigned i = 0; i < N_STAYING; i++) {
		number = next_number(number);
		key_of(number, &staying_keys[i]);
		staying[i] = flow_add(number, (uint8_t)(i + 1));
		flow_table_show(&table, staying[i]);
		flow_table_activate(&table, staying[i]);
	}
	for (unsigned i = 0; i < N_PASSING; i++)
		passing[i] = number = next_number(number);
	number = next_number(number);
	key_of(number, &replaced_key);
	replaced = flow_add(number, REPLACED_TTL_MIN);
	flow_table_show(&table, replaced);
	flow_table_activate(&table, replaced);

	cr_assert_eq(rte_eal_remote_launch(reader_run, NULL, 1), 0);
	for (unsigned i = 0; i < ROUNDS; i++)
		writer_round(number, passing, (uint8_t)(REPLACED_TTL_MIN + i % 100), &replaced);
	atomic_store(&stop, true);
	rte_eal_wait_lcore(1);
	cr_expect_eq(atomic_load(&failures), 0, "%lu of %lu rounds", atomic_load(&failures),
		atomic_load(&reader_rounds));
	flow_table_fini(&table);
	dp_eal_fini();
}
