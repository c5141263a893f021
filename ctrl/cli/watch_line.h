/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The line that `watch` shows for a record:
 *
 *	{"time_ns", "rx_pps", "rx_bps", "tx_pps", "tx_bps", "installed" (flows),
 *	 "flows": [{"id", "sent": [packets a leg] or null}], "drops": {reason: packets}}
 */
#ifndef CTRL_CLI_WATCH_LINE_H
#define CTRL_CLI_WATCH_LINE_H

#include <stdio.h>
#include <time.h>

#include <jansson.h>

#define WATCH_TIME_MAX 16

/* "hh:mm:ss" of local time; `text` has room for WATCH_TIME_MAX. */
void watch_line_time(time_t seconds, char *text);

void watch_line_header(FILE *out);
void watch_line_print(json_t *record, FILE *out);

#endif
