/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flows whose legs hold a next hop that is not theirs any more, since routes have parted those who
 * shared it: each gets a new version in the data plane, with all else as it was. Done in slices
 * between other changes, as long as there are such legs. Control thread.
 */
#ifndef CTRL_STATE_HOP_REPOINT_H
#define CTRL_STATE_HOP_REPOINT_H

#include <stdint.h>

struct event;
struct event_base;
struct flows;

struct hop_repoint {
	struct flows *flows;
	struct event *timer; /* NULL: nothing happens by itself */
	uint64_t sequence; /* of the flow that was looked at last; 0 = begin anew */
};

/* `base` NULL: hop_repoint_run() is called by hand. 0 or -ENOMEM. */
int hop_repoint_init(struct hop_repoint *repoint, struct flows *flows, struct event_base *base);
void hop_repoint_fini(struct hop_repoint *repoint);

/* Do a slice. Returns after how many ms to go on, 0 = all is done. */
unsigned hop_repoint_run(struct hop_repoint *repoint);

#endif
