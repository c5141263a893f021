/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The methods of the control socket, and what they work on. Each family of methods is one glue
 * file: JSON in, a call into state or the data plane, JSON out.
 */
#ifndef CTRL_RPC_METHODS_H
#define CTRL_RPC_METHODS_H

#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "flow/confirm.h"
#include "flow/flows.h"
#include "flow/restore.h"
#include "monitor/monitor.h"
#include "rpc/dispatch.h"
#include "rpc/txn_methods.h"

struct event_feed;

/* The `ctx` of every method. All borrowed, for as long as the service lives. */
struct methods_context {
	struct dp *dp;
	const struct config *config;
	struct flows *flows;
	struct monitor *monitor;
	struct store *store;
	struct confirm *confirm;
	struct transactions *transactions;
	const struct restored *restored;
	struct event_feed *feed;
	uint64_t (*log_lines_lost)(void); /* NULL = there is no log */
	uint64_t started_s; /* CLOCK_MONOTONIC */
};

/* One entry a method of the RPC document but rpc.discover. Static storage. */
const struct rpc_method *methods_table(size_t *n);

#endif
