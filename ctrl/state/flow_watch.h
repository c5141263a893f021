/* SPDX-License-Identifier: BSD-3-Clause */
/* What the watchers of flows (monitor/idle.c, punts.c) note down with each flow. All zero at first.
 */
#ifndef CTRL_STATE_FLOW_WATCH_H
#define CTRL_STATE_FLOW_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

/* When it was active last, see monitor/idle.h. */
struct idle {
	uint64_t accepted; /* packets, as far as was seen */
	uint64_t active_ns; /* when there were seen to be so many */
};

struct flow_watch {
	struct wheel_entry due; /* the next look at it */
	struct idle idle; /* of a flow with a timeout; not begun while active_ns is 0 */
	uint32_t moves; /* of a latched source: those that events were raised for */
	uint32_t punt_handle; /* under which its packets are told apart, when it can punt */
	bool drops; /* its action is drop: what it drops by that is taken */
	bool narrow_later; /* its source is learned, and what is steered is to be looked at */
	bool punts;
	bool expires; /* it is being removed because it is idle */
};

#endif
