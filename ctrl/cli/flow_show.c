/* SPDX-License-Identifier: BSD-3-Clause */
/* `flow show`: everything about one flow. */
#include <inttypes.h>

#include "cli/commands.h"
#include "cli/table.h"
#include "cli/text.h"

static const struct table_column leg_columns[] = {
	{"LEG", true},
	{"PORT", false},
	{"VLAN", true},
	{"FROM", false},
	{"TO", false},
	{"DSCP", true},
	{"TTL", true},
};

static const struct table_column hop_columns[] = {
	{"LEG", true},
	{"NEXT HOP", false},
	{"MAC", false},
	{"STATE", false},
	{"NETDEV", false},
};

static const struct table_column count_columns[] = {
	{"LEG", true},
	{"COPIES", true},
	{"BYTES", true},
	{"SENT", true},
	{"DROPS", false},
};

#define TABLE(columns) table_create(columns, sizeof(columns) / sizeof(columns[0]))

static void
table_finish(struct table *table)
{
	putchar('\n');
	table_print(table, stdout);
	table_destroy(table);
}

static void
show_legs(const json_t *legs)
{
	struct table *table = TABLE(leg_columns);
	struct text text;
	json_t *leg;
	size_t i;

	json_array_foreach (legs, i, leg) {
		table_cell(table, "%zu", i);
		table_cell(table, "%s", member_text(leg, "port"));
		table_cell(table, "%s",
			member_number(leg, "vlan") != 0 ? text_number(&text, leg, "vlan", "-")
							: "-");
		table_cell(table, "%s", text_endpoint(&text, leg, "src"));
		table_cell(table, "%s", text_endpoint(&text, leg, "dst"));
		table_cell(table, "%s", text_number(&text, leg, "dscp", "keep"));
		table_cell(table, "%s", text_number(&text, leg, "ttl", "less 1"));
	}
	table_finish(table);
}

/* Next hops and counters, which flow.get gives in one object a leg. */
static void
show_state(const json_t *states)
{
	struct table *hops = TABLE(hop_columns), *counts = TABLE(count_columns);
	struct text text;
	json_t *state;
	size_t i;

	json_array_foreach (states, i, state) {
		const json_t *hop = json_object_get(state, "next_hop");

		table_cell(hops, "%zu", i);
		table_cell(hops, "%s", member_text(hop, "address"));
		table_cell(hops, "%s", member_text(hop, "mac"));
		table_cell(hops, "%s", member_text(hop, "state"));
		table_cell(hops, "%s", member_text(hop, "netdev"));
		table_cell(counts, "%zu", i);
		table_cell(counts, "%" PRIu64, member_number(state, "copies"));
		table_cell(counts, "%" PRIu64, member_number(state, "bytes"));
		table_cell(counts, "%" PRIu64, member_number(state, "sent"));
		table_cell(counts, "%s", text_drops(&text, json_object_get(state, "drops")));
	}
	table_finish(hops);
	table_finish(counts);
}

static int
flow_show(struct cli *cli, const struct arguments *arguments)
{
	const json_t *flow, *counters;
	struct text match;
	json_t *result;
	int exit_code;

	if (arguments->n_words == 0)
		return cli_usage(cli, "the ID of a flow is missing");
	result = cli_call(
		cli, "flow.get", json_pack("{s:s}", "id", arguments->words[0]), &exit_code);
	if (result == NULL)
		return exit_code;
	if (cli->json) {
		cli_print_json(result);
	} else {
		flow = json_object_get(result, "flow");
		counters = json_object_get(result, "counters");
		printf("flow      %s\n", member_text(flow, "id"));
		printf("match     %s\n", text_match(&match, json_object_get(flow, "match")));
		printf("received  %" PRIu64 " packets, %" PRIu64 " bytes\n",
			member_number(counters, "packets"), member_number(counters, "bytes"));
		show_legs(json_object_get(flow, "legs"));
		show_state(json_object_get(result, "legs"));
	}
	json_decref(result);
	return CLI_OK;
}

const struct command command_flow_show = {
	.name = "flow show",
	.arguments = "ID",
	.summary = "Show one flow: legs, next hops, counters, drops by reason",
	.example = "  sluicectl flow show cam1",
	.max_words = 1,
	.run = flow_show,
};
