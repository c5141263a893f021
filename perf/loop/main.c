/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * closed-loop: cycles a packet of the data plane alone, measured once. The method is in
 * perf/README.md; perf/closed-loop repeats it, beside testpmd.
 */
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>

#include "laws.h"
#include "load.h"
#include "report.h"
#include "rig.h"

#define HUGEPAGE_MB 2
#define WARM_UP_US 300000
#define WINDOWS 20 /* of a measurement; perf/closed-loop has as many of testpmd */

/* Figures of windows of one kind, yet to be sorted. */
struct series {
	double cycles[WINDOWS];
	double cycles_all[WINDOWS];
	unsigned n;
};

/* CPU time of all threads but this one. */
static double
workers_cpu_seconds(void)
{
	return seconds_of(CLOCK_PROCESS_CPUTIME_ID) - seconds_of(CLOCK_THREAD_CPUTIME_ID);
}

static void
window_measure(
	const struct loop_rig *rig, struct loop_load *load, unsigned us, struct series *series)
{
	const unsigned workers = rig->options->workers;
	const uint64_t sent_before = loop_rig_sent(rig);
	const uint64_t freeing_before = loop_rig_freeing_cycles(rig);
	const uint64_t start = rte_rdtsc();
	uint64_t cycles, freeing, sent;

	if (load != NULL)
		loop_load_run(load, us);
	else
		rte_delay_us_sleep(us);
	sent = loop_rig_sent(rig) - sent_before;
	freeing = loop_rig_freeing_cycles(rig) - freeing_before;
	cycles = (rte_rdtsc() - start) * workers;
	sent = sent > 0 ? sent : 1;
	series->cycles_all[series->n] = (double)cycles / (double)sent;
	series->cycles[series->n++] = ((double)cycles - (double)freeing) / (double)sent;
}

/*
 * Measure a rig that runs: the cycles and cpu_share of *result. Many short windows, so that a
 * worker that the host takes off its CPU spoils some of them, not the median.
 */
static void
windows_measure(const struct loop_rig *rig, struct loop_load *load, struct loop_result *result)
{
	const struct loop_options *o = rig->options;
	const unsigned window_us = (unsigned)(o->seconds * 1e6 / WINDOWS);
	const double cpu = workers_cpu_seconds(), wall = seconds_of(CLOCK_MONOTONIC);
	struct series measured = {.n = 0}, calm = {.n = 0};

	for (unsigned i = 0; i < WINDOWS; i++) {
		if (!loop_is_disturbed(o))
			window_measure(rig, NULL, window_us, &measured);
		else if (i % 2 == 0)
			window_measure(rig, NULL, window_us, &calm);
		else
			window_measure(rig, load, window_us, &measured);
	}
	result->cycles = spread_of(measured.cycles, measured.n);
	result->cycles_all = spread_of(measured.cycles_all, measured.n);
	if (calm.n > 0)
		result->calm = spread_of(calm.cycles, calm.n);
	result->cpu_share =
		(workers_cpu_seconds() - cpu) / (seconds_of(CLOCK_MONOTONIC) - wall) / o->workers;
}

static double
longest_round_us(const struct dp *dp)
{
	uint64_t longest_ns = 0;

	for (unsigned w = 0; w < dp_worker_count(dp); w++) {
		struct dp_worker_stats stats;

		if (dp_worker_stats_get(dp, w, &stats) == 0 && stats.longest_round_ns > longest_ns)
			longest_ns = stats.longest_round_ns;
	}
	return (double)longest_ns / 1e3;
}

/* While the workers run. */
static void
load_and_measure(const struct loop_rig *rig, struct loop_load *load, struct loop_result *result)
{
	rte_delay_us_sleep(WARM_UP_US);
	windows_measure(rig, load, result);
	if (load->seconds > 0) {
		result->updates_per_second = (double)load->installed / load->seconds;
		result->reads_per_second = (double)load->reads / load->seconds;
	}
	loop_load_fini(load);
	dp_stop(rig->dp);
	result->packets = loop_rig_sent(rig);
	result->longest_round_us = longest_round_us(rig->dp);
	result->conserved = loop_laws_hold(rig);
	result->conserved &= loop_load_sound(load);
}

/* Whether enough are free for both tables and pools. */
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

int
main(int argc, char **argv)
{
	static struct loop_options options;
	static struct loop_rig rig;
	static struct loop_load load;
	struct loop_result result = {.packets = 0};
	char error[256];

	if (argc != 2) {
		fprintf(stderr, "usage: closed-loop SETTING; see perf/closed-loop --help\n");
		return 2;
	}
	loop_options_read(&options, argv[1]);
	options.hugepages = options.hugepages && hugepages_suffice(&options);
	loop_rig_create(&rig, &options);
	if (loop_load_init(&load, &rig) < 0)
		return 1;
	if (dp_start(rig.dp, error, sizeof(error)) < 0) {
		fprintf(stderr, "closed-loop: %s\n", error);
		return 1;
	}
	if (options.workers > 1 || options.direct)
		loop_rig_direct(&rig);
	load_and_measure(&rig, &load, &result);
	loop_rig_destroy(&rig);
	loop_report_print(&options, &result);
	return result.conserved ? 0 : 1;
}
