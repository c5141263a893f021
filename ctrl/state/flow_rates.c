/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flows have ever growing sequence numbers and both walks go in their order, so figures are
 * compared by walking along the old ones: no table to look anything up in. Legs may come and go in
 * the midst of a flow; the search for one begins where the last one was found.
 */
#include "state/flow_rates.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "state/rate_top.h"

#define SLICE_NS 1000000 /* of a walk, before other work has its turn */
#define SLICE_FLOWS 32 /* between two looks at the clock */

static void timer_fired(evutil_socket_t fd, short what, void *arg);

int
flow_rates_init(
	struct flow_rates *rates, struct flows *flows, struct event_base *base, struct fault *fault)
{
	memset(rates, 0, sizeof(*rates));
	rates->flows = flows;
	STAILQ_INIT(&rates->waiters);
	rates->timer = evtimer_new(base, timer_fired, rates);
	if (!rates->timer)
		return fault_set(fault, FAULT_INTERNAL, "", "no timer for rates");
	return 0;
}

static void
tables_free(struct rate_table tables[2])
{
	free(tables[0].rows);
	free(tables[1].rows);
	memset(tables, 0, 2 * sizeof(tables[0]));
}

void
flow_rates_fini(struct flow_rates *rates)
{
	event_free(rates->timer);
	tables_free(rates->figures);
	tables_free(rates->growing);
}

uint64_t
rate_leg_key(const char *id)
{
	uint64_t key = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (; *id; id++)
		key = (key ^ (uint8_t)*id) * UINT64_C(0x100000001b3);
	return key ? key : 1;
}

/* Append; NULL without memory. */
static struct rate_row *
row_add(struct rate_table *table)
{
	if (table->n == table->room) {
		const size_t room = table->room + table->room / 2 + 1024;
		struct rate_row *rows = reallocarray(table->rows, room, sizeof(*rows));

		if (!rows)
			return NULL;
		table->rows = rows;
		table->room = room;
	}
	return &table->rows[table->n++];
}

/* What the row has more than the one before, if there was one. Counters of a version go on. */
static void
row_compare(struct rate_row *row, const struct rate_row *before)
{
	if (!before || row->packets < before->packets)
		return;
	row->new_packets = row->packets - before->packets;
	row->new_bytes = row->bytes - before->bytes;
	row->new_drops = row->drops - before->drops;
}

static const struct rate_row *
flow_before(struct flow_rates *rates, uint64_t sequence)
{
	const struct rate_table *table = &rates->figures[0];

	while (rates->before < table->n && table->rows[rates->before].flow < sequence)
		rates->before++;
	if (rates->before < table->n && table->rows[rates->before].flow == sequence)
		return &table->rows[rates->before];
	return NULL;
}

/* *hint: where in the legs of the flow, which are rows [0, n), the last one was found. */
static const struct rate_row *
leg_before(const struct rate_row *rows, size_t n, uint64_t key, size_t *hint)
{
	size_t i;

	for (i = 0; i < n; i++) {
		const size_t at = *hint + i < n ? *hint + i : *hint + i - n;

		if (rows[at].leg != key)
			continue;
		*hint = at + 1 < n ? at + 1 : 0;
		return &rows[at];
	}
	return NULL;
}

static int
legs_visit(struct flow_rates *rates, const struct flow *flow, const struct dp_leg_stats *stats)
{
	const struct rate_table *table = &rates->figures[1];
	const struct rate_row *rows;
	size_t n = 0, hint = 0;
	unsigned i, drop;

	while (rates->before_leg < table->n && table->rows[rates->before_leg].flow < flow->sequence)
		rates->before_leg++;
	rows = table->rows + rates->before_leg;
	while (rates->before_leg + n < table->n && rows[n].flow == flow->sequence)
		n++;
	for (i = 0; i < flow->spec->n_legs; i++) {
		const uint64_t key = rate_leg_key(flow->spec->legs[i].id);
		struct rate_row *row = row_add(&rates->growing[1]);

		if (!row)
			return -1;
		*row = (struct rate_row){.flow = flow->sequence,
			.leg = key,
			.packets = stats[i].copies,
			.bytes = stats[i].bytes};
		for (drop = 0; drop < DP_COPY_DROP_COUNT; drop++)
			row->drops += stats[i].drops[drop];
		row_compare(row, leg_before(rows, n, key, &hint));
		rate_top_add(&rates->growing[1]);
	}
	return 0;
}

static int
flow_visit(struct flow_rates *rates, const struct flow *flow)
{
	static struct dp_leg_stats legs[DP_FLOW_LEGS_MAX]; /* too large for the stack */
	const unsigned n_legs = rates->with_legs ? flow->spec->n_legs : 0;
	struct dp_flow_stats stats;
	struct rate_row *row;
	unsigned drop;

	if (dp_flow_stats_get(
		    rates->flows->dp, flow->handle, &stats, n_legs ? legs : NULL, n_legs) < 0)
		return 0;
	row = row_add(&rates->growing[0]);
	if (!row)
		return -1;
	*row = (struct rate_row){
		.flow = flow->sequence, .packets = stats.packets, .bytes = stats.bytes};
	for (drop = 0; drop < DP_FLOW_DROP_COUNT; drop++)
		row->drops += stats.drops[drop];
	row_compare(row, flow_before(rates, flow->sequence));
	rate_top_add(&rates->growing[0]);
	return n_legs ? legs_visit(rates, flow, legs) : 0;
}

static void
timer_set(struct flow_rates *rates, uint64_t wait_ns)
{
	const struct timeval wait = {.tv_sec = (time_t)(wait_ns / NS_PER_S),
		.tv_usec = (suseconds_t)(wait_ns % NS_PER_S / 1000)};

	evtimer_add(rates->timer, &wait);
}

static void
waiters_tell(struct flow_rates *rates, const struct fault *fault)
{
	struct rates_waiter *waiter;

	while ((waiter = STAILQ_FIRST(&rates->waiters)) != NULL) {
		STAILQ_REMOVE_HEAD(&rates->waiters, link);
		waiter->done(waiter, fault);
	}
}

/* Its room stays. */
static void
table_clear(struct rate_table *table)
{
	enum rate_order order;

	table->n = 0;
	for (order = 0; order < RATE_ORDERS; order++)
		table->best[order].n = 0;
}

static void
walk_begin(struct flow_rates *rates, bool legs)
{
	rates->walk_ns = clock_read_ns(CLOCK_MONOTONIC);
	rates->walking = true;
	rates->with_legs |= legs;
	table_clear(&rates->growing[0]);
	table_clear(&rates->growing[1]);
	rates->cursor = desired_after(&rates->flows->desired, 0);
	rates->before = 0;
	rates->before_leg = 0;
	timer_set(rates, 0);
}

static void
figures_forget(struct flow_rates *rates)
{
	tables_free(rates->figures);
	rates->figures_ns = 0;
	rates->period_ns = 0;
	rates->with_legs = false;
}

/* What was found takes the place of what was known. */
static void
walk_end(struct flow_rates *rates)
{
	rates->walking = false;
	rates->period_ns = rates->figures_ns ? rates->walk_ns - rates->figures_ns : 0;
	rates->figures_ns = rates->walk_ns;
	rate_top_sort(&rates->growing[0]);
	rate_top_sort(&rates->growing[1]);
	tables_free(rates->figures);
	memcpy(rates->figures, rates->growing, sizeof(rates->figures));
	memset(rates->growing, 0, sizeof(rates->growing));
	timer_set(rates, RATES_KEPT_NS);
	waiters_tell(rates, NULL);
}

static void
walk_give_up(struct flow_rates *rates)
{
	struct fault fault;

	rates->walking = false;
	tables_free(rates->growing);
	figures_forget(rates);
	fault_set(&fault, FAULT_NO_ROOM, "",
		"no memory for the rates of all flows; flow.get shows one flow's counters");
	waiters_tell(rates, &fault);
}

static void
walk_slice(struct flow_rates *rates)
{
	const uint64_t end_ns = clock_read_ns(CLOCK_MONOTONIC) + SLICE_NS;
	unsigned n;

	do {
		for (n = 0; rates->cursor && n < SLICE_FLOWS; n++) {
			if (flow_visit(rates, rates->cursor) < 0) {
				walk_give_up(rates);
				return;
			}
			rates->cursor = desired_next(rates->cursor);
		}
	} while (rates->cursor && clock_read_ns(CLOCK_MONOTONIC) < end_ns);
	if (rates->cursor)
		timer_set(rates, 0);
	else
		walk_end(rates);
}

static void
timer_fired(evutil_socket_t fd, short what, void *arg)
{
	struct flow_rates *rates = arg;

	(void)fd;
	(void)what;
	if (rates->walking)
		walk_slice(rates);
	else
		figures_forget(rates);
}

void
flow_rates_ask(struct flow_rates *rates, struct rates_waiter *waiter)
{
	const bool more = waiter->legs && !rates->with_legs;
	const uint64_t age_ns = clock_read_ns(CLOCK_MONOTONIC) - rates->figures_ns;

	if (!rates->walking && !more && rates->figures_ns && age_ns < RATES_FRESH_NS) {
		waiter->done(waiter, NULL);
		return;
	}
	STAILQ_INSERT_TAIL(&rates->waiters, waiter, link);
	if (!rates->walking || more)
		walk_begin(rates, waiter->legs);
}

void
flow_rates_flow_changed(struct flow_rates *rates, const struct flow *now, const struct flow *before)
{
	if (!now && before == rates->cursor)
		rates->cursor = desired_next(before);
}

const struct flow *
rate_row_flow(const struct flow_rates *rates, const struct rate_row *row)
{
	const struct desired *desired = &rates->flows->desired;
	const struct flow *flow;

	HASH_FIND(by_sequence, desired->sequences, &row->flow, sizeof(row->flow), flow);
	return flow && desired_find(desired, flow->spec->id) == flow ? flow : NULL;
}
