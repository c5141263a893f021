/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The writer's thread is off the fast path and may sleep in fsync(), so a mutex guards the queue of
 * batches and the list of those that are done; the control thread holds it for a few instructions
 * at a time.
 *
 * Group commit: batches that wait together become one transaction and one fsync. Each is under a
 * savepoint of its own, so one that cannot be written affects no other; when the transaction
 * as a whole fails each is tried alone, so that each has a result of its own.
 *
 * Results are reported before anything else: checkpoints, trimming, and writing over commits that
 * were refused come after. Trimming waits until it is worth its fsync; when nothing is queued for a
 * while it continues.
 */
#include "store/store.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "store/files.h"
#include "store/maintain.h"
#include "store/recover.h"
#include "store/sqlite.h"

#define OPS_BYTES_MIN 2048 /* of the first piece of a batch */
#define OPS_BYTES_MAX (64 << 20) /* mapped: malloc() gives it back, and only pages in use count */

#define READER_WAIT_NS (200 * NS_PER_MS) /* for the writer of a store in memory */
#define WAL_PAGES 4096 /* 16 MiB; then its pages move to the file, on another thread */
#define WAL_PAGES_MAX 16384 /* then the writer moves them, and batches wait */
#define TRIM_ROWS_IDLE 1000
#define TRIM_ROWS_MIN 2048
#define TRIM_ROWS_MAX 16384
#define TRIM_RATE 2 /* rows trimmed for each that is written: faster than they come */
#define TRIM_GAP_ROWS_MIN 1000
#define TRIM_GAPS_MAX 64
#define IDLE_NS 20000000 /* without a batch for so long */
#define OVERWRITE_AGAIN_NS NS_PER_S
#define WRITER_NICE 5 /* the control thread goes first where both share a core */

enum op_kind {
	OP_GENERATION,
	OP_INSERT,
	OP_REMOVE,
	OP_CONFIRM,
	OP_TAG, /* id is the tag, number the generation */
	OP_RELEASED, /* id is the place, number the time */
	OP_FORGET, /* id is the place */
};

/* One operation. What follows it is a generation, a confirm, or id and text, NUL after each. */
struct op {
	enum op_kind kind;
	bool declared;
	size_t bytes; /* with all that follows */
	size_t id_bytes;
	size_t text_bytes;
	uint64_t last_leg;
	uint64_t number;
	char data[] __attribute__((aligned(8)));
};

/* Operations one behind the other, each aligned to 8 bytes. */
struct ops {
	STAILQ_ENTRY(ops) link;
	size_t used; /* bytes of data */
	size_t room;
	char data[] __attribute__((aligned(8)));
};

STAILQ_HEAD(ops_list, ops);

/* Filled by the control thread, then the writer's until it is done. */
struct store_batch {
	struct ops_list ops; /* pieces: one that grew would be moved, however large it is */
	struct ops *last; /* NULL: none yet */
	bool out_of_memory;
	STAILQ_ENTRY(store_batch) link; /* in the queue, then among those that are done */
	store_done_fn done;
	void *arg;
	bool failed;
	struct fault fault; /* if failed */
	struct meta after; /* the store with this batch in it, if not failed */
};

enum write_statement {
	FLOW_FIND,
	FLOW_INSERT,
	FLOW_UPDATE,
	FLOW_DELETE,
	CHANGE_INSERT,
	GENERATION_OLDEST,
	GENERATION_RETURNED,
	GENERATION_FIND,
	GENERATION_DELETE,
	GENERATION_FIRST,
	GENERATION_SAVE,
	TAG_FIND,
	RELEASED_FIND,
	RELEASED_SAVE,
	RELEASED_DELETE,
	META_SAVE,
	TRIM_OLD,
	TRIM_GAP_END,
	TRIM_GAP,
	STATEMENTS,
};

/* Two kinds of generations, each with a budget of its own. */
enum kind {
	KIND_CALL,
	KIND_DECLARED, /* or one that restored something */
	KINDS,
};

/* What belongs to the transaction that is open, if there is one. */
struct progress {
	struct meta meta;
	unsigned n_kept[KINDS]; /* rows of generation without a tag */
	unsigned n_tags; /* and with one */
};

STAILQ_HEAD(batch_list, store_batch);

struct store {
	char path[STORE_PATH_MAX]; /* "" = in memory */
	char name[STORE_PATH_MAX + FILE_SUFFIX_MAX]; /* what db_open() takes */
	int lock; /* -1 = in memory */
	struct store_report report;
	/* Read-locked while a store in memory is read: its writer waits. One in a file need not. */
	pthread_rwlock_t readers_lock;
	struct maintain maintenance;
	struct maintain *maintain; /* NULL = in memory */
	/* The writer's thread's. */
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENTS];
	struct progress progress;
	struct generation_row open; /* the generation that is being written */
	bool is_open;
	/*
	 * Rows of changes to examine, each from .. to - 1; too many do no harm. At first all: some
	 * may have been left when the store was closed.
	 */
	struct {
		uint64_t from, to;
	} gaps[TRIM_GAPS_MAX];
	unsigned n_gaps;
	uint64_t rows; /* flows inserted and removed, for pacing */
	uint64_t trim_rows; /* that may be trimmed for what was written */
	int wal_pages; /* in the journal, as of the last commit */
	bool refused_in_journal; /* a commit failed whose pages may be there all the same */
	/* Both threads', under the mutex. */
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	struct batch_list queue;
	struct batch_list done;
	bool stop;
	/* The control thread's. */
	pthread_t thread;
	int event_fd; /* written by the writer's thread */
	struct event *event;
	unsigned keep[KINDS]; /* of n_kept, at most; the writer's from the first batch on */
	struct meta meta; /* after the last batch that is complete */
};

/* enum kind. The flag is GENERATION_DECLARED. */
#define KIND_SQL "(flags & 2 OR returns)"

static const char *const write_sql[STATEMENTS] = {
	[FLOW_FIND] = "SELECT row, sum, id, text, last_leg, declared FROM flow WHERE id = ?",
	[FLOW_INSERT] = "INSERT INTO flow (sum, id, text, last_leg, declared)"
			" VALUES (?, ?, ?, ?, ?)",
	[FLOW_UPDATE] = "UPDATE flow SET sum = ?, text = ?, last_leg = ?, declared = ?"
			" WHERE row = ?",
	[FLOW_DELETE] = "DELETE FROM flow WHERE row = ?",
	[CHANGE_INSERT] = "INSERT INTO change (row, generation, id, text, last_leg, declared, sum)"
			  " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id, generation) DO NOTHING",
	/* Of a kind, but the unconfirmed one. */
	[GENERATION_OLDEST] = "SELECT number FROM generation WHERE " KIND_SQL " = ?"
			      " AND tag = '' AND number <> ? ORDER BY number LIMIT 1",
	/* Of those that a return undid, which its history would not say any more. */
	[GENERATION_RETURNED] = "SELECT r.number FROM generation AS r JOIN generation AS g"
				" ON g.number = ?1 AND r.number < g.number AND r.tag = ''"
				" AND r.number <> ?2 AND (g.returns = 1"
				"  AND r.number > g.returned"
				"  OR g.returns = 2 AND r.number = g.returned)"
				" ORDER BY r.number LIMIT 1",
	/* And where the changes of the next one begin. */
	[GENERATION_FIND] = "SELECT " GENERATION_COLUMNS ", (SELECT first_change FROM generation"
			    " WHERE number > ?1 ORDER BY number LIMIT 1)"
			    " FROM generation WHERE number = ?1",
	[GENERATION_DELETE] = "DELETE FROM generation WHERE number = ?",
	[GENERATION_FIRST] = "SELECT number FROM generation ORDER BY number LIMIT 1",
	[GENERATION_SAVE] = GENERATION_SAVE_SQL,
	[TAG_FIND] = "SELECT number FROM generation WHERE tag = ?",
	[RELEASED_FIND] = "SELECT " RELEASED_COLUMNS " FROM released WHERE place = ?",
	[RELEASED_SAVE] = "REPLACE INTO released (" RELEASED_COLUMNS ") VALUES (?, ?, ?)",
	[RELEASED_DELETE] = "DELETE FROM released WHERE place = ? RETURNING sum",
	[META_SAVE] = META_SAVE_SQL,
	/* Each DELETE returns the checksums of what it deleted. Older than all that is kept: */
	[TRIM_OLD] = "DELETE FROM change WHERE row IN (SELECT row FROM change WHERE row < coalesce("
		     "  (SELECT first_change FROM generation ORDER BY number LIMIT 1),"
		     "  (SELECT next_change FROM meta)) ORDER BY row LIMIT ?) RETURNING sum",
	[TRIM_GAP_END] = "SELECT row FROM change WHERE row >= ? AND row < ?"
			 " ORDER BY row LIMIT 1 OFFSET ?",
	/*
	 * Of flows with a change in these rows between two generations that are kept: all changes
	 * between the two but the first (c), and that one if the flow is afterwards what it was
	 * before. Afterwards: as the next change says (n), or, without one, as it is (f).
	 */
	[TRIM_GAP] = "DELETE FROM change WHERE row IN ("
		     " WITH gap(id, older, newer) AS (SELECT DISTINCT id,"
		     "   coalesce((SELECT max(number) FROM generation"
		     "    WHERE number < r.generation), 0),"
		     "   (SELECT min(number) FROM generation WHERE number > r.generation)"
		     "  FROM change AS r WHERE row >= ? AND row < ?"
		     "  AND generation NOT IN (SELECT number FROM generation))"
		     " SELECT c.row FROM gap JOIN change AS c ON c.id = gap.id"
		     "  AND c.generation > older AND c.generation < newer"
		     " LEFT JOIN change AS n ON n.id = c.id AND n.generation ="
		     "  (SELECT min(generation) FROM change"
		     "   WHERE id = gap.id AND generation >= newer)"
		     " LEFT JOIN flow AS f ON f.id = c.id"
		     " WHERE c.generation > (SELECT min(generation) FROM change"
		     "   WHERE id = gap.id AND generation > older)"
		     " OR CASE WHEN n.row IS NULL"
		     "  THEN c.text IS f.text AND (f.row IS NULL OR"
		     "   c.last_leg = f.last_leg AND c.declared = f.declared)"
		     "  ELSE c.text IS n.text AND c.last_leg = n.last_leg"
		     "   AND c.declared = n.declared END) RETURNING sum",
};

/* The batch in memory. */

struct store_batch *
store_batch_create(void)
{
	struct store_batch *batch = calloc(1, sizeof(*batch));

	if (batch)
		STAILQ_INIT(&batch->ops);
	return batch;
}

static void
ops_free(struct store_batch *batch)
{
	struct ops *ops;

	while ((ops = STAILQ_FIRST(&batch->ops))) {
		STAILQ_REMOVE_HEAD(&batch->ops, link);
		free(ops);
	}
	batch->last = NULL;
}

void
store_batch_destroy(struct store_batch *batch)
{
	if (!batch)
		return;
	ops_free(batch);
	free(batch);
}

/* A piece with room for so many bytes, twice the last one's up to a limit; NULL without memory. */
static struct ops *
ops_add(struct store_batch *batch, size_t bytes)
{
	size_t room = batch->last ? 2 * batch->last->room : OPS_BYTES_MIN;
	struct ops *ops;

	if (room > OPS_BYTES_MAX)
		room = OPS_BYTES_MAX;
	if (room < bytes)
		room = bytes;
	ops = batch->out_of_memory ? NULL : malloc(sizeof(*ops) + room);
	batch->out_of_memory = !ops;
	if (!ops)
		return NULL;
	ops->used = 0;
	ops->room = room;
	STAILQ_INSERT_TAIL(&batch->ops, ops, link);
	batch->last = ops;
	return ops;
}

/* The operation has its kind, `bytes` after it, and is zeros else; NULL without memory. */
static struct op *
op_add(struct store_batch *batch, enum op_kind kind, size_t bytes)
{
	const size_t size = (sizeof(struct op) + bytes + 7) & ~(size_t)7;
	struct ops *ops = batch->last;
	struct op *op;

	if (!ops || ops->room - ops->used < size)
		ops = ops_add(batch, size);
	if (!ops)
		return NULL;
	op = (struct op *)(void *)(ops->data + ops->used);
	*op = (struct op){.kind = kind, .bytes = size};
	ops->used += size;
	return op;
}

void
store_batch_generation(struct store_batch *batch, const struct store_generation *generation)
{
	struct op *op = op_add(batch, OP_GENERATION, sizeof(*generation));

	if (op)
		memcpy(op->data, generation, sizeof(*generation));
}

static struct op *
text_op_add(struct store_batch *batch, enum op_kind kind, const char *id, const char *text,
	size_t bytes)
{
	const size_t id_bytes = strlen(id);
	struct op *op = op_add(batch, kind, id_bytes + 1 + bytes + 1);

	if (!op)
		return NULL;
	op->id_bytes = id_bytes;
	op->text_bytes = bytes;
	memcpy(op->data, id, id_bytes + 1);
	memcpy(op->data + id_bytes + 1, text, bytes);
	op->data[id_bytes + 1 + bytes] = '\0';
	return op;
}

void
store_batch_insert(struct store_batch *batch, const char *id, const char *text, size_t bytes,
	uint64_t last_leg, bool declared)
{
	struct op *op = text_op_add(batch, OP_INSERT, id, text, bytes);

	if (op) {
		op->last_leg = last_leg;
		op->declared = declared;
	}
}

void
store_batch_remove(struct store_batch *batch, const char *id)
{
	text_op_add(batch, OP_REMOVE, id, "", 0);
}

void
store_batch_released(struct store_batch *batch, const char *place, uint64_t time_ns)
{
	struct op *op = text_op_add(batch, OP_RELEASED, place, "", 0);

	if (op)
		op->number = time_ns;
}

void
store_batch_forget(struct store_batch *batch, const char *place)
{
	text_op_add(batch, OP_FORGET, place, "", 0);
}

void
store_batch_confirm(struct store_batch *batch, const struct store_confirm *confirm)
{
	static const struct store_confirm none;
	struct op *op = op_add(batch, OP_CONFIRM, sizeof(*confirm));

	if (op)
		memcpy(op->data, confirm ? confirm : &none, sizeof(*confirm));
}

void
store_batch_tag(struct store_batch *batch, uint64_t generation, const char *tag)
{
	struct op *op = text_op_add(batch, OP_TAG, tag, "", 0);

	if (op)
		op->number = generation;
}

/* From batches to rows. On the writer's thread from here on. */

/*
 * What a flow was before is taken from the store itself, so that the history cannot differ from
 * what was there. Of several changes of one flow in a generation the first one counts.
 */
static int
change_insert(struct store *store, const struct store_flow *before, struct fault *fault)
{
	const uint64_t number = store->open.generation.number;
	struct meta *meta = &store->progress.meta;
	const uint64_t row = meta->next_change, sum = change_sum(row, number, before);
	sqlite3_stmt *insert = store->statements[CHANGE_INSERT];

	db_bind(insert, "iitbiii", row, number, before->id, before->text, before->bytes,
		before->last_leg, (uint64_t)before->declared, sum);
	if (db_step(insert, fault) < 0)
		return -1;
	if (sqlite3_changes(store->db) > 0) {
		meta->changes++;
		meta->changes_sum += sum;
		meta->next_change++;
		store->open.n_changes++;
	}
	return 0;
}

/* The flow is as given from now on, or, without text, gone. */
static int
flow_write(struct store *store, const struct store_flow *flow, struct fault *fault)
{
	sqlite3_stmt *find = store->statements[FLOW_FIND], *change;
	struct store_flow before = {.id = flow->id};
	struct meta *meta = &store->progress.meta;
	const uint64_t sum = flow->text ? flow_sum(flow) : 0;
	uint64_t row = 0;
	int found, rc;

	if (!store->is_open)
		return fault_set(fault, FAULT_INTERNAL, "", "a flow outside of any generation");
	store->rows++;
	db_bind(find, "t", flow->id);
	found = db_row(find, fault);
	if (found < 0 || (found == 0 && !flow->text)) {
		sqlite3_reset(find);
		return found;
	}
	/* Its texts are those of the row, so they stay until the statement is reset. */
	if (found == 1)
		flow_read(find, 2, &before);
	rc = change_insert(store, &before, fault);
	if (found == 1) {
		row = db_column(find, 0);
		meta->flows--;
		meta->bytes -= before.bytes;
		meta->flows_sum -= db_column(find, 1);
	}
	sqlite3_reset(find);
	if (rc < 0)
		return -1;
	if (flow->text) {
		meta->flows++;
		meta->bytes += flow->bytes;
		meta->flows_sum += sum;
	}
	if (!flow->text) {
		change = store->statements[FLOW_DELETE];
		db_bind(change, "i", row);
	} else if (found == 1) {
		change = store->statements[FLOW_UPDATE];
		db_bind(change, "ibiii", sum, flow->text, flow->bytes, flow->last_leg,
			(uint64_t)flow->declared, row);
	} else {
		change = store->statements[FLOW_INSERT];
		db_bind(change, "itbii", sum, flow->id, flow->text, flow->bytes, flow->last_leg,
			(uint64_t)flow->declared);
	}
	return db_step(change, fault);
}

static enum kind
kind_of(const struct store_generation *generation)
{
	return generation->declared || generation->returns != STORE_RETURN_NONE ? KIND_DECLARED
										: KIND_CALL;
}

/* 1 with *row and where the changes of the next one begin, 0: not kept, or -1 with *fault. */
static int
generation_find(struct store *store, uint64_t number, struct generation_row *row,
	uint64_t *next_change, struct fault *fault)
{
	sqlite3_stmt *find = store->statements[GENERATION_FIND];
	int found;

	db_bind(find, "i", number);
	found = db_row(find, fault);
	if (found == 1 && generation_row_read(find, row) < 0)
		found = fault_set(fault, FAULT_STORE, "",
			"the entry of generation %llu is damaged in the store; restart sluiced "
			"to recover it",
			(unsigned long long)number);
	else if (found == 1)
		*next_change = db_column(find, GENERATION_COLUMNS_N);
	sqlite3_reset(find);
	return found;
}

/* A generation that had the changes of these rows is not kept any more. */
static void
gap_add(struct store *store, uint64_t from, uint64_t to)
{
	const unsigned n = store->n_gaps;

	/* The last one becomes longer if the two meet, or when there is no room for one more. */
	if (n > 0 && (n == TRIM_GAPS_MAX ||
			     (from <= store->gaps[n - 1].to && to >= store->gaps[n - 1].from))) {
		if (from < store->gaps[n - 1].from)
			store->gaps[n - 1].from = from;
		if (to > store->gaps[n - 1].to)
			store->gaps[n - 1].to = to;
		return;
	}
	store->gaps[n].from = from;
	store->gaps[n].to = to;
	store->n_gaps++;
}

/* One generation, which is not the last, is not kept any more. Its changes are trimmed later. */
static int
generation_delete(struct store *store, uint64_t number, struct fault *fault)
{
	sqlite3_stmt *delete = store->statements[GENERATION_DELETE];
	struct meta *meta = &store->progress.meta;
	uint64_t first, next_change = 0;
	struct generation_row row;

	if (generation_find(store, number, &row, &next_change, fault) != 1)
		return -1;
	db_bind(delete, "i", number);
	if (db_step(delete, fault) < 0 ||
		db_row_number(store->statements[GENERATION_FIRST], &first, fault) < 0)
		return -1;
	gap_add(store, row.first_change, next_change);
	store->progress.n_kept[kind_of(&row.generation)]--;
	meta->generations--;
	meta->generations_sum -= generation_row_sum(&row);
	meta->base = first - 1;
	return 0;
}

/*
 * The oldest generations of a kind are deleted when there are more than we keep, but not the one
 * that is unconfirmed. What a return undid is deleted before it: without the return it would seem
 * to be part of the state.
 */
static int
generations_trim(struct store *store, struct fault *fault)
{
	struct progress *progress = &store->progress;
	const uint64_t unconfirmed =
		progress->meta.has_confirm ? progress->meta.confirm.generation : 0;
	sqlite3_stmt *oldest = store->statements[GENERATION_OLDEST];
	sqlite3_stmt *returned = store->statements[GENERATION_RETURNED];
	uint64_t number, before;
	unsigned kind;

	for (kind = 0; kind < KINDS; kind++) {
		while (progress->n_kept[kind] > store->keep[kind]) {
			db_bind(oldest, "ii", (uint64_t)kind, unconfirmed);
			if (db_row_number(oldest, &number, fault) < 0)
				return -1;
			if (number == 0 || number == progress->meta.generation)
				break;
			do {
				db_bind(returned, "ii", number, unconfirmed);
				if (db_row_number(returned, &before, fault) < 0 ||
					generation_delete(store, before ? before : number, fault) <
						0)
					return -1;
			} while (before != 0);
		}
	}
	return 0;
}

static int
generation_end(struct store *store, struct fault *fault)
{
	struct meta *meta = &store->progress.meta;

	if (!store->is_open)
		return 0;
	store->is_open = false;
	if (generation_row_save(store->statements[GENERATION_SAVE], &store->open, fault) < 0)
		return -1;
	meta->generation = store->open.generation.number;
	meta->generations++;
	meta->generations_sum += generation_row_sum(&store->open);
	store->progress.n_kept[kind_of(&store->open.generation)]++;
	return generations_trim(store, fault);
}

static int
generation_begin(
	struct store *store, const struct store_generation *generation, struct fault *fault)
{
	const struct meta *meta = &store->progress.meta;

	if (generation_end(store, fault) < 0)
		return -1;
	if (generation->number <= meta->generation)
		return fault_set(fault, FAULT_INTERNAL, "", "generation %llu after generation %llu",
			(unsigned long long)generation->number,
			(unsigned long long)meta->generation);
	store->is_open = true;
	store->open = (struct generation_row){
		.generation = *generation, .first_change = meta->next_change};
	store->open.generation.tag[0] = '\0';
	return 0;
}

static int
tag_write(struct store *store, uint64_t number, const char *tag, struct fault *fault)
{
	sqlite3_stmt *holder = store->statements[TAG_FIND];
	struct progress *progress = &store->progress;
	uint64_t other = 0, next_change, before;
	const bool tags = tag[0] != '\0';
	struct generation_row row;
	enum kind kind;
	bool tagged;
	int found;

	found = generation_find(store, number, &row, &next_change, fault);
	if (found == 0)
		return fault_set(fault, FAULT_NOT_FOUND, "/generation",
			"found %llu, expected a generation that is kept; see history.list",
			(unsigned long long)number);
	if (found == 1 && tags) {
		db_bind(holder, "t", tag);
		found = db_row_number(holder, &other, fault);
	}
	if (found < 0)
		return -1;
	if (other != 0 && other != number)
		return fault_set(fault, FAULT_CONFLICT, "/tag",
			"found %s, which is the tag of generation %llu, expected an unused tag",
			tag, (unsigned long long)other);
	tagged = row.generation.tag[0] != '\0';
	if (tags && !tagged && progress->n_tags >= STORE_TAGS_MAX)
		return fault_set(fault, FAULT_NO_ROOM, "/tag",
			"found %u generations with a tag, which is the maximum; remove a tag "
			"first",
			progress->n_tags);
	before = generation_row_sum(&row);
	snprintf(row.generation.tag, sizeof(row.generation.tag), "%s", tag);
	if (generation_row_save(store->statements[GENERATION_SAVE], &row, fault) < 0)
		return -1;
	progress->meta.generations_sum += generation_row_sum(&row) - before;
	progress->n_tags += (unsigned)tags - (unsigned)tagged;
	kind = kind_of(&row.generation);
	progress->n_kept[kind] += (unsigned)tagged - (unsigned)tags;
	return generations_trim(store, fault);
}

static int
released_write(struct store *store, const struct store_released *released, struct fault *fault)
{
	sqlite3_stmt *find = store->statements[RELEASED_FIND];
	sqlite3_stmt *save = store->statements[RELEASED_SAVE];
	struct meta *meta = &store->progress.meta;
	const uint64_t sum = released_sum(released);
	int found;

	db_bind(find, "t", released->place);
	found = db_row(find, fault);
	meta->released_sum += sum - (found == 1 ? db_column(find, 2) : 0);
	meta->released += found == 0;
	sqlite3_reset(find);
	if (found < 0)
		return -1;
	db_bind(save, "tii", released->place, released->time_ns, sum);
	return db_step(save, fault);
}

static int
released_forget(struct store *store, const char *place, struct fault *fault)
{
	struct meta *meta = &store->progress.meta;
	uint64_t sum;
	int found;

	db_bind(store->statements[RELEASED_DELETE], "t", place);
	found = db_row_number(store->statements[RELEASED_DELETE], &sum, fault);
	meta->released -= found == 1;
	meta->released_sum -= sum;
	return found < 0 ? -1 : 0;
}

static int
op_write(struct store *store, const struct op *op, struct fault *fault)
{
	struct meta *meta = &store->progress.meta;
	const struct store_flow flow = {
		.id = op->data,
		.text = op->kind == OP_INSERT ? op->data + op->id_bytes + 1 : NULL,
		.bytes = op->text_bytes,
		.last_leg = op->last_leg,
		.declared = op->declared,
	};

	switch (op->kind) {
	case OP_GENERATION:
		return generation_begin(store, (const void *)op->data, fault);
	case OP_CONFIRM:
		memcpy(&meta->confirm, op->data, sizeof(meta->confirm));
		meta->has_confirm = meta->confirm.generation != 0;
		store->open.to_confirm |= meta->has_confirm;
		return 0;
	case OP_TAG:
		return tag_write(store, op->number, op->data, fault);
	case OP_RELEASED:
		return released_write(store,
			&(struct store_released){.place = op->data, .time_ns = op->number}, fault);
	case OP_FORGET:
		return released_forget(store, op->data, fault);
	case OP_INSERT:
	case OP_REMOVE:
		break;
	}
	return flow_write(store, &flow, fault);
}

/* Into the transaction that is open. On -1 that and store->progress have to be rolled back. */
static int
batch_write(struct store *store, const struct store_batch *batch, struct fault *fault)
{
	const struct ops *ops;
	const struct op *op;
	size_t at;

	if (batch->out_of_memory)
		return fault_set(fault, FAULT_NO_ROOM, "",
			"no memory to hold the change; try a smaller one, or again later");
	store->is_open = false;
	STAILQ_FOREACH(ops, &batch->ops, link)
	{
		for (at = 0; at < ops->used; at += op->bytes) {
			op = (const struct op *)(const void *)(ops->data + at);
			if (op_write(store, op, fault) < 0)
				return -1;
		}
	}
	if (generation_end(store, fault) < 0)
		return -1;
	return meta_save(store->statements[META_SAVE], &store->progress.meta, fault);
}

/* Group commit. */

/* 0, or -1 with *fault when the whole transaction is gone or cannot go on. */
static int
batch_write_in_group(
	struct store *store, struct store_batch *batch, bool is_alone, struct fault *fault)
{
	const struct progress before = store->progress;

	if (!is_alone && db_run(store->db, "SAVEPOINT batch", fault) < 0)
		return -1;
	batch->failed = batch_write(store, batch, &batch->fault) < 0;
	if (batch->failed) {
		*fault = batch->fault;
		if (is_alone || sqlite3_get_autocommit(store->db) ||
			sqlite3_exec(store->db, "ROLLBACK TO batch", NULL, NULL, NULL) != SQLITE_OK)
			return -1;
		store->progress = before;
	}
	batch->after = store->progress.meta;
	return is_alone ? 0 : db_run(store->db, "RELEASE batch", fault);
}

/* `n` batches from the first on: 0, or -1 with *fault and nothing of them written. */
static int
group_write(struct store *store, struct store_batch *first, unsigned n, struct fault *fault)
{
	const struct progress before = store->progress;
	struct store_batch *batch = first;
	const bool is_alone = n == 1;

	if (db_file_check(store->db, fault) < 0 || db_run(store->db, "BEGIN IMMEDIATE", fault) < 0)
		return -1;
	while (n > 0 && batch_write_in_group(store, batch, is_alone, fault) == 0) {
		batch = STAILQ_NEXT(batch, link);
		n--;
	}
	if (n == 0 && db_run(store->db, "COMMIT", fault) == 0)
		return 0;
	store->refused_in_journal |= n == 0;
	db_rollback(store->db);
	store->progress = before;
	return -1;
}

/*
 * A commit whose fsync failed was refused, but its pages may have reached the disk: after a power
 * loss they would be recovered as committed. Any commit that succeeds writes over them.
 */
static void
refused_overwrite(struct store *store)
{
	if (store->refused_in_journal &&
		sqlite3_exec(store->db, "UPDATE meta SET one = one", NULL, NULL, NULL) == SQLITE_OK)
		store->refused_in_journal = false;
}

static void
group_commit(struct store *store, const struct batch_list *group)
{
	const uint64_t rows = store->rows;
	struct store_batch *batch;
	struct fault fault;
	unsigned n = 0;

	STAILQ_FOREACH(batch, group, link)
	{
		n++;
	}
	pthread_rwlock_wrlock(&store->readers_lock);
	if (n == 1 || group_write(store, STAILQ_FIRST(group), n, &fault) < 0) {
		STAILQ_FOREACH(batch, group, link)
		{
			if (group_write(store, batch, 1, &fault) == 0)
				continue;
			batch->failed = true;
			batch->fault = fault;
		}
	}
	refused_overwrite(store);
	pthread_rwlock_unlock(&store->readers_lock);
	/* Here, not on the control thread: unmapping many pages takes a while. */
	STAILQ_FOREACH(batch, group, link)
	{
		ops_free(batch);
	}
	store->trim_rows += TRIM_RATE * (store->rows - rows);
}

/* The thread. */

static int
wal_hook(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct store *store = arg;

	(void)db;
	(void)name;
	store->wal_pages = pages;
	return SQLITE_OK;
}

/* A cursor that is open keeps pages in the journal; the next checkpoint gets further. */
static void
journal_checkpoint(struct store *store)
{
	if (!store->maintain || store->wal_pages < WAL_PAGES)
		return;
	if (store->wal_pages < WAL_PAGES_MAX || maintain_checkpoint_pending(store->maintain)) {
		maintain_checkpoint(store->maintain);
		return;
	}
	sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	store->wal_pages = 0;
}

/* How many rows the statement, whose parameters are bound, deleted; or -1. */
static int
changes_delete(sqlite3_stmt *delete, struct meta *meta)
{
	struct fault ignored;
	int found, n;

	for (n = 0; (found = db_row(delete, &ignored)) == 1; n++) {
		meta->changes--;
		meta->changes_sum -= db_column(delete, 0);
	}
	sqlite3_reset(delete);
	return found < 0 ? -1 : n;
}

/* In so many rows of the first gap; *from is behind them, the end of the gap at its end. */
static int
gap_trim(struct store *store, uint64_t rows, uint64_t *from)
{
	sqlite3_stmt *end = store->statements[TRIM_GAP_END];
	sqlite3_stmt *delete = store->statements[TRIM_GAP];
	const uint64_t first = *from;
	struct fault ignored;

	db_bind(end, "iii", first, store->gaps[0].to, rows);
	if (db_row_number(end, from, &ignored) < 0)
		return -1;
	if (*from == 0)
		*from = store->gaps[0].to;
	db_bind(delete, "ii", first, *from);
	return changes_delete(delete, &store->progress.meta);
}

/*
 * Changes older than all that is kept are deleted, and those in gaps that are not needed, in a
 * transaction. True when there may be more. The next batch meets the same errors.
 */
static bool
changes_trim(struct store *store, uint64_t rows)
{
	const uint64_t gap_rows = rows / 2 > TRIM_GAP_ROWS_MIN ? rows / 2 : TRIM_GAP_ROWS_MIN;
	struct meta *meta = &store->progress.meta;
	const struct meta before = *meta;
	uint64_t from = store->gaps[0].from;
	struct fault ignored;
	int more;

	if (db_run(store->db, "BEGIN IMMEDIATE", &ignored) < 0)
		return false;
	db_bind(store->statements[TRIM_OLD], "i", rows);
	more = changes_delete(store->statements[TRIM_OLD], meta);
	if (more == 0 && store->n_gaps > 0)
		more = gap_trim(store, gap_rows, &from) < 0 ? -1 : 1;
	if (more < 0 ||
		(meta->changes != before.changes &&
			meta_save(store->statements[META_SAVE], meta, &ignored) < 0) ||
		db_run(store->db, "COMMIT", &ignored) < 0) {
		db_rollback(store->db);
		*meta = before;
		return false;
	}
	store->gaps[0].from = from;
	if (store->n_gaps > 0 && from >= store->gaps[0].to) {
		store->n_gaps--;
		memmove(store->gaps, store->gaps + 1, store->n_gaps * sizeof(store->gaps[0]));
	}
	return more > 0;
}

/* What may wait until results are reported. True when there is more of it. */
static bool
housekeeping_run(struct store *store, bool is_idle)
{
	uint64_t rows = TRIM_ROWS_IDLE;
	bool more = true;

	/* As many as came, but rarely, or, when nothing comes, all there are. */
	if (!is_idle) {
		rows = store->trim_rows < TRIM_ROWS_MIN	  ? 0
		       : store->trim_rows < TRIM_ROWS_MAX ? store->trim_rows
							  : TRIM_ROWS_MAX;
		store->trim_rows -= rows;
	}
	pthread_rwlock_wrlock(&store->readers_lock);
	refused_overwrite(store);
	if (rows > 0)
		more = changes_trim(store, rows);
	if (!more)
		store->trim_rows = 0;
	journal_checkpoint(store);
	pthread_rwlock_unlock(&store->readers_lock);
	return more;
}

/*
 * Take all of the queue. *group is empty when nothing came for a while and there is housekeeping to
 * do. False: stop.
 */
static bool
queue_take(struct store *store, bool more, struct batch_list *group)
{
	const uint64_t until_ns =
		clock_read_ns(CLOCK_MONOTONIC) + (more ? IDLE_NS : OVERWRITE_AGAIN_NS);
	const struct timespec until = {(time_t)(until_ns / NS_PER_S), (long)(until_ns % NS_PER_S)};
	bool stop;

	pthread_mutex_lock(&store->mutex);
	while (STAILQ_EMPTY(&store->queue) && !store->stop) {
		if (!more && !store->refused_in_journal)
			pthread_cond_wait(&store->wake, &store->mutex);
		else if (pthread_cond_clockwait(
				 &store->wake, &store->mutex, CLOCK_MONOTONIC, &until) != 0)
			break;
	}
	STAILQ_CONCAT(group, &store->queue);
	stop = store->stop && STAILQ_EMPTY(group);
	pthread_mutex_unlock(&store->mutex);
	return !stop;
}

static void *
writer_run(void *arg)
{
	struct batch_list group = STAILQ_HEAD_INITIALIZER(group);
	struct store *store = arg;
	const uint64_t one = 1;
	bool more = true, is_idle;

	setpriority(PRIO_PROCESS, 0, WRITER_NICE); /* of this thread only, on Linux */
	while (queue_take(store, more, &group)) {
		is_idle = STAILQ_EMPTY(&group);
		if (!is_idle) {
			group_commit(store, &group);
			pthread_mutex_lock(&store->mutex);
			STAILQ_CONCAT(&store->done, &group);
			pthread_mutex_unlock(&store->mutex);
			/* It cannot fail: the counter would have to be near 2^64. */
			if (write(store->event_fd, &one, sizeof(one)) < 0)
				abort();
		}
		more = housekeeping_run(store, is_idle);
	}
	return NULL;
}

/* The control thread's side. */

/* Call the done functions of what was written. */
static void
batches_complete(struct store *store)
{
	struct batch_list done = STAILQ_HEAD_INITIALIZER(done);
	struct store_batch *batch;

	pthread_mutex_lock(&store->mutex);
	STAILQ_CONCAT(&done, &store->done);
	pthread_mutex_unlock(&store->mutex);
	while ((batch = STAILQ_FIRST(&done))) {
		STAILQ_REMOVE_HEAD(&done, link);
		if (!batch->failed)
			store->meta = batch->after;
		batch->done(batch->arg, batch->failed ? &batch->fault : NULL);
		store_batch_destroy(batch);
	}
}

static void
completed(evutil_socket_t fd, short what, void *arg)
{
	struct store *store = arg;
	uint64_t count;

	(void)what;
	if (read(fd, &count, sizeof(count)) != sizeof(count))
		return;
	batches_complete(store);
	if (store->maintain)
		maintain_generation(store->maintain, store->meta.generation);
}

void
store_submit(struct store *store, struct store_batch *batch, store_done_fn done, void *arg)
{
	batch->done = done;
	batch->arg = arg;
	pthread_mutex_lock(&store->mutex);
	STAILQ_INSERT_TAIL(&store->queue, batch, link);
	pthread_cond_signal(&store->wake);
	pthread_mutex_unlock(&store->mutex);
}

void
store_keep(struct store *store, unsigned declared, unsigned calls)
{
	store->keep[KIND_DECLARED] = declared;
	store->keep[KIND_CALL] = calls;
}

static bool
in_memory(const struct store *store)
{
	return store->path[0] == '\0';
}

void
store_state(const struct store *store, struct store_state *state)
{
	const struct meta *meta = &store->meta;

	*state = (struct store_state){
		.generation = meta->generation,
		.oldest = meta->base,
		.flows = meta->flows,
		.bytes = meta->bytes,
		.version = LAYOUT_VERSION,
		.is_durable = !in_memory(store),
		.has_confirm = meta->has_confirm,
		.confirm = meta->confirm,
		.report = &store->report,
	};
	snprintf(state->path, sizeof(state->path), "%s", store->path);
	if (store->maintain)
		maintain_state(store->maintain, &state->copy_generation, state->copy_fault,
			sizeof(state->copy_fault));
}

/* Not for as long as the writer may take for a large change: the watchdog is not fed meanwhile. */
static int
readers_lock_take(struct store *store, struct fault *fault)
{
	const uint64_t until_ns = clock_read_ns(CLOCK_MONOTONIC) + READER_WAIT_NS;
	const struct timespec until = {
		.tv_sec = (time_t)(until_ns / NS_PER_S),
		.tv_nsec = (long)(until_ns % NS_PER_S),
	};

	if (pthread_rwlock_clockrdlock(&store->readers_lock, CLOCK_MONOTONIC, &until) == 0)
		return 0;
	return fault_set(fault, FAULT_BUSY, "",
		"the state in memory (state.path: \"\") is being written and cannot be read; try "
		"again when the change under way is answered");
}

sqlite3 *
store_view_open(struct store *store, struct fault *fault)
{
	sqlite3 *db;

	if (in_memory(store) && readers_lock_take(store, fault) < 0)
		return NULL;
	db = db_open(store->name, true, NULL, fault);
	if (!db && in_memory(store))
		pthread_rwlock_unlock(&store->readers_lock);
	return db;
}

void
store_view_close(struct store *store, sqlite3 *db)
{
	if (!db)
		return;
	sqlite3_close(db);
	if (in_memory(store))
		pthread_rwlock_unlock(&store->readers_lock);
}

/* Opening and closing. */

static int
kept_count(sqlite3 *db, struct progress *progress, struct fault *fault)
{
	sqlite3_stmt *count = db_prepare(db,
		"SELECT count(*) FILTER (WHERE tag = '' AND NOT " KIND_SQL "),"
		" count(*) FILTER (WHERE tag = '' AND " KIND_SQL "),"
		" count(*) FILTER (WHERE tag <> '') FROM generation",
		fault);
	const int found = count ? db_row(count, fault) : -1;

	if (found == 1) {
		progress->n_kept[KIND_CALL] = (unsigned)db_column(count, 0);
		progress->n_kept[KIND_DECLARED] = (unsigned)db_column(count, 1);
		progress->n_tags = (unsigned)db_column(count, 2);
	}
	sqlite3_finalize(count);
	return found == 1 ? 0 : -1;
}

static int
statements_prepare(struct store *store, struct fault *fault)
{
	unsigned i;

	for (i = 0; i < STATEMENTS; i++) {
		store->statements[i] = db_prepare(store->db, write_sql[i], fault);
		if (!store->statements[i])
			return -1;
	}
	return 0;
}

/* What was opened and started before an error is closed by store_free(). */
static int
store_start(struct store *store, struct event_base *base, struct store_report *report,
	struct fault *fault)
{
	const bool is_file = !in_memory(store);

	if (is_file) {
		if (file_directory_create(store->path, sizeof(store->path), fault) < 0)
			return -1;
		snprintf(store->name, sizeof(store->name), "%s", store->path);
		store->lock = file_lock(store->path, fault);
		if (store->lock < 0)
			return -1;
		store->db = recover_open(store->path, report, fault);
	} else {
		snprintf(store->name, sizeof(store->name), "file:/sluice-%p?vfs=memdb",
			(void *)store);
		store->db = recover_open_memory(store->name, report, fault);
	}
	if (!store->db)
		return -1;
	store->report = *report;
	store->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (store->event_fd < 0)
		return fault_set(
			fault, FAULT_INTERNAL, "", "no eventfd for the store: %s", strerror(errno));
	store->event = event_new(base, store->event_fd, EV_READ | EV_PERSIST, completed, store);
	if (!store->event || event_add(store->event, NULL) < 0)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory for the store");
	if (is_file) {
		if (maintain_init(&store->maintenance, store->path, report->generation, fault) < 0)
			return -1;
		store->maintain = &store->maintenance;
	}
	if (meta_load(store->db, &store->meta, fault) < 0)
		return -1;
	store->progress.meta = store->meta;
	if (kept_count(store->db, &store->progress, fault) < 0 ||
		statements_prepare(store, fault) < 0)
		return -1;
	sqlite3_wal_hook(store->db, wal_hook, store);
	return thread_start(&store->thread, "store", writer_run, store, fault);
}

static void
store_free(struct store *store)
{
	unsigned i;

	if (store->maintain)
		maintain_fini(store->maintain);
	if (store->event)
		event_free(store->event);
	if (store->event_fd >= 0)
		close(store->event_fd);
	for (i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(store->statements[i]);
	sqlite3_close(store->db);
	if (store->lock >= 0)
		close(store->lock);
	pthread_cond_destroy(&store->wake);
	pthread_mutex_destroy(&store->mutex);
	pthread_rwlock_destroy(&store->readers_lock);
	free(store);
}

struct store *
store_open(
	const char *path, struct event_base *base, struct store_report *report, struct fault *fault)
{
	struct store *store = calloc(1, sizeof(*store));

	if (!store || strlen(path) >= sizeof(store->path)) {
		free(store);
		fault_set(fault, FAULT_STORE, "",
			"no memory for the store, or its path is longer than %d",
			STORE_PATH_MAX - 1);
		return NULL;
	}
	snprintf(store->path, sizeof(store->path), "%s", path);
	store->lock = -1;
	store->event_fd = -1;
	store->gaps[0].to = INT64_MAX;
	store->n_gaps = 1;
	store_keep(store, STORE_KEEP_DECLARED, STORE_KEEP_CALLS);
	STAILQ_INIT(&store->queue);
	STAILQ_INIT(&store->done);
	pthread_rwlock_init(&store->readers_lock, NULL);
	pthread_mutex_init(&store->mutex, NULL);
	pthread_cond_init(&store->wake, NULL);
	if (store_start(store, base, report, fault) == 0)
		return store;
	store_free(store);
	return NULL;
}

void
store_close(struct store *store)
{
	if (!store)
		return;
	pthread_mutex_lock(&store->mutex);
	store->stop = true;
	pthread_cond_signal(&store->wake);
	pthread_mutex_unlock(&store->mutex);
	pthread_join(store->thread, NULL);
	batches_complete(store);
	store_free(store);
}
