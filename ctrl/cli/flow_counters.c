/* SPDX-License-Identifier: BSD-3-Clause */
/* See flow_counters.h. */
#include "cli/flow_counters.h"

#include <inttypes.h>

#include "cli/table.h"
#include "cli/text.h"

static const struct table_column flow_columns[] = {
	{"FLOW", false},
	{"PACKETS", true},
	{"BYTES", true},
	{"PUNTED", true},
	{"LEG", false},
	{"SENT", true},
	{"DROPS", false},
};

static const struct table_column leg_columns[] = {
	{"LEG", false},
	{"COPIES", true},
	{"BYTES", true},
	{"SENT", true},
	{"DROPS", false},
};

/* The first four cells. */
static void
flow_cells(struct table *table, const json_t *flow, const json_t *counters)
{
	table_cell(table, "%s", member_text(flow, "id"));
	table_cell(table, "%" PRIu64, member_number(counters, "packets"));
	table_cell(table, "%" PRIu64, member_number(counters, "bytes"));
	table_cell(table, "%" PRIu64, member_number(counters, "punted"));
}

static void
flow_rows(struct table *table, const json_t *flow)
{
	const json_t *counters = json_object_get(flow, "counters");
	const json_t *legs = json_object_get(flow, "legs");
	json_t *leg;
	struct text drops;
	bool said = false;
	size_t i;

	if (counters == NULL)
		counters = flow;
	if (json_array_size(legs) == 0 || member_number(counters, "punted") != 0 ||
		json_object_size(json_object_get(counters, "drops")) > 0) {
		flow_cells(table, flow, counters);
		table_cell(table, "-");
		table_cell(table, "-");
		table_cell(table, "%s", text_drops(&drops, json_object_get(counters, "drops")));
		said = true;
	}
	json_array_foreach (legs, i, leg) {
		if (i == 0 && !said) {
			flow_cells(table, flow, counters);
		} else {
			for (int column = 0; column < 4; column++)
				table_cell(table, "%s", "");
		}
		table_cell(table, "%s", member_text(leg, "id"));
		table_cell(table, "%" PRIu64, member_number(leg, "sent"));
		table_cell(table, "%s", text_drops(&drops, json_object_get(leg, "drops")));
	}
}

void
flow_counters_print(const json_t *flows, FILE *out)
{
	struct table *table =
		table_create(flow_columns, sizeof(flow_columns) / sizeof(flow_columns[0]));
	json_t *flow;
	size_t i;

	json_array_foreach (flows, i, flow)
		flow_rows(table, flow);
	table_print(table, out);
	table_destroy(table);
}

void
leg_counters_print(const json_t *legs, FILE *out)
{
	struct table *table =
		table_create(leg_columns, sizeof(leg_columns) / sizeof(leg_columns[0]));
	struct text drops;
	json_t *leg;
	size_t i;

	json_array_foreach (legs, i, leg) {
		const json_t *counters = json_object_get(leg, "counters");

		table_cell(table, "%s", member_text(leg, "id"));
		table_cell(table, "%" PRIu64, member_number(counters, "copies"));
		table_cell(table, "%" PRIu64, member_number(counters, "bytes"));
		table_cell(table, "%" PRIu64, member_number(counters, "sent"));
		table_cell(table, "%s", text_drops(&drops, json_object_get(counters, "drops")));
	}
	table_print(table, out);
	table_destroy(table);
}
