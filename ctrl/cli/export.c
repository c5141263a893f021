/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `export`: the flows that run as files that `apply` takes back. A file is written under another
 * name first, so that one that is there is either the old or the new one, whole.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/flow_pages.h"
#include "cli/progress.h"
#include "cli/text.h"
#include "cli/yaml_text.h"
#include "schema/fault.h"
#include "schema/flow_files.h"

#define PORT_ANY "any" /* the file of rules that name no port */

/* Always returns CLI_OUTPUT. */
static int
export_failed(const char *path)
{
	fprintf(stderr, "sluicectl: %s: %s\n", path, strerror(errno));
	return CLI_OUTPUT;
}

/* The port of the flow's match or rule. */
static const char *
flow_port(const json_t *flow)
{
	const char *port =
		json_string_value(json_object_get(json_object_get(flow, "match"), "port"));

	if (port == NULL)
		port = json_string_value(json_object_get(json_object_get(flow, "rule"), "port"));
	return port != NULL ? port : PORT_ANY;
}

/* Flows of one port, those without a port, or all with port NULL, in the order of the array. */
static void
flows_print(FILE *out, json_t *flows, const char *port)
{
	bool any = false;
	json_t *flow;
	size_t i;

	fputs("flows:", out);
	json_array_foreach (flows, i, flow) {
		if (port != NULL && strcmp(port, flow_port(flow)) != 0)
			continue;
		if (!any)
			fputc('\n', out);
		yaml_item_print(out, flow);
		any = true;
	}
	if (!any)
		fputs(" []\n", out);
}

static int
file_write(const char *path, json_t *flows, const char *port)
{
	int exit_code = CLI_OK;
	char *temporary;
	FILE *file;

	if (asprintf(&temporary, "%s.new", path) < 0)
		cli_out_of_memory();
	file = fopen(temporary, "we");
	if (file == NULL) {
		exit_code = export_failed(temporary);
	} else {
		flows_print(file, flows, port);
		if (ferror(file) | fclose(file) || rename(temporary, path) < 0) {
			exit_code = export_failed(path);
			unlink(temporary);
		}
	}
	free(temporary);
	return exit_code;
}

/* Files of flows would be read together with ours, and what they hold come back. */
static int
directory_check(const char *path)
{
	struct flow_files *files;
	struct fault fault;
	bool empty;

	if (mkdir(path, 0777) < 0 && errno != EEXIST)
		return export_failed(path);
	files = flow_files_load(path, &fault);
	empty = files != NULL && flow_files_count(files) == 0;
	flow_files_destroy(files);
	if (empty)
		return CLI_OK;
	fprintf(stderr,
		"sluicectl: %s: found files of flows, expected a directory without; "
		"name another, or move them away\n",
		path);
	return CLI_USAGE;
}

/* A file for each port that flows come in by. */
static int
directory_write(const char *path, json_t *flows)
{
	json_t *ports = json_object(), *flow, *value;
	int exit_code = directory_check(path);
	const char *port;
	char *name;
	size_t i;

	json_array_foreach (flows, i, flow)
		json_object_set_new(ports, flow_port(flow), json_true());
	if (json_object_size(ports) == 0)
		json_object_set_new(ports, PORT_ANY, json_true());
	json_object_foreach (ports, port, value) {
		if (exit_code != CLI_OK)
			break;
		if (asprintf(&name, "%s/%s.yaml", path, port) < 0)
			cli_out_of_memory();
		exit_code = file_write(name, flows, port);
		free(name);
	}
	json_decref(ports);
	return exit_code;
}

static int
export_flows(struct cli *cli, const struct arguments *arguments, json_t *flows)
{
	const char *file = arguments_value(arguments, "output");
	const char *directory = arguments_value(arguments, "directory");

	if (directory != NULL)
		return directory_write(directory, flows);
	if (file != NULL)
		return file_write(file, flows, NULL);
	if (cli->json)
		json_dumpf(flows, stdout, JSON_INDENT(2));
	else
		flows_print(stdout, flows, NULL);
	return CLI_OK;
}

static int export(struct cli *cli, const struct arguments *arguments)
{
	const bool all = arguments_value(arguments, "all") != NULL;
	json_t *filter = json_object(), *result;
	int exit_code;

	if (arguments_value(arguments, "output") != NULL &&
		arguments_value(arguments, "directory") != NULL) {
		json_decref(filter);
		return cli_usage(cli, "expected one of --output and --directory");
	}
	if (!all)
		json_object_set_new(filter, "declared", json_true());
	result = flow_pages_fetch(cli, filter, &exit_code);
	if (result == NULL)
		return exit_code;
	exit_code = export_flows(cli, arguments, json_object_get(result, "flows"));
	if (exit_code == CLI_OK && !all && json_array_size(json_object_get(result, "flows")) == 0)
		fprintf(stderr, "No flow is declared; --all exports those installed otherwise.\n");
	json_decref(result);
	return exit_code;
}

static const struct option_spec export_options[] = {
	{"all", NULL, "also flows that were not declared"},
	{"output", "FILE", "into a file (-o), instead of standard output", 'o'},
	{"directory", "DIR", "into a directory (-d), a file for each port", 'd'},
	{NULL},
};

const struct command command_export = {
	.name = "export",
	.arguments = "[--all] [--output FILE | --directory DIR]",
	.summary = "Write the flows as YAML that apply takes back",
	.example = "  sluicectl export --all --output flows.yaml",
	.options = export_options,
	.run = export,
};
