/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop_report.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include <dp/dp.h>

#define CPU_SHARE_QUIET 0.98 /* below, the machine is too busy to measure on */

static double
ratio(const struct loop_report *report, unsigned round)
{
	return report->sluice[round].cycles.median / report->testpmd[round].median;
}

static struct spread
ratio_spread(const struct loop_report *report)
{
	double ratios[LOOP_ROUNDS_MAX];

	for (unsigned i = 0; i < report->rounds; i++)
		ratios[i] = ratio(report, i);
	return spread_of(ratios, report->rounds);
}

/* Of one round its windows, of several their medians. */
static struct spread
cycles_spread(const struct loop_report *report)
{
	double cycles[LOOP_ROUNDS_MAX];

	if (report->rounds == 1)
		return report->sluice[0].cycles;
	for (unsigned i = 0; i < report->rounds; i++)
		cycles[i] = report->sluice[i].cycles.median;
	return spread_of(cycles, report->rounds);
}

static struct spread
testpmd_spread(const struct loop_report *report)
{
	double cycles[LOOP_ROUNDS_MAX];

	for (unsigned i = 0; i < report->rounds; i++)
		cycles[i] = report->testpmd[i].median;
	return spread_of(cycles, report->rounds);
}

static uint64_t
packets_sum(const struct loop_report *report)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < report->rounds; i++)
		sum += report->sluice[i].packets;
	return sum;
}

static double
cpu_share_least(const struct loop_report *report)
{
	double least = 1;

	for (unsigned i = 0; i < report->rounds; i++)
		least = report->sluice[i].cpu_share < least ? report->sluice[i].cpu_share : least;
	return least;
}

bool
loop_report_conserved(const struct loop_report *report)
{
	for (unsigned i = 0; i < report->rounds; i++) {
		if (!report->sluice[i].conserved)
			return false;
	}
	return true;
}

void
loop_report_print(const struct loop_report *report)
{
	const struct loop_options *o = report->options;
	struct spread cycles = cycles_spread(report);

	printf("%u IPv%u flows%s, %u leg%s, frames of %u bytes, %u in flight, %u worker%s, %s\n\n",
		o->flows, o->family, o->vlan ? " with VLAN" : "", o->legs, o->legs == 1 ? "" : "s",
		o->size, o->inflight, o->workers, o->workers == 1 ? "" : "s",
		o->no_huge ? "4 KiB pages" : "hugepages");
	if (o->against) {
		printf("  round    sluice   testpmd 5tswap    ratio\n");
		for (unsigned i = 0; i < report->rounds; i++)
			printf("  %5u  %8.1f  %15.1f  %7.2f\n", i + 1,
				report->sluice[i].cycles.median, report->testpmd[i].median,
				ratio(report, i));
		printf("\n");
	}
	printf("  cycles/packet   median %8.1f   min %8.1f   max %8.1f\n", cycles.median,
		cycles.min, cycles.max);
	if (o->against) {
		struct spread ratios = ratio_spread(report);

		printf("  ratio           median %8.2f   min %8.2f   max %8.2f\n", ratios.median,
			ratios.min, ratios.max);
	}
	printf("  packets         %llu, %s\n", (unsigned long long)packets_sum(report),
		loop_report_conserved(report) ? "each accounted for" : "NOT all accounted for");
	if (cpu_share_least(report) < CPU_SHARE_QUIET)
		printf("\n"
		       "  The workers had %.0f %% of their CPUs' time, other work the rest:\n"
		       "  these figures tell little. Repeat on a quiet machine.\n",
			100 * cpu_share_least(report));
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

/* The other side, and round by round the ratio. */
static void
against_add(json_t *root, const struct loop_report *report)
{
	struct spread ratios = ratio_spread(report);
	json_t *rounds = json_array();

	for (unsigned i = 0; i < report->rounds; i++)
		json_array_append_new(rounds, json_real(ratio(report, i)));
	json_object_set_new(root, "against", json_string("testpmd 5tswap"));
	json_object_set_new(root, "rounds", json_integer(report->rounds));
	json_object_set_new(
		root, "testpmd_cycles_per_packet", json_real(testpmd_spread(report).median));
	json_object_set_new(root, "ratio_median", json_real(ratios.median));
	json_object_set_new(root, "ratio_min", json_real(ratios.min));
	json_object_set_new(root, "ratio_max", json_real(ratios.max));
	json_object_set_new(root, "ratios", rounds);
}

void
loop_report_json(const struct loop_report *report)
{
	const struct loop_options *o = report->options;
	struct spread cycles = cycles_spread(report);
	json_t *root = json_pack("{s:f, s:f, s:f, s:I, s:i, s:b, s:i, s:i, s:b, s:i, s:i, s:i, s:f,"
				 " s:b, s:s, s:o}",
		"cycles_per_packet", cycles.median, "cycles_min", cycles.min, "cycles_max",
		cycles.max, "packets", (json_int_t)packets_sum(report), "flows", (int)o->flows,
		"conservation_ok", loop_report_conserved(report), "family", (int)o->family,
		"inflight", (int)o->inflight, "vlan", o->vlan, "legs", (int)o->legs, "size",
		(int)o->size, "workers", (int)o->workers, "seconds", o->seconds, "hugepages",
		!o->no_huge, "dpdk", dp_dpdk_version(), "cpu", cpu_model());

	json_object_set_new(root, "worker_cpu_share", json_real(cpu_share_least(report)));
	json_object_set_new(root, "control_core", json_integer(o->control_core));
	json_object_set_new(root, "worker_cores", worker_cores(o));
	if (o->against)
		against_add(root, report);
	json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(5));
	putchar('\n');
	json_decref(root);
}
