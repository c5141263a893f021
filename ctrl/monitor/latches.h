/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sources that flows learn: taken off the workers' rings every LATCHES_PERIOD_MS while some
 * flow may learn one, raised as events, and handed to steering. Without such flows there is no
 * timer.
 *
 * Everything here is called by the control thread.
 */
#ifndef CTRL_MONITOR_LATCHES_H
#define CTRL_MONITOR_LATCHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/timer.h"
#include "flow/flows.h"
#include "monitor/events.h"

#define LATCHES_PERIOD_MS 3 /* up to a tick of the kernel more */
#define LATCHES_AGAIN_MAX 256 /* flows that a tick reads again, */
#define LATCHES_SCAN_MAX 4096 /* and passes in its search for latches when notices were lost */

struct latches {
	struct flows *flows;
	struct events *events;
	struct timer timer;
	size_t n_open; /* flows whose source may move */
	TAILQ_HEAD(latches_again, flow) again; /* those to read in the next ticks */
	bool scanning; /* all flows are looked at, */
	bool scan_again; /* and once more */
	uint64_t scanned; /* sequence of the flow looked at last; 0 = from the first */
};

/* Begin on `base`; flows and events are borrowed. */
void latches_init(struct latches *latches, struct flows *flows, struct events *events,
	struct event_base *base);
void latches_fini(struct latches *latches);

/* A flow was installed, replaced or removed, as flows_changed_fn says. */
void latches_flow_changed(struct latches *latches, struct flow *now, struct flow *before);

/*
 * Before the source of a flow is forgotten: raise what it has learned, and let packets of any
 * source come. It is steered to its source again soon, unless that is forgotten. 0 or negative
 * errno.
 */
int latches_widen(struct latches *latches, struct flow *flow);

/* Forget the source of a flow that latches. *forgotten is not valid when there was none. */
void latches_forget(struct latches *latches, struct flow *flow, struct dp_latched *forgotten);

/* Read the sources that have moved; called by the timer. */
void latches_poll(struct latches *latches);

#endif
