/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a flow was before is taken here, from the store itself, so that the history cannot differ
 * from what was there. Of several changes of one flow in a generation the first one counts.
 */
#include "store/write.h"

#include <stdio.h>
#include <string.h>

#include "store/db.h"

/* enum write_kind. The flag is GENERATION_DECLARED. */
#define KIND_SQL "(flags & 2 OR is_rollback)"

static const char *const write_sql[WRITE_STATEMENTS] = {
	[WRITE_FLOW_FIND] = "SELECT row, sum, id, text, last_leg, declared FROM flow WHERE id = ?",
	[WRITE_FLOW_INSERT] = "INSERT INTO flow (sum, id, text, last_leg, declared)"
			      " VALUES (?, ?, ?, ?, ?)",
	[WRITE_FLOW_UPDATE] = "UPDATE flow SET sum = ?, text = ?, last_leg = ?, declared = ?"
			      " WHERE row = ?",
	[WRITE_FLOW_DELETE] = "DELETE FROM flow WHERE row = ?",
	[WRITE_CHANGE_INSERT] =
		"INSERT INTO change (row, generation, id, text, last_leg, declared, sum)"
		" VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id, generation) DO NOTHING",
	/* Of a kind, but the one that waits to be confirmed. */
	[WRITE_GENERATION_OLDEST] = "SELECT number FROM generation WHERE " KIND_SQL " = ?"
				    " AND tag = '' AND number <> ? ORDER BY number LIMIT 1",
	/* Of those that a return took back, which its history would not say any more. */
	[WRITE_GENERATION_RETURNED] = "SELECT r.number FROM generation AS r JOIN generation AS g"
				      " ON g.number = ?1 AND r.number < g.number AND r.tag = ''"
				      " AND r.number <> ?2 AND (g.is_rollback = 1"
				      "  AND r.number > g.returns_to"
				      "  OR g.is_rollback = 2 AND r.number = g.returns_to)"
				      " ORDER BY r.number LIMIT 1",
	[WRITE_GENERATION_LOOK] =
		"SELECT g.first_change, " KIND_SQL ", (SELECT first_change FROM generation"
		" WHERE number > ?1 ORDER BY number LIMIT 1), g.tag"
		" FROM generation AS g WHERE g.number = ?1",
	[WRITE_GENERATION_DELETE] = "DELETE FROM generation WHERE number = ?",
	[WRITE_GENERATION_LINK] =
		"UPDATE generation SET link = coalesce((SELECT sum FROM generation"
		"  WHERE number < ?1 ORDER BY number DESC LIMIT 1), 0)"
		" WHERE number ="
		"  (SELECT number FROM generation WHERE number > ?1 ORDER BY number LIMIT 1)",
	[WRITE_GENERATION_FIRST] = "SELECT number FROM generation ORDER BY number LIMIT 1",
	[WRITE_TAG_FIND] = "SELECT number FROM generation WHERE tag = ?",
	[WRITE_TAG_SET] = "UPDATE generation SET tag = ?, tag_sum = ? WHERE number = ?",
};

static int
statements_prepare(struct write *write, struct fault *fault)
{
	unsigned i;

	for (i = 0; i < WRITE_STATEMENTS; i++) {
		switch (i) {
		case WRITE_GENERATION_INSERT:
			write->statements[i] = generation_row_prepare(write->db, fault);
			break;
		case WRITE_LEDGER:
			write->statements[i] = ledger_prepare(write->db, fault);
			break;
		default:
			write->statements[i] = db_prepare(write->db, write_sql[i], fault);
			break;
		}
		if (!write->statements[i])
			return -1;
	}
	return 0;
}

static int
count(sqlite3 *db, const char *condition, unsigned *n, struct fault *fault)
{
	char sql[128];
	uint64_t found;

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM generation WHERE %s", condition);
	if (db_number(db, sql, &found, fault) < 0)
		return -1;
	*n = (unsigned)found;
	return 0;
}

int
write_init(struct write *write, sqlite3 *db, struct fault *fault)
{
	*write = (struct write){
		.db = db,
		.keep = {[WRITE_CALL] = STORE_KEEP_CALLS, [WRITE_DECLARED] = STORE_KEEP_DECLARED},
		/* What was left to do when the store was closed. */
		.gaps = {{0, INT64_MAX}},
		.n_gaps = 1,
	};
	if (ledger_load(db, &write->ledger, fault) < 0 ||
		count(db, "tag = '' AND NOT " KIND_SQL, &write->n_kept[WRITE_CALL], fault) < 0 ||
		count(db, "tag = '' AND " KIND_SQL, &write->n_kept[WRITE_DECLARED], fault) < 0 ||
		count(db, "tag <> ''", &write->n_tags, fault) < 0 ||
		statements_prepare(write, fault) < 0) {
		write_fini(write);
		return -1;
	}
	return 0;
}

void
write_fini(struct write *write)
{
	unsigned i;

	for (i = 0; i < WRITE_STATEMENTS; i++)
		sqlite3_finalize(write->statements[i]);
}

/* What the generation being written is so far. */
struct write_generation {
	struct generation_row row;
	bool is_open;
};

/* Keep what the flow was, unless this generation has done so. */
static int
change_write(struct write *write, struct write_generation *generation,
	const struct store_flow *before, struct fault *fault)
{
	sqlite3_stmt *insert = write->statements[WRITE_CHANGE_INSERT];
	const uint64_t number = generation->row.generation.number;
	const uint64_t row = write->ledger.next_change;

	db_bind(insert, "iitbiii", row, number, before->id, before->text, before->bytes,
		before->last_leg, (uint64_t)before->declared, change_sum(row, number, before));
	if (db_step(insert, fault) < 0)
		return -1;
	if (sqlite3_changes(write->db) > 0) {
		write->ledger.changes++;
		write->ledger.changes_sum += (uint32_t)change_sum(row, number, before);
		write->ledger.next_change++;
		generation->row.n_changes++;
	}
	return 0;
}

static void
ledger_add(struct ledger *ledger, uint64_t flows, uint64_t bytes, uint64_t sum)
{
	ledger->flows += flows;
	ledger->bytes += bytes;
	ledger->flows_sum += sum;
}

static int
flow_insert(struct write *write, const struct store_flow *flow, uint64_t sum, struct fault *fault)
{
	sqlite3_stmt *insert = write->statements[WRITE_FLOW_INSERT];

	db_bind(insert, "itbii", sum, flow->id, flow->text, flow->bytes, flow->last_leg,
		(uint64_t)flow->declared);
	return db_step(insert, fault);
}

static int
flow_update(struct write *write, uint64_t row, const struct store_flow *flow, uint64_t sum,
	struct fault *fault)
{
	sqlite3_stmt *update = write->statements[WRITE_FLOW_UPDATE];

	db_bind(update, "ibiii", sum, flow->text, flow->bytes, flow->last_leg,
		(uint64_t)flow->declared, row);
	return db_step(update, fault);
}

static int
flow_delete(struct write *write, uint64_t row, struct fault *fault)
{
	sqlite3_stmt *delete = write->statements[WRITE_FLOW_DELETE];

	db_bind(delete, "i", row);
	return db_step(delete, fault);
}

/* `find` stands on the flow's row, so its texts stay until it is reset. */
static int
found_write(struct write *write, struct write_generation *generation, sqlite3_stmt *find,
	const struct store_flow *flow, struct fault *fault)
{
	const uint64_t row = db_column(find, 0);
	struct store_flow before;
	uint64_t sum;

	flow_read(find, 2, &before);
	if (change_write(write, generation, &before, fault) < 0)
		return -1;
	ledger_add(&write->ledger, -UINT64_C(1), -(uint64_t)before.bytes, -db_column(find, 1));
	sqlite3_reset(find);
	if (!flow->text)
		return flow_delete(write, row, fault);
	sum = flow_sum(flow);
	ledger_add(&write->ledger, 1, flow->bytes, sum);
	return flow_update(write, row, flow, sum, fault);
}

static int
new_write(struct write *write, struct write_generation *generation, const struct store_flow *flow,
	struct fault *fault)
{
	const struct store_flow before = {.id = flow->id};
	const uint64_t sum = flow_sum(flow);

	if (change_write(write, generation, &before, fault) < 0)
		return -1;
	ledger_add(&write->ledger, 1, flow->bytes, sum);
	return flow_insert(write, flow, sum, fault);
}

/* The flow is as given from now on, or, without text, gone. */
static int
flow_write(struct write *write, struct write_generation *generation, const struct store_flow *flow,
	struct fault *fault)
{
	sqlite3_stmt *find = write->statements[WRITE_FLOW_FIND];
	int rc;

	if (!generation->is_open)
		return fault_set(fault, FAULT_INTERNAL, "", "a flow outside of any generation");
	db_bind(find, "t", flow->id);
	rc = db_row(find, fault);
	if (rc == 1)
		rc = found_write(write, generation, find, flow, fault);
	else if (rc == 0 && flow->text)
		rc = new_write(write, generation, flow, fault);
	sqlite3_reset(find);
	write->rows++;
	return rc;
}

static enum write_kind
row_kind(const struct generation_row *row)
{
	const struct store_generation *generation = &row->generation;

	return generation->declared || generation->returns != STORE_RETURN_NONE ? WRITE_DECLARED
										: WRITE_CALL;
}

/* One more gap, or a longer one. */
static void
gap_add(struct write *write, uint64_t from, uint64_t to)
{
	struct write_gap *last = write->n_gaps ? &write->gaps[write->n_gaps - 1] : NULL;

	if (last && (write->n_gaps == WRITE_GAPS_MAX || (from <= last->to && to >= last->from))) {
		last->from = from < last->from ? from : last->from;
		last->to = to > last->to ? to : last->to;
		return;
	}
	write->gaps[write->n_gaps++] = (struct write_gap){from, to};
}

/* A number that a statement finds; 0 = none. */
static int
number_find(sqlite3_stmt *find, uint64_t *number, struct fault *fault)
{
	const int found = db_row(find, fault);

	*number = found == 1 ? db_column(find, 0) : 0;
	sqlite3_reset(find);
	return found < 0 ? -1 : 0;
}

/* One generation, which is not the last, is not kept any more. Its changes are seen to later. */
static int
generation_remove(struct write *write, uint64_t number, struct fault *fault)
{
	sqlite3_stmt *look = write->statements[WRITE_GENERATION_LOOK];
	sqlite3_stmt *delete = write->statements[WRITE_GENERATION_DELETE];
	sqlite3_stmt *link = write->statements[WRITE_GENERATION_LINK];
	uint64_t first;

	db_bind(look, "i", number);
	if (db_row(look, fault) != 1) {
		sqlite3_reset(look);
		return -1;
	}
	gap_add(write, db_column(look, 0), db_column(look, 2));
	write->n_kept[db_column(look, 1)]--;
	sqlite3_reset(look);
	db_bind(delete, "i", number);
	db_bind(link, "i", number);
	if (db_step(delete, fault) < 0 || db_step(link, fault) < 0 ||
		number_find(write->statements[WRITE_GENERATION_FIRST], &first, fault) < 0)
		return -1;
	write->ledger.base = first - 1;
	return 0;
}

/* What a return took back goes before it: without it that would seem to be part of the state. */
static int
generation_trim(struct write *write, uint64_t number, uint64_t open, struct fault *fault)
{
	sqlite3_stmt *returned = write->statements[WRITE_GENERATION_RETURNED];
	uint64_t before;

	do {
		db_bind(returned, "ii", number, open);
		if (number_find(returned, &before, fault) < 0 ||
			generation_remove(write, before ? before : number, fault) < 0)
			return -1;
	} while (before != 0);
	return 0;
}

/*
 * The oldest generations of a kind go when there are more than we keep. The one that waits to be
 * confirmed stays.
 */
static int
generations_trim(struct write *write, struct fault *fault)
{
	const uint64_t open = write->ledger.has_confirm ? write->ledger.confirm.generation : 0;
	sqlite3_stmt *oldest = write->statements[WRITE_GENERATION_OLDEST];
	uint64_t number;
	unsigned kind;

	for (kind = 0; kind < WRITE_KINDS; kind++) {
		while (write->n_kept[kind] > write->keep[kind]) {
			db_bind(oldest, "ii", (uint64_t)kind, open);
			if (number_find(oldest, &number, fault) < 0)
				return -1;
			if (number == 0 || number == write->ledger.generation)
				break;
			if (generation_trim(write, number, open, fault) < 0)
				return -1;
		}
	}
	return 0;
}

static int
generation_end(struct write *write, struct write_generation *generation, struct fault *fault)
{
	struct ledger *ledger = &write->ledger;

	if (!generation->is_open)
		return 0;
	generation->is_open = false;
	generation->row.flows_sum = ledger->flows_sum;
	if (generation_row_save(
		    write->statements[WRITE_GENERATION_INSERT], &generation->row, fault) < 0)
		return -1;
	ledger->generation = generation->row.generation.number;
	ledger->chain = generation_row_sum(&generation->row);
	write->n_kept[row_kind(&generation->row)]++;
	return generations_trim(write, fault);
}

static int
generation_begin(struct write *write, struct write_generation *generation,
	const struct store_generation *asked, struct fault *fault)
{
	if (generation_end(write, generation, fault) < 0)
		return -1;
	if (asked->number <= write->ledger.generation)
		return fault_set(fault, FAULT_INTERNAL, "", "generation %llu after generation %llu",
			(unsigned long long)asked->number,
			(unsigned long long)write->ledger.generation);
	*generation = (struct write_generation){
		.is_open = true,
		.row = {.generation = *asked,
			.first_change = write->ledger.next_change,
			.chain = write->ledger.chain,
			.link = write->ledger.chain},
	};
	return 0;
}

/* Of a generation: its tag, and its kind. 0, or -1 with *fault. */
static int
tag_look(struct write *write, uint64_t number, bool *tagged, enum write_kind *kind,
	struct fault *fault)
{
	sqlite3_stmt *look = write->statements[WRITE_GENERATION_LOOK];
	int found;

	db_bind(look, "i", number);
	found = db_row(look, fault);
	if (found == 1) {
		*kind = (enum write_kind)db_column(look, 1);
		*tagged = db_text(look, 3)[0] != '\0';
	}
	sqlite3_reset(look);
	if (found == 0)
		return fault_set(fault, FAULT_NOT_FOUND, "/generation",
			"found %llu, expected a generation that is kept; history.list names them",
			(unsigned long long)number);
	return found < 0 ? -1 : 0;
}

static int
tag_is_free(struct write *write, uint64_t number, const char *tag, struct fault *fault)
{
	sqlite3_stmt *find = write->statements[WRITE_TAG_FIND];
	uint64_t other;
	int found;

	db_bind(find, "t", tag);
	found = db_row(find, fault);
	other = found == 1 ? db_column(find, 0) : number;
	sqlite3_reset(find);
	if (other != number)
		return fault_set(fault, FAULT_CONFLICT, "/tag",
			"found %s, which generation %llu has, expected one that no other has", tag,
			(unsigned long long)other);
	return found < 0 ? -1 : 0;
}

static int
tag_write(struct write *write, uint64_t number, const char *tag, struct fault *fault)
{
	sqlite3_stmt *set = write->statements[WRITE_TAG_SET];
	const bool tags = tag[0] != '\0';
	enum write_kind kind = WRITE_CALL;
	bool tagged = false;

	if (tag_look(write, number, &tagged, &kind, fault) < 0 ||
		(tags && tag_is_free(write, number, tag, fault) < 0))
		return -1;
	if (tags && !tagged && write->n_tags >= STORE_TAGS_MAX)
		return fault_set(fault, FAULT_NO_ROOM, "/tag",
			"found %u generations with a tag, which is as many as there may be; take "
			"one away first",
			write->n_tags);
	db_bind(set, "tii", tag, generation_tag_sum(number, tag), number);
	if (db_step(set, fault) < 0)
		return -1;
	write->n_tags += (unsigned)tags - (unsigned)tagged;
	write->n_kept[kind] += (unsigned)tagged - (unsigned)tags;
	return generations_trim(write, fault);
}

static int
op_write(struct write *write, struct write_generation *generation, const struct batch_op *op,
	struct fault *fault)
{
	const struct store_flow flow = {
		.id = batch_op_id(op),
		.text = op->kind == BATCH_PUT ? batch_op_text(op) : NULL,
		.bytes = op->text_bytes,
		.last_leg = op->last_leg,
		.declared = op->declared,
	};

	switch (op->kind) {
	case BATCH_GENERATION:
		return generation_begin(write, generation, batch_op_generation(op), fault);
	case BATCH_CONFIRM:
		write->ledger.has_confirm = true;
		write->ledger.confirm = *batch_op_confirm(op);
		generation->row.to_confirm = true;
		return 0;
	case BATCH_CLEAR:
		write->ledger.has_confirm = false;
		write->ledger.confirm = (struct store_confirm){0};
		return 0;
	case BATCH_TAG:
		return tag_write(write, op->number, batch_op_id(op), fault);
	case BATCH_PUT:
	case BATCH_REMOVE:
		break;
	}
	return flow_write(write, generation, &flow, fault);
}

int
write_batch(struct write *write, const struct store_batch *batch, struct fault *fault)
{
	struct write_generation generation = {.is_open = false};
	struct batch_walk walk = batch_walk_begin(batch);
	const struct batch_op *op;

	if (batch->out_of_memory)
		return fault_set(fault, FAULT_NO_ROOM, "",
			"no memory to hold the change; try a smaller one, or again later");
	while ((op = batch_walk_next(&walk))) {
		if (op_write(write, &generation, op, fault) < 0)
			return -1;
	}
	if (generation_end(write, &generation, fault) < 0)
		return -1;
	return ledger_save(write->statements[WRITE_LEDGER], &write->ledger, fault);
}
