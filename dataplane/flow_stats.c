/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a flow has counted: its own entry, what other workers counted for it, what its action and
 * legs counted, and what its former versions did. Control thread only.
 */
#include <errno.h>
#include <string.h>

#include <uthash.h>

#include "action.h"
#include "flow_table.h"

/* Counts of the versions before this one. Few flows are ever replaced, so these are kept apart. */
struct carried {
	UT_hash_handle hh;
	uint32_t index;
	struct dp_flow_stats flow;
	struct dp_leg_stats leg; /* of a plain flow's only leg */
};

static struct carried *
carried_find(const struct flow_table *table, uint32_t index)
{
	struct carried *carried;

	HASH_FIND(hh, table->carried, &index, sizeof(index), carried);
	return carried;
}

int
flow_table_carried_prepare(struct flow_table *table, uint32_t index)
{
	struct carried *carried = calloc(1, sizeof(*carried));

	if (carried == NULL)
		return -ENOMEM;
	carried->index = index;
	HASH_ADD(hh, table->carried, index, sizeof(carried->index), carried);
	return 0;
}

void
flow_table_carried_forget(struct flow_table *table, uint32_t index)
{
	struct carried *carried = carried_find(table, index);

	if (carried == NULL)
		return;
	HASH_DEL(table->carried, carried);
	free(carried);
}

static const struct flow_action *
action_of(const struct flow_table *table, uint32_t index)
{
	return flow_entry_action(flow_table_entry(table, index, table->family), table->family);
}

/* The only leg is the entry's: it takes every packet that the flow forwards, as it came. */
static bool
leg_is_in_entry(const struct flow_action *action)
{
	return action == NULL || action->leg_in_entry;
}

unsigned
flow_table_n_legs(const struct flow_table *table, uint32_t index)
{
	const struct flow_action *action = action_of(table, index);

	return leg_is_in_entry(action) ? 1 : action->places.n;
}

static void
counters_add(const struct flow_counters *counters, struct dp_flow_stats *stats)
{
	stats->packets += __atomic_load_n(&counters->packets, __ATOMIC_RELAXED);
	stats->bytes += __atomic_load_n(&counters->bytes, __ATOMIC_RELAXED);
}

/* What this version of the flow has counted. Returns the bytes that it forwarded. */
static uint64_t
version_read(const struct flow_table *table, uint32_t index, struct dp_flow_stats *stats)
{
	void *entry = flow_table_entry(table, index, table->family);
	const struct flow_action *action = action_of(table, index);
	uint64_t kept_bytes = 0;

	memset(stats, 0, sizeof(*stats));
	/* Packets after what became of them: they are never fewer. */
	if (action != NULL)
		kept_bytes = action_read(action, table->n_workers, stats);
	counters_add(flow_entry_counters(entry, table->family), stats);
	for (unsigned w = 0; w < table->n_workers; w++) {
		if (table->foreign[w] != NULL)
			counters_add(&table->foreign[w][index], stats);
	}
	stats->forwarded = stats->packets - stats->punted;
	for (unsigned r = 0; r < DP_FLOW_DROP_COUNT; r++)
		stats->forwarded -= stats->drops[r];
	return stats->bytes - kept_bytes;
}

static void
flow_stats_add(struct dp_flow_stats *sum, const struct dp_flow_stats *stats)
{
	sum->packets += stats->packets;
	sum->bytes += stats->bytes;
	sum->forwarded += stats->forwarded;
	sum->punted += stats->punted;
	for (unsigned r = 0; r < DP_FLOW_DROP_COUNT; r++)
		sum->drops[r] += stats->drops[r];
}

static void
leg_stats_add(struct dp_leg_stats *sum, const struct dp_leg_stats *stats)
{
	sum->copies += stats->copies;
	sum->bytes += stats->bytes;
	for (unsigned r = 0; r < DP_COPY_DROP_COUNT; r++)
		sum->drops[r] += stats->drops[r];
}

/* The leg that is in the entry, and what its flow has forwarded; `carried` is the flow's, or NULL.
 */
static void
entry_leg_read(const struct flow_table *table, uint32_t index, const struct carried *carried,
	uint64_t copies, uint64_t bytes, struct dp_leg_stats *leg)
{
	const uint64_t *drops = &table->drops[(size_t)index * PLAIN_DROP_COUNT];

	memset(leg, 0, sizeof(*leg));
	leg->copies = copies;
	leg->bytes = bytes;
	for (unsigned r = 0; r < PLAIN_DROP_COUNT; r++)
		leg->drops[r] = __atomic_load_n(&drops[r], __ATOMIC_RELAXED);
	if (carried != NULL)
		leg_stats_add(leg, &carried->leg);
}

void
flow_table_read(const struct flow_table *table, uint32_t index, struct dp_flow_stats *flow,
	struct dp_leg_stats *legs)
{
	const struct carried *carried = carried_find(table, index);
	const struct flow_action *action = action_of(table, index);
	const uint64_t bytes = version_read(table, index, flow);

	if (legs != NULL && leg_is_in_entry(action))
		entry_leg_read(table, index, carried, flow->forwarded, bytes, &legs[0]);
	for (unsigned i = 0; legs != NULL && !leg_is_in_entry(action) && i < action->places.n; i++)
		leg_table_read(table->legs, action->places.of[i], &legs[i]);
	if (carried != NULL)
		flow_stats_add(flow, &carried->flow);
}

/*
 * Leg i of `version` gets what leg `old_leg` of `old` counted, where that is another place; of the
 * leg that is in the old entry it is entry_leg.
 */
static void
leg_carry(struct flow_table *table, uint32_t old, uint32_t version, unsigned i, unsigned old_leg,
	const struct dp_leg_stats *entry_leg, struct carried *carried)
{
	const struct flow_action *before = action_of(table, old),
				 *after = action_of(table, version);
	struct dp_leg_stats stats = *entry_leg;

	if (!leg_is_in_entry(before)) {
		if (!leg_is_in_entry(after) && before->places.of[old_leg] == after->places.of[i])
			return;
		leg_table_read(table->legs, before->places.of[old_leg], &stats);
	}
	if (leg_is_in_entry(after))
		leg_stats_add(&carried->leg, &stats);
	else
		leg_table_carry(table->legs, after->places.of[i], &stats);
}

void
flow_table_carry(struct flow_table *table, uint32_t old, uint32_t version, const uint16_t *from)
{
	const struct carried *before = carried_find(table, old);
	const unsigned n_legs = flow_table_n_legs(table, version);
	const unsigned n_before = flow_table_n_legs(table, old);
	struct carried *carried = carried_find(table, version);
	struct dp_leg_stats entry_leg;
	struct dp_flow_stats counts;
	const uint64_t bytes = version_read(table, old, &counts);

	entry_leg_read(table, old, before, counts.forwarded, bytes, &entry_leg);
	flow_stats_add(&carried->flow, &counts);
	if (before != NULL)
		flow_stats_add(&carried->flow, &before->flow);
	for (unsigned i = 0; i < n_legs; i++) {
		if (from[i] < n_before)
			leg_carry(table, old, version, i, from[i], &entry_leg, carried);
	}
}
