/* SPDX-License-Identifier: BSD-3-Clause */
/* port.list */
#ifndef CTRL_RPC_PORT_METHODS_H
#define CTRL_RPC_PORT_METHODS_H

#include <jansson.h>

#include "rpc/call.h"

/* An rpc_method_fn; ctx is a struct methods_context. */
json_t *port_list(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);

#endif
