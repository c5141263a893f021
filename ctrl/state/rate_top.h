/* SPDX-License-Identifier: BSD-3-Clause */
/* The rows of a table that have most of something. Pure. */
#ifndef CTRL_STATE_RATE_TOP_H
#define CTRL_STATE_RATE_TOP_H

#include <stddef.h>

#include "state/flow_rates.h"

enum rate_order { RATE_BY_PPS, RATE_BY_BPS, RATE_BY_DROPS, RATE_BY_PACKETS };

/*
 * Fill best[] with the `limit` rows that have most, most first; older flows come first among
 * equals, so that rows keep their places. Returns how many there are. Memory is best[] alone, and
 * the time is that of one pass over the table.
 */
size_t rate_top(const struct rate_table *table, enum rate_order order, size_t limit,
	const struct rate_row **best);

#endif
