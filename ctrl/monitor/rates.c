/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sequence numbers of flows only grow, and both walks are in their order, so that the old figures
 * are read in step with the walk, without a table for lookups. Legs may join and leave anywhere in
 * a flow; the search for one begins where the last one was found.
 */
#include "monitor/rates.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Rows are collected until there is no room, and then only the best of them are kept. */

struct ranking {
	const struct rate_row *rows;
	enum rate_order order;
};

/* Whether row a is to stand above row b. */
static inline bool
is_above(const struct rate_row *rows, enum rate_order order, uint32_t at_a, uint32_t at_b)
{
	const struct rate_row *a = &rows[at_a], *b = &rows[at_b];
	uint64_t of_a = a->packets, of_b = b->packets, then_a = a->bytes, then_b = b->bytes;

	switch (order) {
	case RATE_BY_PPS:
		then_a = of_a;
		then_b = of_b;
		of_a = a->new_packets;
		of_b = b->new_packets;
		break;
	case RATE_BY_BPS:
		of_a = a->new_bytes;
		of_b = b->new_bytes;
		break;
	case RATE_BY_DROPS:
		of_a = a->new_drops;
		of_b = b->new_drops;
		then_a = a->drops;
		then_b = b->drops;
		break;
	case RATE_BY_PACKETS:
		break;
	}
	if (of_a != of_b)
		return of_a > of_b;
	return then_a != then_b ? then_a > then_b : at_a < at_b;
}

static int
ranks_compare(const void *a, const void *b, void *arg)
{
	const struct ranking *ranking = arg;

	return is_above(ranking->rows, ranking->order, *(const uint32_t *)a, *(const uint32_t *)b)
		       ? -1
		       : 1;
}

static void
best_sort(struct rate_table *table, enum rate_order order)
{
	struct rate_best *best = &table->best[order];
	struct ranking ranking = {.rows = table->rows, .order = order};

	qsort_r(best->rows, best->n, sizeof(best->rows[0]), ranks_compare, &ranking);
	if (best->n > RATE_TOP_MAX)
		best->n = RATE_TOP_MAX;
	best->sorted = best->n == RATE_TOP_MAX;
}

void
rate_top_add(struct rate_table *table)
{
	const uint32_t row = (uint32_t)(table->n - 1);
	enum rate_order order;

	for (order = 0; order < RATE_ORDERS; order++) {
		struct rate_best *best = &table->best[order];

		if (best->sorted &&
			!is_above(table->rows, order, row, best->rows[RATE_TOP_MAX - 1]))
			continue;
		best->rows[best->n++] = row;
		if (best->n == 2 * RATE_TOP_MAX)
			best_sort(table, order);
	}
}

void
rate_top_sort(struct rate_table *table)
{
	enum rate_order order;

	for (order = 0; order < RATE_ORDERS; order++)
		best_sort(table, order);
}

#define SLICE_NS 1000000 /* of a walk, between two other events of the loop */
#define SLICE_FLOWS 32 /* between two reads of the clock */
#define ROWS_FIRST_BYTES (64u << 10) /* mapped for a table at first */
#define ROWS_UNMAP_BYTES (4u << 20) /* in one go: of all rows of a million flows it takes 15 ms */

static void timer_fired(void *arg);

void
flow_rates_init(struct flow_rates *rates, struct flows *flows, struct event_base *base)
{
	memset(rates, 0, sizeof(*rates));
	rates->flows = flows;
	STAILQ_INIT(&rates->waiters);
	timer_init(&rates->timer, base, timer_fired, rates);
}

/* Free some of the table's memory. False: there is none. */
static bool
rows_unmap(struct rate_table *table)
{
	const size_t bytes = table->bytes < ROWS_UNMAP_BYTES ? table->bytes : ROWS_UNMAP_BYTES;

	if (bytes == 0)
		return false;
	table->bytes -= bytes;
	munmap((char *)table->rows + table->bytes, bytes);
	return true;
}

/* The same of one of all tables. */
static bool
tables_unmap(struct flow_rates *rates)
{
	return rows_unmap(&rates->figures[0]) || rows_unmap(&rates->figures[1]) ||
	       rows_unmap(&rates->growing[0]) || rows_unmap(&rates->growing[1]);
}

void
flow_rates_fini(struct flow_rates *rates)
{
	timer_disarm(&rates->timer);
	while (tables_unmap(rates))
		;
}

uint64_t
rate_leg_key(const char *id)
{
	uint64_t key = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (; *id; id++)
		key = (key ^ (uint8_t)*id) * UINT64_C(0x100000001b3);
	return key ? key : 1;
}

/* Append; NULL without memory. Rows are mapped, so that they grow without being copied. */
static struct rate_row *
row_add(struct rate_table *table)
{
	if ((table->n + 1) * sizeof(table->rows[0]) > table->bytes) {
		const size_t bytes = table->bytes ? 2 * table->bytes : ROWS_FIRST_BYTES;
		void *rows = table->bytes ? mremap(table->rows, table->bytes, bytes, MREMAP_MAYMOVE)
					  : mmap(NULL, bytes, PROT_READ | PROT_WRITE,
						    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (rows == MAP_FAILED)
			return NULL;
		table->rows = rows;
		table->bytes = bytes;
	}
	return &table->rows[table->n++];
}

/* What the row has more than the one before, if there was one. Counters of a version go on. */
static void
row_compare(struct rate_row *row, const struct rate_row *before, uint64_t walk_ns)
{
	row->packets_ns = walk_ns;
	if (!before || row->packets < before->packets)
		return;
	row->new_packets = row->packets - before->packets;
	row->new_bytes = row->bytes - before->bytes;
	/* The drops of a leg that has left are missing. */
	row->new_drops = row->drops > before->drops ? row->drops - before->drops : 0;
	row->drops_ns = row->new_drops ? walk_ns : before->drops_ns;
	if (row->new_packets == 0)
		row->packets_ns = before->packets_ns;
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

static uint64_t
copy_drops(const struct dp_leg_stats *legs, unsigned n)
{
	uint64_t drops = 0;
	unsigned i, drop;

	for (i = 0; i < n; i++) {
		for (drop = 0; drop < DP_COPY_DROP_COUNT; drop++)
			drops += legs[i].drops[drop];
	}
	return drops;
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
	unsigned i;

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
			.bytes = stats[i].bytes,
			.drops = copy_drops(&stats[i], 1)};
		row_compare(row, leg_before(rows, n, key, &hint), rates->walk_ns);
		rate_top_add(&rates->growing[1]);
	}
	return 0;
}

static int
flow_visit(struct flow_rates *rates, const struct flow *flow)
{
	static struct dp_leg_stats legs[DP_FLOW_LEGS_MAX]; /* too large for the stack */
	const struct flow_spec *spec = flow->spec;
	const struct dp *dp = rates->flows->dp;
	struct dp_stream_stats stream;
	struct dp_flow_stats stats;
	struct rate_row *row;
	unsigned i;

	if (dp_flow_stats_get(dp, flow->handle, &stats, legs, spec->n_legs) < 0)
		return 0;
	row = row_add(&rates->growing[0]);
	if (!row)
		return -1;
	*row = (struct rate_row){
		.flow = flow->sequence, .packets = stats.packets, .bytes = stats.bytes};
	for (i = 0; i < DP_FLOW_DROP_COUNT; i++)
		row->drops += stats.drops[i];
	/* That is how the flow is to be: no trouble. */
	row->drops -= stats.drops[DP_DROP_standby_source - DP_FLOW_DROP_FIRST];
	row->drops += copy_drops(legs, spec->n_legs);
	if (rates->with_legs && legs_visit(rates, flow, legs) < 0)
		return -1;
	for (i = 0; i < spec->n_streams; i++) {
		const unsigned n = spec->streams[i].dp.n_legs;

		if (dp_stream_stats_get(dp, flow->handle, i, &stream, legs, n) == 0)
			row->drops += copy_drops(legs, n);
	}
	row_compare(row, flow_before(rates, flow->sequence), rates->walk_ns);
	rate_top_add(&rates->growing[0]);
	return 0;
}

static bool
span_is_known(const struct flow_rates *rates, const struct rates_waiter *waiter)
{
	return rates->figures_ns - rates->known_ns >= waiter->span_ns;
}

/* When to walk again for requests of a longer span. */
static void
span_await(struct flow_rates *rates)
{
	const uint64_t now_ns = clock_read_ns(CLOCK_MONOTONIC);
	const struct rates_waiter *waiter;
	uint64_t wait_ns = RATES_KEPT_NS;

	STAILQ_FOREACH(waiter, &rates->waiters, link)
	{
		const uint64_t due_ns = rates->known_ns + waiter->span_ns;
		const uint64_t left_ns = due_ns > now_ns ? due_ns - now_ns : 0;

		wait_ns = left_ns < wait_ns ? left_ns : wait_ns;
	}
	timer_arm(&rates->timer, wait_ns);
}

static void
waiters_notify(struct flow_rates *rates, const struct fault *fault)
{
	STAILQ_HEAD(, rates_waiter) reported = STAILQ_HEAD_INITIALIZER(reported);
	struct rates_waiter *waiter;

	STAILQ_CONCAT(&reported, &rates->waiters);
	while ((waiter = STAILQ_FIRST(&reported)) != NULL) {
		STAILQ_REMOVE_HEAD(&reported, link);
		if (fault || span_is_known(rates, waiter))
			waiter->done(waiter, fault);
		else
			STAILQ_INSERT_TAIL(&rates->waiters, waiter, link);
	}
}

/* Its memory stays. */
static void
table_clear(struct rate_table *table)
{
	enum rate_order order;

	table->n = 0;
	for (order = 0; order < RATE_ORDERS; order++) {
		table->best[order].n = 0;
		table->best[order].sorted = false;
	}
}

static void
walk_begin(struct flow_rates *rates, bool legs)
{
	rates->walk_ns = clock_read_ns(CLOCK_MONOTONIC);
	rates->walking = true;
	rates->with_legs |= legs;
	table_clear(&rates->growing[0]);
	table_clear(&rates->growing[1]);
	rates->cursor = flow_db_after(&rates->flows->db, 0);
	rates->before = 0;
	rates->before_leg = 0;
	timer_arm(&rates->timer, 0);
}

/* In slices: the next one is due at once, unless a walk has begun by then. */
static void
figures_forget(struct flow_rates *rates)
{
	rates->figures_ns = 0;
	rates->period_ns = 0;
	rates->with_legs = false;
	table_clear(&rates->figures[0]);
	table_clear(&rates->figures[1]);
	if (tables_unmap(rates))
		timer_arm(&rates->timer, 0);
}

/* The new figures replace the old ones, whose memory the next walk uses. */
static void
walk_end(struct flow_rates *rates)
{
	struct rate_table table;
	unsigned i;

	rates->walking = false;
	rates->period_ns = rates->figures_ns ? rates->walk_ns - rates->figures_ns : 0;
	if (!rates->figures_ns)
		rates->known_ns = rates->walk_ns;
	rates->figures_ns = rates->walk_ns;
	rate_top_sort(&rates->growing[0]);
	rate_top_sort(&rates->growing[1]);
	for (i = 0; i < 2; i++) {
		table = rates->figures[i];
		rates->figures[i] = rates->growing[i];
		rates->growing[i] = table;
	}
	waiters_notify(rates, NULL);
	if (!rates->walking)
		span_await(rates);
}

static void
walk_give_up(struct flow_rates *rates)
{
	struct fault fault;

	rates->walking = false;
	figures_forget(rates);
	fault_set(&fault, FAULT_NO_ROOM, "",
		"no memory for the rates of all flows; flow.get shows one flow's counters");
	waiters_notify(rates, &fault);
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
			rates->cursor = flow_db_next(rates->cursor);
		}
	} while (rates->cursor && clock_read_ns(CLOCK_MONOTONIC) < end_ns);
	if (rates->cursor)
		timer_arm(&rates->timer, 0);
	else
		walk_end(rates);
}

static void
timer_fired(void *arg)
{
	struct flow_rates *rates = arg;

	if (rates->walking)
		walk_slice(rates);
	else if (!STAILQ_EMPTY(&rates->waiters))
		walk_begin(rates, false);
	else
		figures_forget(rates);
}

void
flow_rates_ask(struct flow_rates *rates, struct rates_waiter *waiter)
{
	const bool more = waiter->legs && !rates->with_legs;
	const uint64_t age_ns = clock_read_ns(CLOCK_MONOTONIC) - rates->figures_ns;

	const bool fresh = !rates->walking && !more && rates->figures_ns && age_ns < RATES_FRESH_NS;

	if (fresh && span_is_known(rates, waiter)) {
		waiter->done(waiter, NULL);
		return;
	}
	STAILQ_INSERT_TAIL(&rates->waiters, waiter, link);
	if (fresh)
		span_await(rates);
	else if (!rates->walking || more)
		walk_begin(rates, waiter->legs);
}

void
flow_rates_flow_changed(struct flow_rates *rates, const struct flow *now, const struct flow *before)
{
	if (!now && before == rates->cursor)
		rates->cursor = flow_db_next(before);
}

const struct rate_row *
flow_rate_row(const struct flow_rates *rates, const struct flow *flow)
{
	const struct rate_row *rows = rates->figures[0].rows;
	size_t first = 0, end = rates->figures[0].n;

	while (first < end) {
		const size_t middle = first + (end - first) / 2;

		if (rows[middle].flow < flow->sequence)
			first = middle + 1;
		else
			end = middle;
	}
	return first < rates->figures[0].n && rows[first].flow == flow->sequence ? &rows[first]
										 : NULL;
}

const struct flow *
rate_row_flow(const struct flow_rates *rates, const struct rate_row *row)
{
	const struct flow_db *db = &rates->flows->db;
	const struct flow *flow;

	HASH_FIND(by_sequence, db->sequences, &row->flow, sizeof(row->flow), flow);
	return flow && flow->presence == FLOW_LIVE ? flow : NULL;
}
