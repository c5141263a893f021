/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When a flow counts as idle. The fast path writes down no time: a count of accepted packets that
 * does not grow is idleness, and a packet is dated when it is first seen in it. So a flow never
 * times out early, and at most max(1 s, timeout / 8) late. Pure: counter and clock are given.
 */
#ifndef CTRL_STATE_IDLE_H
#define CTRL_STATE_IDLE_H

#include <stdbool.h>
#include <stdint.h>

struct idle {
	uint64_t accepted; /* packets, as far as was seen */
	uint64_t active_ns; /* when there were seen to be so many */
};

/* Begin now: a flow without any packet times out, too. */
void idle_begin(struct idle *idle, uint64_t now_ns);

/*
 * Look at the counter, which may be read too low now and then, but not too high. True when the flow
 * has accepted no packet for timeout_s.
 */
bool idle_look(struct idle *idle, uint64_t accepted, uint32_t timeout_s, uint64_t now_ns);

/* When to look next at a flow that was looked at now. */
uint64_t idle_next_ns(const struct idle *idle, uint32_t timeout_s, uint64_t now_ns);

#endif
