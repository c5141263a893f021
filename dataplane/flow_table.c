/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow_table.h"

#include <errno.h>

#include <rte_malloc.h>

#include "flow_compile.h"

/* A bucket holds half its slots when the table is full; the Poisson tail goes to overflow. */
#define FLOWS_A_BUCKET (BUCKET_SLOTS / 2)
#define OVERFLOW_MIN 64

static void *
table_array(size_t n, size_t bytes, int socket)
{
	return rte_zmalloc_socket("flow_table", n * bytes, RTE_CACHE_LINE_SIZE, socket);
}

static int
table_allocate(struct flow_table *table, uint32_t n_buckets, uint32_t n_overflow, int socket)
{
	size_t n = table->capacity;

	table->buckets = table_array(n_buckets, sizeof(struct bucket), socket);
	table->overflow = table_array(n_overflow, sizeof(struct bucket), socket);
	table->overflow_stack = table_array(n_overflow, sizeof(uint32_t), socket);
	table->entries = table_array(n, flow_entry_bytes(table->family), socket);
	table->drops = table_array(n, DP_COPY_DROP_COUNT * sizeof(uint64_t), socket);
	table->free_stack = table_array(n, sizeof(uint32_t), socket);
	table->state = table_array(n, sizeof(uint8_t), socket);
	if (table->buckets == NULL || table->overflow == NULL || table->overflow_stack == NULL ||
		table->entries == NULL || table->drops == NULL || table->free_stack == NULL ||
		table->state == NULL)
		return -ENOMEM;
	for (unsigned w = 0; w < table->n_workers && table->n_workers > 1; w++) {
		table->foreign[w] = table_array(n, sizeof(struct flow_counters), socket);
		if (table->foreign[w] == NULL)
			return -ENOMEM;
	}
	return 0;
}

int
flow_table_init(struct flow_table *table, enum dp_family family, uint32_t capacity,
	unsigned n_workers, int socket)
{
	uint32_t n_buckets = rte_align32pow2(RTE_MAX(capacity / FLOWS_A_BUCKET, 1u));
	uint32_t n_overflow = capacity / BUCKET_SLOTS + OVERFLOW_MIN;

	memset(table, 0, sizeof(*table));
	table->family = family;
	table->capacity = capacity;
	table->n_workers = n_workers;
	table->bucket_mask = n_buckets - 1;
	/* One place at least, so that a table without room still is a table. */
	if (table->capacity == 0)
		table->capacity = 1;
	if (table_allocate(table, n_buckets, n_overflow, socket) < 0) {
		flow_table_fini(table);
		return -ENOMEM;
	}
	table->capacity = capacity;
	for (uint32_t i = 0; i < capacity; i++)
		table->free_stack[i] = capacity - 1 - i;
	table->n_free = capacity;
	for (uint32_t i = 0; i < n_overflow; i++)
		table->overflow_stack[i] = n_overflow - 1 - i;
	table->n_overflow_free = n_overflow;
	return 0;
}

void
flow_table_fini(struct flow_table *table)
{
	for (uint32_t i = 0; i < table->capacity && table->state != NULL; i++) {
		if (table->state[i] != FLOW_FREE)
			rte_free(flow_entry_legs(
				flow_table_entry(table, i, table->family), table->family));
	}
	rte_free(table->buckets);
	rte_free(table->overflow);
	rte_free(table->overflow_stack);
	rte_free(table->entries);
	rte_free(table->drops);
	rte_free(table->free_stack);
	rte_free(table->state);
	for (unsigned w = 0; w < DP_WORKERS_MAX; w++)
		rte_free(table->foreign[w]);
	memset(table, 0, sizeof(*table));
}

/* A flow of this key that will still be there after the running transaction. */
static bool
key_is_taken(const struct flow_table *table, const void *key, uint32_t hash)
{
	const struct bucket *bucket = flow_table_bucket(table, hash);

	for (;;) {
		for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
			if ((bucket->used & (1u << i)) == 0)
				continue;
			uint32_t index = bucket->index[i];
			if (table->state[index] != FLOW_ADDED && table->state[index] != FLOW_LIVE)
				continue;
			if (flow_key_equal(flow_table_entry(table, index, table->family), key,
				    table->family))
				return true;
		}
		if (bucket->next == 0)
			return false;
		bucket = &table->overflow[bucket->next - 1];
	}
}

/* Reserve a slot for `index` in the chain of `hash`, growing the chain where it is full. */
static int
slot_take(struct flow_table *table, uint32_t hash, uint32_t index)
{
	struct bucket *bucket = flow_table_bucket(table, hash);

	while (bucket->used == UINT8_MAX && bucket->next != 0)
		bucket = &table->overflow[bucket->next - 1];
	if (bucket->used == UINT8_MAX) {
		if (table->n_overflow_free == 0)
			return -ENOSPC;
		uint32_t fresh = table->overflow_stack[--table->n_overflow_free];

		__atomic_store_n(&bucket->next, fresh + 1, __ATOMIC_RELEASE);
		bucket = &table->overflow[fresh];
	}
	unsigned slot = (unsigned)__builtin_ctz(~(uint32_t)bucket->used);

	bucket->used |= (uint8_t)(1u << slot);
	__atomic_store_n(&bucket->index[slot], index, __ATOMIC_RELEASE);
	return 0;
}

/* Where `index` stands; it must be in the table. */
static struct bucket *
slot_find(const struct flow_table *table, uint32_t index, unsigned *slot)
{
	const void *entry = flow_table_entry(table, index, table->family);
	struct bucket *bucket = flow_table_bucket(table, flow_key_hash(entry, table->family));

	for (;;) {
		for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
			if ((bucket->used & (1u << i)) != 0 && bucket->index[i] == index) {
				*slot = i;
				return bucket;
			}
		}
		bucket = &table->overflow[bucket->next - 1];
	}
}

/* Give empty buckets at the end of the chain back. See flow_table.h for why only there. */
static void
chain_trim(struct flow_table *table, uint32_t hash)
{
	for (;;) {
		struct bucket *tail = flow_table_bucket(table, hash), *before = NULL;

		while (tail->next != 0) {
			before = tail;
			tail = &table->overflow[tail->next - 1];
		}
		if (before == NULL || tail->used != 0)
			return;
		table->overflow_stack[table->n_overflow_free++] = before->next - 1;
		__atomic_store_n(&before->next, 0, __ATOMIC_RELEASE);
	}
}

static int
entry_fill(struct flow_table *table, const struct dp_flow *flow, void *entry)
{
	struct leg_set *legs = NULL;

	if (flow->n_legs > 1) {
		legs = flow_compile_legs(flow, table->n_workers, SOCKET_ID_ANY);
		if (legs == NULL)
			return -ENOMEM;
	}
	memset(entry, 0, flow_entry_bytes(table->family));
	flow_compile_key(&flow->key, entry, table->family);
	flow_compile_rewrite(&flow->key, &flow->legs[0], flow_entry_rewrite(entry, table->family),
		table->family);
	if (table->family == DP_IPV4)
		((struct flow_entry4 *)entry)->legs = legs;
	else
		((struct flow_entry6 *)entry)->legs = legs;
	return 0;
}

int
flow_table_add(struct flow_table *table, const struct dp_flow *flow, uint32_t *index)
{
	union flow_key key;
	uint32_t hash, free_index;
	int error = flow_check(flow, table->family);

	if (error < 0)
		return error;
	flow_compile_key(&flow->key, &key, table->family);
	hash = flow_key_hash(&key, table->family);
	if (key_is_taken(table, &key, hash))
		return -EEXIST;
	if (table->n_free == 0)
		return -ENOSPC;
	free_index = table->free_stack[table->n_free - 1];
	error = entry_fill(table, flow, flow_table_entry(table, free_index, table->family));
	if (error < 0)
		return error;
	error = slot_take(table, hash, free_index);
	if (error < 0) {
		rte_free(flow_entry_legs(
			flow_table_entry(table, free_index, table->family), table->family));
		return error;
	}
	table->n_free--;
	table->state[free_index] = FLOW_ADDED;
	*index = free_index;
	return 0;
}

static bool
entry_is_listener(const struct flow_table *table, uint32_t index)
{
	void *entry = flow_table_entry(table, index, table->family);

	return (rewrite_tail(flow_entry_rewrite(entry, table->family), table->family)->flags &
		       REWRITE_ANY_SOURCE) != 0;
}

void
flow_table_publish(struct flow_table *table, uint32_t index)
{
	const void *entry = flow_table_entry(table, index, table->family);
	uint16_t signature = flow_hash_signature(flow_key_hash(entry, table->family));
	unsigned slot;
	struct bucket *bucket = slot_find(table, index, &slot);

	__atomic_store_n(&bucket->signature[slot], signature, __ATOMIC_RELEASE);
	if (entry_is_listener(table, index))
		__atomic_store_n(&table->n_listeners, table->n_listeners + 1, __ATOMIC_RELEASE);
	table->state[index] = FLOW_LIVE;
	table->n_flows++;
}

void
flow_table_unlink(struct flow_table *table, uint32_t index)
{
	unsigned slot;
	struct bucket *bucket = slot_find(table, index, &slot);

	__atomic_store_n(&bucket->signature[slot], 0, __ATOMIC_RELEASE);
	if (entry_is_listener(table, index))
		__atomic_store_n(&table->n_listeners, table->n_listeners - 1, __ATOMIC_RELEASE);
	table->state[index] = FLOW_RETIRED;
	table->n_flows--;
}

void
flow_table_free(struct flow_table *table, uint32_t index)
{
	void *entry = flow_table_entry(table, index, table->family);
	uint32_t hash = flow_key_hash(entry, table->family);
	unsigned slot;
	struct bucket *bucket = slot_find(table, index, &slot);

	bucket->used &= (uint8_t) ~(1u << slot);
	chain_trim(table, hash);
	rte_free(flow_entry_legs(entry, table->family));
	memset(entry, 0, flow_entry_bytes(table->family));
	memset(&table->drops[(size_t)index * DP_COPY_DROP_COUNT], 0,
		DP_COPY_DROP_COUNT * sizeof(uint64_t));
	for (unsigned w = 0; w < table->n_workers; w++) {
		if (table->foreign[w] != NULL)
			memset(&table->foreign[w][index], 0, sizeof(struct flow_counters));
	}
	table->state[index] = FLOW_FREE;
	table->free_stack[table->n_free++] = index;
}

static void
counters_add(const struct flow_counters *counters, uint64_t *packets, uint64_t *bytes)
{
	*packets += __atomic_load_n(&counters->packets, __ATOMIC_RELAXED);
	*bytes += __atomic_load_n(&counters->bytes, __ATOMIC_RELAXED);
}

static void
leg_drops_read(const uint64_t *drops, struct dp_leg_stats *leg)
{
	for (unsigned r = 0; r < DP_COPY_DROP_COUNT; r++)
		leg->drops[r] = __atomic_load_n(&drops[r], __ATOMIC_RELAXED);
}

void
flow_table_read(const struct flow_table *table, uint32_t index, struct dp_flow_stats *flow,
	struct dp_leg_stats *legs)
{
	void *entry = flow_table_entry(table, index, table->family);
	const struct leg_set *set = flow_entry_legs(entry, table->family);

	memset(flow, 0, sizeof(*flow));
	counters_add(flow_entry_counters(entry, table->family), &flow->packets, &flow->bytes);
	for (unsigned w = 0; w < table->n_workers; w++) {
		if (table->foreign[w] != NULL)
			counters_add(&table->foreign[w][index], &flow->packets, &flow->bytes);
	}
	if (set == NULL) {
		legs[0].copies = flow->packets;
		legs[0].bytes = flow->bytes;
		leg_drops_read(&table->drops[(size_t)index * DP_COPY_DROP_COUNT], &legs[0]);
		return;
	}
	memset(legs, 0, set->n_legs * sizeof(*legs));
	for (unsigned i = 0; i < set->n_legs; i++) {
		for (unsigned w = 0; w < table->n_workers; w++)
			counters_add(&set->counters[w * set->n_legs + i], &legs[i].copies,
				&legs[i].bytes);
		leg_drops_read(&set->drops[i * DP_COPY_DROP_COUNT], &legs[i]);
	}
}

unsigned
flow_table_n_legs(const struct flow_table *table, uint32_t index)
{
	const struct leg_set *set =
		flow_entry_legs(flow_table_entry(table, index, table->family), table->family);

	return set == NULL ? 1 : set->n_legs;
}
