/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What `top` and `watch` show: rates between two readings of the counters, as records that are
 * either drawn as lines of text or printed as JSON, so that the two can never differ. The clock is
 * the daemon's own monotonic_ns, so that neither a reply that comes late nor a clock that is set
 * bends the figures.
 */
#ifndef CTRL_CLI_TRAFFIC_H
#define CTRL_CLI_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <jansson.h>

#include "cli/cli.h"
#include "cli/output.h"

/*
 * What all ports did between two replies of counters.get: {"time_ns", "rx_pps", "rx_bps", "tx_pps",
 * "tx_bps", "drops": {reason: packets}}, in bits of Ethernet frames without FCS, rounded to the
 * nearest. New reference; NULL when a counter or the clock went back: sluiced was restarted.
 */
json_t *traffic_rates(const json_t *before, const json_t *after);

enum top_view_id { TOP_FLOWS, TOP_LEGS, TOP_PORTS, TOP_WORKERS, TOP_VIEWS };

#define TOP_SORTS 4

struct top_view {
	const char *name; /* "flows", "legs" ... */
	struct {
		const char *name; /* NULL past the last */
		const char *title; /* of the column */
	} sorts[TOP_SORTS + 1]; /* what rows may be sorted by, the default first */
	const char *columns; /* for rows_print() */
};

extern const struct top_view top_views[TOP_VIEWS];

/*
 * The record of what happened between two samples of one daemon, each {"counters", "info", "ports",
 * "top"}: replies of counters.get, system.info, port.list and, but for ports and workers,
 * counters.top. New reference; NULL when nothing can be said: counters or clock went back.
 */
json_t *top_record(
	const json_t *before, const json_t *after, enum top_view_id view, const char *sort);

/* Leave only rows one of whose names has this text in it; "" leaves all. */
void top_record_filter(json_t *record, const char *text);

/* Clear *line and fill it: what is in and out, all in all. */
void top_totals(struct text *line, const json_t *record);

/* The rows of a record as a table; the title of the column that they are sorted by has a mark. */
void top_rows_print(const json_t *record, size_t width, FILE *out);

/* "hh:mm:ss" in local time, in `text`, which has room for MOMENT_TEXT_MAX. */
const char *clock_text(uint64_t time_ns, char *text);

void watch_line_header(FILE *out);
void watch_line_print(json_t *record, FILE *out);

/* What prints a record an interval: as many as count says, or without end for 0. */
struct monitor {
	struct cli *cli;
	uint64_t interval_ms;
	uint64_t count;
	/* Take a reading: 0 with a new reference to what happened since the one before, NULL when
	 * that cannot be said; or -1 with *error set. */
	int (*read)(void *arg, json_t **record, struct client_error *error);
	void (*print)(void *arg, json_t *record);
	void *arg;
};

/*
 * Print records until there are enough, or standard output is closed. A daemon that goes away is
 * waited for. The exit code is that of the last reading.
 */
int monitor_run(const struct monitor *monitor);

#endif
