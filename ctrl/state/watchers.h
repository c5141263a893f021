/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Everyone who wants to know what becomes of flows, ports and workers, and what they have found
 * out. They begin and end together, after the flows and before them.
 *
 * Everything here is called by the control thread.
 */
#ifndef CTRL_STATE_WATCHERS_H
#define CTRL_STATE_WATCHERS_H

#include "state/config.h"
#include "state/events.h"
#include "state/flow_rates.h"
#include "state/health.h"
#include "state/punts.h"
#include "state/sweep.h"

struct watchers {
	struct flows *flows;
	struct events events;
	struct sweep sweep;
	struct punts punts;
	struct health health;
	struct flow_rates rates;
};

/* Watch the flows, from `base`; flows are borrowed. -1 with *fault set, and nothing left open. */
int watchers_init(struct watchers *watchers, struct flows *flows, const struct config *config,
	struct event_base *base, struct fault *fault);
void watchers_fini(struct watchers *watchers);

#endif
