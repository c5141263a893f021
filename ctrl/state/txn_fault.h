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
	int error; /* negative errno */
	/* This one and those that were to be added after it: flows of its family, of them rules, */
	size_t n_flows, n_rules;
	size_t n_legs; /* and legs in the leg table, of both families */
	/* Flows of its family that are added or replaced: in all, and those that found a place. */
	size_t n_together, n_fitting;
};

/* Say why, relative to the flow. Always returns -1. */
int txn_fault(const struct dp *dp, const struct dp_txn *txn, const struct txn_refusal *refusal,
	struct fault *fault);

/* Say why dp_txn_commit() changed nothing. Always returns -1. */
int txn_commit_fault(int error, struct fault *fault);

#endif
