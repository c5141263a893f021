/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DPDK's own libraries are not built with ThreadSanitizer, so it cannot see how they hand a buffer
 * from one thread to another: it would call every packet a race. The two places where that happens,
 * the rings of the port and of the pools, are done here instead, by the same rings inline, which
 * it does see. The data plane does not know the difference.
 */
#ifndef CONCURRENCY_VISIBLE_H
#define CONCURRENCY_VISIBLE_H

#include "loop.h"

/* Pools that are made from now on keep their buffers in rings that the sanitizer sees. */
void visible_pools(void);

/* The loop's port, which is started, takes and gives its packets in sight; no worker runs yet. */
void visible_port(struct loop *loop);

#endif
