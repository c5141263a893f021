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

/* Sluice's own tables, which lookups enter through the stages of classify.h. */
struct sluice {
	struct flow_table table;
	struct lane lane;
	uint32_t *places; /* [flow] in the table; those of colliding flows after the others */
	uint32_t capacity;
};

static struct sluice *
sluice_create(uint32_t capacity, enum dp_family family)
{
	struct sluice *sluice =
		aligned_alloc(RTE_CACHE_LINE_SIZE, RTE_ALIGN(sizeof(*sluice), RTE_CACHE_LINE_SIZE));

	if (sluice == NULL)
		return NULL;
	memset(sluice, 0, sizeof(*sluice));
	sluice->capacity = capacity;
	sluice->places = calloc(2 * (size_t)capacity, sizeof(*sluice->places));
	if (sluice->places != NULL &&
		flow_table_init(&sluice->table, family, capacity, 1, SOCKET_ID_ANY, NULL) == 0)
		return sluice;
	free(sluice->places);
	free(sluice);
	return NULL;
}

static void *
sluice4_create(uint32_t capacity)
{
	return sluice_create(capacity, DP_IPV4);
}

static void *
sluice6_create(uint32_t capacity)
{
	return sluice_create(capacity, DP_IPV6);
}

static void
sluice_destroy(void *table)
{
	struct sluice *sluice = table;

	flow_table_fini(&sluice->table);
	free(sluice->places);
	free(sluice);
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
	struct sluice *sluice = table;
	uint32_t place;
	int ret = flow_table_add(&sluice->table, &flow->flow, &place);

	if (ret < 0)
		return ret;
	flow_table_show(&sluice->table, place);
	flow_table_activate(&sluice->table, place);
	*sluice_place(sluice, flow->number) = place;
	return 0;
}

static void
sluice_remove(void *table, const struct bench_flow *flow)
{
	struct sluice *sluice = table;
	const uint32_t place = *sluice_place(sluice, flow->number);

	flow_table_unlink(&sluice->table, place);
	flow_table_free(&sluice->table, place);
	flow_table_reclaim(&sluice->table);
}

static __rte_always_inline unsigned
sluice_visit(struct sluice *sluice, const uint32_t *flows, enum dp_family family)
{
	struct lane *lane = &sluice->lane;
	unsigned n_found = 0;

	for (uint16_t i = 0; i < BENCH_BURST; i++) {
		if (family == DP_IPV4)
			bench_key4(flows[i], &lane->key4[i]);
		else
			bench_key6(flows[i], &lane->key6[i]);
		classify_begin(&sluice->table, lane, i, family);
	}
	lane->n = BENCH_BURST;
	classify_lane(NULL, &sluice->table, lane, VIEW_STABLE, family);
	for (uint16_t i = 0; i < BENCH_BURST; i++) {
		if (unlikely(lane->entries[i] == NULL))
			continue;
		bench_touch(lane->entries[i], family);
		n_found++;
	}
	return n_found;
}

static unsigned
sluice4_visit(void *table, const uint32_t *flows)
{
	return sluice_visit(table, flows, DP_IPV4);
}

static unsigned
sluice6_visit(void *table, const uint32_t *flows)
{
	return sluice_visit(table, flows, DP_IPV6);
}

static unsigned
keys_alone_visit(void *table, const uint32_t *flows)
{
	struct sluice *sluice = table;

	for (unsigned i = 0; i < BENCH_BURST; i++)
		bench_key4(flows[i], &sluice->lane.key4[i]);
	__asm__ volatile("" : : : "memory");
	return BENCH_BURST;
}

uint32_t
bench_sluice4_overflow(const void *table)
{
	const struct flow_table *own = &((const struct sluice *)table)->table;

	return own->n_overflow - own->n_overflow_free - own->n_overflow_deferred;
}

#define SLUICE_WAY .destroy = sluice_destroy, .add = sluice_add, .remove = sluice_remove

const struct bench_way bench_keys_alone = {
	"keys alone", DP_IPV4, sluice4_create, SLUICE_WAY, .visit = keys_alone_visit};
const struct bench_way bench_sluice4 = {
	"Sluice, IPv4", DP_IPV4, sluice4_create, SLUICE_WAY, .visit = sluice4_visit};
const struct bench_way bench_sluice6 = {
	"Sluice, IPv6", DP_IPV6, sluice6_create, SLUICE_WAY, .visit = sluice6_visit};

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
	"rte_hash, RCU, extendable", DP_IPV4, hash_create_extendable, HASH_WAY};
const struct bench_way bench_rte_hash_plain = {
	"rte_hash, RCU, not extendable", DP_IPV4, hash_create_plain, HASH_WAY};
