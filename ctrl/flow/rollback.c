/* SPDX-License-Identifier: BSD-3-Clause */
/* Whoever reads does so while no other change is under way, so what is there stays there. */
#include "flow/rollback.h"

#include <stdlib.h>

#include "flow/flow_codec.h"

#define FLOWS_AT_ONCE 64

struct rollback {
	const struct flows *flows;
	struct store *store;
	uint64_t generation;
	struct store_cursor *cursor; /* rollback_to(), once begun */
	uint64_t index; /* rollback_of(): of the last change that was read */
	unsigned n_read;
	struct proposal *proposal;
	struct fault *fault;
};

static void
rollback_end(void *arg)
{
	struct rollback *rollback = arg;

	store_cursor_close(rollback->cursor);
	free(rollback);
}

/*
 * A flow is to be as it is stored; without a text it is not to be. A text that is no flow to this
 * sluiced is left out of a partial proposal.
 */
static int
flow_return(struct rollback *rollback, const struct store_flow *flow)
{
	struct flow_spec *spec = NULL;
	struct op *op;

	if (flow->text) {
		spec = flow_text_decode(
			rollback->flows->schema, flow->text, flow->bytes, rollback->fault);
		if (!spec && !rollback->proposal->partial)
			return -1;
	} else if (!flow_db_find(&rollback->flows->db, flow->id)) {
		return 0;
	}
	if (spec) {
		spec->last_leg_number = (uint32_t)flow->last_leg;
		spec->declared = flow->declared;
	}
	op = spec ? op_create_spec(OP_SET, spec) : op_create_remove(flow->id);
	if (op && flow->text && !spec && op_leave_out(op, rollback->fault->message) < 0) {
		op_destroy(op);
		op = NULL;
	}
	return proposal_add(rollback->proposal, op, "flows", UINT32_MAX, rollback->fault);
}

static int
cursor_load(void *arg, struct proposal *proposal, struct fault *fault)
{
	struct rollback *rollback = arg;
	struct store_flow flow;
	unsigned i;
	int rc = 1;

	rollback->proposal = proposal;
	rollback->fault = fault;
	if (!rollback->cursor)
		rollback->cursor =
			store_rollback_open(rollback->store, rollback->generation, fault);
	if (!rollback->cursor)
		return -1;
	for (i = 0; rc == 1 && i < FLOWS_AT_ONCE; i++) {
		rc = store_cursor_next(rollback->cursor, &flow, fault);
		if (rc == 1 && flow_return(rollback, &flow) < 0)
			rc = -1;
	}
	if (rc == 1)
		return 1;
	/* The store is written next, and would keep all of its journal for an open cursor. */
	store_cursor_close(rollback->cursor);
	rollback->cursor = NULL;
	return rc;
}

static int
change_return(void *arg, const struct store_change *change)
{
	struct rollback *rollback = arg;
	const struct store_flow before = {
		.id = change->id,
		.text = change->before,
		.bytes = change->before_bytes,
		.last_leg = change->before_last_leg,
		.declared = change->before_declared,
	};

	rollback->index = change->index;
	rollback->n_read++;
	return flow_return(rollback, &before);
}

static int
changes_load(void *arg, struct proposal *proposal, struct fault *fault)
{
	struct rollback *rollback = arg;

	rollback->proposal = proposal;
	rollback->fault = fault;
	rollback->n_read = 0;
	if (store_history_changes(rollback->store, rollback->generation, rollback->index,
		    FLOWS_AT_ONCE, change_return, rollback, fault) != 0)
		return -1;
	return rollback->n_read == FLOWS_AT_ONCE;
}

static int
rollback_begin(struct proposal *proposal, const struct flows *flows, struct store *store,
	uint64_t generation, proposal_load_fn load, struct fault *fault)
{
	struct rollback *rollback = calloc(1, sizeof(*rollback));

	if (!rollback)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory to roll back");
	rollback->flows = flows;
	rollback->store = store;
	rollback->generation = generation;
	proposal->load = load;
	proposal->load_end = rollback_end;
	proposal->load_arg = rollback;
	proposal->ends_confirm = true;
	return 0;
}

static int
generation_check(struct store *store, uint64_t generation, struct fault *fault)
{
	struct store_state state;

	store_state(store, &state);
	if (generation != state.generation)
		return store_return_check(store, generation, fault);
	return fault_set(fault, FAULT_NOT_FOUND, "/generation",
		"found %llu, which is the generation that runs, expected an earlier one that "
		"history.list names",
		(unsigned long long)generation);
}

int
rollback_to(struct proposal *proposal, const struct flows *flows, struct store *store,
	uint64_t generation, struct fault *fault)
{
	if (generation_check(store, generation, fault) < 0)
		return -1;
	proposal->returns = STORE_RETURN_TO;
	proposal->returned = generation;
	return rollback_begin(proposal, flows, store, generation, cursor_load, fault);
}

int
rollback_of(struct proposal *proposal, const struct flows *flows, struct store *store,
	uint64_t generation, struct fault *fault)
{
	proposal->returns = STORE_RETURN_OF;
	proposal->returned = generation;
	proposal->partial = true;
	return rollback_begin(proposal, flows, store, generation, changes_load, fault);
}
