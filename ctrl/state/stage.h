/* SPDX-License-Identifier: BSD-3-Clause */
/* What the operations of draft.h share, each kind in a file of its own. Control thread. */
#ifndef CTRL_STATE_STAGE_H
#define CTRL_STATE_STAGE_H

#include "state/draft.h"

int stage_install(struct draft *draft, struct op *op, struct fault *fault);
int stage_replace(struct draft *draft, struct op *op, struct fault *fault);
/* A put lets go of the match that its flow has and is not to have any more. */
int stage_let_go(struct draft *draft, struct op *op, struct fault *fault);
int stage_put(struct draft *draft, struct op *op, struct fault *fault);
int stage_remove(struct draft *draft, struct op *op, struct fault *fault);
int stage_join(struct draft *draft, struct op *op, struct fault *fault);
int stage_leave(struct draft *draft, struct op *op, struct fault *fault);
int stage_admin(struct draft *draft, struct op *op, struct fault *fault);

/* The flow of that id as the draft has it; NULL with *fault set at `pointer` when there is none. */
struct flow *staged_find(
	const struct draft *draft, const char *id, const char *pointer, struct fault *fault);

/* Whether there is, or will be, a flow of that id. */
bool staged_there(const struct flow *flow);

/* As a flow is in the draft so far. */
const struct flow_spec *staged_spec(const struct flow *flow);

/* The change of a flow, a new one of that kind when there was none. NULL with *fault set. */
struct change *staged_change(
	struct draft *draft, struct flow *flow, enum change_kind kind, struct fault *fault);

/*
 * op->spec takes the place of what the flow is so far; its leg i is from[i] of that, or
 * DP_LEG_NEW. 0, or -1 with *fault set.
 */
int stage_version(struct draft *draft, struct flow *flow, struct op *op, const uint16_t *from,
	struct fault *fault);

#endif
