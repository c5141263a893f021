/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rte_hash with lock-free readers and RCU attached, as it would serve here: bulk lookup with hashes
 * that are made beforehand, and a line of ours for each flow, whose index is the data of its key.
 * The writer side is given that line ready made, so it does less than Sluice's, which compiles it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_hash.h>
#include <rte_malloc.h>
#include <rte_prefetch.h>

#include "flow_compile.h"
#include "flow_table.h"
#include "flow_table_bench.h"
#include "flow_table_bench_touch.h"

#define REMOVALS_A_GRACE 32

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
