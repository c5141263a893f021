/* SPDX-License-Identifier: BSD-3-Clause */
/* `rpc`: any method by its name, for what has no command of its own. */
#include <string.h>

#include "cli/commands.h"
#include "cli/table.h"
#include "cli/text.h"

static const struct table_column method_columns[] = {
	{"METHOD", false},
	{"SUMMARY", false, true},
};

/* Names and summaries come from the daemon that would serve them. */
static int
methods_list(struct cli *cli)
{
	struct table *table;
	json_t *document, *method;
	int exit_code;
	size_t i;

	document = cli_call(cli, "rpc.discover", json_object(), &exit_code);
	if (document == NULL)
		return exit_code;
	if (cli->json) {
		cli_print_json(document);
	} else {
		table = table_create(method_columns, 2);
		json_array_foreach (json_object_get(document, "methods"), i, method) {
			table_cell(table, "%s", member_text(method, "name"));
			table_cell(table, "%s", member_text(method, "summary"));
		}
		table_print(table, stdout);
		table_destroy(table);
	}
	json_decref(document);
	return CLI_OK;
}

/* The parameters: none, JSON text, or "-" for standard input. NULL: the fault was said. */
static json_t *
params_load(const struct cli *cli, const struct arguments *arguments)
{
	json_error_t error;
	json_t *params;

	if (arguments->n_words < 2)
		return json_object();
	if (strcmp(arguments->words[1], "-") == 0)
		return cli_load_json(cli, "-");
	params = json_loads(arguments->words[1], JSON_REJECT_DUPLICATES, &error);
	if (params == NULL)
		cli_usage(cli, "JSON: %s, at character %d", error.text, error.column);
	return params;
}

static int
rpc(struct cli *cli, const struct arguments *arguments)
{
	json_t *params, *result;
	int exit_code;

	if (arguments_value(arguments, "list") != NULL) {
		if (arguments->n_words > 0)
			return cli_usage(cli, "--list goes without a method");
		return methods_list(cli);
	}
	if (arguments->n_words == 0)
		return cli_usage(cli, "the METHOD is missing; --list shows them");
	params = params_load(cli, arguments);
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
