/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Three hash tables over the same flows. uthash keeps the elements of a table in a list in the
 * order in which they were added, so the table of ids is the order of installation as well.
 */
#include "flow/flow_db.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/*
 * A table is mapped, so that its zero pages come when they are first used: written to at once,
 * those of a large one would delay every request when the first flow is installed.
 */
static void *
table_map(size_t bytes)
{
	void *table = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return table == MAP_FAILED ? NULL : table;
}

#undef uthash_malloc
#undef uthash_free
#undef uthash_bzero
#define uthash_malloc(bytes) table_map(bytes)
#define uthash_free(table, bytes) munmap(table, bytes)
#define uthash_bzero(table, bytes) ((void)0)

/* How many buckets a table begins with; `desired` is at hand wherever one is made. */
#undef HASH_INITIAL_NUM_BUCKETS
#undef HASH_INITIAL_NUM_BUCKETS_LOG2
#define HASH_INITIAL_NUM_BUCKETS (1u << db->buckets_log2)
#define HASH_INITIAL_NUM_BUCKETS_LOG2 (db->buckets_log2)

void
flow_db_init(struct flow_db *db, size_t n_expected)
{
	memset(db, 0, sizeof(*db));
	db->buckets_log2 = 5;
	while (((size_t)1 << db->buckets_log2) < n_expected)
		db->buckets_log2++;
}

static void
flow_free(struct flow *flow)
{
	free(flow->hops);
	free(flow->sources);
	free(flow->only);
	free(flow);
}

void
flow_db_fini(struct flow_db *db)
{
	struct flow *flow, *next;

	HASH_CLEAR(by_match, db->matches);
	HASH_CLEAR(by_sequence, db->sequences);
	HASH_ITER(by_id, db->ids, flow, next)
	{
		HASH_DELETE(by_id, db->ids, flow);
		if (flow->presence == FLOW_LIVE)
			free(flow->spec);
		flow_free(flow);
	}
}

struct flow *
flow_db_seek(const struct flow_db *db, const char *id)
{
	struct flow *flow;

	HASH_FIND(by_id, db->ids, id, strlen(id), flow);
	return flow;
}

struct flow *
flow_db_find(const struct flow_db *db, const char *id)
{
	struct flow *flow = flow_db_seek(db, id);

	return flow && flow->presence == FLOW_LIVE ? flow : NULL;
}

struct flow *
flow_db_sequence_seek(const struct flow_db *db, uint64_t sequence)
{
	struct flow *flow;

	HASH_FIND(by_sequence, db->sequences, &sequence, sizeof(sequence), flow);
	return flow;
}

struct flow *
flow_db_match_seek(const struct flow_db *db, const struct flow_match *match)
{
	struct flow *flow;

	HASH_FIND(by_match, db->matches, match, sizeof(*match), flow);
	return flow;
}

void
flow_db_id_give(struct flow_db *db, struct flow_spec *spec)
{
	if (spec->id[0] != '\0')
		return;
	do {
		snprintf(spec->id, sizeof(spec->id), "flow-%" PRIu64, ++db->last_number);
	} while (flow_db_seek(db, spec->id));
}

uint64_t
flow_db_id_number(const char *id)
{
	static const char prefix[] = "flow-";
	uint64_t number;

	if (strncmp(id, prefix, sizeof(prefix) - 1) != 0 ||
		sscanf(id + sizeof(prefix) - 1, "%" SCNu64, &number) != 1)
		return 0;
	return number;
}

void
flow_db_number_avoid(struct flow_db *db, uint64_t number)
{
	if (number > db->last_number)
		db->last_number = number;
}

static int
conflict_check(struct flow_db *db, struct flow_spec *spec, struct fault *fault)
{
	const struct flow *other;

	flow_db_id_give(db, spec);
	if (flow_db_seek(db, spec->id))
		return fault_set(fault, FAULT_CONFLICT, "/id",
			"found id %s, which another flow has, expected a free one", spec->id);
	other = spec->rule ? NULL : flow_db_match_seek(db, &spec->match);
	if (other)
		return fault_set(fault, FAULT_CONFLICT, "/match",
			"found the match of flow %s, expected one that no other flow has",
			other->spec->id);
	return 0;
}

static void
tables_delete(struct flow_db *db, struct flow *flow)
{
	if (flow->by_id.tbl)
		HASH_DELETE(by_id, db->ids, flow);
	if (flow->by_match.tbl)
		HASH_DELETE(by_match, db->matches, flow);
	if (flow->by_sequence.tbl)
		HASH_DELETE(by_sequence, db->sequences, flow);
}

/* uthash reports a failed allocation by an element that is left without a table. */
static bool
tables_add(struct flow_db *db, struct flow *flow)
{
	struct flow_spec *spec = flow->spec;

	HASH_ADD_KEYPTR(by_id, db->ids, spec->id, strlen(spec->id), flow);
	if (flow->by_id.tbl && !spec->rule)
		HASH_ADD_KEYPTR(by_match, db->matches, &spec->match, sizeof(spec->match), flow);
	if (flow->by_match.tbl || (flow->by_id.tbl && spec->rule))
		HASH_ADD(by_sequence, db->sequences, sequence, sizeof(flow->sequence), flow);
	if (!flow->by_sequence.tbl)
		tables_delete(db, flow);
	return flow->by_sequence.tbl != NULL;
}

struct flow *
flow_db_add(struct flow_db *db, struct flow_spec *spec, struct fault *fault)
{
	struct flow *flow;

	if (conflict_check(db, spec, fault) < 0)
		return NULL;
	flow = calloc(1, sizeof(*flow));
	if (flow) {
		flow->spec = spec;
		flow->sequence = ++db->last_sequence;
		if (tables_add(db, flow))
			return flow;
		flow_free(flow);
	}
	fault_set(fault, FAULT_NO_ROOM, "", "no memory for another flow beside %zu",
		flow_db_count(db));
	return NULL;
}

void
flow_db_activate(struct flow_db *db, struct flow *flow, uint16_t *hops)
{
	flow->hops = hops;
	flow->presence = FLOW_LIVE;
	db->n_live++;
}

void
flow_db_retire(struct flow_db *db, struct flow *flow)
{
	flow->presence = FLOW_REMOVED;
	db->n_live--;
}

void
flow_db_remove(struct flow_db *db, struct flow *flow)
{
	tables_delete(db, flow);
	flow_free(flow);
}

/* The tables' keys stand in the spec: the same bytes at another place. */
void
flow_db_rekey(struct flow *flow, struct flow_spec *spec)
{
	if (flow->presence == FLOW_ADDED)
		flow->spec = spec;
	flow->by_id.key = spec->id;
	if (flow->by_match.tbl)
		flow->by_match.key = &spec->match;
}

void
flow_db_match_remove(struct flow_db *db, struct flow *flow)
{
	if (!flow->by_match.tbl)
		return;
	HASH_DELETE(by_match, db->matches, flow);
	flow->by_match.tbl = NULL;
}

int
flow_db_match_insert(struct flow_db *db, struct flow *flow, const struct flow_spec *spec)
{
	if (spec->rule)
		return 0;
	HASH_ADD_KEYPTR(by_match, db->matches, &spec->match, sizeof(spec->match), flow);
	return flow->by_match.tbl ? 0 : -ENOMEM;
}

size_t
flow_db_count(const struct flow_db *db)
{
	return db->n_live;
}

/* The first live one from here on. */
static struct flow *
live(struct flow *flow)
{
	while (flow && flow->presence == FLOW_REMOVED)
		flow = flow->by_id.next;
	return flow && flow->presence == FLOW_LIVE ? flow : NULL;
}

struct flow *
flow_db_after(const struct flow_db *db, uint64_t sequence)
{
	struct flow *flow, *later;
	uint64_t next = sequence;

	HASH_FIND(by_sequence, db->sequences, &sequence, sizeof(sequence), flow);
	if (flow)
		return flow_db_next(flow);
	/* The flow at which the page ended is gone: look from the beginning, and by number. */
	for (flow = live(db->ids); flow && flow->sequence <= sequence; flow = flow_db_next(flow)) {
		if (++next > db->last_sequence)
			return NULL;
		HASH_FIND(by_sequence, db->sequences, &next, sizeof(next), later);
		if (later)
			return live(later);
	}
	return flow;
}

struct flow *
flow_db_next(const struct flow *flow)
{
	return live(flow->by_id.next);
}

struct flow *
flow_db_before(const struct flow_db *db, const struct flow *flow)
{
	if (flow)
		return flow->by_id.prev;
	if (!db->ids)
		return NULL;
	return ELMT_FROM_HH(db->ids->by_id.tbl, db->ids->by_id.tbl->tail);
}
