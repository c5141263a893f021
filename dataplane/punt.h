/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hand a packet to control: through a ring of this worker's own, bounded and limited in rate, so
 * that no flood of it takes the worker's time or all of its buffers. punt.c is control's end.
 */
#ifndef DATAPLANE_PUNT_H
#define DATAPLANE_PUNT_H

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "burst.h"

#define PUNT_OK DP_DROP_COUNT

/*
 * Give `m`, which came in by `port`, to control, for the flow `handle`. PUNT_OK, or why not: the
 * packet is then still the caller's.
 */
static inline enum dp_drop
punt(struct lcore *lc, struct rte_mbuf *m, uint16_t port, uint32_t handle)
{
	if (!police_take(&lc->punt_police, lc->now_ns, 1, lc->owner))
		return DP_DROP_punt_limited;
	m->port = port;
	m->hash.usr = handle;
	return rte_ring_sp_enqueue(lc->punt_ring, m) == 0 ? PUNT_OK : DP_DROP_punt_full;
}

#endif
