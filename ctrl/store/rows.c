/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/rows.h"

#include <stdio.h>

#include "store/db.h"

#define SUM_COLUMN 20
#define LINK_COLUMN 21
#define TAG_COLUMN 22
#define TAG_SUM_COLUMN 23

static uint64_t
row_flags(const struct generation_row *row)
{
	return (row->to_confirm ? GENERATION_TO_CONFIRM : 0) |
	       (row->generation.declared ? GENERATION_DECLARED : 0);
}

uint64_t
generation_tag_sum(uint64_t number, const char *tag)
{
	return tag[0] ? sum_text(sum_number(SUM_START, number), tag) : 0;
}

uint64_t
generation_row_sum(const struct generation_row *row)
{
	const struct store_generation *generation = &row->generation;
	const struct actor *actor = &generation->actor;
	const char *const texts[] = {
		actor->name, actor->via, generation->method, generation->comment};
	const uint64_t numbers[] = {generation->number, generation->time_ns, actor->uid, actor->gid,
		(uint64_t)actor->pid, actor->role, generation->added, generation->changed,
		generation->removed, generation->returns, generation->returned, row_flags(row),
		row->first_change, row->n_changes, row->flows_sum, row->chain};
	uint64_t sum = SUM_START;
	unsigned i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		sum = sum_text(sum, texts[i]);
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sum = sum_number(sum, numbers[i]);
	return sum;
}

static void
text_read(sqlite3_stmt *statement, int column, char *text, size_t size)
{
	const char *found = db_text(statement, column);

	snprintf(text, size, "%s", found ? found : "");
}

int
generation_row_read(sqlite3_stmt *statement, struct generation_row *row)
{
	struct store_generation *generation = &row->generation;
	struct actor *actor = &generation->actor;

	*row = (struct generation_row){
		.generation =
			{
				.number = db_column(statement, 0),
				.time_ns = db_column(statement, 1),
				.actor =
					{
						.uid = (uint32_t)db_column(statement, 2),
						.gid = (uint32_t)db_column(statement, 3),
						.pid = (int32_t)db_column(statement, 4),
						.role = (uint8_t)db_column(statement, 7),
					},
				.added = db_column(statement, 10),
				.changed = db_column(statement, 11),
				.removed = db_column(statement, 12),
				.returns = (enum store_return)db_column(statement, 13),
				.returned = db_column(statement, 14),
				.declared = (db_column(statement, 15) & GENERATION_DECLARED) != 0,
			},
		.to_confirm = (db_column(statement, 15) & GENERATION_TO_CONFIRM) != 0,
		.first_change = db_column(statement, 16),
		.n_changes = db_column(statement, 17),
		.flows_sum = db_column(statement, 18),
		.chain = db_column(statement, 19),
		.link = db_column(statement, LINK_COLUMN),
	};
	text_read(statement, 5, actor->name, sizeof(actor->name));
	text_read(statement, 6, actor->via, sizeof(actor->via));
	text_read(statement, 8, generation->method, sizeof(generation->method));
	text_read(statement, 9, generation->comment, sizeof(generation->comment));
	text_read(statement, TAG_COLUMN, generation->tag, sizeof(generation->tag));
	return db_column(statement, SUM_COLUMN) == generation_row_sum(row) &&
			       db_column(statement, TAG_SUM_COLUMN) ==
				       generation_tag_sum(generation->number, generation->tag)
		       ? 0
		       : -1;
}

sqlite3_stmt *
generation_row_prepare(sqlite3 *db, struct fault *fault)
{
	return db_prepare(db,
		"INSERT INTO generation (" GENERATION_COLUMNS
		") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
		" '', 0)",
		fault);
}

int
generation_row_save(sqlite3_stmt *statement, const struct generation_row *row, struct fault *fault)
{
	const struct store_generation *generation = &row->generation;
	const struct actor *actor = &generation->actor;

	db_bind(statement, "iiiiittittiiiiiiiiiiii", generation->number, generation->time_ns,
		(uint64_t)actor->uid, (uint64_t)actor->gid, (uint64_t)actor->pid, actor->name,
		actor->via, (uint64_t)actor->role, generation->method, generation->comment,
		generation->added, generation->changed, generation->removed,
		(uint64_t)generation->returns, generation->returned, row_flags(row),
		row->first_change, row->n_changes, row->flows_sum, row->chain,
		generation_row_sum(row), row->link);
	return db_step(statement, fault);
}

void
flow_read(sqlite3_stmt *statement, int column, struct store_flow *flow)
{
	flow->id = db_text(statement, column);
	if (!flow->id)
		flow->id = "";
	flow->text = db_text(statement, column + 1);
	flow->bytes = (size_t)sqlite3_column_bytes(statement, column + 1);
	flow->last_leg = db_column(statement, column + 2);
	flow->declared = db_column(statement, column + 3) != 0;
}
