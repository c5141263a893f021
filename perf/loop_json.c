/* SPDX-License-Identifier: BSD-3-Clause */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include <dp/dp.h>

#include "loop_report.h"

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
		json_array_append_new(rounds, json_real(loop_round_ratio(report, i)));
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
