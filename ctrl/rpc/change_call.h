/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A call that changes flows: it becomes a proposal, and is answered when that is committed or
 * refused. Control thread.
 */
#ifndef CTRL_RPC_CHANGE_CALL_H
#define CTRL_RPC_CHANGE_CALL_H

#include <jansson.h>

#include "flow/proposal.h"
#include "rpc/dispatch.h"
#include "rpc/methods_context.h"

/* What to answer once it is committed, but for "generation"; an object. */
typedef json_t *(*change_reply_fn)(const struct proposal *proposal);

/*
 * A proposal in the name of the caller, with "comment" and "if_generation" of the params, that will
 * answer the call. NULL with *fault set.
 */
struct proposal *change_call_begin(
	struct rpc_call *call, const json_t *params, change_reply_fn reply, struct fault *fault);

/* Have a proposal that is there already answer the call. 0, or -1 with *fault set. */
int change_call_take(struct proposal *proposal, struct rpc_call *call, change_reply_fn reply,
	struct fault *fault);

/* Hand it over. Returns what the method is to return. */
json_t *change_call_submit(
	const struct methods_context *context, struct rpc_call *call, struct proposal *proposal);

/* Instead of handing it over. Returns NULL. */
json_t *change_call_cancel(struct proposal *proposal);

/* A reply: how many flows were added, changed and removed, and until when to confirm it. */
json_t *change_committed_encode(const struct proposal *proposal);

/*
 * Operations of one kind out of a list of a request, `member`. 0, or -1 with *fault set
 * ("/MEMBER/N/...").
 */
int change_add_flows(struct proposal *proposal, enum op_kind kind, const json_t *flows,
	const char *member, struct fault *fault);
int change_add_removals(struct proposal *proposal, const json_t *ids, const char *member,
	bool reports, struct fault *fault);

/* Of an object {"flow", "legs"}; *fault relative to that. NULL on failure. */
struct op *change_join(const json_t *params, struct fault *fault);
struct op *change_leave(const json_t *params, struct fault *fault);

#endif
