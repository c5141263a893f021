/* SPDX-License-Identifier: BSD-3-Clause */
/* The tables of the file, their rows and checksums, and the migration of older versions. */
#ifndef CTRL_STORE_LAYOUT_H
#define CTRL_STORE_LAYOUT_H

#include <assert.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/fault.h"
#include "store/types.h"

#define LAYOUT_VERSION 5

/* "SLUI", the application_id in the header of each file of ours; user_version is the layout's. */
#define APPLICATION_ID 0x534c5549

/*
 * What turns a file of version n, its index in the list + 1, into one of n + 1: SQL, which may call
 * sum_add(sum, value, ...) to go on with a checksum, and sum_total(sum) to add checksums up.
 */
typedef const char *layout_step;

/*
 * From `version` to the last, one transaction for all: either the file is of the last version or
 * it is as it was. 0 or -1 with *fault. The list is a parameter for the sake of tests.
 */
int layout_migrate_by(sqlite3 *db, unsigned version, const layout_step *steps, unsigned n_steps,
	struct fault *fault);

/* layout_migrate_by() with our own list. */
int layout_migrate(sqlite3 *db, unsigned version, struct fault *fault);

/* What yields the generation of a file of that version, from 1 on, which need not be ours. */
const char *layout_generation_sql(unsigned version);

/*
 * The one row that says what the rest of the file must come to: how many rows each table has, and
 * the sum of their checksums, modulo 2^64, so in any order. It is written in each transaction, and
 * at start what is there is compared with it.
 */
struct meta {
	union {
		struct {
			uint64_t generation; /* the last one; 0 = none */
			uint64_t base; /* the oldest state to which the changes lead back */
			uint64_t next_change; /* row of the next change */
			uint64_t flows;
			uint64_t flows_sum;
			uint64_t bytes; /* of their texts */
			uint64_t changes;
			uint64_t changes_sum;
			uint64_t generations;
			uint64_t generations_sum;
			uint64_t has_confirm; /* 1 or 0 */
			struct store_confirm confirm; /* zeros unless has_confirm */
			uint64_t released;
			uint64_t released_sum;
		};
		uint64_t numbers[17]; /* all of them, in the order of META_NUMBERS */
	};
};
static_assert(sizeof(struct meta) == 17 * sizeof(uint64_t), "numbers are all there is");

#define META_NUMBERS_4 /* of layout version 4 */ \
	"generation, base, next_change, flows, flows_sum, bytes, changes, changes_sum," \
	" generations, generations_sum, has_confirm, confirm_generation, confirm_previous," \
	" confirm_deadline_ns, confirm_within_ns"
#define META_NUMBERS META_NUMBERS_4 ", released, released_sum"
#define META_NUMBERS_N 17

/* 0, or -1 with *fault: FAULT_STORE also when the row is missing or damaged. Any thread. */
int meta_load(sqlite3 *db, struct meta *meta, struct fault *fault);

#define META_SAVE_SQL \
	"REPLACE INTO meta (one, " META_NUMBERS \
	", sum) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

/* Writes the row by that statement, in the transaction that is open. 0 or -1 with *fault. */
int meta_save(sqlite3_stmt *statement, const struct meta *meta, struct fault *fault);

/* Tables of our layout with this meta row, in one transaction. 0 or -1 with *fault. */
int layout_create(sqlite3 *db, const struct meta *meta, struct fault *fault);

/*
 * The checksum of rows: 64 bits over words of 8 bytes. Each step is a bijection of the state, so
 * that a change confined to one word is always found, and any other but for one in 2^64. It detects
 * faults of disks, not forgery.
 */
#define SUM_START UINT64_C(0x736c756963652121)
#define SUM_FACTOR UINT64_C(0x9e3779b97f4a7c15)

static inline uint64_t
sum_number(uint64_t sum, uint64_t number)
{
	sum = (sum ^ number) * SUM_FACTOR;
	return sum ^ sum >> 32;
}

/* Its length is part of it, so that no text runs into the next. */
static inline uint64_t
sum_bytes(uint64_t sum, const char *bytes, size_t n)
{
	uint64_t word;

	sum = sum_number(sum, n);
	for (; n >= sizeof(word); n -= sizeof(word), bytes += sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		sum = sum_number(sum, word);
	}
	if (n > 0) {
		word = 0;
		memcpy(&word, bytes, n);
		sum = sum_number(sum, word);
	}
	return sum;
}

static inline uint64_t
sum_text(uint64_t sum, const char *text)
{
	return sum_bytes(sum, text, strlen(text));
}

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

static inline uint64_t
released_sum(const struct store_released *released)
{
	return sum_number(sum_text(SUM_START, released->place), released->time_ns);
}

enum generation_flag {
	GENERATION_TO_CONFIRM = 1, /* confirmation was requested */
	GENERATION_DECLARED = 2, /* struct store_generation has it */
};

/* Columns of a generation with what the public structure does not have. */
struct generation_row {
	struct store_generation generation;
	bool to_confirm;
	uint64_t first_change;
	uint64_t n_changes;
};

/* In the order of generation_row_read(). */
#define GENERATION_COLUMNS \
	"number, time_ns, uid, gid, pid, name, via, role, method, comment, added, changed," \
	" removed, returns, returned, flags, first_change, n_changes, tag, sum"
#define GENERATION_COLUMNS_N 20

uint64_t generation_row_sum(const struct generation_row *row);

/* From the first columns of a statement. 0, or -1 when the checksum does not match. */
int generation_row_read(sqlite3_stmt *statement, struct generation_row *row);

#define GENERATION_SAVE_SQL \
	"REPLACE INTO generation (" GENERATION_COLUMNS \
	") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

/* By that statement: insert the row, or replace the one of that number. 0 or -1 with *fault. */
int generation_row_save(
	sqlite3_stmt *statement, const struct generation_row *row, struct fault *fault);

/*
 * The flow in columns id, text, last_leg, declared from `column` on; its texts belong to the
 * statement.
 */
void flow_read(sqlite3_stmt *statement, int column, struct store_flow *flow);

#define RELEASED_COLUMNS "place, time_ns, sum"

/*
 * From the first columns of a statement, to which the text belongs. 0, or -1 when the checksum does
 * not match.
 */
int released_read(sqlite3_stmt *statement, struct store_released *released);

#endif
