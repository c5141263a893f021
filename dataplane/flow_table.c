/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow_table.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_malloc.h>

#include "action.h"
#include "flow_compile.h"
#include "flow_slots.h"
#include "rules.h"

/*
 * A bucket holds half its slots when the table is full. Of Poisson's tail, a bucket in 50 needs an
 * overflow bucket, which is a flow in 200.
 */
#define FLOWS_A_BUCKET (BUCKET_SLOTS / 2)
#define FLOWS_AN_OVERFLOW 32
#define OVERFLOW_MIN 64

static void *
table_array(size_t n, size_t bytes, int socket)
{
	return rte_zmalloc_socket("flow_table", n * bytes, RTE_CACHE_LINE_SIZE, socket);
}

static int
table_allocate(struct flow_table *table, uint32_t n_buckets, uint32_t n_overflow, int socket)
{
	size_t n = table->n_places;

	table->buckets = table_array(n_buckets, sizeof(struct bucket), socket);
	table->overflow = table_array(n_overflow, sizeof(struct bucket), socket);
	table->overflow_stack = table_array(n_overflow, sizeof(uint32_t), socket);
	table->entries = table_array(n, flow_entry_bytes(table->family), socket);
	table->drops = table_array(n, PLAIN_DROP_COUNT * sizeof(uint64_t), socket);
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
	unsigned n_workers, int socket, struct leg_table *legs)
{
	uint32_t n_buckets = rte_align32pow2(RTE_MAX(capacity / FLOWS_A_BUCKET, 1u));
	uint32_t n_overflow = capacity / FLOWS_AN_OVERFLOW +
			      table_reserve(capacity) / BUCKET_SLOTS + OVERFLOW_MIN;

	memset(table, 0, sizeof(*table));
	table->family = family;
	table->capacity = capacity;
	/* One place at least, so that a table without room still is a table. */
	table->n_places = capacity == 0 ? 1 : capacity + table_reserve(capacity);
	table->n_workers = n_workers;
	table->legs = legs;
	table->bucket_mask = n_buckets - 1;
	if (table_allocate(table, n_buckets, n_overflow, socket) < 0) {
		flow_table_fini(table);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < table->n_places; i++)
		table->free_stack[i] = table->n_places - 1 - i;
	table->n_free = table->n_places;
	for (uint32_t i = 0; i < n_overflow; i++)
		table->overflow_stack[i] = n_overflow - 1 - i;
	table->n_overflow_free = table->n_overflow = n_overflow;
	return 0;
}

void
flow_table_fini(struct flow_table *table)
{
	for (uint32_t i = 0; i < table->n_places && table->state != NULL; i++) {
		if (table->state[i] == FLOW_FREE)
			continue;
		action_destroy(
			flow_entry_action(flow_table_entry(table, i, table->family), table->family),
			table->legs);
		flow_table_carried_forget(table, i);
	}
	rules_destroy(table->rules);
	rte_free(table->buckets);
	rte_free(table->overflow);
	rte_free(table->overflow_stack);
	rte_free(table->entries);
	rte_free(table->drops);
	rte_free(table->free_stack);
	rte_free(table->state);
	free(table->successor);
	for (unsigned w = 0; w < DP_WORKERS_MAX; w++)
		rte_free(table->foreign[w]);
	memset(table, 0, sizeof(*table));
}

static struct rewrite_tail *
entry_tail(const struct flow_table *table, uint32_t index)
{
	void *entry = flow_table_entry(table, index, table->family);

	return rewrite_tail(flow_entry_rewrite(entry, table->family), table->family);
}

static bool
entry_is_listener(const struct flow_table *table, uint32_t index)
{
	return (entry_tail(table, index)->flags & REWRITE_ANY_SOURCE) != 0 &&
	       !flow_table_is_rule(table, index);
}

bool
flow_table_is_rule(const struct flow_table *table, uint32_t index)
{
	return (entry_tail(table, index)->flags & REWRITE_ANY_DESTINATION) != 0;
}

/* Compile `flow` into a free place; `former` is the action that it replaces. */
static int
entry_fill(struct flow_table *table, const struct dp_flow *flow, uint32_t index,
	const struct flow_action *former, const uint16_t *from)
{
	void *entry = flow_table_entry(table, index, table->family);
	struct flow_action *action = NULL;

	if (!flow_is_plain(flow)) {
		int ret = action_create(&action, flow, table->legs, former, from);

		if (ret < 0)
			return ret;
	}
	memset(entry, 0, flow_entry_bytes(table->family));
	if (flow->rule == NULL)
		flow_compile_key(&flow->key, entry, table->family);
	if (action == NULL || action->leg_in_entry)
		flow_compile_rewrite(
			flow, &flow->legs[0], flow_entry_rewrite(entry, table->family));
	else if (flow->rule != NULL)
		entry_tail(table, index)->flags = REWRITE_ANY_SOURCE | REWRITE_ANY_DESTINATION;
	else if (flow->key.any_source)
		entry_tail(table, index)->flags = REWRITE_ANY_SOURCE;
	if (table->family == DP_IPV4)
		((struct flow_entry4 *)entry)->action = action;
	else
		((struct flow_entry6 *)entry)->action = action;
	return 0;
}

/* What entry_fill() took. */
static void
entry_empty(struct flow_table *table, uint32_t index)
{
	void *entry = flow_table_entry(table, index, table->family);

	action_destroy(flow_entry_action(entry, table->family), table->legs);
	memset(entry, 0, flow_entry_bytes(table->family));
	memset(&table->drops[(size_t)index * PLAIN_DROP_COUNT], 0,
		PLAIN_DROP_COUNT * sizeof(uint64_t));
	for (unsigned w = 0; w < table->n_workers; w++) {
		if (table->foreign[w] != NULL)
			memset(&table->foreign[w][index], 0, sizeof(struct flow_counters));
	}
}

/*
 * The legs of flow `index` count, or no longer, as those that are there after the transaction.
 * Whether they all fit.
 */
static bool
legs_count(struct flow_table *table, uint32_t index, int sign)
{
	const void *entry = flow_table_entry(table, index, table->family);
	const unsigned n = action_n_places(flow_entry_action(entry, table->family));

	if (n == 0)
		return true;
	table->legs->n_taken += (uint32_t)sign * n;
	return table->legs->n_taken <= table->legs->capacity;
}

int
flow_table_add(struct flow_table *table, const struct dp_flow *flow, uint32_t *index)
{
	union flow_key key;
	uint32_t hash = 0, place;
	int error = flow_check(flow, table->family);

	if (error < 0)
		return error;
	if (flow->rule == NULL) {
		flow_compile_key(&flow->key, &key, table->family);
		hash = flow_key_hash(&key, table->family);
		if (flow_slot_is_taken(table, &key, hash))
			return -EEXIST;
	}
	if (table->n_taken >= table->capacity || table->n_free == 0)
		return -ENOSPC;
	place = table->free_stack[table->n_free - 1];
	error = entry_fill(table, flow, place, NULL, NULL);
	if (error < 0)
		return error;
	if (!legs_count(table, place, 1))
		error = -ENOSPC;
	else if (flow->rule == NULL)
		error = flow_slot_take(table, hash, place);
	if (error < 0) {
		legs_count(table, place, -1);
		entry_empty(table, place);
		return error;
	}
	table->n_free--;
	table->n_taken++;
	table->state[place] = FLOW_ADDED;
	*index = place;
	return 0;
}

/* Whether `flow` is matched as flow `index` is: the same key, or by a rule both. */
static bool
match_is_same(const struct flow_table *table, uint32_t index, const struct dp_flow *flow)
{
	union flow_key key;

	if (flow->rule != NULL || flow_table_is_rule(table, index))
		return flow->rule != NULL && flow_table_is_rule(table, index);
	flow_compile_key(&flow->key, &key, table->family);
	return flow_key_equal(&key, flow_table_entry(table, index, table->family), table->family);
}

int
flow_table_version(struct flow_table *table, uint32_t old, const struct dp_flow *flow,
	const uint16_t *from, uint32_t *index)
{
	const void *entry = flow_table_entry(table, old, table->family);
	uint32_t place;
	int error = flow_check(flow, table->family);

	if (error < 0)
		return error;
	if (!match_is_same(table, old, flow))
		return -EINVAL;
	if (table->n_free == 0)
		return -ENOSPC;
	place = table->free_stack[table->n_free - 1];
	error = flow_table_carried_prepare(table, place);
	if (error < 0)
		return error;
	error = entry_fill(table, flow, place, flow_entry_action(entry, table->family), from);
	if (error < 0) {
		flow_table_carried_forget(table, place);
		return error;
	}
	legs_count(table, place, 1);
	legs_count(table, old, -1);
	table->n_free--;
	table->state[place] = FLOW_VERSION;
	table->state[old] = FLOW_REPLACED;
	*index = place;
	return 0;
}

/* Visible flows with an action become more or fewer by `change`, if flow `index` has one. */
static void
actions_count(struct flow_table *table, uint32_t index, int change)
{
	const void *entry = flow_table_entry(table, index, table->family);

	if (flow_entry_action(entry, table->family) != NULL)
		__atomic_store_n(
			&table->n_actions, table->n_actions + (uint32_t)change, __ATOMIC_RELAXED);
}

static void
state_set(struct flow_table *table, uint32_t index, enum flow_state state)
{
	__atomic_store_n(&table->state[index], (uint8_t)state, __ATOMIC_RELEASE);
}

void
flow_table_show(struct flow_table *table, uint32_t index)
{
	const void *entry = flow_table_entry(table, index, table->family);

	if (!flow_table_is_rule(table, index)) {
		uint16_t signature = flow_hash_signature(flow_key_hash(entry, table->family));
		unsigned slot;
		struct bucket *bucket = flow_slot_find(table, index, &slot);

		__atomic_store_n(&bucket->signature[slot], signature, __ATOMIC_RELEASE);
	}
	if (entry_is_listener(table, index))
		__atomic_store_n(&table->n_listeners, table->n_listeners + 1, __ATOMIC_RELEASE);
	actions_count(table, index, 1);
}

void
flow_table_settle(struct flow_table *table, uint32_t index)
{
	state_set(table, index, FLOW_LIVE);
	table->n_flows++;
}

int
flow_table_successors_prepare(struct flow_table *table)
{
	uint32_t *successor;

	if (table->successor != NULL)
		return 0;
	successor = calloc(table->n_places, sizeof(*successor));
	__atomic_store_n(&table->successor, successor, __ATOMIC_RELEASE);
	return successor == NULL ? -ENOMEM : 0;
}

static void
successor_set(struct flow_table *table, uint32_t old, uint32_t version)
{
	__atomic_store_n(&table->successor[old], version, __ATOMIC_RELAXED);
}

void
flow_table_leave(struct flow_table *table, uint32_t index)
{
	state_set(table, index, FLOW_LEAVING);
}

void
flow_table_succeed(struct flow_table *table, uint32_t old, uint32_t version)
{
	successor_set(table, old, version);
	state_set(table, old, FLOW_SUCCEEDED);
}

void
flow_table_swap(struct flow_table *table, uint32_t old, uint32_t version)
{
	if (!flow_table_is_rule(table, old)) {
		unsigned slot;
		struct bucket *bucket = flow_slot_find(table, old, &slot);

		__atomic_store_n(&bucket->index[slot], version, __ATOMIC_RELEASE);
	}
	actions_count(table, version, 1);
	actions_count(table, old, -1);
	if (table->successor != NULL) /* for a worker that hangs since a commit of several */
		successor_set(table, old, version);
	state_set(table, version, FLOW_LIVE);
	state_set(table, old, FLOW_OUTDATED);
}

void
flow_table_remove(struct flow_table *table, uint32_t index)
{
	table->n_taken--;
	legs_count(table, index, -1);
	table->state[index] = FLOW_REMOVED;
}

void
flow_table_keep(struct flow_table *table, uint32_t index)
{
	table->n_taken += table->state[index] == FLOW_REMOVED;
	legs_count(table, index, 1);
	table->state[index] = FLOW_LIVE;
}

void
flow_table_unlink(struct flow_table *table, uint32_t index)
{
	if (table->state[index] == FLOW_LIVE)
		flow_table_remove(table, index);
	if (!flow_table_is_rule(table, index)) {
		unsigned slot;
		struct bucket *bucket = flow_slot_find(table, index, &slot);

		__atomic_store_n(&bucket->signature[slot], 0, __ATOMIC_RELEASE);
	}
	if (entry_is_listener(table, index))
		__atomic_store_n(&table->n_listeners, table->n_listeners - 1, __ATOMIC_RELEASE);
	actions_count(table, index, -1);
	state_set(table, index, FLOW_RETIRED);
	table->n_flows--;
}

void
flow_table_abandon(struct flow_table *table, uint32_t index)
{
	legs_count(table, index, -1);
	if (table->state[index] == FLOW_ADDED) {
		table->n_taken--;
		state_set(table, index, FLOW_RETIRED);
	} else {
		state_set(table, index, FLOW_OUTDATED);
	}
}

void
flow_table_free(struct flow_table *table, uint32_t index)
{
	const bool has_slot =
		table->state[index] == FLOW_ADDED || table->state[index] == FLOW_RETIRED;

	if (has_slot && !flow_table_is_rule(table, index))
		flow_slot_give_back(table, index);
	if (table->state[index] == FLOW_ADDED || table->state[index] == FLOW_VERSION)
		flow_table_abandon(table, index);
	entry_empty(table, index);
	flow_table_carried_forget(table, index);
	table->state[index] = FLOW_FREE;
	table->free_stack[table->n_free++] = index;
}
