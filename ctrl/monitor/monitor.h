/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The monitors of flows, ports and workers, and the events that they raise. They begin after the
 * flows and end before them.
 *
 * Everything here is called by the control thread.
 */
#ifndef CTRL_MONITOR_MONITOR_H
#define CTRL_MONITOR_MONITOR_H

#include "config/config.h"
#include "monitor/events.h"
#include "monitor/health.h"
#include "monitor/icmp_errors.h"
#include "monitor/idle.h"
#include "monitor/latches.h"
#include "monitor/pool_levels.h"
#include "monitor/punts.h"
#include "monitor/rates.h"

struct monitor {
	struct flows *flows;
	struct events events;
	struct idle_monitor idle;
	struct latches latches;
	struct punts punts;
	struct health health;
	struct flow_rates rates;
	struct pool_levels pool_levels;
	struct icmp_errors icmp_errors;
};

/* Watch the flows, from `base`; flows are borrowed. */
void monitor_init(struct monitor *monitor, struct flows *flows, const struct config *config,
	struct event_base *base);
void monitor_fini(struct monitor *monitor);

#endif
