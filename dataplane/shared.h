/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that several versions of a flow hold at once: what a flow has learned and counted goes on
 * when the flow is replaced. Control thread only; workers just use the memory.
 */
#ifndef DATAPLANE_SHARED_H
#define DATAPLANE_SHARED_H

#include <stddef.h>

/* Zeroed, cache-aligned memory that is held once. NULL: no memory. */
void *shared_create(size_t bytes);

/* Hold it once more. Returns its argument; NULL stays NULL. */
void *shared_hold(void *memory);

/* Hold it once less; the last one frees it. NULL is ignored. */
void shared_release(void *memory);

#endif
