/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop_report.h"

#include <stdio.h>

#include <dp/flow.h>

#define CPU_SHARE_QUIET 0.98 /* below, the machine is too busy to measure on */

/* "2 legs", "1 leg". */
static void
print_count(unsigned n, const char *thing)
{
	printf(", %u %s%s", n, thing, n == 1 ? "" : "s");
}

/* What was measured, in words. */
static void
print_setting(const struct loop_options *o)
{
	if (o->translate)
		printf("%u flows, IPv4 and IPv6 translated", o->flows);
	else
		printf("%u IPv%u flows", o->flows, o->family);
	if (o->match != LOOP_EXACT)
		printf(" by %s", loop_match_words[o->match]);
	printf("%s%s", o->vlan ? " with VLAN" : "", o->police ? ", policed" : "");
	if (o->latch != DP_LATCH_OPEN)
		printf(", latch %s", loop_latch_words[o->latch]);
	if (o->streams > 0)
		print_count(o->streams, "stream");
	print_count(o->legs, "leg");
	printf(", TTL %s", loop_ttl_words[o->ttl_set]);
	printf(",\nframes of %u bytes", o->size);
	printf(", %u in flight", o->inflight);
	print_count(o->workers, "worker");
	printf("%s, %s\n", o->shared ? " that share all flows" : "",
		o->no_huge ? "4 KiB pages" : "hugepages");
	if (o->updates > 0)
		printf("meanwhile %u flows a second installed and removed\n", o->updates);
	if (o->reads > 0)
		printf("meanwhile counters of all flows read %u times a second\n", o->reads);
	printf("\n");
}

static void
print_rounds(const struct loop_report *report)
{
	const bool testpmd = report->options->against == LOOP_TESTPMD;

	printf("  round    sluice   %14s    ratio\n", testpmd ? "testpmd 5tswap" : "one worker");
	for (unsigned i = 0; i < report->rounds; i++)
		printf("  %5u  %8.1f  %15.1f  %7.2f\n", i + 1, report->sluice[i].cycles.median,
			report->other[i].median, loop_round_ratio(report, i));
	printf("\n");
}

static void
print_spread(const char *what, const struct spread *s, int digits, double scale)
{
	printf("  %-15s median %8.*f   min %8.*f   max %8.*f\n", what, digits, scale * s->median,
		digits, scale * s->min, digits, scale * s->max);
}

static void
print_disturbance(const struct loop_options *o, const struct loop_summary *s)
{
	print_spread("undisturbed", &s->calm, 1, 1);
	print_spread("growth, %", &s->growth, 1, 100);
	if (o->updates > 0)
		printf("  updates         %.0f flows a second, longest round of a worker %.0f us\n",
			s->updates_per_second, s->longest_round_us);
	if (o->reads > 0)
		printf("  reads           %.0f flows a second\n", s->reads_per_second);
}

void
loop_report_print(const struct loop_report *report, const struct loop_summary *s)
{
	const struct loop_options *o = report->options;

	print_setting(o);
	if (o->against != LOOP_ALONE)
		print_rounds(report);
	print_spread("cycles/packet", &s->cycles, 1, 1);
	if (o->legs > 1)
		print_spread("  with freeing", &s->cycles_all, 1, 1);
	if (loop_is_disturbed(o))
		print_disturbance(o, s);
	if (o->against != LOOP_ALONE)
		print_spread("ratio", &s->ratio, 2, 1);
	if (o->against != LOOP_ALONE && o->legs > 1)
		print_spread("  with freeing", &s->ratio_all, 2, 1);
	printf("  packets         %llu, %s\n", (unsigned long long)s->packets,
		s->conserved ? "each accounted for" : "NOT all accounted for");
	if (o->against == LOOP_TESTPMD && o->no_huge)
		printf("\n"
		       "  Ordinary pages slow testpmd down more than us: this ratio is no result.\n"
		       "  See perf/README.md for how to reserve hugepages.\n");
	if (s->cpu_share < CPU_SHARE_QUIET)
		printf("\n"
		       "  The workers had %.0f %% of their CPUs' time, other work the rest:\n"
		       "  these figures tell little. Repeat on a quiet machine.\n",
			100 * s->cpu_share);
}
