/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether a file is what was written: its structure, every row against its checksum, every index
 * against its rows, and all of it against the ledger. About two seconds for a million flows.
 */
#ifndef CTRL_STORE_VERIFY_H
#define CTRL_STORE_VERIFY_H

#include <sqlite3.h>

#include "store/ledger.h"

struct verdict {
	bool all_good;
	bool flows_good; /* and so the ledger: the flows of its last generation are all there */
	struct ledger ledger; /* zeros if it is damaged */
	char reason[STORE_REASON_MAX]; /* of the first damage */
};

/*
 * Reads all of it. 0 with *verdict; -1 with *fault when it could not be read for a reason that says
 * nothing about the file (I/O error, memory, interrupted). Of our layout. Any thread.
 */
int verify(sqlite3 *db, struct verdict *verdict, struct fault *fault);

/* Whether an error of SQLite means that the file is damaged or no database. */
bool verify_means_damage(int code);

#endif
