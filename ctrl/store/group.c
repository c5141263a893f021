/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/group.h"

#include <string.h>

#include "store/db.h"

/* What in struct write belongs to the transaction that is open. */
struct write_mark {
	struct ledger ledger;
	unsigned n_kept[WRITE_KINDS];
	unsigned n_tags;
};

static struct write_mark
mark_take(const struct write *write)
{
	struct write_mark mark = {.ledger = write->ledger, .n_tags = write->n_tags};

	memcpy(mark.n_kept, write->n_kept, sizeof(mark.n_kept));
	return mark;
}

static void
mark_return(struct write *write, const struct write_mark *mark)
{
	write->ledger = mark->ledger;
	memcpy(write->n_kept, mark->n_kept, sizeof(write->n_kept));
	write->n_tags = mark->n_tags;
}

static void
transaction_undo(struct write *write, const struct write_mark *mark)
{
	/* After some errors SQLite has done so by itself. */
	if (!sqlite3_get_autocommit(write->db))
		sqlite3_exec(write->db, "ROLLBACK", NULL, NULL, NULL);
	mark_return(write, mark);
}

static void
batch_alone(struct write *write, struct store_batch *batch, bool *commit_failed)
{
	const struct write_mark mark = mark_take(write);
	struct fault *fault = &batch->fault;
	bool written;

	batch->failed = true;
	if (db_run(write->db, "BEGIN IMMEDIATE", fault) < 0)
		return;
	written = write_batch(write, batch, fault) == 0;
	if (!written || db_run(write->db, "COMMIT", fault) < 0) {
		*commit_failed = *commit_failed || written;
		transaction_undo(write, &mark);
		return;
	}
	batch->failed = false;
	batch->after = write->ledger;
}

/* 0, or -1 when the whole transaction is gone or cannot go on. */
static int
batch_in_group(struct write *write, struct store_batch *batch)
{
	const struct write_mark mark = mark_take(write);
	struct fault ignored;

	if (db_run(write->db, "SAVEPOINT batch", &ignored) < 0)
		return -1;
	batch->failed = write_batch(write, batch, &batch->fault) < 0;
	if (batch->failed) {
		if (sqlite3_get_autocommit(write->db) ||
			db_run(write->db, "ROLLBACK TO batch", &ignored) < 0)
			return -1;
		mark_return(write, &mark);
	}
	if (db_run(write->db, "RELEASE batch", &ignored) < 0)
		return -1;
	batch->after = write->ledger;
	return 0;
}

static int
group_together(struct write *write, struct store_batch *first, bool *commit_failed)
{
	const struct write_mark mark = mark_take(write);
	struct store_batch *batch;
	struct fault ignored;
	bool written;

	if (db_run(write->db, "BEGIN IMMEDIATE", &ignored) < 0)
		return -1;
	for (batch = first; batch && batch_in_group(write, batch) == 0;)
		batch = batch->next;
	written = batch == NULL;
	if (written && db_run(write->db, "COMMIT", &ignored) == 0)
		return 0;
	*commit_failed = written;
	transaction_undo(write, &mark);
	return -1;
}

bool
group_write(struct write *write, struct store_batch *first)
{
	bool commit_failed = false;
	struct store_batch *batch;

	if (first->next && group_together(write, first, &commit_failed) == 0)
		return false;
	for (batch = first; batch; batch = batch->next)
		batch_alone(write, batch, &commit_failed);
	return commit_failed;
}
