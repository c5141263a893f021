/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `validate`: are files of flows fit to be applied? By schema and decoder alone, and by a daemon
 * when one runs, who knows ports, other flows and the room that there is.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "cli/commands.h"
#include "cli/plan.h"
#include "schema/flow_files.h"
#include "state/flow_spec.h"

/* Rules across the fields of a flow, as the daemon would apply them. */
static int
files_decode(const struct flow_files *files)
{
	struct fault fault;
	json_t *flow;
	size_t i;

	json_array_foreach (flow_files_flows(files), i, flow) {
		struct flow_spec *spec = flow_spec_decode(flow, &fault);

		if (spec == NULL || flow_legs_apart(spec, &fault) < 0) {
			free(spec);
			flow_files_locate(files, i, &fault);
			fprintf(stderr, "sluicectl: %s\n", fault.message);
			return CLI_USAGE;
		}
		free(spec);
	}
	return CLI_OK;
}

/* Is there a daemon? One that there is not is no fault. */
static bool
daemon_runs(struct cli *cli)
{
	json_t *params = json_object();
	struct client_error error;
	json_t *info = client_call(&cli->client, "system.info", params, &error);
	const bool runs = info != NULL || error.status != CLIENT_UNREACHABLE;

	if (!runs)
		fprintf(stderr, "Not checked against a sluiced: %s\n", error.text);
	json_decref(params);
	json_decref(info);
	return runs;
}

static int
daemon_ask(struct cli *cli, const struct arguments *arguments, const struct flow_files *files)
{
	const bool prune = arguments_value(arguments, "prune") != NULL;
	struct batch batch;
	int exit_code = plan_declare(&batch, cli, files, json_object());
	json_t *plan;

	if (exit_code != CLI_OK)
		return exit_code;
	plan = batch_plan(&batch, prune, 0, 1, &exit_code);
	if (plan == NULL)
		return exit_code;
	json_decref(plan);
	batch_abort(&batch);
	return CLI_OK;
}

static int
validate(struct cli *cli, const struct arguments *arguments)
{
	struct flow_files *files = plan_files(arguments);
	bool asked = false;
	int exit_code;

	if (files == NULL)
		return CLI_USAGE;
	exit_code = files_decode(files);
	if (exit_code == CLI_OK && arguments_value(arguments, "offline") == NULL) {
		asked = daemon_runs(cli);
		if (asked)
			exit_code = daemon_ask(cli, arguments, files);
	}
	if (exit_code == CLI_OK && cli->json) {
		json_t *result = json_pack("{s:I, s:I, s:b}", "files",
			(json_int_t)flow_files_count(files), "flows",
			(json_int_t)json_array_size(flow_files_flows(files)), "asked", asked);

		cli_print_json(result);
		json_decref(result);
	} else if (exit_code == CLI_OK) {
		printf("valid%s: %zu flow%s in %zu file%s\n", asked ? ", and sluiced agrees" : "",
			json_array_size(flow_files_flows(files)),
			json_array_size(flow_files_flows(files)) == 1 ? "" : "s",
			flow_files_count(files), flow_files_count(files) == 1 ? "" : "s");
	}
	flow_files_destroy(files);
	return exit_code;
}

static const struct option_spec validate_options[] = {
	{"offline", NULL, "do not ask a sluiced that runs"},
	{"prune", NULL, "as if other flows were removed with apply --prune"},
	{NULL},
};

static void
validate_details(FILE *out)
{
	fprintf(out, "PATH is a file, or a directory whose *.yaml are read by name;\n"
		     "without it " PLAN_FILES_DEFAULT ".\n");
}

const struct command command_validate = {
	.name = "validate",
	.arguments = "[PATH] [--offline] [--prune]",
	.summary = "Check files of flows, without changing anything",
	.details = validate_details,
	.example = "  sluicectl validate flows.d --offline",
	.options = validate_options,
	.max_words = 1,
	.run = validate,
};
