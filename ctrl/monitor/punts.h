/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The packets that workers hand to control: taken off their rings every PUNTS_PERIOD_MS while a
 * port or a flow can punt, and the last PUNTS_MAX of them kept for punt.list. Workers count what
 * does not fit into their rings (punt_full, punt_limited); each reader counts what was overwritten
 * here (sequence_first()).
 *
 * Everything here is called by the control thread.
 */
#ifndef CTRL_MONITOR_PUNTS_H
#define CTRL_MONITOR_PUNTS_H

#include <dp/dp.h>

#include "base/timer.h"
#include "flow/flow_db.h"

#define PUNTS_MAX 256
#define PUNTS_FRAME_MAX 256
#define PUNTS_PERIOD_MS 10

struct punt_flow;

struct punt {
	uint64_t sequence;
	uint64_t time_ns; /* CLOCK_REALTIME, when control took it */
	char flow[FLOW_ID_MAX]; /* "": of no flow, or of a removed one */
	uint16_t port;
	uint32_t frame_bytes; /* of the whole frame */
	uint16_t kept_bytes; /* of them in `frame` */
	uint32_t answers; /* packets that were sent in reply to it, see punts_answered() */
	uint8_t frame[PUNTS_FRAME_MAX];
};

struct punts {
	struct dp *dp;
	struct timer timer;
	struct punt_flow *flows; /* those that can punt, by handle */
	bool unmatched; /* some port punts what no flow matches */
	uint64_t last; /* sequence number of the newest, 0 = none yet */
	struct punt ring[PUNTS_MAX];
};

/* Begin on `base`. unmatched: some port punts by default. dp is borrowed. */
void punts_init(struct punts *punts, struct dp *dp, bool unmatched, struct event_base *base);
void punts_fini(struct punts *punts);

/* A flow was installed, replaced or removed: as flows_changed_fn. */
void punts_flow_changed(struct punts *punts, struct flow *now, struct flow *before);

/* Take what is on the rings, a bounded number. True when there may be more. */
bool punts_poll(struct punts *punts);

/* The packet of that number; NULL when it was overwritten or has not come. */
const struct punt *punts_get(const struct punts *punts, uint64_t sequence);

/* A packet was sent in reply to the packet of that number, which is there. */
void punts_answered(struct punts *punts, uint64_t sequence);

#endif
