/* SPDX-License-Identifier: BSD-3-Clause */
/* One measurement, and how it is printed. */
#ifndef PERF_LOOP_REPORT_H
#define PERF_LOOP_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/figures.h"
#include "options.h"

/*
 * All cycles are those of the TSC a packet put on tx, over the windows of the measurement; while
 * control disturbs the workers, over every other window, and the rest are `calm`.
 */
struct loop_result {
	struct spread cycles; /* what freeing replicas took is left out ... */
	struct spread cycles_all; /* ... and in */
	struct spread calm; /* as `cycles`; of no meaning when nothing disturbs */
	double cpu_share; /* of the windows' time that the workers were on their CPUs, to 1 */
	double updates_per_second; /* flows installed a second, and as many removed */
	double reads_per_second; /* flows whose counters were read */
	double longest_round_us; /* of any worker between two looks at its queues */
	uint64_t packets;
	bool conserved; /* all packets are accounted for */
};

/* One JSON object on standard output, with what was asked for as `setting`. */
void loop_report_print(const struct loop_options *options, const struct loop_result *result);

#endif
