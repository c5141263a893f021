/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Did the loop lose, invent or spoil anything? The laws on top of dp/stats.h, and what only a
 * closed loop can check: what left by a port is what its legs sent, nothing was dropped, as many
 * packets are in the rings as were put in, every one of them is still a whole datagram with right
 * checksums, and flows that latch have learned the one source that there is.
 */
#ifndef PERF_LOOP_LAWS_H
#define PERF_LOOP_LAWS_H

#include <stdbool.h>

#include "rig.h"

/*
 * A law: two figures that are to be the same. False after a message on standard error that names
 * what they are of.
 */
bool law(const char *of, const char *text, uint64_t found, uint64_t expected);

/* After dp_stop(). False after a message on standard error for each law that is broken. */
bool loop_laws_hold(const struct loop_rig *rig);

#endif
