/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Taking from a ring of DPDK. Its inline functions write the array as integers, and the caller
 * reads pointers: a compiler may conclude that nobody reads what they write (C11, 6.5, paragraph
 * 7), and clang 14 left the last object out.
 */
#ifndef DATAPLANE_RING_H
#define DATAPLANE_RING_H

#include <rte_common.h>
#include <rte_ring.h>

/* Take up to n objects, as the only consumer. Returns how many. */
static __rte_always_inline unsigned
ring_take(struct rte_ring *ring, void **objects, unsigned n)
{
	const unsigned taken = rte_ring_sc_dequeue_burst(ring, objects, n, NULL);

	/* Whatever is at `objects` may be read here. */
	__asm__ volatile("" : : "r"(objects) : "memory");
	return taken;
}

#endif
