/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What `top` shows at one moment, as a record that is either drawn or printed as JSON, so that the
 * two can never differ:
 *
 *	{"view", "sort", "time_ns", "period_ms",
 *	 "totals": {"flows", "legs", "rx_pps", "rx_bps", "tx_pps", "tx_bps", "drops_ps"},
 *	 "of": rows that there are, "rows": [{...}]}
 *
 * Rows of flows and legs are those of counters.top; those of ports have "port", "link_up",
 * "rx_pps", "rx_bps", "tx_pps", "tx_bps", "drops_ps", "drops", "missed_ps"; those of workers
 * "worker", "core", "busy_share", "rx_pps", "tx_pps", "cycles_per_packet".
 */
#ifndef CTRL_CLI_TOP_RECORD_H
#define CTRL_CLI_TOP_RECORD_H

#include <stddef.h>

#include <jansson.h>

enum top_view { TOP_FLOWS, TOP_LEGS, TOP_PORTS, TOP_WORKERS, TOP_VIEWS };

/* "flows", "legs" ... */
const char *top_view_name(enum top_view view);

/* What a view may be sorted by, the default first; NULL past the last. */
const char *top_sort_name(enum top_view view, size_t i);

/* Replies of one moment. References are the holder's; all NULL: none yet. */
struct top_sample {
	json_t *counters; /* counters.get */
	json_t *info; /* system.info */
	json_t *ports; /* port.list */
	json_t *top; /* counters.top; NULL for ports and workers */
};

void top_sample_fini(struct top_sample *sample);

/*
 * The record of what happened between two samples of one daemon. New reference; NULL when nothing
 * can be said: counters or clock went back.
 */
json_t *top_record(const struct top_sample *before, const struct top_sample *after,
	enum top_view view, const char *sort);

/* Leave only rows one of whose names has this text in it; "" leaves all. */
void top_record_filter(json_t *record, const char *text);

#endif
