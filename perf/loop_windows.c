/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop_windows.h"

#include <time.h>

#include <rte_cycles.h>

/* Figures of windows of one kind, yet to be sorted. */
struct series {
	double cycles[LOOP_WINDOWS];
	double cycles_all[LOOP_WINDOWS];
	unsigned n;
};

static double
seconds_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

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
	const uint64_t freeing_before = loop_sinks_cycles(rig->sinks, workers);
	const uint64_t start = rte_rdtsc();
	uint64_t cycles, freeing, sent;

	if (load != NULL)
		loop_load_run(load, us);
	else
		rte_delay_us_sleep(us);
	sent = loop_rig_sent(rig) - sent_before;
	freeing = loop_sinks_cycles(rig->sinks, workers) - freeing_before;
	cycles = (rte_rdtsc() - start) * workers;
	sent = sent > 0 ? sent : 1;
	series->cycles_all[series->n] = (double)cycles / (double)sent;
	series->cycles[series->n++] = ((double)cycles - (double)freeing) / (double)sent;
}

void
loop_windows_measure(const struct loop_rig *rig, struct loop_load *load, struct loop_result *result)
{
	const struct loop_options *o = rig->options;
	const unsigned window_us = (unsigned)(o->seconds * 1e6 / LOOP_WINDOWS);
	const double cpu = workers_cpu_seconds(), wall = seconds_of(CLOCK_MONOTONIC);
	struct series measured = {.n = 0}, calm = {.n = 0};

	for (unsigned i = 0; i < LOOP_WINDOWS; i++) {
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
