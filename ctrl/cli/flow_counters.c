/* SPDX-License-Identifier: BSD-3-Clause */
/* See flow_counters.h. */
#include "cli/flow_counters.h"

#include <inttypes.h>

#include "cli/table.h"
#include "cli/text.h"

static const struct table_column columns[] = {
	{"FLOW", false},
	{"PACKETS", true},
	{"BYTES", true},
	{"LEG", true},
	{"SENT", true},
	{"DROPS", false},
};

static void
flow_rows(struct table *table, const json_t *flow)
{
	const json_t *counters = json_object_get(flow, "counters");
	struct text drops;
	json_t *leg;
	size_t i;

	if (counters == NULL)
		counters = flow;
	json_array_foreach (json_object_get(flow, "legs"), i, leg) {
		if (i == 0) {
			table_cell(table, "%s", member_text(flow, "id"));
			table_cell(table, "%" PRIu64, member_number(counters, "packets"));
			table_cell(table, "%" PRIu64, member_number(counters, "bytes"));
		} else {
			for (int column = 0; column < 3; column++)
				table_cell(table, "%s", "");
		}
		table_cell(table, "%zu", i);
		table_cell(table, "%" PRIu64, member_number(leg, "sent"));
		table_cell(table, "%s", text_drops(&drops, json_object_get(leg, "drops")));
	}
}

void
flow_counters_print(const json_t *flows, FILE *out)
{
	struct table *table = table_create(columns, sizeof(columns) / sizeof(columns[0]));
	json_t *flow;
	size_t i;

	json_array_foreach (flows, i, flow)
		flow_rows(table, flow);
	table_print(table, out);
	table_destroy(table);
}
