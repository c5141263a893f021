/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that several versions of a flow hold at once: what a flow has learned and counted goes on
 * when the flow is replaced. Control thread only; workers just use the memory.
 */
#ifndef DATAPLANE_SHARED_H
#define DATAPLANE_SHARED_H

#include <stddef.h>

/* Memory of memory_zalloc() that is held once. NULL: no memory. */
void *shared_create(size_t bytes, int node);

/* Hold it once more. Returns its argument; NULL stays NULL. */
void *shared_hold(void *memory);

/* Hold it once less; the last one frees it. NULL is ignored. */
void shared_release(void *memory);

#endif
