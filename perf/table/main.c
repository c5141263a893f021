/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flow-table: Sluice's flow table beside others that would do, on one machine in one run. What was
 * decided from it is in docs/adr/0006-flow-table.md.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <dp/dp.h>

#include "bench.h"
#include "common/figures.h"
#include "sections.h"

#define NO_HUGE_MEMORY_MB 2048
#define ROUNDS_DEFAULT 11
#define CPU_SHARE_QUIET 0.98 /* below, the machine is too busy to measure on */

static const struct {
	const char *name;
	const char *title;
	void (*run)(const struct bench_options *options, json_t *rows);
} sections[] = {
	{"lookup", "Find a flow and count a packet", bench_lookup},
	{"insert", "Add and remove", bench_insert},
	{"fill", "Lookups by load", bench_fill},
	{"collide", "Keys of one hash", bench_collide},
};

static struct bench_options
options_read(int argc, char **argv)
{
	json_t *setting = argc == 2 ? json_loads(argv[1], 0, NULL) : NULL;
	int small, no_huge;
	struct bench_options o = {.rounds = 0};

	if (json_unpack(setting, "{s:i, s:b, s:b, s:[ii], s:s}", "rounds", &o.rounds, "small",
		    &small, "no_huge", &no_huge, "cores", &o.cores[0], &o.cores[1], "section",
		    &o.section) < 0 ||
		o.rounds < 1 || o.rounds > BENCH_ROUNDS_MAX) {
		fprintf(stderr, "usage: flow-table SETTING; see perf/flow-table --help\n");
		exit(2);
	}
	o.small = small;
	o.no_huge = no_huge;
	return o;
}

static int
eal_start(const struct bench_options *options)
{
	char prefix[32], error[256];
	struct dp_eal_config config = {
		.program = "flow-table",
		.file_prefix = prefix,
		.control_core = options->cores[0],
		.n_workers = 1,
		.worker_cores = {options->cores[1]},
		.memory_mb = options->no_huge ? NO_HUGE_MEMORY_MB : 0,
		.no_huge = options->no_huge,
		.log_level = "warning",
	};
	int ret;

	snprintf(prefix, sizeof(prefix), "flow-table-%d", (int)getpid());
	ret = dp_eal_init(&config, error, sizeof(error));
	if (ret < 0)
		fprintf(stderr, "flow-table: %s\n", error);
	return ret;
}

static void
sections_run(const struct bench_options *options, json_t *report)
{
	for (unsigned i = 0; i < RTE_DIM(sections); i++) {
		json_t *rows = json_array();

		json_object_set_new(report, sections[i].title, rows);
		if (options->section[0] == '\0' || strcmp(options->section, sections[i].name) == 0)
			sections[i].run(options, rows);
	}
}

int
main(int argc, char **argv)
{
	const struct bench_options options = options_read(argc, argv);
	json_t *report = json_object();
	double wall, cpu, share;

	if (eal_start(&options) < 0)
		return 1;
	wall = seconds_of(CLOCK_MONOTONIC);
	cpu = seconds_of(CLOCK_THREAD_CPUTIME_ID);
	sections_run(&options, report);
	share = (seconds_of(CLOCK_THREAD_CPUTIME_ID) - cpu) / (seconds_of(CLOCK_MONOTONIC) - wall);
	json_object_set_new(report, "cpu_share", json_real(share));
	json_dumpf(report, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	putchar('\n');
	if (share < CPU_SHARE_QUIET)
		fprintf(stderr, "This had %.0f %% of its CPU's time: repeat on a quiet machine.\n",
			100 * share);
	json_decref(report);
	dp_eal_fini();
	return 0;
}
