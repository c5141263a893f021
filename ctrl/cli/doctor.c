/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `doctor`: what slows this machine down or keeps sluiced from starting. It reads /proc, /sys and
 * sluice.yaml, and asks a running sluiced; the checks themselves are in ctrl/doctor/.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "doctor/cpu_checks.h"
#include "doctor/daemon_checks.h"
#include "doctor/host_checks.h"
#include "doctor/memory.h"
#include "doctor/pci_checks.h"
#include "doctor/setup.h"
#include "doctor/verdict.h"
#include "schema/schema.h"
#include "schema/yaml.h"

#define CONFIG_DEFAULT "/etc/sluice/sluice.yaml"
#define SAMPLE_US 1000000
#define TEXT_INDENT 21 /* of what was found: behind status and name */

/* The file's document, and whether it is valid. NULL: it cannot be used. */
static json_t *
config_read(const char *path, bool was_named, json_t *report)
{
	json_t *schema = schema_config_document(), *document;
	struct verdict verdict = verdict_begin("config");
	struct fault fault;

	if (!was_named && access(path, F_OK) < 0 && errno == ENOENT) {
		verdict_found(&verdict, "there is no %s", path);
		verdict_fault(&verdict, SEVERITY_WARNING,
			"Without it sluiced does not start. Workers and ports are not checked "
			"here, unless it runs with another file.",
			"sudo sluice-setup # proposes one; or: sluicectl doctor --config FILE");
		verdict_report(&verdict, report);
		return NULL;
	}
	document = yaml_load(path, &fault);
	if (document != NULL && schema_check_once(schema, schema, document, &fault) < 0) {
		yaml_fault_locate(path, &fault);
		json_decref(document);
		document = NULL;
	}
	verdict_found(&verdict, "%s", document != NULL ? path : fault.message);
	if (document == NULL)
		verdict_fault(&verdict, SEVERITY_ERROR,
			"sluiced does not start with it: 0 packets are forwarded. Workers and "
			"ports are not checked here.",
			access(path, F_OK) == 0 && access(path, R_OK) < 0
				? "sudo sluicectl doctor --config %s"
				: "sudoedit %s",
			path);
	verdict_report(&verdict, report);
	return document;
}

/* Ask for system.info and counters.get. Whether both were answered. */
static bool
daemon_ask(struct cli *cli, struct replies *replies, unsigned which, struct client_error *error)
{
	replies->info[which] = cli_send(cli, "system.info", json_object(), error);
	if (replies->info[which] != NULL)
		replies->counters[which] =
			cli_send(cli, "counters.get", json_pack("{s:i}", "limit", 1), error);
	replies->counters_ns[which] = clock_read_ns(CLOCK_MONOTONIC);
	return replies->counters[which] != NULL;
}

static void
daemon_check(const struct cli *cli, const struct setup *setup, const struct client_error *error,
	json_t *report)
{
	struct verdict verdict = verdict_begin("daemon");

	if (setup->pid != 0) {
		verdict_found(&verdict, "sluiced runs, process %d", (int)setup->pid);
	} else if (error->status == CLIENT_UNREACHABLE && access(cli->client.path, F_OK) < 0 &&
		   errno == ENOENT) {
		verdict_found(&verdict, "sluiced does not run: there is no %s", cli->client.path);
	} else {
		verdict_found(&verdict, "%s", error->text);
		verdict_fault(&verdict, SEVERITY_WARNING,
			"How many packets were received and lost, and by which worker, is not "
			"checked here.",
			access(cli->client.path, W_OK) < 0 && errno == EACCES
				? "sudo sluicectl doctor"
				: "sudo systemctl restart sluiced");
	}
	verdict_report(&verdict, report);
}

static void
versions_check(const json_t *info, json_t *report)
{
	struct versions versions;
	struct verdict verdict;

	versions_read(info, &versions);
	verdict = versions_judge(&versions);
	verdict_report(&verdict, report);
}

static void
spread_check(const struct setup *setup, const struct replies *replies, json_t *report)
{
	struct verdict verdict;
	struct spread spread;

	spread_read(setup, replies, &spread);
	verdict = spread_judge(&spread);
	verdict_report(&verdict, report);
}

/* Ports are in the same order in all replies. */
static void
loads_check(const struct replies *replies, json_t *report)
{
	const double seconds =
		(double)(replies->counters_ns[1] - replies->counters_ns[0]) / NS_PER_S;
	json_t *port;
	size_t i;

	json_array_foreach (json_object_get(replies->ports, "ports"), i, port) {
		struct verdict verdict;
		struct load load;

		load_read("", port,
			json_array_get(json_object_get(replies->counters[0], "ports"), i),
			json_array_get(json_object_get(replies->counters[1], "ports"), i), seconds,
			&load);
		verdict = load_judge(&load);
		verdict_report(&verdict, report);
	}
}

/* A root of "/" is none; nor is a daemon asked about what is below another. */
static void
examine(struct cli *cli, const char *root, struct setup *setup, json_t *report)
{
	struct sample *samples = calloc(2, sizeof(*samples));
	struct client_error error = {0};
	struct replies replies = {0};

	if (samples == NULL)
		cli_out_of_memory();
	if (root[0] == '\0' && daemon_ask(cli, &replies, 0, &error)) {
		replies.ports = cli_send(cli, "port.list", json_object(), &error);
		setup_ask(setup, replies.info[0], replies.ports);
	}
	sample_read(root, setup, &samples[0]);
	usleep(SAMPLE_US);
	sample_read(root, setup, &samples[1]);
	if (setup->pid != 0 && !daemon_ask(cli, &replies, 1, &error))
		setup->pid = 0;
	if (root[0] == '\0') {
		daemon_check(cli, setup, &error, report);
		versions_check(setup->pid != 0 ? replies.info[1] : NULL, report);
	}
	if (setup->pid != 0) {
		spread_check(setup, &replies, report);
		loads_check(&replies, report);
	}
	host_checks(root, setup, report);
	cpu_checks(root, setup, &samples[0], &samples[1], report);
	pci_checks(root, setup, report);
	for (unsigned i = 0; i < 2; i++) {
		json_decref(replies.info[i]);
		json_decref(replies.counters[i]);
		sample_fini(&samples[i]);
	}
	json_decref(replies.ports);
	free(samples);
}

/* A command that a shell takes as it stands, also if it was broken; what is behind # is said below.
 */
static void
command_print(const char *command, size_t columns)
{
	const char *comment = strstr(command, " # ");
	char *rest = text_format(
		"%.*s", comment != NULL ? (int)(comment - command) : (int)strlen(command), command);
	char *at = rest;

	for (unsigned indent = TEXT_INDENT;; indent = TEXT_INDENT + 4) {
		const size_t room = columns - indent - (indent == TEXT_INDENT ? 2 : 0);
		size_t length = text_fit(at, room), blank = 0;

		if (at[length] != '\0') {
			for (size_t i = 0; i + 1 < length; i++)
				blank = at[i] == ' ' ? i : blank;
			length = blank > 0 ? blank : strcspn(at, " ");
		}
		printf("%*s%s%.*s%s\n", (int)indent, "", indent == TEXT_INDENT ? "$ " : "",
			(int)length, at, at[length] != '\0' ? " \\" : "");
		at += length;
		if (*at == '\0')
			break;
		at++;
	}
	free(rest);
	if (comment != NULL) {
		rest = text_format("%*s%s", TEXT_INDENT, "", comment + 1);
		text_wrap(stdout, columns, TEXT_INDENT, "", rest);
		free(rest);
	}
}

/* A line, and for what is not OK why, and the command. */
static void
verdict_print(const json_t *entry)
{
	static const struct {
		const char *status, *word, *colour;
	} words[] = {
		{"ok", "OK", ""},
		{"warning", "WARNING", "\033[33m"},
		{"error", "ERROR", "\033[31m"},
	};
	const size_t columns = paint_columns(stdout, SIZE_MAX);
	size_t word = 0;
	char *line;

	while (!member_is(entry, "status", words[word].status))
		word++;
	line = text_format("%-9s%-12s%s", words[word].word, member_text(entry, "check"),
		member_text(entry, "found"));
	text_wrap(
		stdout, columns, TEXT_INDENT, paint_wanted(stdout) ? words[word].colour : "", line);
	free(line);
	if (word == 0)
		return;
	line = text_format("%*s%s", TEXT_INDENT, "", member_text(entry, "why"));
	text_wrap(stdout, columns, TEXT_INDENT, "", line);
	free(line);
	command_print(member_text(entry, "mend"), columns);
}

static void
report_print(json_t *document)
{
	json_t *entry;
	size_t i;

	/* Names in files and of devices may be anything. */
	reply_make_safe(document);
	json_array_foreach (json_object_get(document, "checks"), i, entry)
		verdict_print(entry);
	members_print(0, document, "{errors error}, {warnings warning}, {ok} OK");
}

static json_t *
report_document(const struct setup *setup, json_t *report)
{
	json_int_t counts[] = {0, 0, 0};
	json_t *entry;
	size_t i;

	json_array_foreach (report, i, entry) {
		for (enum severity s = SEVERITY_OK; s <= SEVERITY_ERROR; s++)
			counts[s] += member_is(entry, "status", severity_name(s));
	}
	return json_pack("{s:s, s:b, s:b, s:I, s:I, s:I, s:O}", "status",
		severity_name(report_severity(report)), "config_read", setup->read, "daemon_runs",
		setup->pid != 0, "ok", counts[SEVERITY_OK], "warnings", counts[SEVERITY_WARNING],
		"errors", counts[SEVERITY_ERROR], "checks", report);
}

/* Only what the configuration needs, without the checks. */
static int
memory_print(
	const struct cli *cli, const char *root, const struct setup *setup, const json_t *report)
{
	json_t *memory, *entry;
	size_t i;

	if (!setup->read) {
		const json_t *config = json_array_get(report, 0);

		fprintf(stderr, "sluicectl: %s\nsluicectl: run: %s\n", member_text(config, "found"),
			member_text(config, "mend"));
		return CLI_USAGE;
	}
	memory = memory_report(root, setup);
	if (cli->json)
		cli_print_json(memory);
	else
		json_array_foreach (memory, i, entry)
			members_print(0, entry, "node {#node}: {mib} MiB");
	json_decref(memory);
	return CLI_OK;
}

static int
report_end(const struct cli *cli, const struct setup *setup, json_t *report)
{
	json_t *document = report_document(setup, report);

	if (cli->json)
		cli_print_json(document);
	else
		report_print(document);
	json_decref(document);
	return (int)report_severity(report);
}

static int
doctor(struct cli *cli, const struct arguments *arguments)
{
	const char *path = arguments_value(arguments, "config");
	const char *root = arguments_value(arguments, "root");
	const char *socket = NULL;
	json_t *report = json_array(), *config;
	struct setup setup;
	char *below;
	int exit_code;

	if (cli->client.target.endpoint != NULL)
		return cli_usage(cli,
			"it examines this machine, found --connect or $SLUICE_CONNECT, "
			"expected neither");
	if (root == NULL || strspn(root, "/") == strlen(root))
		root = "";
	below = text_format("%s%s", root, CONFIG_DEFAULT);
	config = config_read(path != NULL ? path : below, path != NULL, report);
	/* A daemon that runs without the usual file has another one. */
	setup_init(&setup, path != NULL ? path : config != NULL ? below : "sluice.yaml");
	if (config != NULL) {
		setup_read(&setup, config);
		json_unpack(config, "{s:{s:s}}", "rpc", "socket", &socket);
	}
	if (socket != NULL && strcmp(cli->client.path, CLI_SOCKET_DEFAULT) == 0)
		cli->client.path = socket;
	if (arguments_value(arguments, "memory") != NULL) {
		exit_code = memory_print(cli, root, &setup, report);
	} else {
		examine(cli, root, &setup, report);
		exit_code = report_end(cli, &setup, report);
	}
	json_decref(report);
	client_fini(&cli->client);
	json_decref(config);
	free(below);
	return exit_code;
}

static const struct option_spec doctor_options[] = {
	{"config", "FILE", "sluiced's configuration (" CONFIG_DEFAULT ")"},
	{"root", "DIR", "read /proc, /sys and the store below this directory"},
	{"memory", NULL, "only print the hugepages that the configuration needs"},
	{NULL},
};

const struct command command_doctor = {
	.name = "doctor",
	.arguments = "",
	.summary = "Check the host, and show how to mend what slows packets",
	.notes =
		"sluiced need not run; if it does, its counters are checked, too. Takes a second.\n"
		"The exit code is 0 if all is well, 1 with warnings, 2 with errors.\n"
		"Run it as root, or it does not see all.\n",
	.example = "  sudo sluicectl doctor",
	.options = doctor_options,
	.run = doctor,
};
