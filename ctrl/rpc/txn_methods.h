/* SPDX-License-Identifier: BSD-3-Clause */
/* txn.begin, txn.put, txn.plan, txn.commit, txn.abort */
#ifndef CTRL_RPC_TXN_METHODS_H
#define CTRL_RPC_TXN_METHODS_H

#include <jansson.h>

#include "rpc/call.h"

/* Each an rpc_method_fn; ctx is a struct methods_context. */
json_t *txn_begin(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);
json_t *txn_put(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);
json_t *txn_plan(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);
json_t *txn_commit(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);
json_t *txn_abort(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);

#endif
