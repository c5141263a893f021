/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow/proposal.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/escape.h"
#include "flow/plan.h"

static const struct actor sluiced = {
	.uid = UINT32_MAX,
	.gid = UINT32_MAX,
	.name = "sluiced",
	.via = "sluiced",
	.role = ROLE_ADMIN,
};

struct proposal *
proposal_create(const struct actor *actor, const char *method, const char *comment,
	proposal_done_fn done, void *arg)
{
	struct proposal *proposal = calloc(1, sizeof(*proposal));

	if (!proposal)
		return NULL;
	proposal->actor = actor ? *actor : sluiced;
	snprintf(proposal->method, sizeof(proposal->method), "%s", method);
	snprintf(proposal->comment, sizeof(proposal->comment), "%s", comment ? comment : "");
	proposal->done = done;
	proposal->arg = arg;
	return proposal;
}

void
proposal_destroy(struct proposal *proposal)
{
	if (!proposal)
		return;
	if (proposal->load_end)
		proposal->load_end(proposal->load_arg);
	while (proposal_drop(proposal))
		;
	free(proposal->ops);
	free(proposal);
}

bool
proposal_drop(struct proposal *proposal)
{
	if (proposal->n_ops > 0) {
		op_destroy(proposal->ops[--proposal->n_ops]);
		return true;
	}
	if (plan_drop(proposal->plan))
		return true;
	proposal->plan = NULL;
	if (plan_drop(proposal->plan_now))
		return true;
	proposal->plan_now = NULL;
	return false;
}

int
proposal_add(struct proposal *proposal, struct op *op, const char *member, uint32_t place,
	struct fault *fault)
{
	struct op **ops = array_grow(
		proposal->ops, proposal->n_ops, &proposal->room_ops, sizeof(proposal->ops[0]));

	if (ops)
		proposal->ops = ops;
	if (!op || !ops) {
		op_destroy(op);
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory for %zu change%s",
			proposal->n_ops + 1, plural_s(proposal->n_ops + 1));
	}
	if (op->spec) {
		const uint64_t number = flow_db_id_number(op->spec->id);

		if (number > proposal->highest_number)
			proposal->highest_number = number;
	}
	op->owner = proposal;
	op->member = member;
	op->index = place;
	proposal->ops[proposal->n_ops++] = op;
	return 0;
}
