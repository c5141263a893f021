/* SPDX-License-Identifier: BSD-3-Clause */
#include "report.h"

#include <stdio.h>
#include <string.h>

#include <dp/dp.h>

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
spread_json(const struct spread *s)
{
	return json_pack("{s:f, s:f, s:f}", "median", s->median, "min", s->min, "max", s->max);
}

void
loop_report_print(const struct loop_options *o, const struct loop_result *r)
{
	json_t *root = json_pack("{s:o, s:o, s:I, s:b, s:f, s:f, s:s, s:o, s:o}", "cycles",
		spread_json(&r->cycles), "cycles_with_freeing", spread_json(&r->cycles_all),
		"packets", (json_int_t)r->packets, "conservation_ok", r->conserved,
		"worker_cpu_share", r->cpu_share, "longest_round_us", r->longest_round_us, "dpdk",
		dp_dpdk_version(), "cpu", cpu_model(), "setting", loop_options_json(o));

	if (loop_is_disturbed(o)) {
		json_t *more = json_pack("{s:o, s:f, s:f, s:f}", "undisturbed_cycles",
			spread_json(&r->calm), "growth", r->cycles.median / r->calm.median - 1,
			"updates_per_second", r->updates_per_second, "reads_per_second",
			r->reads_per_second);

		json_object_update(root, more);
		json_decref(more);
	}
	json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(5));
	putchar('\n');
	json_decref(root);
}
