/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop_report.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include <dp/dp.h>

static struct spread
ratio_spread(const struct loop_report *report)
{
	double ratios[LOOP_ROUNDS_MAX];

	for (unsigned i = 0; i < report->rounds; i++)
		ratios[i] = report->sluice[i].cycles.median / report->testpmd[i];
	return spread_of(ratios, report->rounds);
}

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

static uint64_t
packets_sum(const struct loop_report *report)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < report->rounds; i++)
		sum += report->sluice[i].packets;
	return sum;
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
				report->sluice[i].cycles.median, report->testpmd[i],
				report->sluice[i].cycles.median / report->testpmd[i]);
		printf("\n");
	}
	printf("  cycles/packet   median %8.1f   min %8.1f   max %8.1f\n", cycles.median,
		cycles.min, cycles.max);
	if (o->against) {
		struct spread ratio = ratio_spread(report);

		printf("  ratio           median %8.2f   min %8.2f   max %8.2f\n", ratio.median,
			ratio.min, ratio.max);
	}
	printf("  packets         %llu, %s\n", (unsigned long long)packets_sum(report),
		loop_report_conserved(report) ? "each accounted for" : "NOT all accounted for");
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

	if (o->against) {
		struct spread ratio = ratio_spread(report);

		json_object_set_new(root, "against", json_string("testpmd 5tswap"));
		json_object_set_new(root, "rounds", json_integer(report->rounds));
		json_object_set_new(root, "ratio_median", json_real(ratio.median));
		json_object_set_new(root, "ratio_min", json_real(ratio.min));
		json_object_set_new(root, "ratio_max", json_real(ratio.max));
	}
	json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(5));
	putchar('\n');
	json_decref(root);
}
