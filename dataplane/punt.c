/* SPDX-License-Identifier: BSD-3-Clause */
/* Control's end of the punt rings. */
#include "punt.h"

#include <rte_mbuf.h>

#include "dp_private.h"
#include "ring.h"

#define PUNT_BURST 32

static void
punted_hand_over(struct rte_mbuf *m, unsigned worker, dp_punted_fn fn, void *arg)
{
	const struct dp_punted punted = {
		.frame = rte_pktmbuf_mtod(m, const uint8_t *),
		.frame_bytes = m->data_len,
		.port = m->port,
		.worker = (uint16_t)worker,
		.handle = m->hash.usr,
	};

	fn(arg, &punted);
	rte_pktmbuf_free(m);
}

unsigned
dp_punt_poll(struct dp *dp, unsigned max, dp_punted_fn fn, void *arg)
{
	unsigned total = 0;

	for (unsigned w = 0; w < dp->n_workers; w++) {
		void *packets[PUNT_BURST];
		unsigned n;

		do {
			n = ring_take(dp->workers[w]->punt_ring, packets,
				RTE_MIN(max - total, (unsigned)PUNT_BURST));
			for (unsigned i = 0; i < n; i++)
				punted_hand_over(packets[i], w, fn, arg);
			total += n;
		} while (n > 0 && total < max);
	}
	return total;
}
