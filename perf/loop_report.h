/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A measurement for people, as a table of 80 columns, or for programs, as one JSON object.
 */
#ifndef PERF_LOOP_REPORT_H
#define PERF_LOOP_REPORT_H

#include "loop_summary.h"

void loop_report_print(const struct loop_report *report, const struct loop_summary *summary);
void loop_report_json(const struct loop_report *report, const struct loop_summary *summary);

#endif
