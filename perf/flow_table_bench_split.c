/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sluice's buckets with key, rewrite and counters in arrays of their own: three lines of a flow
 * where the table has one. The table behind it keeps the buckets and gives out places; its own
 * entries are there, but no lookup reads them.
 */
#include <stdlib.h>

#include <rte_malloc.h>
#include <rte_prefetch.h>

#include "flow_table.h"
#include "flow_table_bench.h"
#include "flow_table_bench_touch.h"

struct split_rewrite {
	struct rewrite4 rewrite;
	uint64_t rest; /* none straddles a line */
};

struct split {
	struct flow_table table;
	struct flow_key4 *keys;
	struct split_rewrite *rewrites;
	struct flow_counters *counters;
	uint32_t *places; /* [flow] */
};

static void
split_destroy(void *table)
{
	struct split *split = table;

	flow_table_fini(&split->table);
	rte_free(split->keys);
	rte_free(split->rewrites);
	rte_free(split->counters);
	free(split->places);
	free(split);
}

static void *
split_array(size_t n, size_t bytes)
{
	return rte_zmalloc("split", n * bytes, RTE_CACHE_LINE_SIZE);
}

static void *
split_create(uint32_t capacity)
{
	struct split *split = calloc(1, sizeof(*split));
	size_t n;

	if (split == NULL)
		return NULL;
	if (flow_table_init(&split->table, DP_IPV4, capacity, 1, SOCKET_ID_ANY, NULL) < 0) {
		free(split);
		return NULL;
	}
	n = split->table.n_places;
	split->keys = split_array(n, sizeof(*split->keys));
	split->rewrites = split_array(n, sizeof(*split->rewrites));
	split->counters = split_array(n, sizeof(*split->counters));
	split->places = calloc(capacity, sizeof(*split->places));
	if (split->keys == NULL || split->rewrites == NULL || split->counters == NULL ||
		split->places == NULL) {
		split_destroy(split);
		return NULL;
	}
	return split;
}

static size_t
split_spare_bytes(const void *table)
{
	return ((const struct split *)table)->table.n_places * sizeof(struct flow_entry4);
}

static int
split_add(void *table, const struct bench_flow *flow)
{
	struct split *split = table;
	const struct flow_entry4 *entry;
	uint32_t place;
	int ret = flow_table_add(&split->table, &flow->flow, &place);

	if (ret < 0)
		return ret;
	entry = flow_table_entry(&split->table, place, DP_IPV4);
	split->keys[place] = entry->key;
	split->rewrites[place].rewrite = entry->rewrite;
	split->counters[place] = (struct flow_counters){0};
	flow_table_show(&split->table, place);
	flow_table_settle(&split->table, place);
	split->places[flow->number] = place;
	return 0;
}

static void
split_remove(void *table, const struct bench_flow *flow)
{
	struct split *split = table;

	flow_table_unlink(&split->table, split->places[flow->number]);
	flow_table_free(&split->table, split->places[flow->number]);
}

/* What flow_table_find() does, with the keys where they are here. */
static uint32_t
split_find(const struct split *split, const struct flow_key4 *key, uint32_t hash)
{
	const struct bucket *bucket = flow_table_bucket(&split->table, hash);

	for (;;) {
		for (uint32_t hits = bucket_match(bucket, flow_hash_signature(hash)); hits != 0;
			hits &= hits - 1) {
			uint32_t place = bucket_index(bucket, (unsigned)__builtin_ctz(hits));

			if (flow_key_equal(&split->keys[place], key, DP_IPV4))
				return place;
		}
		if (bucket->next == 0)
			return FLOW_INDEX_NONE;
		bucket = &split->table.overflow[bucket->next - 1];
	}
}

/* The place that the first match of signatures names, its three lines on their way. */
static inline uint32_t
split_guess(const struct split *split, uint32_t hash)
{
	const struct bucket *bucket = flow_table_bucket(&split->table, hash);
	uint32_t hits = bucket_match(bucket, flow_hash_signature(hash));
	uint32_t place;

	if (unlikely(hits == 0))
		return FLOW_INDEX_NONE;
	place = bucket_index(bucket, (unsigned)__builtin_ctz(hits));
	rte_prefetch0(&split->keys[place]);
	rte_prefetch0(&split->rewrites[place]);
	rte_prefetch0(&split->counters[place]);
	return place;
}

static unsigned
split_visit(void *table, const uint32_t *flows)
{
	struct split *split = table;
	struct flow_key4 keys[BENCH_BURST];
	uint32_t hashes[BENCH_BURST], places[BENCH_BURST];
	unsigned n_found = 0;

	for (unsigned i = 0; i < BENCH_BURST; i++) {
		bench_key4(flows[i], &keys[i]);
		hashes[i] = flow_key_hash(&keys[i], DP_IPV4);
		rte_prefetch0(flow_table_bucket(&split->table, hashes[i]));
	}
	for (unsigned i = 0; i < BENCH_BURST; i++)
		places[i] = split_guess(split, hashes[i]);
	for (unsigned i = 0; i < BENCH_BURST; i++) {
		if (unlikely(places[i] == FLOW_INDEX_NONE ||
			     !flow_key_equal(&split->keys[places[i]], &keys[i], DP_IPV4)))
			places[i] = split_find(split, &keys[i], hashes[i]);
		if (unlikely(places[i] == FLOW_INDEX_NONE))
			continue;
		bench_count_packet(&split->counters[places[i]]);
		bench_read(&split->rewrites[places[i]]);
		n_found++;
	}
	return n_found;
}

const struct bench_way bench_three_lines = {
	.name = "our buckets, three lines a flow",
	.shape = BENCH_IPV4,
	.create = split_create,
	.destroy = split_destroy,
	.add = split_add,
	.remove = split_remove,
	.visit = split_visit,
	.spare_bytes = split_spare_bytes,
};
