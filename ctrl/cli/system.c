/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `info`, `workers`, `port list` and `port show`: what runs, and on what. `rpc`: any method by its
 * name, for what has no command of its own.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "cli/cli.h"
#include "cli/counters.h"
#include "cli/input.h"
#include "cli/output.h"

#define LABEL_INDENT 9

/* NUMA node, -1 for unknown. */
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
	struct table *table =
		table_create("WORKER>,CPU>,NODE>,QUEUES>,BUSY>,RX PACKETS>,TX PACKETS>");
	json_t *worker;
	size_t i;

	json_array_foreach (workers, i, worker) {
		const double share = json_number_value(json_object_get(worker, "busy_share"));

		table_members(table, worker, "worker core");
		cell_node(table, worker);
		table_members(table, worker, "rx_queues");
		table_cell(table, "%.1f%%", share * 100);
		table_members(table, worker, "rx_packets tx_packets");
	}
	table_end(table);
}

static void
info_print(const json_t *result)
{
	const uint64_t up_s = member_number(result, "uptime_s");
	const uint64_t lost = member_number(result, "log_lines_lost");
	struct text process;

	members_print(LABEL_INDENT, result, "version  {name} {version}, {dpdk}");
	text_clear(&process);
	text_add_members(&process, result, "process  pid {#pid}, control on CPU {#control_core}");
	text_print(stdout, LABEL_INDENT, "%s, up %" PRIu64 "d %02u:%02u:%02u", process.s,
		up_s / 86400, (unsigned)(up_s / 3600 % 24), (unsigned)(up_s / 60 % 60),
		(unsigned)(up_s % 60));
	members_print(LABEL_INDENT, result,
		"flows    IPv4 {#flows/ipv4/installed} of {#flows/ipv4/capacity}, "
		"IPv6 {#flows/ipv6/installed} of {#flows/ipv6/capacity}, "
		"legs in sets {#legs/installed} of {#legs/capacity}");
	members_print(LABEL_INDENT, result,
		"limits   {limits/message_bytes byte} a message, depth {#limits/depth}, "
		"{limits/connections connection}");
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
	struct table *table =
		table_create("PORT,DRIVER,MAC,MTU>,NODE>,NETDEV,QUEUES>,LINK,PAYLOAD");
	json_t *port;
	size_t i;

	json_array_foreach (json_object_get(result, "ports"), i, port) {
		table_members(table, port, "name driver mac mtu");
		cell_node(table, port);
		table_members(table, port, "netdev rx_queues");
		cell_link(table, port);
		table_cell(table, "%s",
			json_is_true(json_object_get(port, "shares_payload")) ? "shared"
									      : "copied");
	}
	table_end(table);
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
port_show(struct cli *cli, const struct arguments *arguments)
{
	json_t *ports, *counters, *document;
	const char *name;
	int exit_code;

	if (arguments->n_words == 0)
		return cli_usage(cli, "the name of a port is missing");
	name = arguments->words[0];
	ports = cli_call(cli, "port.list", json_object(), &exit_code);
	if (ports == NULL)
		return exit_code;
	counters = cli_call(cli, "counters.get", json_object(), &exit_code);
	if (counters != NULL && (port_keep(ports, name) < 0 || port_keep(counters, name) < 0)) {
		fprintf(stderr, "sluicectl: found no port %s; 'sluicectl port list' shows them\n",
			name);
		exit_code = CLI_REFUSED;
	} else if (cli_shows(cli, counters)) {
		ports_print(ports);
		putchar('\n');
		counters_ports_print(json_object_get(counters, "ports"));
		exit_code = CLI_OK;
	} else if (counters != NULL) {
		document = json_pack("{s:O, s:O}", "port",
			json_array_get(json_object_get(ports, "ports"), 0), "counters",
			json_array_get(json_object_get(counters, "ports"), 0));
		exit_code = cli_end(cli, document, CLI_OK);
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
	if (cli_shows(cli, result))
		print(result);
	return cli_end(cli, result, exit_code);
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

#define WORKER_INDENT 10
#define BAR_AT 33 /* column where a bar begins */
#define BAR_MAX 40 /* characters of the longest one */

/* A row of a histogram: what it stands for, and how many. What is not 0 can be seen. */
static void
bar_print(const char *label, uint64_t count, uint64_t most, uint64_t sum)
{
	const size_t columns = paint_columns(stdout, SIZE_MAX);
	const size_t longest = columns - BAR_AT < BAR_MAX ? columns - BAR_AT : BAR_MAX;
	uint64_t length = most != 0 ? count * longest / most : 0;
	const double share = sum != 0 ? 100.0 * (double)count / (double)sum : 0;

	if (length == 0 && count != 0)
		length = 1;
	printf("%12s %11" PRIu64 " %5.1f%%%s", label, count, share, length > 0 ? "  " : "");
	while (length-- > 0)
		putchar('#');
	putchar('\n');
}

/* Bursts by packets in them, in groups of powers of two: 1, 2, 3-4, 5-8 ... */
static void
bursts_print(const json_t *bursts)
{
	const size_t n = json_array_size(bursts);
	uint64_t groups[16] = {0}, most = 0, sum = 0;
	char label[32];
	size_t last = 0;

	for (size_t i = 1; i < n; i++) {
		const size_t group = i == 1 ? 0 : 64 - (size_t)__builtin_clzll(i - 1);

		if (group >= sizeof(groups) / sizeof(groups[0]))
			break;
		groups[group] += (uint64_t)json_integer_value(json_array_get(bursts, i));
		most = groups[group] > most ? groups[group] : most;
		last = groups[group] != 0 ? group : last;
	}
	for (size_t group = 0; group <= last; group++)
		sum += groups[group];
	printf("%12s %11s\n", "IN A BURST", "BURSTS");
	for (size_t group = 0; group <= last; group++) {
		if (group < 2)
			snprintf(label, sizeof(label), "%zu", group + 1);
		else
			snprintf(label, sizeof(label), "%u-%u", (1u << (group - 1)) + 1,
				1u << group);
		bar_print(label, groups[group], most, sum);
	}
}

/* Time from rx to tx of sampled packets: each row from its time to twice that. */
static void
residence_print(const json_t *buckets)
{
	uint64_t most = 0, sum = 0;
	char label[32];
	json_t *bucket;
	size_t i;

	json_array_foreach (buckets, i, bucket) {
		const uint64_t packets = member_number(bucket, "packets");

		most = packets > most ? packets : most;
		sum += packets;
	}
	printf("%12s %11s\n", "INSIDE FOR", "PACKETS");
	json_array_foreach (buckets, i, bucket) {
		const double ns = (double)member_number(bucket, "from_ns");

		snprintf(label, sizeof(label), "%.*f %s", ns < 1e3 ? 0 : 1,
			ns / (ns < 1e3		? 1
				     : ns < 1e6 ? 1e3
						: 1e6),
			ns < 1e3   ? "ns"
			: ns < 1e6 ? "us"
				   : "ms");
		bar_print(label, member_number(bucket, "packets"), most, sum);
	}
}

static void
worker_print(const json_t *worker)
{
	members_print(WORKER_INDENT, worker,
		"worker {#worker}  on CPU {#core}, {rx_queues queue}, {rx_packets packet} in, "
		"{#tx_packets} out");
	text_print(stdout, WORKER_INDENT,
		"          busy %.1f%% of the time, %.0f cycles a packet, longest round %.0f us",
		json_number_value(json_object_get(worker, "busy_share")) * 100,
		json_number_value(json_object_get(worker, "cycles_per_packet")),
		json_number_value(json_object_get(worker, "longest_round_us")));
	if (member_number(worker, "rx_packets") == 0)
		return;
	bursts_print(json_object_get(worker, "bursts"));
	if (json_array_size(json_object_get(worker, "residence_ns")) > 0)
		residence_print(json_object_get(worker, "residence_ns"));
}

static int
workers(struct cli *cli, const struct arguments *arguments)
{
	json_t *result, *list, *worker;
	int exit_code;
	size_t i;

	(void)arguments;
	result = cli_call(cli, "system.info", json_object(), &exit_code);
	if (result == NULL)
		return exit_code;
	list = json_object_get(result, "workers");
	if (cli->json) {
		cli_print_json(list);
	} else {
		json_array_foreach (list, i, worker) {
			if (i > 0)
				putchar('\n');
			worker_print(worker);
		}
	}
	json_decref(result);
	return CLI_OK;
}

const struct command command_workers = {
	.name = "workers",
	.arguments = "",
	.summary = "Show how busy the workers are, with two histograms",
	.example = "  sluicectl workers",
	.run = workers,
};

static void
methods_print(const json_t *document)
{
	struct table *table = table_create("METHOD,SUMMARY~");
	json_t *method;
	size_t i;

	json_array_foreach (json_object_get(document, "methods"), i, method)
		table_members(table, method, "name summary");
	table_end(table);
}

/* The parameters: none, JSON text, or "-" for standard input. */
static int
rpc(struct cli *cli, const struct arguments *arguments)
{
	const char *text = arguments->n_words > 1 ? arguments->words[1] : "{}";
	json_t *params, *result;
	json_error_t error;
	int exit_code;

	if (arguments_value(arguments, "list") != NULL) {
		if (arguments->n_words > 0)
			return cli_usage(cli, "--list goes without a method");
		return call_and_print(cli, "rpc.discover", methods_print);
	}
	if (arguments->n_words == 0)
		return cli_usage(cli, "the METHOD is missing; --list shows them");
	if (strcmp(text, "-") == 0)
		params = cli_load_json(cli, "-");
	else if ((params = json_loads(text, JSON_REJECT_DUPLICATES, &error)) == NULL)
		cli_usage(cli, "JSON: %s, at character %d", error.text, error.column);
	if (params == NULL)
		return CLI_USAGE;
	cli->client.verbatim = true;
	result = cli_call(cli, arguments->words[0], params, &exit_code);
	if (result == NULL)
		return exit_code;
	cli_print_json(result);
	json_decref(result);
	return CLI_OK;
}

static const struct option_spec rpc_options[] = {
	{"list", NULL, "list the daemon's methods"},
	{NULL},
};

const struct command command_rpc = {
	.name = "rpc",
	.arguments = "METHOD [JSON | -] | --list",
	.summary = "Call a method with parameters in JSON and print its result",
	.example = "  sluicectl rpc flow.get '{\"id\": \"cam1\"}'",
	.options = rpc_options,
	.max_words = 2,
	.changes = true,
	.run = rpc,
};
