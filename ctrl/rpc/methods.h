/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of all methods. Each family of methods is one file: JSON in, a call into ctrl/flow or
 * the data plane, JSON out.
 */
#ifndef CTRL_RPC_METHODS_H
#define CTRL_RPC_METHODS_H

#include <stddef.h>

#include "rpc/dispatch.h"
#include "rpc/methods_context.h"

/* One entry a method of the RPC document but rpc.discover. Static storage. */
const struct rpc_method *methods_table(size_t *n);

#endif
