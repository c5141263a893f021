/* SPDX-License-Identifier: BSD-3-Clause */
/* From batches to rows. All on the writer's thread, with its connection. */
#ifndef CTRL_STORE_WRITE_H
#define CTRL_STORE_WRITE_H

#include <sqlite3.h>

#include "store/batch.h"
#include "store/ledger.h"
#include "store/rows.h"

enum write_statement {
	WRITE_FLOW_FIND,
	WRITE_FLOW_INSERT,
	WRITE_FLOW_UPDATE,
	WRITE_FLOW_DELETE,
	WRITE_CHANGE_INSERT,
	WRITE_GENERATION_OLDEST,
	WRITE_GENERATION_DELETE,
	WRITE_GENERATION_INSERT,
	WRITE_LEDGER,
	WRITE_STATEMENTS,
};

struct write {
	sqlite3 *db; /* borrowed */
	sqlite3_stmt *statements[WRITE_STATEMENTS];
	struct ledger ledger; /* of what is in the open transaction, if there is one */
	unsigned n_generations; /* rows of generation */
	uint64_t rows; /* flows put and removed since write_init(), for pacing */
};

/* The connection must have the tables. 0 or -1 with *fault, then nothing is left to release. */
int write_init(struct write *write, sqlite3 *db, struct fault *fault);
void write_fini(struct write *write);

/*
 * Write one batch into the transaction that is open. On -1, with *fault, the transaction has to
 * be taken back to where it was, and write->ledger and n_generations with it.
 */
int write_batch(struct write *write, const struct store_batch *batch, struct fault *fault);

#endif
