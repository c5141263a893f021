/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A measurement for people, as a table of 80 columns, or for programs, as one JSON object.
 */
#ifndef PERF_LOOP_REPORT_H
#define PERF_LOOP_REPORT_H

#include "loop_run.h"

#define LOOP_ROUNDS_MAX 100

/* Everything that was measured. Without --against there is one round and testpmd is unused. */
struct loop_report {
	const struct loop_options *options; /* borrowed */
	unsigned rounds;
	struct loop_result sluice[LOOP_ROUNDS_MAX];
	struct spread testpmd[LOOP_ROUNDS_MAX];
};

/* Every round accounted for all its packets. */
bool loop_report_conserved(const struct loop_report *report);

void loop_report_print(const struct loop_report *report);
void loop_report_json(const struct loop_report *report);

#endif
