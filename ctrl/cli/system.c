/* SPDX-License-Identifier: BSD-3-Clause */
/* `info`, `port list` and `port show`: what runs, and on what. */
#include <inttypes.h>
#include <stdio.h>

#include "base/escape.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "cli/text.h"

#define LABEL_INDENT 9

static const struct table_column worker_columns[] = {
	{"WORKER", true},
	{"CPU", true},
	{"NODE", true},
	{"QUEUES", true},
	{"BUSY", true},
	{"RX PACKETS", true},
	{"TX PACKETS", true},
};

static const struct table_column port_columns[] = {
	{"PORT", false},
	{"DRIVER", false},
	{"MAC", false},
	{"MTU", true},
	{"NODE", true},
	{"NETDEV", false},
	{"QUEUES", true},
	{"LINK", false},
	{"PAYLOAD", false},
};

/* NUMA node, where -1 means that nobody knows. */
static void
cell_node(struct table *table, const json_t *object)
{
	const json_int_t node = json_integer_value(json_object_get(object, "socket"));

	if (node < 0)
		table_cell(table, "-");
	else
		table_cell(table, "%" JSON_INTEGER_FORMAT, node);
}

static void
workers_print(const json_t *workers)
{
	struct table *table = table_create(worker_columns, 7);
	json_t *worker;
	size_t i;

	json_array_foreach (workers, i, worker) {
		const double share = json_number_value(json_object_get(worker, "busy_share"));

		table_cell(table, "%" PRIu64, member_number(worker, "worker"));
		table_cell(table, "%" PRIu64, member_number(worker, "core"));
		cell_node(table, worker);
		table_cell(table, "%" PRIu64, member_number(worker, "rx_queues"));
		table_cell(table, "%.1f%%", share * 100);
		table_cell(table, "%" PRIu64, member_number(worker, "rx_packets"));
		table_cell(table, "%" PRIu64, member_number(worker, "tx_packets"));
	}
	table_print(table, stdout);
	table_destroy(table);
}

static void
info_print(const json_t *result)
{
	const uint64_t up_s = member_number(result, "uptime_s");
	const json_t *flows = json_object_get(result, "flows");
	const json_t *ipv4 = json_object_get(flows, "ipv4");
	const json_t *ipv6 = json_object_get(flows, "ipv6");
	const json_t *legs = json_object_get(result, "legs");
	const json_t *limits = json_object_get(result, "limits");
	const uint64_t lost = member_number(result, "log_lines_lost");

	text_print(stdout, LABEL_INDENT, "version  %s %s, %s", member_text(result, "name"),
		member_text(result, "version"), member_text(result, "dpdk"));
	text_print(stdout, LABEL_INDENT,
		"process  pid %" PRIu64 ", control on CPU %" PRIu64 ", up %" PRIu64
		"d %02u:%02u:%02u",
		member_number(result, "pid"), member_number(result, "control_core"), up_s / 86400,
		(unsigned)(up_s / 3600 % 24), (unsigned)(up_s / 60 % 60), (unsigned)(up_s % 60));
	text_print(stdout, LABEL_INDENT,
		"flows    IPv4 %" PRIu64 " of %" PRIu64 ", IPv6 %" PRIu64 " of %" PRIu64
		", legs in sets %" PRIu64 " of %" PRIu64,
		member_number(ipv4, "installed"), member_number(ipv4, "capacity"),
		member_number(ipv6, "installed"), member_number(ipv6, "capacity"),
		member_number(legs, "installed"), member_number(legs, "capacity"));
	text_print(stdout, LABEL_INDENT,
		"limits   %" PRIu64 " byte%s a message, depth %" PRIu64 ", %" PRIu64
		" connection%s",
		member_number(limits, "message_bytes"),
		plural_s(member_number(limits, "message_bytes")), member_number(limits, "depth"),
		member_number(limits, "connections"),
		plural_s(member_number(limits, "connections")));
	if (lost > 0)
		text_print(stdout, LABEL_INDENT,
			"log      %" PRIu64 " line%s lost: standard error was not read", lost,
			lost == 1 ? " was" : "s were");
	putchar('\n');
	workers_print(json_object_get(result, "workers"));
}

static void
cell_link(struct table *table, const json_t *port)
{
	const uint64_t mbps = member_number(port, "link_mbps");

	if (!json_is_true(json_object_get(port, "link_up")))
		table_cell(table, "down");
	else if (mbps == 0)
		table_cell(table, "up");
	else if (mbps % 1000 == 0)
		table_cell(table, "%" PRIu64 "G", mbps / 1000);
	else
		table_cell(table, "%" PRIu64 "M", mbps);
}

static void
ports_print(const json_t *result)
{
	struct table *table = table_create(port_columns, 9);
	json_t *port;
	size_t i;

	json_array_foreach (json_object_get(result, "ports"), i, port) {
		table_cell(table, "%s", member_text(port, "name"));
		table_cell(table, "%s", member_text(port, "driver"));
		table_cell(table, "%s", member_text(port, "mac"));
		table_cell(table, "%" PRIu64, member_number(port, "mtu"));
		cell_node(table, port);
		table_cell(table, "%s", member_text(port, "netdev"));
		table_cell(table, "%" PRIu64, member_number(port, "rx_queues"));
		cell_link(table, port);
		table_cell(table, "%s",
			json_is_true(json_object_get(port, "shares_payload")) ? "shared"
									      : "copied");
	}
	table_print(table, stdout);
	table_destroy(table);
	json_array_foreach (json_object_get(result, "ports"), i, port) {
		if (json_object_get(port, "hint") != NULL)
			text_print(stdout, 0, "%s: %s", member_text(port, "name"),
				member_text(port, "hint"));
	}
}

/* Of "ports" only the one of that name; -1 when it is not among them. */
static int
port_keep(json_t *result, const char *name)
{
	json_t *kept = json_array(), *port;
	size_t i;

	json_array_foreach (json_object_get(result, "ports"), i, port) {
		if (member_is(port, "name", name))
			json_array_append(kept, port);
	}
	json_object_set_new(result, "ports", kept);
	return json_array_size(kept) == 1 ? 0 : -1;
}

static int
port_print(const struct cli *cli, const json_t *ports, const json_t *counters)
{
	json_t *document;

	if (cli->json) {
		document = json_pack("{s:O, s:O}", "port",
			json_array_get(json_object_get(ports, "ports"), 0), "counters",
			json_array_get(json_object_get(counters, "ports"), 0));
		cli_print_json(document);
		json_decref(document);
		return CLI_OK;
	}
	ports_print(ports);
	putchar('\n');
	counters_ports_print(json_object_get(counters, "ports"));
	return CLI_OK;
}

static int
port_show(struct cli *cli, const struct arguments *arguments)
{
	json_t *ports, *counters;
	const char *name;
	int exit_code;

	if (arguments->n_words == 0)
		return cli_usage(cli, "the name of a port is missing");
	name = arguments->words[0];
	ports = cli_call(cli, "port.list", json_object(), &exit_code);
	if (ports == NULL)
		return exit_code;
	counters = cli_call(cli, "counters.get", json_object(), &exit_code);
	if (counters != NULL && port_keep(ports, name) == 0 && port_keep(counters, name) == 0) {
		exit_code = port_print(cli, ports, counters);
	} else if (counters != NULL) {
		fprintf(stderr, "sluicectl: found no port %s; 'sluicectl port list' shows them\n",
			name);
		exit_code = CLI_REFUSED;
	}
	json_decref(ports);
	json_decref(counters);
	return exit_code;
}

/* The others are one call without parameters and a way to show it. */
static int
call_and_print(struct cli *cli, const char *method, void (*print)(const json_t *result))
{
	json_t *result;
	int exit_code;

	result = cli_call(cli, method, json_object(), &exit_code);
	if (result == NULL)
		return exit_code;
	if (cli->json)
		cli_print_json(result);
	else
		print(result);
	json_decref(result);
	return CLI_OK;
}

static int
info(struct cli *cli, const struct arguments *arguments)
{
	(void)arguments;
	return call_and_print(cli, "system.info", info_print);
}

static int
port_list(struct cli *cli, const struct arguments *arguments)
{
	(void)arguments;
	return call_and_print(cli, "port.list", ports_print);
}

const struct command command_info = {
	.name = "info",
	.arguments = "",
	.summary = "Show versions, workers, room in the flow tables, limits",
	.example = "  sluicectl info",
	.run = info,
};

const struct command command_port_list = {
	.name = "port list",
	.arguments = "",
	.summary = "List the ports, their drivers and links",
	.example = "  sluicectl port list",
	.run = port_list,
};

const struct command command_port_show = {
	.name = "port show",
	.arguments = "PORT",
	.summary = "Show one port and all that it has counted",
	.example = "  sluicectl port show p0",
	.max_words = 1,
	.run = port_show,
};
