/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What was measured, what it comes to over all rounds, and how it is shown: for people, as a table
 * of 80 columns, or for programs, as one JSON object.
 */
#ifndef PERF_LOOP_REPORT_H
#define PERF_LOOP_REPORT_H

#include "run.h"

/* Everything that was measured. Without --against `other` is unused. */
struct loop_report {
	const struct loop_options *options; /* borrowed */
	unsigned rounds;
	struct loop_result sluice[LOOP_ROUNDS_MAX];
	struct spread other[LOOP_ROUNDS_MAX]; /* cycles of testpmd, or of one worker */
};

/* Of one round the spread of its windows, of several that of their medians. */
struct loop_summary {
	struct spread cycles, cycles_all, calm, other;
	/* Round by round: ours to testpmd's in cycles, or several workers to one in packets. */
	struct spread ratio;
	struct spread ratio_all; /* freeing replicas included */
	struct spread growth; /* 0.1: a packet takes 10 % more cycles while control disturbs */
	double updates_per_second, reads_per_second; /* least of all rounds */
	double longest_round_us;
	double cpu_share; /* least of all rounds */
	uint64_t packets;
	bool conserved; /* every round accounted for all its packets */
};

void loop_report_sum_up(const struct loop_report *report, struct loop_summary *summary);

void loop_report_print(const struct loop_report *report, const struct loop_summary *summary);
void loop_report_json(const struct loop_report *report, const struct loop_summary *summary);

#endif
