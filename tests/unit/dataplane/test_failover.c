/* SPDX-License-Identifier: BSD-3-Clause */
/* A flow that chooses from its sources: the rules of it, by packets, and two workers at it. */
#include <criterion/criterion.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "dp_private.h"
#include "failover.h"
#include "fixture.h"
#include "pass.h"

#define MS UINT64_C(1000000)
#define TIMEOUT_MS 10
#define RETURN_MS 50

static const struct failover_times times = {
	.timeout_ns = TIMEOUT_MS * MS, .return_ns = RETURN_MS * MS};
static const struct failover_times never = {.timeout_ns = TIMEOUT_MS * MS};

static struct failover *
failover_new(unsigned n, unsigned n_workers)
{
	struct failover *failover = aligned_alloc(RTE_CACHE_LINE_SIZE, failover_bytes(n_workers));

	cr_assert_not_null(failover);
	memset(failover, 0, failover_bytes(n_workers));
	failover->n = n;
	return failover;
}

static enum failover_pass
packet_of(struct failover *failover, unsigned i, uint64_t at_ms)
{
	return failover_accept(failover, 0, i, &times, at_ms * MS);
}

Test(failover_rules, the_next_packet_after_the_timeout_takes_over)
{
	struct failover *failover = failover_new(2, 1);
	struct dp_sources sources;

	cr_expect_eq(packet_of(failover, 0, 1), FAILOVER_ACTIVE_SOURCE);
	cr_expect_eq(packet_of(failover, 1, 1 + TIMEOUT_MS - 1), FAILOVER_STANDBY);
	cr_expect_eq(packet_of(failover, 1, 1 + TIMEOUT_MS), FAILOVER_TAKES_OVER);
	cr_expect_eq(packet_of(failover, 1, 1 + TIMEOUT_MS), FAILOVER_ACTIVE_SOURCE);
	cr_expect_eq(packet_of(failover, 0, 2 + TIMEOUT_MS), FAILOVER_STANDBY);
	failover_read(failover, 1, 21 * MS, &sources);
	cr_expect_eq(sources.switches, 1);
	cr_expect_eq(sources.active, 1);
	cr_expect_eq(sources.previous, 0);
	cr_expect_eq(sources.returned, 0);
	cr_expect_eq(sources.active_ns, 10 * MS);
	cr_expect_eq(sources.n, 2);
	cr_expect_eq(sources.of[0].packets, 2);
	cr_expect_eq(sources.of[1].packets, 3);
	cr_expect_eq(sources.of[0].silent_ns, 9 * MS);
	cr_expect_eq(sources.of[1].silent_ns, 10 * MS);
	free(failover);
}

/* One that never sent is given its time too, from the first packet of another one on. */
Test(failover_rules, the_preferred_one_has_its_time_at_first)
{
	struct failover *failover = failover_new(3, 1);
	struct dp_sources sources;

	cr_expect_eq(packet_of(failover, 2, 100), FAILOVER_STANDBY);
	cr_expect_eq(packet_of(failover, 1, 100 + TIMEOUT_MS - 1), FAILOVER_STANDBY);
	cr_expect_eq(packet_of(failover, 2, 100 + TIMEOUT_MS), FAILOVER_TAKES_OVER);
	failover_read(failover, 1, 200 * MS, &sources);
	cr_expect_eq(sources.of[0].packets, 0);
	cr_expect_eq(sources.of[0].silent_ns, 0);
	free(failover);
}

/* It has to send for a while without a gap, and each gap starts that anew. */
Test(failover_rules, a_flapping_source_does_not_return)
{
	struct failover *failover = failover_new(2, 1);
	uint64_t at_ms = 1, gap_ms;

	packet_of(failover, 0, at_ms);
	at_ms += TIMEOUT_MS;
	cr_expect_eq(packet_of(failover, 1, at_ms), FAILOVER_TAKES_OVER);
	for (unsigned flap = 0; flap < 4; flap++) {
		for (unsigned i = 0; i < RETURN_MS - 1; i++, at_ms++) {
			cr_expect_eq(packet_of(failover, 0, at_ms), FAILOVER_STANDBY);
			cr_expect_eq(packet_of(failover, 1, at_ms), FAILOVER_ACTIVE_SOURCE);
		}
		for (gap_ms = 0; gap_ms < TIMEOUT_MS; gap_ms++, at_ms++)
			cr_expect_eq(packet_of(failover, 1, at_ms), FAILOVER_ACTIVE_SOURCE);
	}
	for (unsigned i = 0; i < RETURN_MS; i++, at_ms++) {
		cr_expect_eq(packet_of(failover, 1, at_ms), FAILOVER_ACTIVE_SOURCE);
		cr_expect_eq(packet_of(failover, 0, at_ms), FAILOVER_STANDBY);
	}
	cr_expect_eq(packet_of(failover, 0, at_ms), FAILOVER_RETURNS);
	cr_expect_eq(packet_of(failover, 1, at_ms), FAILOVER_STANDBY);
	free(failover);
}

Test(failover_rules, without_a_time_it_never_returns)
{
	struct failover *failover = failover_new(2, 1);

	failover_accept(failover, 0, 0, &never, MS);
	cr_expect_eq(failover_accept(failover, 0, 1, &never, 20 * MS), FAILOVER_TAKES_OVER);
	for (uint64_t at_ms = 21; at_ms < 4000; at_ms++) {
		cr_expect_eq(failover_accept(failover, 0, 1, &never, at_ms * MS),
			FAILOVER_ACTIVE_SOURCE);
		cr_expect_eq(failover_accept(failover, 0, 0, &never, at_ms * MS), FAILOVER_STANDBY);
	}
	cr_expect_eq(failover_accept(failover, 0, 0, &never, 5000 * MS), FAILOVER_TAKES_OVER);
	free(failover);
}

/* One that is not preferred to the active one has no claim. */
Test(failover_rules, a_worse_source_does_not_return)
{
	struct failover *failover = failover_new(3, 1);

	for (uint64_t at_ms = 1; at_ms < 10 * RETURN_MS; at_ms++) {
		cr_expect_eq(packet_of(failover, 0, at_ms), FAILOVER_ACTIVE_SOURCE);
		cr_expect_eq(packet_of(failover, 2, at_ms), FAILOVER_STANDBY);
	}
	free(failover);
}

Test(failover_rules, a_clock_behind_does_not_switch)
{
	struct failover *failover = failover_new(2, 2);

	cr_expect_eq(failover_accept(failover, 0, 0, &times, 100 * MS), FAILOVER_ACTIVE_SOURCE);
	cr_expect_eq(failover_accept(failover, 1, 1, &times, 99 * MS), FAILOVER_STANDBY);
	free(failover);
}

Test(failover_rules, a_source_without_a_port_has_any)
{
	const uint8_t one[16] = {192, 0, 2, 1}, two[16] = {192, 0, 2, 2};
	struct failover *failover = failover_new(2, 1);
	struct latch_source source;

	latch_source_set(&failover->sources[0], one, 4, 5004);
	latch_source_set(&failover->sources[1], two, 4, 0);
	latch_source_set(&source, one, 4, 5004);
	cr_expect_eq(failover_find(failover, &source), 0);
	latch_source_set(&source, one, 4, 5005);
	cr_expect_eq(failover_find(failover, &source), -1);
	latch_source_set(&source, two, 4, 7);
	cr_expect_eq(failover_find(failover, &source), 1);
	free(failover);
}

#define RACES 2000
#define RACERS 2

struct racer {
	pthread_t thread;
	pthread_barrier_t *start;
	struct failover *failover;
	unsigned worker;
	unsigned switched;
};

/* In each race the active source is silent, and both others would take over. */
static void *
race(void *arg)
{
	struct racer *racer = arg;

	for (uint64_t i = 1; i <= RACES; i++) {
		const unsigned source =
			1 + (racer->worker + (unsigned)(i % 2)) % 2; /* 1 or 2, by turns */
		const enum failover_pass pass = failover_accept(
			racer->failover, racer->worker, source, &never, i * 2 * TIMEOUT_MS * MS);

		racer->switched += pass == FAILOVER_TAKES_OVER;
		pthread_barrier_wait(racer->start);
	}
	return NULL;
}

Test(failover_rules, each_switch_is_one_workers)
{
	struct failover *failover = failover_new(3, RACERS);
	struct racer racers[RACERS];
	pthread_barrier_t start;
	struct dp_sources sources;
	unsigned switched = 0;

	pthread_barrier_init(&start, NULL, RACERS);
	failover_accept(failover, 0, 0, &never, 1);
	for (unsigned w = 0; w < RACERS; w++) {
		racers[w] = (struct racer){.start = &start, .failover = failover, .worker = w};
		cr_assert_eq(pthread_create(&racers[w].thread, NULL, race, &racers[w]), 0);
	}
	for (unsigned w = 0; w < RACERS; w++) {
		pthread_join(racers[w].thread, NULL);
		switched += racers[w].switched;
	}
	failover_read(failover, RACERS, RACES * 3 * TIMEOUT_MS * MS, &sources);
	cr_expect_eq(sources.switches, switched);
	cr_expect_geq(switched, 1);
	cr_expect_eq(sources.of[1].packets + sources.of[2].packets, RACERS * RACES);
	pthread_barrier_destroy(&start);
	free(failover);
}

/* The same by packets. */

#define FLOW 10
#define COOKIE UINT64_C(0x123456789)
#define PRIMARY false
#define BACKUP true

static struct pass pass;
static uint32_t handles[2]; /* [is IPv6] */
static struct dp_source listed[2][2];
static uint64_t named;

/* The first source is that of fixture_flow(), the second pass.c's other one. */
static struct dp_flow
listener(struct dp_leg *leg, enum dp_family family)
{
	struct dp_flow flow = fixture_flow(family, FLOW, leg, 1);
	struct dp_source *sources = listed[family == DP_IPV6];

	for (unsigned i = 0; i < 2; i++) {
		memcpy(sources[i].address, flow.key.src, sizeof(flow.key.src));
		sources[i].port = flow.key.src_port;
	}
	sources[1].address[family == DP_IPV4 ? 3 : 15] = PASS_OTHER_SOURCE;
	memset(flow.key.src, 0, sizeof(flow.key.src));
	flow.key.src_port = 0;
	flow.key.any_source = true;
	flow.sources = sources;
	flow.n_sources = 2;
	flow.source_timeout_ms = TIMEOUT_MS;
	flow.source_return_ms = RETURN_MS;
	flow.latch_cookie = COOKIE + (family == DP_IPV6);
	return flow;
}

static void
setup(void)
{
	struct dp_txn *txn;

	pass_init(&pass);
	txn = dp_txn_begin(pass.loop.dp);
	for (unsigned i = 0; i < 2; i++) {
		struct dp_leg leg;
		const struct dp_flow flow = listener(&leg, i ? DP_IPV6 : DP_IPV4);

		cr_assert_eq(dp_txn_add(txn, &flow, &handles[i]), 0);
	}
	pass_commit(&pass, txn, NULL, NULL);
}

static void
teardown(void)
{
	pass_fini(&pass);
}

TestSuite(failover, .init = setup, .fini = teardown);

static bool
goes_on(enum dp_family family, bool backup, uint64_t at_ms)
{
	struct pass_frame frame = pass_frame_of(family, FLOW, 1);
	struct pass_sent sent;

	frame.other_source = backup;
	pass.now_ns = at_ms * MS;
	pass_put(&pass, &frame);
	pass_round(&pass, 1);
	return pass_take(&pass, &sent);
}

static void
name_note(void *arg, uint64_t cookie)
{
	(void)arg;
	named = cookie;
}

static unsigned
notices(void)
{
	bool lost;
	const unsigned n = dp_latch_poll(pass.loop.dp, 8, name_note, NULL, &lost);

	cr_expect_not(lost);
	return n;
}

static void
expect_failover(enum dp_family family)
{
	const uint32_t handle = handles[family == DP_IPV6];
	struct dp_leg_stats legs[1];
	struct dp_flow_stats stats;
	struct dp_sources sources;

	cr_expect(goes_on(family, PRIMARY, 1));
	cr_expect_not(goes_on(family, BACKUP, 2));
	cr_expect_eq(notices(), 0);
	cr_expect(goes_on(family, BACKUP, 1 + TIMEOUT_MS));
	cr_expect_not(goes_on(family, PRIMARY, 2 + TIMEOUT_MS));
	cr_expect_eq(notices(), 1);
	cr_expect_eq(named, COOKIE + (family == DP_IPV6));
	cr_assert_eq(dp_flow_sources_get(pass.loop.dp, handle, &sources), 0);
	cr_expect_eq(sources.active, 1);
	cr_expect_eq(sources.switches, 1);
	cr_expect_eq(sources.active_ns, 1 * MS);
	cr_assert_eq(dp_flow_stats_get(pass.loop.dp, handle, &stats, legs, 1), 0);
	cr_expect_eq(stats.packets, 4);
	cr_expect_eq(stats.forwarded, 2);
	cr_expect_eq(stats.drops[DP_DROP_standby_source - DP_FLOW_DROP_FIRST], 2);
	cr_expect_eq(legs[0].copies, 2);
}

Test(failover, switches_on_the_first_packet_after_the_timeout)
{
	expect_failover(DP_IPV4);
}

Test(failover, switches_in_ipv6_too)
{
	expect_failover(DP_IPV6);
}

/* Another version with other times goes on; one with other sources starts anew. */
Test(failover, a_replaced_flow_keeps_its_active_source)
{
	struct dp_leg leg;
	struct dp_flow flow = listener(&leg, DP_IPV4);
	const uint16_t from[] = {0};
	struct dp_sources sources;
	struct dp_txn *txn;

	cr_expect(goes_on(DP_IPV4, PRIMARY, 1));
	cr_expect(goes_on(DP_IPV4, BACKUP, 1 + TIMEOUT_MS));
	flow.source_timeout_ms = 2 * TIMEOUT_MS;
	txn = dp_txn_begin(pass.loop.dp);
	cr_assert_eq(dp_txn_replace(txn, handles[0], &flow, from, &handles[0]), 0);
	pass_commit(&pass, txn, NULL, NULL);
	cr_assert_eq(dp_flow_sources_get(pass.loop.dp, handles[0], &sources), 0);
	cr_expect_eq(sources.active, 1);
	cr_expect_eq(sources.switches, 1);
	cr_expect_not(goes_on(DP_IPV4, PRIMARY, 2 * TIMEOUT_MS));
	cr_expect(goes_on(DP_IPV4, PRIMARY, 1 + 3 * TIMEOUT_MS));

	listed[0][1].port++;
	txn = dp_txn_begin(pass.loop.dp);
	cr_assert_eq(dp_txn_replace(txn, handles[0], &flow, from, &handles[0]), 0);
	pass_commit(&pass, txn, NULL, NULL);
	cr_assert_eq(dp_flow_sources_get(pass.loop.dp, handles[0], &sources), 0);
	cr_expect_eq(sources.switches, 0);
	cr_expect_not(goes_on(DP_IPV4, BACKUP, 1 + 9 * TIMEOUT_MS), "it is not listed now");
}

Test(failover, what_is_out_of_range_is_refused)
{
	struct dp_leg leg;
	const struct dp_flow fine = listener(&leg, DP_IPV4);
	struct dp_flow bad[7];
	struct dp_txn *txn = dp_txn_begin(pass.loop.dp);
	struct dp_sources sources;
	uint32_t handle;

	for (unsigned i = 0; i < 7; i++) {
		bad[i] = fine;
		bad[i].key.dst_port++;
	}
	bad[0].n_sources = 1;
	bad[1].n_sources = DP_SOURCES_MAX + 1;
	bad[2].source_timeout_ms = 0;
	bad[3].source_timeout_ms = DP_SOURCE_TIMEOUT_MS_MAX + 1;
	bad[4].source_return_ms = DP_SOURCE_RETURN_MS_MAX + 1;
	bad[5].latch = DP_LATCH_FIRST;
	bad[6].key.any_source = 0;
	for (unsigned i = 0; i < 7; i++)
		cr_expect_eq(dp_txn_add(txn, &bad[i], &handle), -EINVAL, "%u", i);
	dp_txn_abort(txn);
	cr_expect_eq(dp_flow_sources_get(pass.loop.dp, 12345, &sources), -ENOENT);
}
