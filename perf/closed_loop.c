/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * closed-loop: cycles a packet of the data plane alone, and their ratio to testpmd in one run. The
 * method is in perf/README.md.
 */
#include <stdio.h>

#include "loop_options.h"
#include "loop_report.h"
#include "loop_run.h"

#define HUGEPAGE_BYTES (2u << 20)
#define MEMORY_BASE_MB 256 /* pools and EAL */
#define FLOW_BYTES 384 /* tables, the larger family */

/* Hugepages when enough are free for both tables and pools, and the user does not mind. */
static bool
hugepages_suffice(const struct loop_options *options)
{
	FILE *file = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "r");
	unsigned long free_pages = 0;
	unsigned long long wanted = ((unsigned long long)MEMORY_BASE_MB << 20) +
				    (unsigned long long)options->flows * FLOW_BYTES;

	if (file != NULL) {
		if (fscanf(file, "%lu", &free_pages) != 1)
			free_pages = 0;
		fclose(file);
	}
	return (unsigned long long)free_pages * HUGEPAGE_BYTES >= wanted;
}

int
main(int argc, char **argv)
{
	struct loop_options options;
	static struct loop_report report;
	int ret = loop_options_parse(&options, argc, argv);

	if (ret != 0)
		return ret < 0 ? 0 : ret;
	options.no_huge = options.no_huge || !hugepages_suffice(&options);
	report.options = &options;
	report.rounds = options.against ? options.rounds : 1;
	for (unsigned i = 0; i < report.rounds; i++) {
		if (loop_run_sluice(&options, &report.sluice[i]) < 0)
			return 1;
		if (options.against && loop_run_testpmd(&options, &report.testpmd[i]) < 0)
			return 1;
	}
	if (options.json)
		loop_report_json(&report);
	else
		loop_report_print(&report);
	return loop_report_conserved(&report) ? 0 : 1;
}
