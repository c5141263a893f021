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

#define TRANSACTIONS_MAX 64 /* open at a time */
#define TRANSACTION_OPS_MAX (16u << 20)
#define TRANSACTION_NAME_MAX 24

struct transactions {
	struct commits *commits;
	LIST_HEAD(, transaction) list;
	uint64_t last_number;
	unsigned n;
};

struct transaction {
	LIST_ENTRY(transaction) link;
	struct transactions *all;
	struct rpc_session *session;
	char name[TRANSACTION_NAME_MAX];
	struct proposal *proposal; /* kept; NULL: it has been handed over */
	struct rpc_call *call; /* that waits for a plan; then nothing else may be done to it */
	size_t plan_after, plan_limit;
	bool ended; /* while a call waited */
	uint32_t n_messages;
};

/* commits is borrowed. */
void transactions_init(struct transactions *transactions, struct commits *commits);

/* What is still open is forgotten. */
void transactions_fini(struct transactions *transactions);

/*
 * Begin one; takes the proposal over, on success, and keeps it. NULL with *fault set: too many, or
 * no memory.
 */
struct transaction *transaction_begin(struct transactions *transactions,
	struct rpc_session *session, struct proposal *proposal, struct fault *fault);

/* It is over, with what it holds; as soon as no call waits. */
void transaction_end(struct transaction *transaction);

#endif
