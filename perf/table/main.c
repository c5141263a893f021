/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flow-table: Sluice's flow table beside others that would do, on one machine in one run. What was
 * decided from it is in docs/adr/0006-flow-table.md.
 */
#include <getopt.h>
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

static const char help[] =
	"Usage: flow-table [OPTION]...\n"
	"\n"
	"Compare Sluice's flow table with rte_hash and others. One JSON object on standard\n"
	"output; perf/flow-table prints tables.\n"
	"\n"
	"  --section NAME   lookup, insert, fill or collide alone\n"
	"  --rounds N       measurements of each kind, 1 to 101 (11)\n"
	"  --no-huge        ordinary pages; hugepages else, of which it takes up to 1.5 GiB\n"
	"  --cores C,W      the CPUs of the first and the second thread (0,1)\n"
	"  --small          check that it runs: few flows, few lookups, no figures worth reading\n"
	"  --help           this text\n"
	"\n"
	"Exit code 0 only when every flow was found and every packet counted, 2 for wrong\n"
	"options.\n";

static const struct option longs[] = {
	{"section", required_argument, NULL, 's'},
	{"rounds", required_argument, NULL, 'r'},
	{"no-huge", no_argument, NULL, 'n'},
	{"cores", required_argument, NULL, 'c'},
	{"small", no_argument, NULL, 'm'},
	{"help", no_argument, NULL, 'h'},
	{0},
};

static void __attribute__((noreturn)) refuse(const char *what, const char *value)
{
	fprintf(stderr, "flow-table: %s '%s'; see --help\n", what, value);
	exit(2);
}

static bool
section_exists(const char *name)
{
	for (unsigned i = 0; i < RTE_DIM(sections); i++) {
		if (strcmp(name, sections[i].name) == 0)
			return true;
	}
	return false;
}

static struct bench_options
options_parse(int argc, char **argv)
{
	struct bench_options o = {.rounds = ROUNDS_DEFAULT, .cores = {0, 1}};
	bool valid = true;
	int option;
	char rest;

	while (valid && (option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (option) {
		case 's':
			o.section = optarg;
			valid = section_exists(optarg);
			break;
		case 'r':
			o.rounds = (unsigned)strtoul(optarg, NULL, 10);
			valid = o.rounds >= 1 && o.rounds <= BENCH_ROUNDS_MAX;
			break;
		case 'c':
			valid = sscanf(optarg, "%u,%u%c", &o.cores[0], &o.cores[1], &rest) == 2;
			break;
		case 'n':
			o.no_huge = true;
			break;
		case 'm':
			o.small = true;
			break;
		case 'h':
			fputs(help, stdout);
			exit(0);
		default:
			exit(2);
		}
	}
	if (!valid)
		refuse("wrong value", optarg);
	if (optind < argc)
		refuse("not expected:", argv[optind]);
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
		if (options->section == NULL || strcmp(options->section, sections[i].name) == 0)
			sections[i].run(options, rows);
	}
}

int
main(int argc, char **argv)
{
	const struct bench_options options = options_parse(argc, argv);
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
