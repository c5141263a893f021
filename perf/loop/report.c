/* SPDX-License-Identifier: BSD-3-Clause */
#include "report.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <dp/dp.h>
#include <dp/flow.h>

#define CPU_SHARE_QUIET 0.98 /* below, the machine is too busy to measure on */

/* Cycles of n workers are n to the cycle that passes, so packets a second are n / cycles. */
static double
ratio_of(const struct loop_report *report, unsigned round, double our_cycles)
{
	const double other = report->other[round].median;

	if (report->options->against == LOOP_ONE_WORKER)
		return report->options->workers * other / our_cycles;
	return our_cycles / other;
}

static double
round_ratio(const struct loop_report *report, unsigned round)
{
	return ratio_of(report, round, report->sluice[round].cycles.median);
}

void
loop_report_sum_up(const struct loop_report *report, struct loop_summary *s)
{
	enum { CYCLES, CYCLES_ALL, CALM, OTHER, RATIO, RATIO_ALL, GROWTH, N_FIGURES };
	double figures[N_FIGURES][LOOP_ROUNDS_MAX];
	struct spread *const spreads[N_FIGURES] = {&s->cycles, &s->cycles_all, &s->calm, &s->other,
		&s->ratio, &s->ratio_all, &s->growth};

	*s = (struct loop_summary){
		.cpu_share = 1,
		.conserved = true,
		.updates_per_second = report->sluice[0].updates_per_second,
		.reads_per_second = report->sluice[0].reads_per_second,
	};
	for (unsigned i = 0; i < report->rounds; i++) {
		const struct loop_result *r = &report->sluice[i];

		s->packets += r->packets;
		s->conserved &= r->conserved;
		s->cpu_share = fmin(s->cpu_share, r->cpu_share);
		s->longest_round_us = fmax(s->longest_round_us, r->longest_round_us);
		s->updates_per_second = fmin(s->updates_per_second, r->updates_per_second);
		s->reads_per_second = fmin(s->reads_per_second, r->reads_per_second);
		figures[CYCLES][i] = r->cycles.median;
		figures[CYCLES_ALL][i] = r->cycles_all.median;
		figures[CALM][i] = r->calm.median;
		figures[OTHER][i] = report->other[i].median;
		figures[RATIO][i] = ratio_of(report, i, r->cycles.median);
		figures[RATIO_ALL][i] = ratio_of(report, i, r->cycles_all.median);
		figures[GROWTH][i] = r->cycles.median / r->calm.median - 1;
	}
	/* Those that were not asked for are shown nowhere. */
	for (unsigned f = 0; f < N_FIGURES; f++)
		*spreads[f] = spread_of(figures[f], report->rounds);
	if (report->rounds == 1) {
		s->cycles = report->sluice[0].cycles;
		s->cycles_all = report->sluice[0].cycles_all;
		s->calm = report->sluice[0].calm;
	}
}

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
			report->other[i].median, round_ratio(report, i));
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
		       "  these figures mean little. Repeat on a quiet machine.\n",
			100 * s->cpu_share);
}

/* "model name" of the first CPU. */
static json_t *
cpu_model(void)
{
	FILE *file = fopen("/proc/cpuinfo", "r");
	json_t *model = NULL;
	char line[256];

	while (file != NULL && model == NULL && fgets(line, sizeof(line), file) != NULL) {
		const char *colon = strchr(line, ':');

		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "model name", 10) == 0 && colon != NULL)
			model = json_string(colon + 2);
	}
	if (file != NULL)
		fclose(file);
	return model != NULL ? model : json_string("unknown");
}

static json_t *
worker_cores(const struct loop_options *o)
{
	json_t *cores = json_array();

	for (unsigned w = 0; w < o->workers; w++)
		json_array_append_new(cores, json_integer(o->worker_cores[w]));
	return cores;
}

/* NAME_median, NAME_min and NAME_max. */
static void
add_spread(json_t *root, const char *name, const struct spread *s)
{
	const struct {
		const char *suffix;
		double value;
	} parts[] = {{"median", s->median}, {"min", s->min}, {"max", s->max}};

	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		char key[64];

		snprintf(key, sizeof(key), "%s_%s", name, parts[i].suffix);
		json_object_set_new(root, key, json_real(parts[i].value));
	}
}

/* What was asked for. */
static json_t *
setting(const struct loop_options *o)
{
	json_t *flows = json_pack("{s:i, s:i, s:b, s:b, s:s, s:s, s:b, s:s, s:i, s:i, s:i, s:i}",
		"flows", (int)o->flows, "family", (int)o->family, "translate", o->translate, "vlan",
		o->vlan, "match", loop_match_words[o->match], "latch", loop_latch_words[o->latch],
		"police", o->police, "ttl", loop_ttl_words[o->ttl_set], "legs", (int)o->legs,
		"streams", (int)o->streams, "size", (int)o->size, "inflight", (int)o->inflight);
	json_t *rest = json_pack("{s:i, s:b, s:i, s:i, s:f, s:i, s:b, s:i, s:o}", "workers",
		(int)o->workers, "shared", o->shared, "during_updates", (int)o->updates,
		"during_reads", (int)o->reads, "seconds", o->seconds, "rounds", (int)o->rounds,
		"hugepages", !o->no_huge, "control_core", (int)o->control_core, "worker_cores",
		worker_cores(o));

	json_object_update(flows, rest);
	json_decref(rest);
	return flows;
}

/* The other side, and round by round the ratio. */
static void
add_other(json_t *root, const struct loop_report *report, const struct loop_summary *s)
{
	const bool testpmd = report->options->against == LOOP_TESTPMD;
	json_t *rounds = json_array();

	for (unsigned i = 0; i < report->rounds; i++)
		json_array_append_new(rounds, json_real(round_ratio(report, i)));
	json_object_set_new(
		root, "against", json_string(testpmd ? "testpmd 5tswap" : "one worker"));
	json_object_set_new(root,
		testpmd ? "testpmd_cycles_per_packet" : "one_worker_cycles_per_packet",
		json_real(s->other.median));
	add_spread(root, "ratio", &s->ratio);
	add_spread(root, "ratio_with_freeing", &s->ratio_all);
	json_object_set_new(root, "ratios", rounds);
}

static void
add_disturbance(json_t *root, const struct loop_summary *s)
{
	add_spread(root, "undisturbed_cycles", &s->calm);
	add_spread(root, "growth", &s->growth);
	json_object_set_new(root, "updates_per_second", json_real(s->updates_per_second));
	json_object_set_new(root, "reads_per_second", json_real(s->reads_per_second));
}

void
loop_report_json(const struct loop_report *report, const struct loop_summary *s)
{
	json_t *root = json_pack("{s:f, s:I, s:b, s:f, s:f, s:s, s:o}", "cycles_per_packet",
		s->cycles.median, "packets", (json_int_t)s->packets, "conservation_ok",
		s->conserved, "worker_cpu_share", s->cpu_share, "longest_round_us",
		s->longest_round_us, "dpdk", dp_dpdk_version(), "cpu", cpu_model());

	add_spread(root, "cycles", &s->cycles);
	add_spread(root, "cycles_with_freeing", &s->cycles_all);
	if (loop_is_disturbed(report->options))
		add_disturbance(root, s);
	if (report->options->against != LOOP_ALONE)
		add_other(root, report, s);
	json_object_set_new(root, "setting", setting(report->options));
	json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(5));
	putchar('\n');
	json_decref(root);
}
