/* SPDX-License-Identifier: BSD-3-Clause */
/* The flow table, as its one writer sees it. */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_memory.h>

#include "action.h"
#include "fixture.h"
#include "flow_compile.h"
#include "flow_table.h"
#include "leg_table.h"

#define CAPACITY 1024

#define LEGS 64

static struct flow_table table;
static struct leg_table legs_of_all;

static void
setup4(void)
{
	fixture_eal(1);
	cr_assert_eq(leg_table_init(&legs_of_all, LEGS, 1, SOCKET_ID_ANY), 0);
	cr_assert_eq(flow_table_init(&table, DP_IPV4, CAPACITY, 1, SOCKET_ID_ANY, &legs_of_all), 0);
}

static void
setup6(void)
{
	fixture_eal(1);
	cr_assert_eq(leg_table_init(&legs_of_all, LEGS, 1, SOCKET_ID_ANY), 0);
	cr_assert_eq(flow_table_init(&table, DP_IPV6, CAPACITY, 1, SOCKET_ID_ANY, &legs_of_all), 0);
}

static unsigned
legs_in_use(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < legs_of_all.n_slots; i++)
		n += legs_of_all.refs[i] > 0;
	return n;
}

static void
teardown(void)
{
	cr_expect_eq(legs_of_all.n_free + legs_in_use(), legs_of_all.n_slots);
	flow_table_fini(&table);
	cr_expect_eq(legs_of_all.n_free, legs_of_all.n_slots, "every leg is given back");
	cr_expect_eq(legs_of_all.n_taken, legs_in_use());
	leg_table_fini(&legs_of_all);
	dp_eal_fini();
}

TestSuite(table4, .init = setup4, .fini = teardown);
TestSuite(table6, .init = setup6, .fini = teardown);

static int
flow_add(uint32_t n, unsigned n_legs, uint32_t *index)
{
	struct dp_leg legs[LEGS];
	struct dp_flow flow = fixture_flow(table.family, n, legs, n_legs);

	return flow_table_add(&table, &flow, index);
}

/* A flow that workers find. */
static uint32_t
flow_live(uint32_t n)
{
	uint32_t index = FLOW_INDEX_NONE;

	cr_assert_eq(flow_add(n, 1, &index), 0, "flow %u", n);
	flow_table_show(&table, index);
	flow_table_activate(&table, index);
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
	flow_table_show(&table, index);
	flow_table_activate(&table, index);
	cr_expect_eq(flow_find(1), index);
	cr_expect_eq(flow_find(2), FLOW_INDEX_NONE);
	cr_expect_eq(table.n_flows, 1);
	flow_table_unlink(&table, index);
	cr_expect_eq(flow_find(1), FLOW_INDEX_NONE);
	cr_expect_eq(table.n_flows, 0);
	flow_table_free(&table, index);
	cr_expect_eq(table.n_free, table.n_entries);
}

Test(table4, an_added_flow_can_be_released_unpublished)
{
	uint32_t index;

	cr_assert_eq(flow_add(1, 3, &index), 0);
	flow_table_free(&table, index);
	cr_expect_eq(table.n_free, table.n_entries);
	cr_expect_eq(flow_add(1, 1, &index), 0, "its key is free again");
}

Test(table4, a_key_is_taken_once)
{
	uint32_t index;

	cr_assert_eq(flow_add(1, 1, &index), 0);
	cr_expect_eq(flow_add(1, 1, &index), -EEXIST, "while added");
	flow_table_show(&table, index);
	flow_table_activate(&table, index);
	cr_expect_eq(flow_add(1, 2, &index), -EEXIST, "while live");
	cr_expect_eq(table.n_free, table.n_entries - 1);
}

/* As a transaction replaces: new one in, then old one out; a worker always finds one. */
Test(table4, a_key_whose_flow_is_being_removed_can_be_taken)
{
	uint32_t old = flow_live(1), new;

	flow_table_remove(&table, old);
	cr_assert_eq(flow_add(1, 1, &new), 0);
	cr_expect_eq(flow_find(1), old);
	flow_table_show(&table, new);
	flow_table_activate(&table, new);
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

/* What goes stands until the commit is over, and what comes beside it. */
static void
exchange_check(void)
{
	uint32_t index[CAPACITY], added[CAPACITY], other;

	for (uint32_t n = 0; n < CAPACITY; n++)
		index[n] = flow_live(n);
	cr_expect_eq(flow_add(CAPACITY, 1, &other), -ENOSPC);
	for (uint32_t n = 0; n < CAPACITY; n++)
		flow_table_remove(&table, index[n]);
	for (uint32_t n = 0; n < CAPACITY; n++)
		cr_assert_eq(flow_add(CAPACITY + n, 1, &added[n]), 0, "flow %u", n);
	cr_expect_eq(flow_add(2 * CAPACITY, 1, &other), -ENOSPC);
	for (uint32_t n = 0; n < CAPACITY; n++)
		cr_assert_eq(flow_find(n), index[n], "flow %u", n);
	for (uint32_t n = 0; n < CAPACITY; n++) {
		flow_table_show(&table, added[n]);
		flow_table_activate(&table, added[n]);
		flow_gone(index[n]);
		cr_assert_eq(flow_find(CAPACITY + n), added[n], "flow %u", n);
	}
	cr_expect_eq(table.n_taken, CAPACITY);
	cr_expect_eq(table.n_flows, CAPACITY);
}

Test(table4, all_flows_of_a_full_table_can_be_exchanged_at_once)
{
	exchange_check();
}

Test(table6, all_flows_of_a_full_table_can_be_exchanged_at_once)
{
	exchange_check();
}

#define CHAIN_FLOWS (9 * BUCKET_SLOTS) /* a bucket and eight overflow buckets */

/* Flows that all hash to one bucket: its chain takes what a lookup may cost, and no more. */
static void
one_chain_check(void)
{
	const uint32_t overflow_free = table.n_overflow_free;
	uint32_t numbers[CHAIN_FLOWS + 1], index[CHAIN_FLOWS], other;

	numbers_of_one_bucket(numbers, CHAIN_FLOWS + 1);
	for (unsigned i = 0; i < CHAIN_FLOWS; i++)
		index[i] = flow_live(numbers[i]);
	cr_expect_eq(flow_add(numbers[CHAIN_FLOWS], 1, &other), -ENOSPC);
	for (unsigned i = 0; i < CHAIN_FLOWS; i++)
		cr_assert_eq(flow_find(numbers[i]), index[i]);
	cr_expect_eq(table.n_overflow_free, overflow_free - 8);
	/* Out in an order that empties buckets in the middle first, and their neighbours last. */
	for (unsigned i = 0; i < CHAIN_FLOWS; i++) {
		unsigned gone = i * 5 % CHAIN_FLOWS;

		flow_gone(index[gone]);
		index[gone] = FLOW_INDEX_NONE;
		for (unsigned k = 0; k < CHAIN_FLOWS; k++) {
			if (flow_find(numbers[k]) != index[k])
				cr_assert_fail("after %u removals, flow %u", i + 1, numbers[k]);
		}
		cr_expect_leq(table.n_overflow_free + table.n_overflow_deferred, overflow_free);
	}
	cr_expect_eq(table.n_overflow_free + table.n_overflow_deferred, overflow_free);
	flow_table_reclaim(&table);
	cr_expect_eq(table.n_overflow_free, overflow_free, "the chain is given back");
	cr_expect_eq(table.n_free, table.n_entries);
}

/* A bucket that leaves the middle of a chain still leads on, until a grace period is over. */
Test(table4, a_bucket_that_rests_leads_to_the_rest_of_its_chain)
{
	uint32_t numbers[3 * BUCKET_SLOTS], index[3 * BUCKET_SLOTS], link;

	numbers_of_one_bucket(numbers, 3 * BUCKET_SLOTS);
	for (unsigned i = 0; i < 3 * BUCKET_SLOTS; i++)
		index[i] = flow_live(numbers[i]);
	link = table.buckets[0].next;
	for (unsigned i = BUCKET_SLOTS; i < 2 * BUCKET_SLOTS; i++)
		flow_gone(index[i]);
	cr_expect_eq(table.n_overflow_deferred, 1);
	cr_expect_neq(table.buckets[0].next, link);
	cr_expect_eq(table.overflow[link - 1].next, table.buckets[0].next);
	cr_expect_eq(flow_find(numbers[2 * BUCKET_SLOTS]), index[2 * BUCKET_SLOTS]);
}

Test(table4, one_chain_takes_a_bounded_number)
{
	one_chain_check();
}

Test(table6, one_chain_takes_a_bounded_number)
{
	one_chain_check();
}

/* Two keys with one bucket and one signature are still two keys. */
Test(table4, equal_signatures_are_distinguished_by_the_key)
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

Test(table4, flows_of_each_stage_are_counted_so_that_workers_may_skip_it)
{
	struct dp_leg leg;
	struct dp_flow listener = fixture_flow(DP_IPV4, 1, &leg, 1);
	uint32_t exact, index;

	listener.key.any_source = 1;
	cr_expect_not(table.any_source);
	cr_assert_eq(flow_table_add(&table, &listener, &index), 0);
	cr_expect_eq(table.n_listeners, 0);
	flow_table_show(&table, index);
	flow_table_activate(&table, index);
	cr_expect_eq(table.n_listeners, 1);
	cr_expect(table.any_source);
	exact = flow_live(1);
	cr_expect_eq(table.n_exact, 1);
	cr_expect_eq(table.n_listeners, 1);
	cr_expect_not(table.any_source);
	flow_gone(exact);
	cr_expect_eq(table.n_exact, 0);
	cr_expect(table.any_source);
	flow_gone(index);
	cr_expect_eq(table.n_listeners, 0);
	cr_expect_not(table.any_source);
}

Test(table4, counters_start_from_zero_in_a_place_used_before)
{
	uint32_t index = flow_live(1);
	struct dp_flow_stats stats;
	struct dp_leg_stats leg;

	flow_entry_counters(flow_table_entry(&table, index, DP_IPV4), DP_IPV4)->packets = 7;
	table.drops[index * PLAIN_DROP_COUNT + 1] = 5;
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
	const struct flow_action *action;
	struct dp_flow_stats stats;
	struct dp_leg_stats legs[3];
	uint32_t index;

	cr_assert_eq(flow_add(1, 3, &index), 0);
	flow_table_show(&table, index);
	flow_table_activate(&table, index);
	cr_expect_eq(flow_table_n_legs(&table, index), 3);
	action = flow_table_action(&table, flow_table_entry(&table, index, DP_IPV4), DP_IPV4);
	cr_assert_not_null(action);
	legs_of_all.counters[0][action->slots.of[2]].packets = 4;
	legs_of_all.drops[action->slots.of[2] * DP_COPY_DROP_COUNT] = 3;
	flow_table_read(&table, index, &stats, legs);
	cr_expect_eq(legs[1].copies, 0);
	cr_expect_eq(legs[2].copies, 4);
	cr_expect_eq(legs[2].drops[0], 3);
	cr_expect_eq(legs[0].drops[0], 0);
	flow_gone(index);
}

/* Replace flow 1 as a commit does. */
static uint32_t
version_live(uint32_t old, unsigned n_legs, const uint16_t *from)
{
	struct dp_leg legs[LEGS];
	struct dp_flow flow = fixture_flow(table.family, 1, legs, n_legs);
	uint32_t version = FLOW_INDEX_NONE;

	cr_assert_eq(flow_table_version(&table, old, &flow, from, &version), 0);
	cr_expect_eq(flow_find(1), old, "not yet");
	flow_table_swap(&table, old, version);
	cr_expect_eq(flow_find(1), version);
	flow_table_carry(&table, old, version, from);
	flow_table_free(&table, old);
	return version;
}

Test(table4, a_flow_that_is_replaced_counts_on)
{
	const uint16_t same[] = {0, DP_LEG_NEW}, swapped[] = {DP_LEG_NEW, 0, 1}, third[] = {2};
	uint32_t index = flow_live(1), twice;
	struct dp_leg_stats legs[3];
	struct dp_flow_stats stats;

	flow_entry_counters(flow_table_entry(&table, index, DP_IPV4), DP_IPV4)->packets = 7;
	table.drops[index * PLAIN_DROP_COUNT + 1] = 2;
	index = version_live(index, 2, same);
	flow_table_read(&table, index, &stats, legs);
	cr_expect_eq(stats.packets, 7);
	cr_expect_eq(stats.forwarded, 7);
	cr_expect_eq(legs[0].copies, 7);
	cr_expect_eq(legs[0].drops[1], 2);
	cr_expect_eq(legs[1].copies, 0);

	flow_entry_counters(flow_table_entry(&table, index, DP_IPV4), DP_IPV4)->packets = 5;
	index = version_live(index, 3, swapped);
	flow_table_read(&table, index, &stats, legs);
	cr_expect_eq(stats.packets, 12);
	cr_expect_eq(legs[0].copies, 0);
	cr_expect_eq(legs[1].copies, 7);
	cr_expect_eq(legs[1].drops[1], 2);

	twice = version_live(index, 1, third);
	flow_table_read(&table, twice, &stats, legs);
	cr_expect_eq(stats.packets, 12);
	cr_expect_eq(stats.forwarded, 12);
	cr_expect_eq(flow_table_n_legs(&table, twice), 1);
	cr_expect_eq(legs_in_use(), 0, "its leg is in the entry again");
}

/* Flow 1, policed and else plain, as the version after `old`, or the first. */
static uint32_t
policed_live(uint32_t old, uint64_t rate_bps)
{
	const uint16_t from[] = {0};
	struct dp_leg legs[1];
	struct dp_flow flow = fixture_flow(table.family, 1, legs, 1);
	uint32_t index = FLOW_INDEX_NONE;

	flow.police = (struct dp_police){.rate_bps = rate_bps, .burst_bytes = 1000};
	if (old != FLOW_INDEX_NONE) {
		cr_assert_eq(flow_table_version(&table, old, &flow, from, &index), 0);
		flow_table_swap(&table, old, index);
		flow_table_carry(&table, old, index, from);
		flow_table_free(&table, old);
		return index;
	}
	cr_assert_eq(flow_table_add(&table, &flow, &index), 0);
	flow_table_show(&table, index);
	flow_table_activate(&table, index);
	return index;
}

static struct policer *
policer_of(uint32_t index)
{
	const uint64_t features =
		flow_entry_features(flow_table_entry(&table, index, DP_IPV4), DP_IPV4);

	cr_assert_eq(features & FLOW_POLICES, FLOW_POLICES);
	return flow_features_of(features, FLOW_POLICES);
}

Test(table4, what_a_flow_that_only_polices_leads_to_is_its_policer)
{
	uint32_t index = policed_live(FLOW_INDEX_NONE, 1000000);
	struct policer *first = policer_of(index), *second;
	const struct flow_action *action;

	cr_expect_eq((uintptr_t)first % RTE_CACHE_LINE_MIN_SIZE, 0);
	cr_expect_eq(table.n_features, 1);
	action = flow_table_action(&table, flow_table_entry(&table, index, DP_IPV4), DP_IPV4);
	cr_assert_not_null(action);
	cr_expect_eq(action->policer, first);

	index = policed_live(index, 1000000);
	cr_expect_eq(policer_of(index), first, "no burst is gained");
	index = policed_live(index, 2000000);
	second = policer_of(index);
	cr_expect_neq(second, first, "another rate starts full");
	cr_expect_eq(second->config.rate_bps, 2000000);
	index = policed_live(index, 1000000);
	cr_expect_eq(policer_of(index), first, "what was given back is taken again");
	cr_expect_eq(first->police.owner, 0, "and full");
	flow_table_unlink(&table, index);
	cr_expect_eq(table.n_features, 0);
	flow_table_free(&table, index);
}

/* What the entry of a new listener that latches leads to, by its kind. */
static uint64_t
latched_kind(const struct dp_prefix *allow, const struct dp_police *police, unsigned latch_by)
{
	struct dp_leg legs[1];
	struct dp_flow flow = fixture_flow(DP_IPV4, 1, legs, 1);
	const struct flow_action *action;
	const void *entry;
	uint64_t features;
	uint32_t index;

	memset(flow.key.src, 0, sizeof(flow.key.src));
	flow.key.src_port = 0;
	flow.key.any_source = true;
	flow.latch = DP_LATCH_FIRST;
	flow.latch_by = (uint8_t)latch_by;
	flow.allow = allow;
	flow.n_allow = allow == NULL ? 0 : 1;
	if (police != NULL)
		flow.police = *police;
	cr_assert_eq(flow_table_add(&table, &flow, &index), 0);
	entry = flow_table_entry(&table, index, DP_IPV4);
	features = flow_entry_features(entry, DP_IPV4);
	action = flow_table_action(&table, entry, DP_IPV4);
	cr_assert_not_null(action);
	cr_assert_not_null(action->latch);
	if ((features & FLOW_LATCHES) != 0)
		cr_expect_eq(flow_features_of(features, FLOW_LATCHES), action->latch);
	if ((features & FLOW_LATCHES_BY_SSRC) != 0)
		cr_expect_eq(flow_features_of(features, FLOW_LATCHES_BY_SSRC), action->latch);
	flow_table_free(&table, index);
	return features &
	       (FLOW_ACTS | FLOW_POLICES | FLOW_TRANSLATES | FLOW_LATCHES | FLOW_LATCHES_BY_SSRC);
}

Test(table4, what_a_flow_that_only_latches_leads_to_is_its_latch)
{
	const struct dp_police police = {.rate_bps = 1000000, .burst_bytes = 1000};
	const struct dp_prefix allow = {.bits = 0};

	cr_expect_eq(latched_kind(NULL, NULL, DP_LATCH_BY_ANY), FLOW_LATCHES);
	cr_expect_eq(latched_kind(NULL, NULL, DP_LATCH_BY_CLASS), FLOW_LATCHES);
	cr_expect_eq(latched_kind(NULL, NULL, DP_LATCH_BY_SSRC), FLOW_LATCHES_BY_SSRC);
	cr_expect_eq(latched_kind(NULL, NULL, DP_LATCH_BY_RTCP_SSRC), FLOW_ACTS);
	cr_expect_eq(latched_kind(&allow, NULL, DP_LATCH_BY_ANY), FLOW_ACTS);
	cr_expect_eq(latched_kind(NULL, &police, DP_LATCH_BY_SSRC), FLOW_ACTS);
}

Test(table4, policers_are_given_back_as_often_as_they_are_held)
{
	struct dp_police config = {.rate_bps = 1000000, .burst_bytes = 1000};
	struct line_pool *pool = &legs_of_all.lines;
	struct policer *first, *same, *other, *after;

	cr_assert_eq(policer_get(pool, &first, &config, NULL), 0);
	cr_assert_eq(policer_get(pool, &same, &config, first), 0);
	cr_expect_eq(same, first);
	policer_release(pool, first);
	cr_assert_eq(policer_get(pool, &other, &config, NULL), 0);
	cr_expect_neq(other, first, "it is still held once");
	policer_release(pool, same);
	cr_assert_eq(policer_get(pool, &after, &config, NULL), 0);
	cr_expect_eq(after, first);
	policer_release(pool, NULL);
	config.rate_bps = 0;
	cr_assert_eq(policer_get(pool, &same, &config, first), 0);
	cr_expect_null(same);
}

Test(table4, a_full_table_can_be_replaced)
{
	const uint16_t from[] = {0};
	uint32_t index = flow_live(1), other;

	for (uint32_t n = 2; n <= CAPACITY; n++)
		flow_live(n);
	cr_expect_eq(flow_add(CAPACITY + 1, 1, &other), -ENOSPC);
	index = version_live(index, 1, from);
	cr_expect_eq(flow_find(1), index);
	cr_expect_eq(table.n_flows, CAPACITY);
	cr_expect_eq(flow_add(CAPACITY + 1, 1, &other), -ENOSPC);
}

Test(table4, a_refused_flow_takes_no_place)
{
	struct dp_leg legs[2];
	struct dp_flow flow = fixture_flow(DP_IPV4, 1, legs, 2);
	uint32_t index;

	legs[1].vlan = 4095;
	cr_expect_eq(flow_table_add(&table, &flow, &index), -EINVAL);
	cr_expect_eq(table.n_free, table.n_entries);
}

Test(table4, a_table_without_room_finds_nothing_and_takes_nothing)
{
	uint32_t index;

	flow_table_fini(&table);
	cr_assert_eq(flow_table_init(&table, DP_IPV4, 0, 1, SOCKET_ID_ANY, &legs_of_all), 0);
	cr_expect_eq(flow_find(1), FLOW_INDEX_NONE);
	cr_expect_eq(flow_add(1, 1, &index), -ENOSPC);
}
