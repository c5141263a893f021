/* SPDX-License-Identifier: BSD-3-Clause */
/* See counters.h. */
#include "cli/counters.h"

#include <inttypes.h>

#include "cli/cli.h"
#include "cli/output.h"

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

static const struct table_column port_columns[] = {
	{"PORT", false},
	{"RX PACKETS", true},
	{"RX BYTES", true},
	{"FORWARDED", true},
	{"PUNTED", true},
	{"COPIES", true},
	{"TX PACKETS", true},
	{"TX BYTES", true},
};

static const struct table_column drop_columns[] = {
	{"PORT", false},
	{"DROP", false},
	{"PACKETS", true},
};

static const struct table_column nic_columns[] = {
	{"PORT", false},
	{"NIC", false},
	{"PACKETS", true},
};

static const struct table_column steering_columns[] = {
	{"PORT", false},
	{"STEERING", false},
	{"PACKETS", true},
};

static const struct table_column xdp_columns[] = {
	{"PORT", false},
	{"AF_XDP", false},
	{"COUNT", true},
};

static const struct table_column interface_columns[] = {
	{"PORT", false},
	{"INTERFACE", false},
	{"PACKETS", true},
};

static void
ports_print(const json_t *ports)
{
	static const char *const members[] = {"rx_packets", "rx_bytes", "forwarded", "punted",
		"copies", "tx_packets", "tx_bytes"};
	struct table *table = table_create(port_columns, 8);
	json_t *port;
	size_t i;

	json_array_foreach (ports, i, port) {
		table_cell(table, "%s", member_text(port, "name"));
		for (size_t m = 0; m < sizeof(members) / sizeof(members[0]); m++)
			table_cell(table, "%" PRIu64, member_number(port, members[m]));
	}
	table_print(table, stdout);
	table_destroy(table);
}

/* Rows for the counts other than zero, those in objects below too; returns whether there are any.
 */
static bool
counts_add(struct table *table, const char *port, const char *above, json_t *counts)
{
	const char *name;
	json_t *count;
	bool any = false;

	json_object_foreach (counts, name, count) {
		if (json_is_object(count)) {
			any |= counts_add(table, port, name, count);
		} else if (json_integer_value(count) != 0) {
			table_cell(table, "%s", port);
			table_cell(table, "%s%s%s", above, above[0] != '\0' ? ": " : "", name);
			table_cell(table, "%" JSON_INTEGER_FORMAT, json_integer_value(count));
			any = true;
		}
	}
	return any;
}

/* The counts other than zero in the object `member` of each port; nothing when there is none. */
static void
counts_print(const json_t *ports, const char *member, const struct table_column *columns)
{
	struct table *table = table_create(columns, 3);
	json_t *port;
	bool any = false;
	size_t i;

	json_array_foreach (ports, i, port)
		any |= counts_add(
			table, member_text(port, "name"), "", json_object_get(port, member));
	if (any) {
		putchar('\n');
		table_print(table, stdout);
	}
	table_destroy(table);
}

void
counters_ports_print(const json_t *ports)
{
	ports_print(ports);
	counts_print(ports, "drops", drop_columns);
	counts_print(ports, "nic", nic_columns);
	counts_print(ports, "steering", steering_columns);
	counts_print(ports, "xdp", xdp_columns);
	counts_print(ports, "interface", interface_columns);
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
	if (result == NULL)
		return exit_code;
	if (cli->json) {
		cli_print_json(result);
	} else {
		counters_ports_print(json_object_get(result, "ports"));
		if (json_array_size(json_object_get(result, "flows")) > 0) {
			putchar('\n');
			flow_counters_print(json_object_get(result, "flows"), stdout);
		}
	}
	json_decref(result);
	return CLI_OK;
}

static const struct option_spec counters_options[] = {
	{"flows", NULL, "flows and their legs too"},
	{NULL},
};

const struct command command_counters = {
	.name = "counters",
	.arguments = "[--flows]",
	.summary = "Show the counters of ports or flows, and drops by reason",
	.example = "  sluicectl counters --flows",
	.options = counters_options,
	.run = counters,
};
