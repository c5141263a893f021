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

enum top_view { TOP_FLOWS, TOP_LEGS, TOP_PORTS, TOP_WORKERS, TOP_VIEWS };

/* "flows", "legs" ... */
const char *top_view_name(enum top_view view);

/* What a view may be sorted by, the default first; NULL past the last. */
const char *top_sort_name(enum top_view view, size_t i);

/*
 * The record of what happened between two samples of one daemon, each {"counters", "info", "ports",
 * "top"}: replies of counters.get, system.info, port.list and, but for ports and workers,
 * counters.top. New reference; NULL when nothing can be said: counters or clock went back.
 */
json_t *top_record(const json_t *before, const json_t *after, enum top_view view, const char *sort);

/* Leave only rows one of whose names has this text in it; "" leaves all. */
void top_record_filter(json_t *record, const char *text);

#define TOP_WIDTH_MIN 72 /* below, whoever shows the lines has to cut them */

/* "0".."9999", "12.3k", "1.50M": 6 characters at most. `text` has room for 8. */
void top_number(uint64_t number, char *text);

/* The width that shows all names of a record whole. */
size_t top_draw_width(const json_t *record);

/* Both clear *line and fill it. What is in and out, all in all. */
void top_draw_totals(struct text *line, const json_t *record);
/* A row of the record or, with NULL, the titles; the one that rows are sorted by has a mark. */
void top_draw_row(struct text *line, const json_t *record, const json_t *row, size_t width);

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
