/* SPDX-License-Identifier: BSD-3-Clause */
/* See counters.h. */
#include "cli/counters.h"

#include "cli/cli.h"
#include "cli/output.h"

static void
flow_rows(struct table *table, const json_t *flow)
{
	const json_t *counters = json_object_get(flow, "counters");
	const json_t *legs = json_object_get(flow, "legs");
	bool headed = false;
	json_t *leg;
	size_t i;

	if (counters == NULL)
		counters = flow;
	if (json_array_size(legs) == 0 || member_number(counters, "punted") != 0 ||
		json_object_size(json_object_get(counters, "drops")) > 0) {
		table_members(table, flow, "id");
		table_members(table, counters, "packets bytes punted");
		table_cell(table, "-");
		table_cell(table, "-");
		table_drops(table, counters);
		headed = true;
	}
	json_array_foreach (legs, i, leg) {
		if (i == 0 && !headed) {
			table_members(table, flow, "id");
			table_members(table, counters, "packets bytes punted");
		} else {
			for (int column = 0; column < 4; column++)
				table_cell(table, "%s", "");
		}
		table_members(table, leg, "id sent");
		table_drops(table, leg);
	}
}

void
flow_counters_print(const json_t *flows)
{
	struct table *table = table_create("FLOW,PACKETS>,BYTES>,PUNTED>,LEG,SENT>,DROPS");
	json_t *flow;
	size_t i;

	json_array_foreach (flows, i, flow)
		flow_rows(table, flow);
	table_end(table);
}

/* Rows for the counts other than zero, those in objects below too. */
static void
counts_add(struct table *table, const char *port, const char *above, json_t *counts)
{
	const char *name;
	json_t *count;

	json_object_foreach (counts, name, count) {
		if (json_is_object(count)) {
			counts_add(table, port, name, count);
		} else if (json_integer_value(count) != 0) {
			table_cell(table, "%s", port);
			table_cell(table, "%s%s%s", above, above[0] != '\0' ? ": " : "", name);
			table_cell(table, "%" JSON_INTEGER_FORMAT, json_integer_value(count));
		}
	}
}

void
counters_ports_print(const json_t *ports)
{
	static const struct {
		const char *member, *titles;
	} counts[] = {
		{"drops", "PORT,DROP,PACKETS>"},
		{"nic", "PORT,NIC,PACKETS>"},
		{"steering", "PORT,STEERING,PACKETS>"},
		{"xdp", "PORT,AF_XDP,COUNT>"},
		{"interface", "PORT,INTERFACE,PACKETS>"},
	};
	struct table *table = table_create(
		"PORT,RX PACKETS>,RX BYTES>,FORWARDED>,PUNTED>,COPIES>,TX PACKETS>,TX BYTES>");
	json_t *port;
	size_t i;

	json_array_foreach (ports, i, port)
		table_members(table, port,
			"name rx_packets rx_bytes forwarded punted copies tx_packets tx_bytes");
	table_end(table);
	for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
		table = table_create(counts[k].titles);
		json_array_foreach (ports, i, port)
			counts_add(table, member_text(port, "name"), "",
				json_object_get(port, counts[k].member));
		table_end_below(table);
	}
}

static int
counters(struct cli *cli, const struct arguments *arguments)
{
	const bool flows = arguments_value(arguments, "flows") != NULL;
	json_t *result;
	int exit_code;

	result = flows ? flow_pages_fetch(
				 cli, "counters.get", json_pack("{s:b}", "flows", true), &exit_code)
		       : cli_call(cli, "counters.get", json_object(), &exit_code);
	if (cli_shows(cli, result)) {
		counters_ports_print(json_object_get(result, "ports"));
		if (json_array_size(json_object_get(result, "flows")) > 0) {
			putchar('\n');
			flow_counters_print(json_object_get(result, "flows"));
		}
	}
	return cli_end(cli, result, exit_code);
}

static const struct option_spec counters_options[] = {
	{"flows", NULL, "flows and their legs too"},
	{NULL},
};

const struct command command_counters = {
	.name = "counters",
	.arguments = "",
	.summary = "Show the counters of ports or flows, and drops by reason",
	.example = "  sluicectl counters --flows",
	.options = counters_options,
	.run = counters,
};
