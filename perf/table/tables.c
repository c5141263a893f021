/* SPDX-License-Identifier: BSD-3-Clause */
#include "tables.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_hash.h>
#include <rte_malloc.h>
#include <rte_prefetch.h>

#include "classify.h"
#include "flow_compile.h"
#include "flow_table.h"

/* For rte_hash, whose removals free memory after a grace period. */
#define REMOVALS_A_GRACE 32

/*
 * Sluice's own tables, found in through the stages of classify.h: one of each family, as they are;
 * and one table whose keys and entries fit both families, which is the IPv6 table with IPv4
 * addresses mapped into it.
 */
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

/*
 * rte_hash with lock-free readers and RCU attached, as it would serve here: bulk lookup with hashes
 * that are made beforehand, and a line of ours for each flow, whose index is the data of its key.
 * The writer side is given that line ready made, so it does less than Sluice's, which compiles it.
 */
struct hash_table {
	struct rte_hash *hash;
	struct rte_rcu_qsbr *qsbr;
	struct flow_entry4 *entries;
	uint32_t capacity;
	uint32_t n_removed;
};

static void
hash_destroy(void *arg)
{
	struct hash_table *table = arg;

	if (table->qsbr != NULL)
		rte_rcu_qsbr_quiescent(table->qsbr, 0);
	rte_hash_free(table->hash);
	rte_free(table->qsbr);
	rte_free(table->entries);
	free(table);
}

/* The QSBR variable with one reader, this thread. */
static int
hash_attach_rcu(struct hash_table *table)
{
	struct rte_hash_rcu_config config = {.mode = RTE_HASH_QSBR_MODE_DQ};

	table->qsbr = rte_zmalloc("bench_qsbr", rte_rcu_qsbr_get_memsize(1), RTE_CACHE_LINE_SIZE);
	if (table->qsbr == NULL || rte_rcu_qsbr_init(table->qsbr, 1) != 0 ||
		rte_rcu_qsbr_thread_register(table->qsbr, 0) != 0)
		return -ENOMEM;
	rte_rcu_qsbr_thread_online(table->qsbr, 0);
	config.v = table->qsbr;
	return rte_hash_rcu_qsbr_add(table->hash, &config) == 0 ? 0 : -ENOMEM;
}

static void *
hash_create(uint32_t capacity, uint8_t flags)
{
	static unsigned n_created;
	struct hash_table *table = calloc(1, sizeof(*table));
	char name[RTE_HASH_NAMESIZE];
	struct rte_hash_parameters parameters = {
		.name = name,
		.entries = capacity,
		.key_len = sizeof(struct flow_key4),
		.extra_flag = (uint8_t)(RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF | flags),
	};

	if (table == NULL)
		return NULL;
	snprintf(name, sizeof(name), "bench%u", n_created++);
	table->capacity = capacity;
	table->hash = rte_hash_create(&parameters);
	table->entries = rte_zmalloc(
		"bench_entries", capacity * sizeof(*table->entries), RTE_CACHE_LINE_SIZE);
	if (table->hash == NULL || table->entries == NULL || hash_attach_rcu(table) < 0) {
		hash_destroy(table);
		return NULL;
	}
	return table;
}

static void *
hash_create_extendable(uint32_t capacity)
{
	return hash_create(capacity, RTE_HASH_EXTRA_FLAGS_EXT_TABLE);
}

static void *
hash_create_plain(uint32_t capacity)
{
	return hash_create(capacity, 0);
}

static int
hash_add(void *arg, const struct bench_flow *flow)
{
	struct hash_table *table = arg;
	uintptr_t index = (flow->number & ~BENCH_COLLIDING) % table->capacity;
	struct flow_key4 key;

	flow_compile_key(&flow->flow.key, &key, DP_IPV4);
	memset(&table->entries[index], 0, sizeof(table->entries[index]));
	memcpy(&table->entries[index].rewrite, flow->leg.src, sizeof(struct rewrite4));
	return rte_hash_add_key_with_hash_data(
		table->hash, &key, flow_key_hash(&key, DP_IPV4), (void *)index);
}

static void
hash_remove(void *arg, const struct bench_flow *flow)
{
	struct hash_table *table = arg;
	struct flow_key4 key;

	flow_compile_key(&flow->flow.key, &key, DP_IPV4);
	rte_hash_del_key_with_hash(table->hash, &key, flow_key_hash(&key, DP_IPV4));
	if (++table->n_removed % REMOVALS_A_GRACE == 0)
		rte_rcu_qsbr_quiescent(table->qsbr, 0);
}

static unsigned
hash_visit(void *arg, const uint32_t *flows)
{
	struct hash_table *table = arg;
	struct flow_key4 keys[BENCH_BURST];
	const void *pointers[BENCH_BURST];
	hash_sig_t hashes[BENCH_BURST];
	void *data[BENCH_BURST];
	uint64_t hits = 0;
	int n_found;

	for (unsigned i = 0; i < BENCH_BURST; i++) {
		bench_key4(flows[i], &keys[i]);
		hashes[i] = flow_key_hash(&keys[i], DP_IPV4);
		pointers[i] = &keys[i];
	}
	n_found = rte_hash_lookup_with_hash_bulk_data(
		table->hash, pointers, hashes, BENCH_BURST, &hits, data);
	for (uint64_t left = hits; left != 0; left &= left - 1)
		rte_prefetch0(&table->entries[(uintptr_t)data[__builtin_ctzll(left)]]);
	for (uint64_t left = hits; left != 0; left &= left - 1)
		bench_touch(&table->entries[(uintptr_t)data[__builtin_ctzll(left)]], DP_IPV4);
	return n_found < 0 ? 0 : (unsigned)n_found;
}

#define HASH_WAY \
	.destroy = hash_destroy, .add = hash_add, .remove = hash_remove, .visit = hash_visit

const struct bench_way bench_rte_hash = {
	"rte_hash, RCU, extendable", BENCH_IPV4, hash_create_extendable, HASH_WAY};
const struct bench_way bench_rte_hash_plain = {
	"rte_hash, RCU, not extendable", BENCH_IPV4, hash_create_plain, HASH_WAY};

/*
 * Sluice's buckets with key, rewrite and counters in arrays of their own: three lines of a flow
 * where the table has one. The table behind it keeps the buckets and gives out places; its own
 * entries are there, but no lookup reads them.
 */
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
