/* SPDX-License-Identifier: BSD-3-Clause */
/* The rows of a table that have most of something, kept while the table grows. Pure. */
#ifndef CTRL_STATE_RATE_TOP_H
#define CTRL_STATE_RATE_TOP_H

#include "state/flow_rates.h"

/*
 * Look at the last row of the table, which is complete, for table->best; once for each row. Time:
 * mostly a comparison an order.
 */
void rate_top_add(struct rate_table *table);

/*
 * All rows have been looked at: sort table->best, most first. Older flows come first among equals,
 * so that rows keep their places.
 */
void rate_top_sort(struct rate_table *table);

#endif
