/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow/commit_group.h"

#include <stdio.h>

#include "base/clock.h"

bool
commit_slice_over(struct commits *commits)
{
	if (++commits->n_checks < commits->check_every || !commits->base)
		return false;
	commits->n_checks = 0;
	return clock_read_ns(CLOCK_MONOTONIC) >= commits->slice_end_ns;
}

enum phase_end
commit_fail(struct commits *commits, struct proposal *proposal)
{
	commits->offender = proposal;
	return PHASE_FAILED;
}

/* A proposal owns the op, and is who the op calls its owner. */
static struct proposal *
op_proposal(const struct op *op)
{
	return (struct proposal *)(uintptr_t)op->owner;
}

bool
commit_do_without(struct commits *commits, struct op *op)
{
	if (!op_proposal(op)->partial || commits->fault.code == FAULT_INTERNAL ||
		commits->fault.code == FAULT_STORE || op_leave_out(op, commits->fault.message) < 0)
		return false;
	commits->again = true;
	return true;
}

enum phase_end
commit_fail_at(struct commits *commits, const struct change *change)
{
	struct proposal *proposal = op_proposal(change->op);

	if (commit_do_without(commits, change->op))
		return PHASE_FAILED;
	op_fault_prefix(change->op, proposal->transaction, &commits->fault);
	return commit_fail(commits, proposal);
}

void
commit_leave_out_warn(struct commits *commits, const struct op *op)
{
	char message[FAULT_MESSAGE_MAX + FAULT_POINTER_MAX + FLOW_ID_MAX + 32];

	if (!commits->warn)
		return;
	snprintf(message, sizeof(message), "flow %s is left out: %s%s%s", op->spec->id,
		commits->fault.pointer, commits->fault.pointer[0] ? ": " : "",
		commits->fault.message);
	commits->warn(commits->warn_arg, message);
}

bool
commit_leave_out(struct commits *commits, struct change *change)
{
	struct proposal *proposal = op_proposal(change->op);

	if (!proposal->restores)
		return false;
	commit_leave_out_warn(commits, change->op);
	if (change->indexed)
		validate_remove(commits->flows->validate, change->op->spec);
	change->indexed = false;
	flow_db_match_remove(&commits->flows->db, change->flow);
	change->kind = CHANGE_NONE;
	proposal->left_out++;
	proposal->added--;
	return true;
}
