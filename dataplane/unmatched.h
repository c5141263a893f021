/* SPDX-License-Identifier: BSD-3-Clause */
/* What becomes of a packet that is no flow's. */
#ifndef DATAPLANE_UNMATCHED_H
#define DATAPLANE_UNMATCHED_H

#include "act.h"
#include "exception.h"
#include "martian.h"

/*
 * Dropped, or as configured for the port. Of addresses that no packet may carry the kernel decides
 * by itself: those of DHCP are among them.
 */
static __rte_noinline void
act_unmatched(
	struct lcore *lc, struct rte_mbuf *m, const void *ip, uint16_t port, enum dp_family family)
{
	enum dp_drop reason = DP_DROP_no_flow;

	if (lc->exceptions[port] != NULL) {
		frame_refuse(lc, port, m, reason);
		return;
	}
	if (martian(ip, family)) {
		reason = DP_DROP_martian;
	} else if (lc->punt_unmatched[port]) {
		reason = punt(lc, m, port, DP_HANDLE_NONE);
		if (reason == PUNT_OK) {
			count_add(&lc->counters[port].punted, 1);
			return;
		}
	}
	packet_drop(lc, port, m, reason);
}

#endif
