/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * txn.begin, txn.put, txn.plan, txn.commit, txn.abort, and the transactions that clients have open.
 * A transaction belongs to the connection that began it, and ends with it.
 *
 * All functions of this header: control thread.
 */
#ifndef CTRL_RPC_TXN_METHODS_H
#define CTRL_RPC_TXN_METHODS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "flow/commit.h"
#include "rpc/dispatch.h"

struct transactions {
	struct commits *commits;
	LIST_HEAD(, transaction) list;
	uint64_t last_number;
	unsigned n;
};

/* commits is borrowed. */
void transactions_init(struct transactions *transactions, struct commits *commits);

/* Discards what is still open. */
void transactions_fini(struct transactions *transactions);

#endif
