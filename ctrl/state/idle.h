/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When a flow counts as idle. The fast path writes down no time: a packets counter that stays what
 * it was is idleness, and a packet is dated when it is first seen in the counter. So a flow never
 * times out early, and at most max(1 s, timeout / 8) late. Pure: counter and clock are given.
 */
#ifndef CTRL_STATE_IDLE_H
#define CTRL_STATE_IDLE_H

#include <stdbool.h>
#include <stdint.h>

struct idle {
	uint64_t packets; /* the counter when it was looked at last */
	uint64_t active_ns; /* when it was first seen to be that */
};

/* Begin now: a flow without any packet times out, too. */
void idle_begin(struct idle *idle, uint64_t now_ns);

/* Look at the counter. True when the flow has had no packet for timeout_s. */
bool idle_look(struct idle *idle, uint64_t packets, uint32_t timeout_s, uint64_t now_ns);

/* When to look next at a flow that was looked at now. */
uint64_t idle_next_ns(const struct idle *idle, uint32_t timeout_s, uint64_t now_ns);

#endif
