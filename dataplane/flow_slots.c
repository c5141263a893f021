/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow_slots.h"

#include <errno.h>

/*
 * Overflow buckets of one chain: what no random keys ever need, and what keys that were chosen to
 * collide may cost a lookup at most.
 */
#define CHAIN_MAX 8

bool
flow_slot_is_taken(const struct flow_table *table, const void *key, uint32_t hash)
{
	const struct bucket *bucket = flow_table_bucket(table, hash);
	const uint16_t signature = flow_hash_signature(hash);

	for (;;) {
		for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
			if ((bucket->used & (1u << i)) == 0)
				continue;
			/* What workers see under another signature has another key. */
			if (bucket->signature[i] != 0 && bucket->signature[i] != signature)
				continue;
			uint32_t index = bucket->index[i];
			if (table->state[index] == FLOW_REMOVED ||
				table->state[index] == FLOW_RETIRED)
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

int
flow_slot_take(struct flow_table *table, uint32_t hash, uint32_t index)
{
	struct bucket *bucket = flow_table_bucket(table, hash);
	unsigned n_chained = 0;

	while (bucket->used == UINT8_MAX && bucket->next != 0) {
		bucket = &table->overflow[bucket->next - 1];
		n_chained++;
	}
	if (bucket->used == UINT8_MAX) {
		if (n_chained == CHAIN_MAX || table->n_overflow_free == 0)
			return -ENOSPC;
		uint32_t fresh = table->overflow_stack[--table->n_overflow_free];

		table->overflow[fresh].next = 0;
		__atomic_store_n(&bucket->next, fresh + 1, __ATOMIC_RELEASE);
		bucket = &table->overflow[fresh];
	}
	unsigned slot = (unsigned)__builtin_ctz(~(uint32_t)bucket->used);

	bucket->used |= (uint8_t)(1u << slot);
	__atomic_store_n(&bucket->index[slot], index, __ATOMIC_RELEASE);
	return 0;
}

struct bucket *
flow_slot_find(const struct flow_table *table, uint32_t index, unsigned *slot)
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

/*
 * Take empty overflow buckets out of the chain. flow_table.h says why one in the middle rests for a
 * grace period, with its own link as it is, and the tail need not.
 */
static void
chain_trim(struct flow_table *table, uint32_t hash)
{
	struct bucket *before = flow_table_bucket(table, hash);

	while (before->next != 0) {
		const uint32_t index = before->next - 1;
		struct bucket *bucket = &table->overflow[index];

		if (bucket->used != 0) {
			before = bucket;
			continue;
		}
		__atomic_store_n(&before->next, bucket->next, __ATOMIC_RELEASE);
		if (bucket->next == 0)
			table->overflow_stack[table->n_overflow_free++] = index;
		else
			table->overflow_stack[table->n_overflow - ++table->n_overflow_resting] =
				index;
	}
}

void
flow_table_rested(struct flow_table *table)
{
	for (; table->n_overflow_resting > 0; table->n_overflow_resting--)
		table->overflow_stack[table->n_overflow_free++] =
			table->overflow_stack[table->n_overflow - table->n_overflow_resting];
}

void
flow_slot_give_back(struct flow_table *table, uint32_t index)
{
	const void *entry = flow_table_entry(table, index, table->family);
	unsigned slot;
	struct bucket *bucket = flow_slot_find(table, index, &slot);

	bucket->used &= (uint8_t) ~(1u << slot);
	chain_trim(table, flow_key_hash(entry, table->family));
}
