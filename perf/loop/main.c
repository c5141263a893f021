/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * closed-loop: cycles a packet of the data plane alone, and their ratio to testpmd in one run. The
 * method is in perf/README.md.
 */
#include <stdio.h>

#include "options.h"
#include "report.h"
#include "rig.h"
#include "run.h"

#define HUGEPAGE_MB 2

/* Hugepages when enough are free for both tables and pools, and the user does not mind. */
static bool
hugepages_suffice(const struct loop_options *options)
{
	FILE *file = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "r");
	unsigned long free_pages = 0;

	if (file != NULL) {
		if (fscanf(file, "%lu", &free_pages) != 1)
			free_pages = 0;
		fclose(file);
	}
	return free_pages * HUGEPAGE_MB >= loop_rig_memory_mb(options);
}

/* The same load on the CPU of the last worker alone: the first may share its CPU with control. */
static int
one_worker_run(const struct loop_options *options, struct spread *cycles)
{
	struct loop_options one = *options;
	struct loop_result result;

	one.workers = 1;
	one.worker_cores[0] = options->worker_cores[options->workers - 1];
	if (loop_run_sluice(&one, &result) < 0)
		return -1;
	*cycles = result.cycles;
	return result.conserved ? 0 : -1;
}

static int
other_run(const struct loop_options *options, struct spread *cycles)
{
	switch (options->against) {
	case LOOP_TESTPMD:
		return loop_run_testpmd(options, cycles);
	case LOOP_ONE_WORKER:
		return one_worker_run(options, cycles);
	default:
		return 0;
	}
}

int
main(int argc, char **argv)
{
	static struct loop_options options;
	static struct loop_report report;
	static struct loop_summary summary;

	loop_options_parse(&options, argc, argv);
	options.no_huge = options.no_huge || !hugepages_suffice(&options);
	report.options = &options;
	report.rounds = options.rounds;
	for (unsigned i = 0; i < report.rounds; i++) {
		if (loop_run_sluice(&options, &report.sluice[i]) < 0 ||
			other_run(&options, &report.other[i]) < 0)
			return 1;
	}
	loop_report_sum_up(&report, &summary);
	if (options.json)
		loop_report_json(&report, &summary);
	else
		loop_report_print(&report, &summary);
	return summary.conserved ? 0 : 1;
}
