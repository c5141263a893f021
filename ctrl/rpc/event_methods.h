/* SPDX-License-Identifier: BSD-3-Clause */
/* event.list, events.* */
#ifndef CTRL_RPC_EVENT_METHODS_H
#define CTRL_RPC_EVENT_METHODS_H

#include <jansson.h>

#include "rpc/call.h"

/* An rpc_method_fn; ctx is a struct methods_context. */
json_t *event_list(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);

/* The same; they belong to the connection of the call. */
json_t *events_subscribe(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);
json_t *events_unsubscribe(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);

#endif
