/* SPDX-License-Identifier: BSD-3-Clause */
/* state.get, state.confirm, state.rollback, history.list, history.get, history.tag */
#ifndef CTRL_RPC_STATE_METHODS_H
#define CTRL_RPC_STATE_METHODS_H

#include <jansson.h>

#include "rpc/dispatch.h"

/* Each an rpc_method_fn; ctx is a struct methods_context. */
json_t *state_get(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);
json_t *state_confirm(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);
json_t *state_rollback(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);
json_t *history_list(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);
json_t *history_get(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);
json_t *history_tag(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);

#endif
