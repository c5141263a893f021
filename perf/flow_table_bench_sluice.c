/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sluice's own tables, found in through the stages of classify.h: one of each family, as they are;
 * and one table whose keys and entries fit both families, which is the IPv6 table with IPv4
 * addresses mapped into it.
 */
#include <stdlib.h>

#include <rte_malloc.h>

#include "classify.h"
#include "flow_table.h"
#include "flow_table_bench.h"
#include "flow_table_bench_touch.h"

struct sluice {
	struct flow_table table4, table6;
	struct lane lane4, lane6;
	uint32_t *places; /* [flow] in its table; those of colliding flows after the others */
	uint32_t capacity;
};

static struct sluice *
sluice_create(uint32_t capacity, uint32_t capacity4, uint32_t capacity6)
{
	struct sluice *sluice =
		aligned_alloc(RTE_CACHE_LINE_SIZE, RTE_ALIGN(sizeof(*sluice), RTE_CACHE_LINE_SIZE));

	if (sluice == NULL)
		return NULL;
	memset(sluice, 0, sizeof(*sluice));
	sluice->capacity = capacity;
	sluice->places = calloc(2 * (size_t)capacity, sizeof(*sluice->places));
	if (sluice->places == NULL)
		goto err_sluice;
	if (flow_table_init(&sluice->table4, DP_IPV4, capacity4, 1, SOCKET_ID_ANY, NULL) < 0)
		goto err_places;
	if (flow_table_init(&sluice->table6, DP_IPV6, capacity6, 1, SOCKET_ID_ANY, NULL) < 0)
		goto err_table4;
	return sluice;

err_table4:
	flow_table_fini(&sluice->table4);
err_places:
	free(sluice->places);
err_sluice:
	free(sluice);
	return NULL;
}

static void *
sluice4_create(uint32_t capacity)
{
	return sluice_create(capacity, capacity, 0);
}

static void *
sluice6_create(uint32_t capacity)
{
	return sluice_create(capacity, 0, capacity);
}

static void *
two_tables_create(uint32_t capacity)
{
	return sluice_create(capacity, (capacity + 1) / 2, (capacity + 1) / 2);
}

static void
sluice_destroy(void *table)
{
	struct sluice *sluice = table;

	flow_table_fini(&sluice->table4);
	flow_table_fini(&sluice->table6);
	free(sluice->places);
	free(sluice);
}

static struct flow_table *
sluice_table(struct sluice *sluice, const struct bench_flow *flow)
{
	return flow->flow.key.family == DP_IPV4 ? &sluice->table4 : &sluice->table6;
}

static uint32_t *
sluice_place(struct sluice *sluice, uint32_t number)
{
	if ((number & BENCH_COLLIDING) == 0)
		return &sluice->places[number];
	return &sluice->places[sluice->capacity + (number & ~BENCH_COLLIDING)];
}

static int
sluice_add(void *table, const struct bench_flow *flow)
{
	struct flow_table *own = sluice_table(table, flow);
	uint32_t place;
	int ret = flow_table_add(own, &flow->flow, &place);

	if (ret < 0)
		return ret;
	flow_table_show(own, place);
	flow_table_settle(own, place);
	*sluice_place(table, flow->number) = place;
	return 0;
}

static void
sluice_remove(void *table, const struct bench_flow *flow)
{
	struct flow_table *own = sluice_table(table, flow);
	uint32_t place = *sluice_place(table, flow->number);

	flow_table_unlink(own, place);
	flow_table_free(own, place);
	flow_table_rested(own);
}

/* Begin one more lookup of a lane. */
static __rte_always_inline void
lane_add4(const struct flow_table *table, struct lane *lane, uint32_t flow)
{
	bench_key4(flow, &lane->key4[lane->n]);
	classify_begin(table, lane, lane->n++, DP_IPV4);
}

static __rte_always_inline void
lane_add6(const struct flow_table *table, struct lane *lane, uint32_t flow)
{
	bench_key6(flow, &lane->key6[lane->n]);
	classify_begin(table, lane, lane->n++, DP_IPV6);
}

static __rte_always_inline void
lane_add_mapped(const struct flow_table *table, struct lane *lane, uint32_t flow)
{
	bench_key_mapped(flow, &lane->key6[lane->n]);
	classify_begin(table, lane, lane->n++, DP_IPV6);
}

/* Finish the lookups of a lane; count a packet for each flow. It is empty then. */
static __rte_always_inline unsigned
lane_visit(struct flow_table *table, struct lane *lane, enum dp_family family)
{
	unsigned n_found = 0;

	classify_lane(NULL, table, lane, VIEW_SETTLED, family);
	for (uint16_t i = 0; i < lane->n; i++) {
		if (unlikely(lane->entries[i] == NULL))
			continue;
		bench_touch(lane->entries[i], family);
		n_found++;
	}
	lane->n = 0;
	return n_found;
}

static unsigned
sluice4_visit(void *table, const uint32_t *flows)
{
	struct sluice *sluice = table;

	for (unsigned i = 0; i < BENCH_BURST; i++)
		lane_add4(&sluice->table4, &sluice->lane4, flows[i]);
	return lane_visit(&sluice->table4, &sluice->lane4, DP_IPV4);
}

static unsigned
sluice6_visit(void *table, const uint32_t *flows)
{
	struct sluice *sluice = table;

	for (unsigned i = 0; i < BENCH_BURST; i++)
		lane_add6(&sluice->table6, &sluice->lane6, flows[i]);
	return lane_visit(&sluice->table6, &sluice->lane6, DP_IPV6);
}

static unsigned
two_tables_visit(void *table, const uint32_t *flows)
{
	struct sluice *sluice = table;

	for (unsigned i = 0; i < BENCH_BURST; i++) {
		if (flows[i] % 2 == 0)
			lane_add4(&sluice->table4, &sluice->lane4, flows[i]);
		else
			lane_add6(&sluice->table6, &sluice->lane6, flows[i]);
	}
	return lane_visit(&sluice->table4, &sluice->lane4, DP_IPV4) +
	       lane_visit(&sluice->table6, &sluice->lane6, DP_IPV6);
}

static unsigned
one_table4_visit(void *table, const uint32_t *flows)
{
	struct sluice *sluice = table;

	for (unsigned i = 0; i < BENCH_BURST; i++)
		lane_add_mapped(&sluice->table6, &sluice->lane6, flows[i]);
	return lane_visit(&sluice->table6, &sluice->lane6, DP_IPV6);
}

static unsigned
one_table_visit(void *table, const uint32_t *flows)
{
	struct sluice *sluice = table;

	for (unsigned i = 0; i < BENCH_BURST; i++) {
		if (flows[i] % 2 == 0)
			lane_add_mapped(&sluice->table6, &sluice->lane6, flows[i]);
		else
			lane_add6(&sluice->table6, &sluice->lane6, flows[i]);
	}
	return lane_visit(&sluice->table6, &sluice->lane6, DP_IPV6);
}

static unsigned
keys_alone_visit(void *table, const uint32_t *flows)
{
	struct sluice *sluice = table;

	for (unsigned i = 0; i < BENCH_BURST; i++)
		bench_key4(flows[i], &sluice->lane4.key4[i]);
	__asm__ volatile("" : : : "memory");
	return BENCH_BURST;
}

uint32_t
bench_sluice4_overflow(const void *table)
{
	const struct flow_table *own = &((const struct sluice *)table)->table4;

	return own->n_overflow - own->n_overflow_free - own->n_overflow_resting;
}

#define SLUICE_WAY .destroy = sluice_destroy, .add = sluice_add, .remove = sluice_remove

const struct bench_way bench_keys_alone = {
	"keys alone", BENCH_IPV4, sluice4_create, SLUICE_WAY, .visit = keys_alone_visit};
const struct bench_way bench_sluice4 = {
	"Sluice, IPv4", BENCH_IPV4, sluice4_create, SLUICE_WAY, .visit = sluice4_visit};
const struct bench_way bench_sluice6 = {
	"Sluice, IPv6", BENCH_IPV6, sluice6_create, SLUICE_WAY, .visit = sluice6_visit};
const struct bench_way bench_two_tables = {"two tables, half and half", BENCH_HALF,
	two_tables_create, SLUICE_WAY, .visit = two_tables_visit};
const struct bench_way bench_one_table4 = {
	"one table, IPv4", BENCH_MAPPED, sluice6_create, SLUICE_WAY, .visit = one_table4_visit};
const struct bench_way bench_one_table = {"one table, half and half", BENCH_HALF_MAPPED,
	sluice6_create, SLUICE_WAY, .visit = one_table_visit};
