/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a flow was before is taken here, from the store itself, so that the history cannot differ
 * from what was there. Of several changes of one flow in a generation the first one counts.
 */
#include "store/write.h"

#include <string.h>

#include "store/db.h"

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
	[WRITE_GENERATION_OLDEST] = "SELECT number FROM generation ORDER BY number LIMIT 1",
	[WRITE_GENERATION_DELETE] = "DELETE FROM generation WHERE number = ?",
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

int
write_init(struct write *write, sqlite3 *db, struct fault *fault)
{
	uint64_t n_generations;

	*write = (struct write){.db = db};
	if (ledger_load(db, &write->ledger, fault) < 0 ||
		db_number(db, "SELECT count(*) FROM generation", &n_generations, fault) < 0 ||
		statements_prepare(write, fault) < 0) {
		write_fini(write);
		return -1;
	}
	write->n_generations = (unsigned)n_generations;
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

/*
 * The oldest generations go when there are more than we keep; their changes go later, in steps. One
 * that waits to be confirmed stays, and with it all that came after it.
 */
static int
generations_trim(struct write *write, struct fault *fault)
{
	sqlite3_stmt *oldest = write->statements[WRITE_GENERATION_OLDEST];
	sqlite3_stmt *delete = write->statements[WRITE_GENERATION_DELETE];
	uint64_t number;
	int rc;

	while (write->n_generations > STORE_GENERATIONS_KEPT) {
		rc = db_row(oldest, fault);
		number = rc == 1 ? db_column(oldest, 0) : 0;
		sqlite3_reset(oldest);
		if (rc < 0)
			return -1;
		if (write->ledger.has_confirm && number >= write->ledger.confirm.generation)
			return 0;
		db_bind(delete, "i", number);
		if (db_step(delete, fault) < 0)
			return -1;
		write->ledger.base = number;
		write->n_generations--;
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
	write->n_generations++;
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
			.chain = write->ledger.chain},
	};
	return 0;
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
