/* SPDX-License-Identifier: BSD-3-Clause */
/* The flow table, as its one writer sees it. */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_memory.h>

#include "fixture.h"
#include "flow_compile.h"
#include "flow_table.h"

#define CAPACITY 1024

static struct flow_table table;

static void
setup4(void)
{
	fixture_eal(1);
	cr_assert_eq(flow_table_init(&table, DP_IPV4, CAPACITY, 1, SOCKET_ID_ANY), 0);
}

static void
setup6(void)
{
	fixture_eal(1);
	cr_assert_eq(flow_table_init(&table, DP_IPV6, CAPACITY, 1, SOCKET_ID_ANY), 0);
}

static void
teardown(void)
{
	flow_table_fini(&table);
	dp_eal_fini();
}

TestSuite(table4, .init = setup4, .fini = teardown);
TestSuite(table6, .init = setup6, .fini = teardown);

static int
flow_add(uint32_t n, unsigned n_legs, uint32_t *index)
{
	struct dp_leg legs[DP_FLOW_LEGS_MAX];
	struct dp_flow flow = fixture_flow(table.family, n, legs, n_legs);

	return flow_table_add(&table, &flow, index);
}

/* A flow that workers find. */
static uint32_t
flow_live(uint32_t n)
{
	uint32_t index = FLOW_INDEX_NONE;

	cr_assert_eq(flow_add(n, 1, &index), 0, "flow %u", n);
	flow_table_publish(&table, index);
	return index;
}

static void
flow_gone(uint32_t index)
{
	flow_table_unlink(&table, index);
	flow_table_free(&table, index);
}

static uint32_t
flow_hash(uint32_t n)
{
	struct dp_leg leg;
	struct dp_flow flow = fixture_flow(table.family, n, &leg, 1);
	union flow_key key;

	flow_compile_key(&flow.key, &key, table.family);
	return flow_key_hash(&key, table.family);
}

/* Index of flow `n` as a worker finds it. */
static uint32_t
flow_find(uint32_t n)
{
	struct dp_leg leg;
	struct dp_flow flow = fixture_flow(table.family, n, &leg, 1);
	union flow_key key;
	const void *entry;

	flow_compile_key(&flow.key, &key, table.family);
	entry = flow_table_find(&table, &key, flow_key_hash(&key, table.family), table.family);
	return entry == NULL ? FLOW_INDEX_NONE : flow_table_index(&table, entry, table.family);
}

/* The first `n` flow numbers that share a bucket. */
static void
numbers_of_one_bucket(uint32_t *numbers, unsigned n)
{
	unsigned found = 0;

	for (uint32_t number = 0; found < n; number++) {
		if ((flow_hash(number) & table.bucket_mask) == 0)
			numbers[found++] = number;
	}
}

Test(table4, a_flow_is_found_from_publish_to_unlink)
{
	uint32_t index;

	cr_assert_eq(flow_add(1, 1, &index), 0);
	cr_expect_eq(flow_find(1), FLOW_INDEX_NONE, "added is not visible");
	cr_expect_eq(table.n_flows, 0);
	flow_table_publish(&table, index);
	cr_expect_eq(flow_find(1), index);
	cr_expect_eq(flow_find(2), FLOW_INDEX_NONE);
	cr_expect_eq(table.n_flows, 1);
	flow_table_unlink(&table, index);
	cr_expect_eq(flow_find(1), FLOW_INDEX_NONE);
	cr_expect_eq(table.n_flows, 0);
	flow_table_free(&table, index);
	cr_expect_eq(table.n_free, CAPACITY);
}

Test(table4, an_added_flow_can_be_given_back_unpublished)
{
	uint32_t index;

	cr_assert_eq(flow_add(1, 3, &index), 0);
	flow_table_free(&table, index);
	cr_expect_eq(table.n_free, CAPACITY);
	cr_expect_eq(flow_add(1, 1, &index), 0, "its key is free again");
}

Test(table4, a_key_is_taken_once)
{
	uint32_t index;

	cr_assert_eq(flow_add(1, 1, &index), 0);
	cr_expect_eq(flow_add(1, 1, &index), -EEXIST, "while added");
	flow_table_publish(&table, index);
	cr_expect_eq(flow_add(1, 2, &index), -EEXIST, "while live");
	cr_expect_eq(table.n_free, CAPACITY - 1);
}

/* As a transaction replaces: new one in, then old one out; a worker always finds one. */
Test(table4, a_key_whose_flow_is_being_removed_can_be_taken)
{
	uint32_t old = flow_live(1), new;

	table.state[old] = FLOW_REMOVED;
	cr_assert_eq(flow_add(1, 1, &new), 0);
	cr_expect_eq(flow_find(1), old);
	flow_table_publish(&table, new);
	cr_expect_neq(flow_find(1), FLOW_INDEX_NONE);
	flow_table_unlink(&table, old);
	cr_expect_eq(flow_find(1), new);
	flow_table_free(&table, old);
	cr_expect_eq(flow_find(1), new);
	cr_expect_eq(table.n_flows, 1);
}

static void
full_table_check(void)
{
	uint32_t index[CAPACITY], other;

	for (uint32_t n = 0; n < CAPACITY; n++)
		index[n] = flow_live(n);
	cr_expect_eq(flow_add(CAPACITY, 1, &other), -ENOSPC);
	for (uint32_t n = 0; n < CAPACITY; n++)
		cr_assert_eq(flow_find(n), index[n], "flow %u", n);
	for (uint32_t n = 0; n < CAPACITY; n += 2)
		flow_gone(index[n]);
	for (uint32_t n = 0; n < CAPACITY; n++)
		cr_assert_eq(flow_find(n), n % 2 == 0 ? FLOW_INDEX_NONE : index[n], "flow %u", n);
	for (uint32_t n = 0; n < CAPACITY; n += 2)
		flow_live(CAPACITY + n);
	for (uint32_t n = 0; n < CAPACITY; n++)
		cr_assert_neq(flow_find(n % 2 == 0 ? CAPACITY + n : n), FLOW_INDEX_NONE);
}

Test(table4, a_full_table_finds_all_and_takes_no_more)
{
	full_table_check();
}

Test(table6, a_full_table_finds_all_and_takes_no_more)
{
	full_table_check();
}

/* All flows in one bucket: the chain takes as many as the table does. */
static void
one_chain_check(void)
{
	uint32_t numbers[CAPACITY], index[CAPACITY], overflow_free = table.n_overflow_free;

	numbers_of_one_bucket(numbers, CAPACITY);
	for (unsigned i = 0; i < CAPACITY; i++)
		index[i] = flow_live(numbers[i]);
	for (unsigned i = 0; i < CAPACITY; i++)
		cr_assert_eq(flow_find(numbers[i]), index[i]);
	cr_expect_lt(table.n_overflow_free, overflow_free);
	/* Out in an order that empties buckets in the middle first, and their neighbours last. */
	for (unsigned i = 0; i < CAPACITY; i++) {
		unsigned gone = i * 389 % CAPACITY;

		flow_gone(index[gone]);
		index[gone] = FLOW_INDEX_NONE;
		for (unsigned k = 0; k < CAPACITY && i % 61 == 0; k++) {
			if (flow_find(numbers[k]) != index[k])
				cr_assert_fail("after %u removals, flow %u", i + 1, numbers[k]);
		}
	}
	cr_expect_eq(table.n_overflow_free, overflow_free, "the chain is given back");
	cr_expect_eq(table.n_free, CAPACITY);
}

Test(table4, one_chain_holds_a_whole_table)
{
	one_chain_check();
}

Test(table6, one_chain_holds_a_whole_table)
{
	one_chain_check();
}

/* Two keys with one bucket and one signature are still two keys. */
Test(table4, equal_signatures_are_told_apart_by_the_key)
{
	uint32_t hash = flow_hash(0), twin = 1, first, second;

	while ((flow_hash(twin) & table.bucket_mask) != (hash & table.bucket_mask) ||
		flow_hash_signature(flow_hash(twin)) != flow_hash_signature(hash))
		twin++;
	first = flow_live(0);
	cr_expect_eq(flow_find(twin), FLOW_INDEX_NONE);
	second = flow_live(twin);
	cr_expect_eq(flow_find(0), first);
	cr_expect_eq(flow_find(twin), second);
	flow_gone(first);
	cr_expect_eq(flow_find(0), FLOW_INDEX_NONE);
	cr_expect_eq(flow_find(twin), second);
}

Test(table4, listeners_are_counted_so_that_workers_may_skip_them)
{
	struct dp_leg leg;
	struct dp_flow listener = fixture_flow(DP_IPV4, 1, &leg, 1);
	uint32_t index;

	listener.key.any_source = 1;
	flow_live(1);
	cr_expect_eq(table.n_listeners, 0);
	cr_assert_eq(flow_table_add(&table, &listener, &index), 0);
	cr_expect_eq(table.n_listeners, 0);
	flow_table_publish(&table, index);
	cr_expect_eq(table.n_listeners, 1);
	flow_gone(index);
	cr_expect_eq(table.n_listeners, 0);
}

Test(table4, counters_start_from_zero_in_a_place_used_before)
{
	uint32_t index = flow_live(1);
	struct dp_flow_stats stats;
	struct dp_leg_stats leg;

	flow_entry_counters(flow_table_entry(&table, index, DP_IPV4), DP_IPV4)->packets = 7;
	table.drops[index * DP_COPY_DROP_COUNT + 1] = 5;
	flow_table_read(&table, index, &stats, &leg);
	cr_expect_eq(stats.packets, 7);
	cr_expect_eq(leg.copies, 7);
	cr_expect_eq(leg.drops[1], 5);
	flow_gone(index);
	cr_assert_eq(flow_live(2), index, "the place is used again");
	flow_table_read(&table, index, &stats, &leg);
	cr_expect_eq(stats.packets, 0);
	cr_expect_eq(leg.copies, 0);
	cr_expect_eq(leg.drops[1], 0);
}

Test(table4, legs_are_counted_each)
{
	struct dp_flow_stats stats;
	struct dp_leg_stats legs[3];
	struct leg_set *set;
	uint32_t index;

	cr_assert_eq(flow_add(1, 3, &index), 0);
	flow_table_publish(&table, index);
	cr_expect_eq(flow_table_n_legs(&table, index), 3);
	set = flow_entry_legs(flow_table_entry(&table, index, DP_IPV4), DP_IPV4);
	cr_assert_not_null(set);
	set->counters[2].packets = 4;
	set->drops[2 * DP_COPY_DROP_COUNT] = 3;
	flow_table_read(&table, index, &stats, legs);
	cr_expect_eq(legs[1].copies, 0);
	cr_expect_eq(legs[2].copies, 4);
	cr_expect_eq(legs[2].drops[0], 3);
	cr_expect_eq(legs[0].drops[0], 0);
}

Test(table4, a_refused_flow_takes_no_place)
{
	struct dp_leg legs[2];
	struct dp_flow flow = fixture_flow(DP_IPV4, 1, legs, 2);
	uint32_t index;

	legs[1].vlan = 4095;
	cr_expect_eq(flow_table_add(&table, &flow, &index), -EINVAL);
	cr_expect_eq(table.n_free, CAPACITY);
}

Test(table4, a_table_without_room_finds_nothing_and_takes_nothing)
{
	uint32_t index;

	flow_table_fini(&table);
	cr_assert_eq(flow_table_init(&table, DP_IPV4, 0, 1, SOCKET_ID_ANY), 0);
	cr_expect_eq(flow_find(1), FLOW_INDEX_NONE);
	cr_expect_eq(flow_add(1, 1, &index), -ENOSPC);
}
