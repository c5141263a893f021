/* SPDX-License-Identifier: BSD-3-Clause */
/* Rows of flows, changes and generations: their checksums, and how a generation is read back. */
#ifndef CTRL_STORE_ROWS_H
#define CTRL_STORE_ROWS_H

#include <sqlite3.h>
#include <stdbool.h>

#include "store/store.h"
#include "store/sum.h"

static inline uint64_t
flow_sum(const struct store_flow *flow)
{
	uint64_t sum = sum_text(SUM_START, flow->id);

	sum = sum_bytes(sum, flow->text ? flow->text : "", flow->bytes);
	return sum_number(sum_number(sum, flow->last_leg), flow->declared + 2 * !flow->text);
}

/* Where it is, and what the flow was before. */
static inline uint64_t
change_sum(uint64_t row, uint64_t generation, const struct store_flow *before)
{
	return sum_number(sum_number(flow_sum(before), row), generation);
}

enum generation_flag {
	GENERATION_TO_CONFIRM = 1, /* confirmation was asked for */
	GENERATION_DECLARED = 2, /* struct store_generation has it */
};

/* Columns of a generation with what the public structure does not have. */
struct generation_row {
	struct store_generation generation;
	bool to_confirm;
	uint64_t first_change;
	uint64_t n_changes;
	uint64_t flows_sum;
	uint64_t chain;
	uint64_t link; /* the next are not of its checksum: they may change */
};

/* In the order of generation_row_read(). */
#define GENERATION_COLUMNS \
	"number, time_ns, uid, gid, pid, name, via, role, method, comment, added, changed," \
	" removed, is_rollback, returns_to, flags, first_change, n_changes, flows_sum," \
	" chain, sum, link, tag, tag_sum"
#define GENERATION_COLUMNS_N 24

uint64_t generation_row_sum(const struct generation_row *row);

/* Of a tag, which has a checksum of its own; "" has 0. */
uint64_t generation_tag_sum(uint64_t number, const char *tag);

/* From the columns of a statement from `column` on. 0, or -1 when a checksum does not fit. */
int generation_row_read(sqlite3_stmt *statement, struct generation_row *row);

/* A statement for generation_row_save(); NULL with *fault. */
sqlite3_stmt *generation_row_prepare(sqlite3 *db, struct fault *fault);
int generation_row_save(
	sqlite3_stmt *statement, const struct generation_row *row, struct fault *fault);

/*
 * The flow in columns id, text, last_leg, declared from `column` on; its texts belong to the
 * statement.
 */
void flow_read(sqlite3_stmt *statement, int column, struct store_flow *flow);

#endif
