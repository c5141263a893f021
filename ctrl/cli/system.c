/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `info`, `workers`, `port list`, `port show` and `counters`: what runs, on what, and what was
 * counted. `rpc`: any method by its name, for what has no command of its own.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "cli/cli.h"
#include "cli/output.h"

#define LABEL_INDENT 9

/* Put into words on which pages the memory of a table lies. */
static void
memory_word(json_t *memory)
{
	const uint64_t pages = member_number(memory, "pages");
	const uint64_t kib = member_number(memory, "page_bytes") / 1024;
	const bool huge = json_is_true(json_object_get(memory, "hugepages"));

	json_object_set_new(memory, "lies_on",
		json_sprintf("%" PRIu64 " %s%s of %" PRIu64 " %s, TLB reach %" PRIu64 "%%", pages,
			huge ? "hugepage" : "ordinary page", pages == 1 ? "" : "s",
			kib < 1024 ? kib : kib / 1024, kib < 1024 ? "KiB" : "MiB",
			member_number(memory, "tlb_reach_percent")));
}

/* Put into words what a pool consists of: "pairs 20000-29999 at 2 addresses". */
static void
pool_describe(json_t *pool)
{
	const json_t *ports = json_object_get(pool, "ports");
	const json_t *addresses = json_object_get(pool, "addresses");
	const size_t n = json_array_size(addresses);
	char where[32];

	snprintf(where, sizeof(where), "%zu addresses", n);
	json_object_set_new(pool, "kind",
		json_sprintf("%s %lld-%lld at %s",
			json_is_true(json_object_get(pool, "pairs")) ? "pairs" : "ports",
			(long long)json_integer_value(json_array_get(ports, 0)),
			(long long)json_integer_value(json_array_get(ports, 1)),
			n == 1 ? json_string_value(json_array_get(addresses, 0)) : where));
}

static void
info_print(struct cli *cli, json_t *result)
{
	json_t *pool;
	size_t i;
	json_t *flows = json_object_get(result, "flows");
	const uint64_t up_s = member_number(result, "uptime_s");
	const uint64_t lost = member_number(result, "log_lines_lost");
	char up[48];

	(void)cli;
	snprintf(up, sizeof(up), "%" PRIu64 "d %02u:%02u:%02u", up_s / 86400,
		(unsigned)(up_s / 3600 % 24), (unsigned)(up_s / 60 % 60), (unsigned)(up_s % 60));
	json_object_set_new(result, "up", json_string(up));
	memory_word(json_object_get(json_object_get(flows, "ipv4"), "memory"));
	memory_word(json_object_get(json_object_get(flows, "ipv6"), "memory"));
	memory_word(json_object_get(json_object_get(result, "legs"), "memory"));
	json_object_set_new(result, "were_lost", json_string(lost == 1 ? " was" : "s were"));
	members_print(LABEL_INDENT, result,
		"version  {name} {version}, {dpdk}\n"
		"process  pid {#pid}, control on CPU {#control_core}, up {up}\n"
		"flows    IPv4 {#flows/ipv4/installed} of {#flows/ipv4/capacity}, "
		"IPv6 {#flows/ipv6/installed} of {#flows/ipv6/capacity}, "
		"legs in sets {#legs/installed} of {#legs/capacity}\n"
		"memory   IPv4 {flows/ipv4/memory/bytes:short}B on {flows/ipv4/memory/lies_on}\n"
		"         IPv6 {flows/ipv6/memory/bytes:short}B on {flows/ipv6/memory/lies_on}\n"
		"         legs {legs/memory/bytes:short}B on {legs/memory/lies_on}\n"
		"limits   {limits/message_bytes byte} a message, depth {#limits/depth}, "
		"{limits/connections connection}\n"
		"[log      {log_lines_lost} line{were_lost} lost: standard error was not read]");
	json_array_foreach (json_object_get(result, "pools"), i, pool)
		pool_describe(pool);
	rows_print_below("POOL={name}|OF={kind}|SIZE>={size}|GIVEN>={given}|NAMED>={named}|"
			 "QUARANTINE>={quarantined}|FREE>={free}|USED>={used_share:percent}",
		json_object_get(result, "pools"));
	rows_print_below("WORKER>={worker}|CPU>={core}|NODE>={socket:node}|LEVEL={cpu_level}|"
			 "QUEUES>={rx_queues}|BUSY>={busy_share:percent}|RX PACKETS>={rx_packets}|"
			 "TX PACKETS>={tx_packets}",
		json_object_get(result, "workers"));
}

static void
ports_print(struct cli *cli, json_t *result)
{
	json_t *ports = json_object_get(result, "ports"), *port;
	size_t i;

	(void)cli;
	json_array_foreach (ports, i, port) {
		const uint64_t mbps = member_number(port, "link_mbps");
		const bool shares = json_is_true(json_object_get(port, "shares_payload"));
		struct text link;

		text_clear(&link);
		if (mbps == 0 || !json_is_true(json_object_get(port, "link_up")))
			text_add_members(&link, port, "{link_up:up}");
		else if (mbps % 1000 == 0)
			text_add(&link, "%" PRIu64 "G", mbps / 1000);
		else
			text_add(&link, "%" PRIu64 "M", mbps);
		json_object_set_new(port, "link", json_string(link.s));
		json_object_set_new(port, "payload", json_string(shares ? "shared" : "copied"));
	}
	rows_print("PORT={name}|DRIVER={driver}|MAC={mac}|MTU>={mtu}|NODE>={socket:node}|"
		   "NETDEV={netdev}|QUEUES>={rx_queues}|LINK={link}|PAYLOAD={payload}",
		ports);
	json_array_foreach (ports, i, port)
		members_print(0, port, "[{name}: {hint}]");
}

/* Append rows for the counts other than zero, those in objects below too. */
static void
counts_add(json_t *rows, const char *port, const char *above, json_t *counts)
{
	const char *name;
	json_t *count;

	json_object_foreach (counts, name, count) {
		if (json_is_object(count))
			counts_add(rows, port, name, count);
		else if (json_integer_value(count) != 0)
			json_array_append_new(
				rows, json_pack("{s:s, s:s, s:s, s:O}", "port", port, "above",
					      above, "name", name, "count", count));
	}
}

/* A row for each port that has sent packets of clients. */
static void
injected_print(const json_t *ports)
{
	json_t *rows = json_array(), *port;
	size_t i;

	json_array_foreach (ports, i, port) {
		if (member_number(port, "injected") > 0)
			json_array_append(rows, port);
	}
	rows_print_below("PORT={name}|INJECTED>={injected}", rows);
	json_decref(rows);
}

/* Of ports with several. */
static void
queues_print(const json_t *ports)
{
	json_t *rows = json_array(), *port, *queue;
	size_t i, k;

	json_array_foreach (ports, i, port) {
		json_t *queues = json_object_get(port, "queues");

		json_array_foreach (queues, k, queue) {
			if (json_array_size(queues) > 1)
				json_array_append_new(rows,
					json_pack("{s:O, s:O, s:O, s:O}", "port",
						json_object_get(port, "name"), "queue",
						json_object_get(queue, "queue"), "worker",
						json_object_get(queue, "worker"), "rx_packets",
						json_object_get(queue, "rx_packets")));
		}
	}
	rows_print_below(
		"PORT={port}|QUEUE>={queue}|WORKER>={worker}|RX PACKETS>={rx_packets}", rows);
	json_decref(rows);
}

/* What ports have counted, as counters.get lists them. */
static void
counters_ports_print(const json_t *ports)
{
	static const struct {
		const char *member, *columns;
	} counts[] = {
		{"drops", "PORT={port}|DROP=[{above}: ]{name}|PACKETS>={count}"},
		{"nic", "PORT={port}|NIC=[{above}: ]{name}|PACKETS>={count}"},
		{"kernel", "PORT={port}|KERNEL=[{above}: ]{name}|PACKETS>={count}"},
		{"steering", "PORT={port}|STEERING=[{above}: ]{name}|PACKETS>={count}"},
		{"xdp", "PORT={port}|AF_XDP=[{above}: ]{name}|COUNT>={count}"},
		{"interface", "PORT={port}|INTERFACE=[{above}: ]{name}|PACKETS>={count}"},
	};
	json_t *port, *rows;
	size_t i;

	rows_print("PORT={name}|RX PACKETS>={rx_packets}|RX BYTES>={rx_bytes}|"
		   "FORWARDED>={forwarded}|PUNTED>={punted}|COPIES>={copies}|"
		   "TX PACKETS>={tx_packets}|TX BYTES>={tx_bytes}",
		ports);
	queues_print(ports);
	injected_print(ports);
	for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
		rows = json_array();
		json_array_foreach (ports, i, port)
			counts_add(rows, member_text(port, "name"), "",
				json_object_get(port, counts[k].member));
		rows_print_below(counts[k].columns, rows);
		json_decref(rows);
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
	{"flows", NULL, "include flows and their legs"},
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

/* A list of names as a text. */
static void
value_word(json_t *setting, const char *name)
{
	const json_t *value = json_object_get(setting, name), *item;
	struct text text;
	size_t i;

	if (!json_is_array(value))
		return;
	text_clear(&text);
	json_array_foreach (value, i, item)
		text_add(&text, "%s%s", i > 0 ? " " : "", json_string_value(item));
	json_object_set_new(setting, name, json_string(i > 0 ? text.s : "none"));
}

/* The settings of a port in effect, and where each comes from. */
static void
settings_print(const json_t *port)
{
	static const char *const flags[] = {"link_up", "active"};
	json_t *settings = json_object_get(port, "settings"), *setting, *members;
	size_t i;

	json_array_foreach (settings, i, setting) {
		value_word(setting, "value");
		value_word(setting, "asked");
	}
	members = json_object_get(json_object_get(port, "bond"), "members");
	if (members != NULL) {
		putchar('\n');
		json_array_foreach (members, i, setting)
			for (size_t k = 0; k < sizeof(flags) / sizeof(flags[0]); k++)
				json_object_set_new(setting, flags[k],
					json_string(json_is_true(json_object_get(setting, flags[k]))
							    ? "yes"
							    : "no"));
		rows_print_below("MEMBER={device}|LINK={link_up}|ACTIVE={active}|PARTNER={partner?}"
				 "|RX={rx_packets}|TX={tx_packets}",
			members);
	}
	putchar('\n');
	members_print(0, port, "profile {profile?none}");
	rows_print_below("SETTING={name}|VALUE={value}|FROM={from}[, asked for {asked}]|"
			 "SOURCE~={source?}",
		settings);
}

static int
port_show(struct cli *cli, const struct arguments *arguments)
{
	json_t *ports, *counters, *document;
	const char *name = arguments->words[0];
	int exit_code;

	ports = cli_call(cli, "port.list", json_object(), &exit_code);
	if (ports == NULL)
		return exit_code;
	counters = cli_call(cli, "counters.get", json_object(), &exit_code);
	if (counters != NULL && (port_keep(ports, name) < 0 || port_keep(counters, name) < 0)) {
		fprintf(stderr,
			"sluicectl: NOT_FOUND at PORT: found %s, expected a port of "
			"'sluicectl port list'\n",
			name[0] != '\0' ? name : "\"\"");
		exit_code = CLI_REFUSED;
	} else if (cli_shows(cli, counters)) {
		ports_print(cli, ports);
		settings_print(json_array_get(json_object_get(ports, "ports"), 0));
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

const struct command command_info = {
	.name = "info",
	.arguments = "",
	.summary = "Show versions, workers, use of the flow tables, limits",
	.example = "  sluicectl info",
	.method = "system.info",
	.print = info_print,
};

const struct command command_port_list = {
	.name = "port list",
	.arguments = "",
	.summary = "List the ports, their drivers and links",
	.example = "  sluicectl port list",
	.method = "port.list",
	.print = ports_print,
};

const struct command command_port_show = {
	.name = "port show",
	.arguments = "PORT",
	.summary = "Show one port, its settings and its counters",
	.example = "  sluicectl port show p0",
	.min_words = 1,
	.max_words = 1,
	.run = port_show,
};

#define WORKER_INDENT 10

/* Rows of {"label", "count"}, taken over, with shares and bars. What is not 0 can be seen. */
static void
histogram_print(const char *columns, json_t *rows)
{
	static const char longest[] = "########################";
	uint64_t most = 1, sum = 0, count, length;
	json_t *row;
	size_t i;

	json_array_foreach (rows, i, row) {
		count = member_number(row, "count");
		most = count > most ? count : most;
		sum += count;
	}
	json_array_foreach (rows, i, row) {
		count = member_number(row, "count");
		length = count * strlen(longest) / most;
		if (length == 0 && count != 0)
			length = 1;
		json_object_update_new(row, json_pack("{s:f, s:s#}", "share",
						    (double)count / (double)(sum != 0 ? sum : 1),
						    "bar", longest, (int)length));
	}
	rows_print(columns, rows);
	json_decref(rows);
}

/* Bursts by packets in them, in groups of powers of two: 1, 2, 3-4, 5-8 ... */
static void
bursts_print(const json_t *bursts)
{
	const size_t n = json_array_size(bursts);
	json_t *rows = json_array();
	size_t used = 1;

	for (size_t first = 1, last = 1; first < n; first = last + 1, last *= 2) {
		json_int_t count = 0;
		char label[32];

		for (size_t i = first; i <= last; i++)
			count += json_integer_value(json_array_get(bursts, i));
		if (first == last)
			snprintf(label, sizeof(label), "%zu", first);
		else
			snprintf(label, sizeof(label), "%zu-%zu", first, last);
		json_array_append_new(
			rows, json_pack("{s:s, s:I}", "label", label, "count", count));
		if (count != 0)
			used = json_array_size(rows);
	}
	while (json_array_size(rows) > used)
		json_array_remove(rows, used);
	histogram_print("IN A BURST>={label}|BURSTS>={count}|SHARE>={share:percent}|={bar}", rows);
}

/* Time from rx to tx of sampled packets: each row from its time to twice that. */
static void
residence_print(const json_t *buckets)
{
	json_t *rows = json_array(), *bucket;
	char label[32];
	size_t i;

	json_array_foreach (buckets, i, bucket) {
		const double ns = (double)member_number(bucket, "from_ns");

		if (ns < 1e3)
			snprintf(label, sizeof(label), "%.0f ns", ns);
		else
			snprintf(label, sizeof(label), "%.1f %s", ns < 1e6 ? ns / 1e3 : ns / 1e6,
				ns < 1e6 ? "us" : "ms");
		json_array_append_new(rows, json_pack("{s:s, s:O}", "label", label, "count",
						    json_object_get(bucket, "packets")));
	}
	histogram_print("INSIDE FOR>={label}|PACKETS>={count}|SHARE>={share:percent}|={bar}", rows);
}

static void
worker_print(const json_t *worker)
{
	members_print(WORKER_INDENT, worker,
		"worker {#worker}  on CPU {#core}, level {cpu_level}, {rx_queues queue}, "
		"{rx_packets packet} in, {#tx_packets} out\n"
		"          busy {busy_share:percent} of the time, {#cycles_per_packet} cycles a "
		"packet, longest round {#longest_round_us} us");
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
	list = json_incref(json_object_get(result, "workers"));
	json_decref(result);
	json_array_foreach (cli->json ? NULL : list, i, worker) {
		if (i > 0)
			putchar('\n');
		worker_print(worker);
	}
	return cli_end(cli, list, CLI_OK);
}

const struct command command_workers = {
	.name = "workers",
	.arguments = "",
	.summary = "Show the load of the workers, with two histograms",
	.example = "  sluicectl workers",
	.run = workers,
};

static void
methods_print(struct cli *cli, json_t *document)
{
	(void)cli;
	rows_print("METHOD={name}|SUMMARY~={summary}", json_object_get(document, "methods"));
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
			return cli_usage(cli, "--list cannot be combined with a METHOD");
		return method_call(
			cli, arguments, "rpc.discover", json_object(), methods_print, NULL);
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
	cli->json = true;
	result = cli_call(cli, arguments->words[0], params, &exit_code);
	return cli_end(cli, result, exit_code);
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
