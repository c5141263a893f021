/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Changes of generations that are no longer kept go in small steps, never in a batch's way. Those
 * older than all that is kept go. Those between two generations that are kept lead back to the
 * older of them: of each flow the first is needed, unless the flow is afterwards what it was
 * before.
 */
#ifndef CTRL_STORE_TRIM_H
#define CTRL_STORE_TRIM_H

#include <stdbool.h>
#include <stdint.h>

#include "store/write.h"

enum trim_statement {
	TRIM_OLD,
	TRIM_GAP,
	TRIM_BEFORE,
	TRIM_AFTER,
	TRIM_DELETE,
	TRIM_LIMIT,
	TRIM_STATEMENTS,
};

struct trim {
	struct write *write; /* borrowed; its ledger and gaps are brought up to date */
	sqlite3_stmt *statements[TRIM_STATEMENTS];
};

int trim_init(struct trim *trim, struct write *write, struct fault *fault);
void trim_fini(struct trim *trim);

/*
 * Look at so many changes at most and delete those that are not needed, in a transaction. True when
 * there may be more. Errors are for the next batch to meet.
 */
bool trim_step(struct trim *trim, uint64_t rows);

#endif
