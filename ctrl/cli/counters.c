/* SPDX-License-Identifier: BSD-3-Clause */
/* See counters.h. */
#include "cli/counters.h"

#include "cli/cli.h"
#include "cli/output.h"

static void
flow_rows(struct table *table, json_t *flow)
{
	json_t *counters = json_object_get(flow, "counters");
	const json_t *legs = json_object_get(flow, "legs");
	json_t *row = json_copy(counters != NULL ? counters : flow), *leg;
	size_t i;

	json_object_set(row, "id", json_object_get(flow, "id"));
	if (json_array_size(legs) == 0 || member_number(row, "punted") != 0 ||
		json_object_size(json_object_get(row, "drops")) > 0) {
		table_row(table, row);
		json_object_clear(row);
	}
	json_array_foreach (legs, i, leg) {
		json_object_set(row, "leg", leg);
		json_object_set(row, "drops", json_object_get(leg, "drops"));
		table_row(table, row);
		json_object_clear(row);
	}
	json_decref(row);
}

void
flow_counters_print(const json_t *flows)
{
	struct table *table = table_create("FLOW={id?}|PACKETS>={packets?}|BYTES>={bytes?}|"
					   "PUNTED>={punted?}|LEG={leg/id}|SENT>={leg/sent}|"
					   "DROPS={drops:drops}");
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
		{"drops", "PORT|DROP|PACKETS>"},
		{"nic", "PORT|NIC|PACKETS>"},
		{"steering", "PORT|STEERING|PACKETS>"},
		{"xdp", "PORT|AF_XDP|COUNT>"},
		{"interface", "PORT|INTERFACE|PACKETS>"},
	};
	struct table *table;
	json_t *port;
	size_t i;

	rows_print("PORT={name}|RX PACKETS>={rx_packets}|RX BYTES>={rx_bytes}|"
		   "FORWARDED>={forwarded}|PUNTED>={punted}|COPIES>={copies}|"
		   "TX PACKETS>={tx_packets}|TX BYTES>={tx_bytes}",
		ports);
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
