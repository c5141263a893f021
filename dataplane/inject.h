/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames that control sends, the reverse of punt.h, and those of the kernel, the reverse of
 * exception.h: each through a ring of the worker, as a device's transmit queue belongs to one.
 * dp_inject() is control's end.
 */
#ifndef DATAPLANE_INJECT_H
#define DATAPLANE_INJECT_H

#include "burst.h"

#define INJECT_RING 256 /* frames that wait for a worker */

/*
 * Send what control and the kernel have put into the rings of this worker, and count it. Not in
 * every round: the ring's end that they write is on a line of its own.
 */
void inject_poll(struct lcore *lc);

#endif
