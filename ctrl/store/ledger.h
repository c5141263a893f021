/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one row that says what the rest of the file must come to: how many flows there are, the sum
 * of their checksums, the end of the chain of generations. It is written in each transaction, and
 * what is found at start is held against it.
 */
#ifndef CTRL_STORE_LEDGER_H
#define CTRL_STORE_LEDGER_H

#include <sqlite3.h>

#include "store/store.h"

struct ledger {
	uint64_t generation; /* the last one; 0 = none */
	uint64_t base; /* the oldest state to which the changes lead back */
	uint64_t flows;
	uint64_t bytes; /* of their texts */
	uint64_t flows_sum; /* of their checksums, modulo 2^64, so in any order */
	uint64_t chain; /* checksum of the last generation, which covers that of the one before */
	uint64_t next_change; /* row of the next change */
	bool has_confirm;
	struct store_confirm confirm; /* zeros unless has_confirm */
	uint64_t changes; /* rows of them, */
	uint64_t changes_sum; /* and the lower halves of their checksums */
};

/* 0, or -1 with *fault: FAULT_STORE also when the row is missing or damaged. Any thread. */
int ledger_load(sqlite3 *db, struct ledger *ledger, struct fault *fault);

/* A statement for ledger_save(); NULL with *fault. */
sqlite3_stmt *ledger_prepare(sqlite3 *db, struct fault *fault);

/* Writes the row, in the transaction that is open. 0 or -1 with *fault. */
int ledger_save(sqlite3_stmt *statement, const struct ledger *ledger, struct fault *fault);

#endif
