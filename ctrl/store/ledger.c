/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/ledger.h"

#include "store/db.h"
#include "store/sum.h"

/* In the order of ledger_read() and ledger_save(). */
#define LEDGER_COLUMNS \
	"generation, base, flows, bytes, flows_sum, chain, next_change, has_confirm," \
	" confirm_generation, confirm_previous, confirm_deadline_ns, confirm_within_ns," \
	" changes, changes_sum, sum"

static uint64_t
ledger_sum(const struct ledger *ledger)
{
	const uint64_t numbers[] = {ledger->generation, ledger->base, ledger->flows, ledger->bytes,
		ledger->flows_sum, ledger->chain, ledger->next_change, ledger->has_confirm,
		ledger->confirm.generation, ledger->confirm.previous, ledger->confirm.deadline_ns,
		ledger->confirm.within_ns, ledger->changes, ledger->changes_sum};
	uint64_t sum = SUM_START;
	unsigned i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sum = sum_number(sum, numbers[i]);
	return sum;
}

static int
ledger_read(sqlite3_stmt *row, struct ledger *ledger, struct fault *fault)
{
	const int found = db_row(row, fault);

	if (found < 0)
		return -1;
	*ledger = (struct ledger){
		.generation = db_column(row, 0),
		.base = db_column(row, 1),
		.flows = db_column(row, 2),
		.bytes = db_column(row, 3),
		.flows_sum = db_column(row, 4),
		.chain = db_column(row, 5),
		.next_change = db_column(row, 6),
		.has_confirm = db_column(row, 7) != 0,
		.confirm = {db_column(row, 8), db_column(row, 9), db_column(row, 10),
			db_column(row, 11)},
		.changes = db_column(row, 12),
		.changes_sum = db_column(row, 13),
	};
	if (found == 0 || db_column(row, 14) != ledger_sum(ledger))
		return fault_set(fault, FAULT_STORE, "", "the row of its ledger is %s",
			found == 0 ? "missing" : "damaged");
	return 0;
}

int
ledger_load(sqlite3 *db, struct ledger *ledger, struct fault *fault)
{
	sqlite3_stmt *row =
		db_prepare(db, "SELECT " LEDGER_COLUMNS " FROM ledger WHERE one = 1", fault);
	int rc;

	if (!row)
		return -1;
	rc = ledger_read(row, ledger, fault);
	sqlite3_finalize(row);
	return rc;
}

sqlite3_stmt *
ledger_prepare(sqlite3 *db, struct fault *fault)
{
	return db_prepare(db,
		"REPLACE INTO ledger (one, " LEDGER_COLUMNS
		") VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		fault);
}

int
ledger_save(sqlite3_stmt *statement, const struct ledger *ledger, struct fault *fault)
{
	db_bind(statement, "iiiiiiiiiiiiiii", ledger->generation, ledger->base, ledger->flows,
		ledger->bytes, ledger->flows_sum, ledger->chain, ledger->next_change,
		(uint64_t)ledger->has_confirm, ledger->confirm.generation, ledger->confirm.previous,
		ledger->confirm.deadline_ns, ledger->confirm.within_ns, ledger->changes,
		ledger->changes_sum, ledger_sum(ledger));
	return db_step(statement, fault);
}
