/* SPDX-License-Identifier: BSD-3-Clause */
/* What the methods of the control socket work on. */
#ifndef CTRL_RPC_METHODS_CONTEXT_H
#define CTRL_RPC_METHODS_CONTEXT_H

#include <stdint.h>

#include "config/config.h"
#include "flow/confirm.h"
#include "flow/flows.h"
#include "flow/restore.h"
#include "monitor/monitor.h"

struct event_feed;
struct transactions;

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

#endif
