/* SPDX-License-Identifier: BSD-3-Clause */
/* A refusal of the data plane in the words of the control interface. Control thread. */
#ifndef CTRL_STATE_TXN_FAULT_H
#define CTRL_STATE_TXN_FAULT_H

#include <stdbool.h>

#include "state/flow_spec.h"

/* What the data plane was asked when it refused. */
struct txn_refusal {
	const struct flow_spec *spec;
	bool replacing; /* dp_txn_replace(), not dp_txn_add() */
	size_t n_pending; /* flows of this family that the transaction adds already */
	int error; /* negative errno */
};

/* Say why, relative to the flow. Always returns -1. */
int txn_fault(const struct dp *dp, const struct txn_refusal *refusal, struct fault *fault);

/* Say why dp_txn_commit() changed nothing. Always returns -1. */
int txn_commit_fault(int error, struct fault *fault);

#endif
