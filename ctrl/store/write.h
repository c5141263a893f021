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
	WRITE_GENERATION_RETURNED,
	WRITE_GENERATION_LOOK,
	WRITE_GENERATION_DELETE,
	WRITE_GENERATION_LINK,
	WRITE_GENERATION_FIRST,
	WRITE_TAG_FIND,
	WRITE_TAG_SET,
	WRITE_GENERATION_INSERT,
	WRITE_LEDGER,
	WRITE_STATEMENTS,
};

/* Two kinds of generations, each with a budget of its own. */
enum write_kind {
	WRITE_CALL,
	WRITE_DECLARED, /* or one that brought something back */
	WRITE_KINDS,
};

/* Changes from row `from` to before row `to`, of generations that are not kept any more. */
struct write_gap {
	uint64_t from, to;
};

#define WRITE_GAPS_MAX 64

struct write {
	sqlite3 *db; /* borrowed */
	sqlite3_stmt *statements[WRITE_STATEMENTS];
	struct ledger ledger; /* of what is in the open transaction, if there is one, as the next */
	unsigned n_kept[WRITE_KINDS]; /* rows of generation without a tag */
	unsigned n_tags; /* and with one */
	unsigned keep[WRITE_KINDS]; /* of n_kept, at most */
	/* To be looked through for changes that are not needed (trim.c); too much is no harm. */
	struct write_gap gaps[WRITE_GAPS_MAX];
	unsigned n_gaps;
	uint64_t rows; /* flows put and removed since write_init(), for pacing */
};

/* The connection must have the tables. 0 or -1 with *fault, then nothing is left to release. */
int write_init(struct write *write, sqlite3 *db, struct fault *fault);
void write_fini(struct write *write);

/*
 * Write one batch into the transaction that is open. On -1, with *fault, the transaction has to
 * be taken back to where it was, and write->ledger, n_kept and n_tags with it.
 */
int write_batch(struct write *write, const struct store_batch *batch, struct fault *fault);

#endif
