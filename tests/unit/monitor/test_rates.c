/* SPDX-License-Identifier: BSD-3-Clause */
/* Walks over flows that carry, come and go, over a data plane that is an array of counters. */
#include <criterion/criterion.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../flow/flow_live.h"
#include "monitor/rates.h"

#define FLOWS_MAX 60000
#define LEGS_MAX 3

struct dp {
	uint64_t packets[FLOWS_MAX];
};

static struct dp dp;
static uint64_t leg_drops;
static struct event_base *base;
static struct flows flows;
static struct flow_rates rates;
static unsigned n_called;
static bool refused;
static size_t unmapped; /* bytes, since it was set to 0 */

/* The kernel's, which takes 80 us a mebibyte. */
int
munmap(void *address, size_t bytes)
{
	unmapped += bytes;
	return (int)syscall(SYS_munmap, address, bytes);
}

/* Bytes are ten times the packets, drops a tenth; leg l carries l packets more than its flow. */
int
dp_flow_stats_get(const struct dp *from, uint32_t handle, struct dp_flow_stats *flow,
	struct dp_leg_stats *legs, unsigned n_legs)
{
	memset(flow, 0, sizeof(*flow));
	flow->packets = from->packets[handle];
	flow->bytes = 10 * flow->packets;
	flow->drops[0] = flow->packets / 10;
	for (unsigned i = 0; i < n_legs; i++)
		legs[i] = (struct dp_leg_stats){.copies = flow->packets + i, .drops[1] = leg_drops};
	return 0;
}

/* Its one leg drops as many as each leg of the flow. */
int
dp_stream_stats_get(const struct dp *from, uint32_t handle, unsigned stream,
	struct dp_stream_stats *stats, struct dp_leg_stats *legs, unsigned n_legs)
{
	(void)from;
	(void)handle;
	(void)stream;
	memset(stats, 0, sizeof(*stats));
	for (unsigned i = 0; i < n_legs; i++)
		legs[i] = (struct dp_leg_stats){.drops[1] = leg_drops};
	return 0;
}

static void
setup(void)
{
	base = event_base_new();
	flows.dp = &dp;
	flow_db_init(&flows.db, 0);
	flow_rates_init(&rates, &flows, base);
}

static void
teardown(void)
{
	flow_rates_fini(&rates);
	flow_db_fini(&flows.db);
	event_base_free(base);
}

TestSuite(flow_rates, .init = setup, .fini = teardown, .timeout = 60);

static struct flow *
flow_added(uint32_t handle, unsigned n_legs)
{
	struct flow_spec *spec = calloc(1, sizeof(*spec));
	struct fault fault;
	struct flow *flow;

	snprintf(spec->id, sizeof(spec->id), "f%u", handle);
	spec->match.key.family = 4;
	memcpy(spec->match.key.dst, &handle, sizeof(handle));
	spec->n_legs = n_legs;
	spec->legs = calloc(n_legs + 1, sizeof(spec->legs[0]));
	for (unsigned i = 0; i < n_legs; i++)
		snprintf(spec->legs[i].id, sizeof(spec->legs[i].id), "leg%u", i);
	flow = flow_live(&flows.db, spec, &fault);
	cr_assert_not_null(flow, "%s", fault.message);
	flow->handle = handle;
	flow_rates_flow_changed(&rates, flow, NULL);
	return flow;
}

static void
done(struct rates_waiter *waiter, const struct fault *fault)
{
	(void)waiter;
	refused = fault != NULL;
	n_called++;
}

/* Ask, after the last figures have grown old, and wait for the answer. */
static void
asked(struct rates_waiter *waiter, bool legs)
{
	const unsigned before = n_called;

	*waiter = (struct rates_waiter){.done = done, .legs = legs};
	if (rates.figures_ns)
		rates.figures_ns -= NS_PER_S;
	flow_rates_ask(&rates, waiter);
	while (n_called == before)
		event_base_loop(base, EVLOOP_ONCE);
	cr_assert_not(refused);
}

Test(flow_rates, first_walk_has_totals_only)
{
	struct rates_waiter waiter;

	flow_added(1, 1);
	dp.packets[1] = 100;
	asked(&waiter, false);
	cr_assert_eq(rates.figures[0].n, 1);
	cr_expect_eq(rates.figures[0].rows[0].packets, 100);
	cr_expect_eq(rates.figures[0].rows[0].bytes, 1000);
	cr_expect_eq(rates.figures[0].rows[0].drops, 10);
	cr_expect_eq(rates.figures[0].rows[0].new_packets, 0);
	cr_expect_eq(rates.period_ns, 0);
	cr_expect_eq(rates.figures[1].n, 0, "no request for legs");
}

Test(flow_rates, second_walk_has_what_came_since)
{
	struct rates_waiter waiter;
	const struct rate_row *rows;

	for (uint32_t i = 1; i <= 5; i++)
		flow_added(i, 1);
	asked(&waiter, false);
	free(flow_gone(&flows.db, flow_db_find(&flows.db, "f2")));
	flow_added(6, 1);
	for (uint32_t i = 1; i <= 6; i++)
		dp.packets[i] = 100 * i;
	asked(&waiter, false);
	rows = rates.figures[0].rows;
	cr_assert_eq(rates.figures[0].n, 5);
	cr_expect_eq(rows[0].new_packets, 100);
	cr_expect_eq(rows[1].new_packets, 300);
	cr_expect_eq(rows[3].new_bytes, 5000);
	cr_expect_eq(rows[3].new_drops, 50);
	cr_expect_eq(rows[4].packets, 600);
	cr_expect_eq(rows[4].new_packets, 0, "it was not there before");
	cr_expect_geq(rates.period_ns, NS_PER_S);
	cr_expect_str_eq(rate_row_flow(&rates, &rows[4])->spec->id, "f6");
	free(flow_gone(&flows.db, flow_db_find(&flows.db, "f6")));
	cr_expect_null(rate_row_flow(&rates, &rows[4]));
}

Test(flow_rates, legs_are_compared_by_id)
{
	struct rates_waiter waiter;
	struct flow *flow;
	const struct rate_row *rows;

	flow_added(1, 0);
	flow = flow_added(2, 3);
	asked(&waiter, true);
	cr_expect_eq(rates.figures[1].n, 3);
	dp.packets[2] = 50;
	/* The first has left: those behind it have moved up, and one is new. */
	strcpy(flow->spec->legs[0].id, "leg1");
	strcpy(flow->spec->legs[1].id, "leg2");
	strcpy(flow->spec->legs[2].id, "leg3");
	asked(&waiter, false);
	rows = rates.figures[1].rows;
	cr_assert_eq(rates.figures[1].n, 3, "legs are kept up while they are known");
	cr_expect_eq(rows[0].leg, rate_leg_key("leg1"));
	cr_expect_eq(rows[0].new_packets, 50 - 1);
	cr_expect_eq(rows[1].new_packets, 51 - 2);
	cr_expect_eq(rows[2].new_packets, 0);
}

/* A flow that loses copies drops, whichever of its legs does. */
Test(flow_rates, drops_of_a_flow_are_those_of_its_legs_too)
{
	struct flow *flow = flow_added(1, 3);
	struct flow_stream stream = {.dp.n_legs = 1};
	struct rates_waiter waiter;
	const struct rate_row *row;

	flow->spec->streams = &stream;
	flow->spec->n_streams = 1;
	dp.packets[1] = 100;
	leg_drops = 5;
	asked(&waiter, false);
	leg_drops = 12;
	asked(&waiter, false);
	row = flow_rate_row(&rates, flow);
	cr_assert_not_null(row);
	cr_expect_eq(row->drops, 10 + 3 * 12 + 12);
	cr_expect_eq(row->new_drops, 4 * 7);
	cr_expect_eq(row->drops_ns, rates.figures_ns);
	asked(&waiter, false);
	row = flow_rate_row(&rates, flow);
	cr_expect_eq(row->new_drops, 0);
	cr_expect_lt(row->drops_ns, rates.figures_ns);
	leg_drops = 0;
	asked(&waiter, false);
	cr_expect_eq(flow_rate_row(&rates, flow)->new_drops, 0, "a leg that left");
	flow->spec->streams = NULL;
	flow->spec->n_streams = 0;
}

/* A request for a span of time waits for walks at both of its ends. */
Test(flow_rates, a_span_has_walks_at_its_ends)
{
	struct rates_waiter waiter = {.done = done, .span_ns = NS_PER_S / 10};
	const uint64_t begin_ns = clock_read_ns(CLOCK_MONOTONIC);
	struct flow *quiet = flow_added(1, 1), *busy = flow_added(2, 1);

	flow_rates_ask(&rates, &waiter);
	while (rates.figures_ns == 0)
		event_base_loop(base, EVLOOP_ONCE);
	dp.packets[2]++;
	cr_expect_eq(n_called, 0);
	while (n_called == 0)
		event_base_loop(base, EVLOOP_ONCE);
	cr_expect_geq(rates.figures_ns - begin_ns, waiter.span_ns);
	cr_expect_eq(flow_rate_row(&rates, quiet)->packets_ns, rates.known_ns);
	cr_expect_gt(flow_rate_row(&rates, busy)->packets_ns, rates.known_ns);
	flow_rates_ask(&rates, &waiter);
	cr_expect_eq(n_called, 2, "it is known now");
}

Test(flow_rates, requests_share_a_recent_walk_and_a_running_one)
{
	struct rates_waiter first, second = {.done = done}, third = {.done = done};

	flow_added(1, 1);
	asked(&first, false);
	flow_rates_ask(&rates, &second);
	cr_expect_eq(n_called, 2, "called at once");
	rates.figures_ns -= NS_PER_S;
	flow_rates_ask(&rates, &second);
	flow_rates_ask(&rates, &third);
	cr_expect_eq(n_called, 2);
	while (n_called == 2)
		event_base_loop(base, EVLOOP_ONCE);
	cr_expect_eq(n_called, 4, "one walk for both");
}

Test(flow_rates, request_for_legs_restarts_the_walk)
{
	struct rates_waiter flows_only = {.done = done}, legs = {.done = done, .legs = true};

	flow_added(1, 2);
	flow_rates_ask(&rates, &flows_only);
	flow_rates_ask(&rates, &legs);
	while (n_called == 0)
		event_base_loop(base, EVLOOP_ONCE);
	cr_expect_eq(n_called, 2);
	cr_expect_eq(rates.figures[0].n, 1);
	cr_expect_eq(rates.figures[1].n, 2);
}

/* Flows may be removed during a walk, the next one of it, too. */
Test(flow_rates, walk_in_slices_over_flows_that_are_removed)
{
	struct rates_waiter waiter = {.done = done};
	unsigned slices = 0;

	for (uint32_t i = 0; i < FLOWS_MAX; i++)
		flow_added(i, 0);
	flow_rates_ask(&rates, &waiter);
	while (n_called == 0) {
		event_base_loop(base, EVLOOP_ONCE);
		slices++;
		if (rates.walking) {
			struct flow *next = rates.cursor;

			flow_rates_flow_changed(&rates, NULL, next);
			free(flow_gone(&flows.db, next));
		}
	}
	cr_expect_gt(slices, 1);
	cr_expect_eq(rates.figures[0].n, FLOWS_MAX - (slices - 1));
}

Test(flow_rates, figures_are_dropped_without_requests)
{
	struct rates_waiter waiter;

	flow_added(1, 1);
	asked(&waiter, true);
	cr_expect(evtimer_pending(&rates.timer.event, NULL));
	event_active(&rates.timer.event, EV_TIMEOUT, 0);
	event_base_loop(base, 0);
	cr_expect_eq(rates.figures[0].bytes, 0);
	cr_expect_eq(rates.figures_ns, 0);
	asked(&waiter, false);
	cr_expect_eq(rates.period_ns, 0);
	cr_expect_eq(rates.figures[1].n, 0);
}

/* Memory of millions of rows is not freed at once, neither after a walk nor at the end. */
Test(flow_rates, memory_is_freed_in_slices)
{
	struct rates_waiter waiter;
	unsigned slices = 0;

	for (uint32_t i = 0; i < FLOWS_MAX; i++)
		flow_added(i, 3);
	asked(&waiter, true);
	unmapped = 0;
	asked(&waiter, true);
	asked(&waiter, true);
	cr_expect_eq(unmapped, 0, "the next walk fills it");
	event_active(&rates.timer.event, EV_TIMEOUT, 0);
	while (rates.figures[1].bytes + rates.growing[1].bytes) {
		unmapped = 0;
		event_base_loop(base, EVLOOP_ONCE);
		cr_expect_leq(unmapped, 4 << 20);
		slices++;
	}
	cr_expect_gt(slices, 1);
}

/* The best of a table, against sorting all of it. */

#define ROWS_MAX 3000

static struct rate_row rows[ROWS_MAX];
static enum rate_order order_now;

static uint64_t
what_counts(const struct rate_row *row)
{
	switch (order_now) {
	case RATE_BY_PPS:
		return row->new_packets;
	case RATE_BY_BPS:
		return row->new_bytes;
	case RATE_BY_DROPS:
		return row->new_drops;
	case RATE_BY_PACKETS:
		break;
	}
	return row->packets;
}

static int
compare(const void *a, const void *b)
{
	const uint64_t of_a = what_counts(*(const struct rate_row *const *)a);
	const uint64_t of_b = what_counts(*(const struct rate_row *const *)b);

	return of_a > of_b ? -1 : of_a < of_b;
}

static struct rate_table table;

/* Add rows[0, n). */
static void
table_fill(size_t n)
{
	memset(&table, 0, sizeof(table));
	table.rows = rows;
	while (table.n < n) {
		table.n++;
		rate_top_add(&table);
	}
	rate_top_sort(&table);
}

Test(rate_top, agrees_with_sorting)
{
	static const struct rate_row *sorted[ROWS_MAX];

	srand(3);
	for (unsigned round = 0; round < 100; round++) {
		const size_t n = (size_t)rand() % ROWS_MAX;

		for (size_t i = 0; i < n; i++) {
			rows[i] = (struct rate_row){.packets = (uint64_t)rand() % 9000,
				.new_packets = (uint64_t)rand() % 9000,
				.new_bytes = (uint64_t)rand() % 90,
				.new_drops = (uint64_t)rand() % 4};
		}
		table_fill(n);
		for (order_now = 0; order_now < RATE_ORDERS; order_now++) {
			const struct rate_best *best = &table.best[order_now];

			for (size_t i = 0; i < n; i++)
				sorted[i] = &rows[i];
			qsort(sorted, n, sizeof(sorted[0]), compare);
			cr_assert_eq(best->n, n < RATE_TOP_MAX ? n : RATE_TOP_MAX);
			for (size_t i = 0; i < best->n; i++)
				cr_assert_eq(
					what_counts(&rows[best->rows[i]]), what_counts(sorted[i]));
		}
	}
}

Test(rate_top, equals_keep_their_places)
{
	table_fill(RATE_TOP_MAX + 10);
	for (uint32_t i = 0; i < RATE_TOP_MAX; i++)
		cr_expect_eq(table.best[RATE_BY_PPS].rows[i], i);
	rows[7].packets = 1;
	table_fill(RATE_TOP_MAX + 10);
	cr_expect_eq(table.best[RATE_BY_PPS].rows[0], 7, "rows with packets come first");
}
