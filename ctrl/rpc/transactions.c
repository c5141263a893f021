/* SPDX-License-Identifier: BSD-3-Clause */
#include "rpc/transactions.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
transactions_init(struct transactions *transactions, struct commits *commits)
{
	memset(transactions, 0, sizeof(*transactions));
	transactions->commits = commits;
	LIST_INIT(&transactions->list);
}

static void
session_closed(void *arg)
{
	transaction_end(arg);
}

void
transactions_fini(struct transactions *transactions)
{
	struct transaction *transaction;

	while ((transaction = LIST_FIRST(&transactions->list))) {
		transaction->call = NULL;
		transaction_end(transaction);
	}
}

struct transaction *
transaction_begin(struct transactions *transactions, struct rpc_session *session,
	struct proposal *proposal, struct fault *fault)
{
	struct transaction *transaction;

	if (transactions->n == TRANSACTIONS_MAX) {
		fault_set(fault, FAULT_LIMIT, "",
			"found %d open transactions, expected fewer; commit or abort one",
			TRANSACTIONS_MAX);
		return NULL;
	}
	transaction = calloc(1, sizeof(*transaction));
	if (!transaction || rpc_session_on_close(session, session_closed, transaction) < 0) {
		free(transaction);
		fault_set(fault, FAULT_NO_ROOM, "", "no memory for a transaction");
		return NULL;
	}
	transaction->all = transactions;
	transaction->session = session;
	transaction->proposal = proposal;
	proposal->keep = true;
	proposal->transaction = true;
	snprintf(transaction->name, sizeof(transaction->name), "txn-%" PRIu64,
		++transactions->last_number);
	LIST_INSERT_HEAD(&transactions->list, transaction, link);
	transactions->n++;
	return transaction;
}

struct transaction *
transaction_find(struct transactions *transactions, const struct rpc_session *session,
	const char *name, struct fault *fault)
{
	struct transaction *transaction;

	LIST_FOREACH (transaction, &transactions->list, link) {
		if (transaction->session == session && strcmp(transaction->name, name) == 0)
			return transaction;
	}
	fault_set(fault, FAULT_NOT_FOUND, "/txn",
		"found %s, expected a transaction that this connection has open; txn.begin begins "
		"one",
		name);
	return NULL;
}

void
transaction_end(struct transaction *transaction)
{
	if (transaction->call) {
		transaction->ended = true;
		return;
	}
	rpc_session_cancel_close(transaction->session, session_closed, transaction);
	commits_discard(transaction->all->commits, transaction->proposal);
	LIST_REMOVE(transaction, link);
	transaction->all->n--;
	free(transaction);
}
