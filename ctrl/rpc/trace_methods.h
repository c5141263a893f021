/* SPDX-License-Identifier: BSD-3-Clause */
/* packet.trace */
#ifndef CTRL_RPC_TRACE_METHODS_H
#define CTRL_RPC_TRACE_METHODS_H

#include <jansson.h>

#include <dp/trace.h>

#include "config/ports.h"
#include "flow/flow_db.h"
#include "monitor/packet_trace.h"
#include "rpc/dispatch.h"

/* An rpc_method_fn; ctx is a struct methods_context. */
json_t *packet_trace(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);

#endif
