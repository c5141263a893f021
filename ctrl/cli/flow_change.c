/* SPDX-License-Identifier: BSD-3-Clause */
/* `flow add` and `flow del`: flows come and go, all that are named or none of them. */
#include <string.h>

#include "cli/commands.h"
#include "cli/flow_args.h"
#include "cli/flow_counters.h"
#include "cli/text.h"

/* One flow from --id, --match and --leg. New reference, or NULL with the fault said. */
static json_t *
flow_from_options(const struct cli *cli, const struct arguments *arguments)
{
	const char *id = arguments_value(arguments, "id");
	const char *match_text = arguments_value(arguments, "match"), *leg_text;
	json_t *match, *leg, *legs = json_array();
	char error[FLOW_ARGS_ERROR_MAX];
	size_t position = 0;

	match = flow_args_match(match_text, error);
	if (match == NULL) {
		cli_usage(cli, "--match: %s", error);
		json_decref(legs);
		return NULL;
	}
	while ((leg_text = arguments_next(arguments, "leg", &position)) != NULL) {
		leg = flow_args_leg(leg_text, error);
		if (leg == NULL) {
			cli_usage(cli, "--leg number %zu: %s", json_array_size(legs) + 1, error);
			json_decref(match);
			json_decref(legs);
			return NULL;
		}
		json_array_append_new(legs, leg);
	}
	return json_pack("{s:s*, s:o, s:o}", "id", id, "match", match, "legs", legs);
}

/* A file holds a flow, an array of flows, or what `flow list --json` printed. */
static json_t *
flows_from_file(const struct cli *cli, const char *path)
{
	json_t *document = cli_load_json(cli, path), *flows;

	if (document == NULL)
		return NULL;
	flows = json_object_get(document, "flows");
	if (flows != NULL) {
		json_incref(flows);
		json_decref(document);
		return flows;
	}
	return json_is_array(document) ? document : json_pack("[o]", document);
}

/* The flows that the arguments name, as an array, or NULL with the fault said. */
static json_t *
flows_given(const struct cli *cli, const struct arguments *arguments)
{
	const char *file = arguments_value(arguments, "file");
	const char *match = arguments_value(arguments, "match");
	const char *leg = arguments_value(arguments, "leg");
	json_t *flow;

	if (file != NULL &&
		(match != NULL || leg != NULL || arguments_value(arguments, "id") != NULL))
		cli_usage(cli, "--file goes without --id, --match and --leg");
	else if (file != NULL)
		return flows_from_file(cli, file);
	else if (match == NULL)
		cli_usage(cli, "--match or --file is missing");
	else if (leg == NULL)
		cli_usage(cli, "--leg is missing: a flow needs one at least");
	else if ((flow = flow_from_options(cli, arguments)) != NULL)
		return json_pack("[o]", flow);
	return NULL;
}

static int
flow_add(struct cli *cli, const struct arguments *arguments)
{
	json_t *flows = flows_given(cli, arguments), *result, *id;
	int exit_code;
	size_t i;

	if (flows == NULL)
		return CLI_USAGE;
	result = cli_call(cli, "flow.install", json_pack("{s:o}", "flows", flows), &exit_code);
	if (result == NULL)
		return exit_code;
	if (cli->json)
		cli_print_json(result);
	else
		json_array_foreach (json_object_get(result, "installed"), i, id)
			printf("installed %s\n", json_string_value(id));
	json_decref(result);
	return CLI_OK;
}

static int
flow_del(struct cli *cli, const struct arguments *arguments)
{
	json_t *ids = json_array(), *result;
	int exit_code;

	if (arguments->n_words == 0) {
		json_decref(ids);
		return cli_usage(cli, "the ID of a flow is missing");
	}
	for (size_t i = 0; i < arguments->n_words; i++)
		json_array_append_new(ids, json_string(arguments->words[i]));
	result = cli_call(cli, "flow.remove", json_pack("{s:o}", "ids", ids), &exit_code);
	if (result == NULL)
		return exit_code;
	if (cli->json)
		cli_print_json(result);
	else
		flow_counters_print(json_object_get(result, "removed"), stdout);
	json_decref(result);
	return CLI_OK;
}

static const struct option_spec add_options[] = {
	{"id", "ID", "name of the flow; without: flow-N is given"},
	{"match", "K=V,...", "packets that belong to it"},
	{"leg", "K=V,...", "where a copy goes; once for each leg"},
	{"file", "FILE", "flows in JSON, one or an array; - for standard input"},
	{NULL},
};

const struct command command_flow_add = {
	.name = "flow add",
	.arguments = "[--id ID] --match K=V,... --leg K=V,... [--leg ...]...\n"
		     "       sluicectl flow add --file FILE",
	.summary = "Install flows: all that are given, or none",
	.details = flow_args_print_keys,
	.example = "  sluicectl flow add --id cam1 --match port=p0,dst=192.0.2.1:5004 \\\n"
		   "    --leg port=p1,src=203.0.113.1:5004,dst=203.0.113.9:5004 \\\n"
		   "    --leg port=p2,src=203.0.113.129:5004,dst=203.0.113.137:5004,dscp=34",
	.options = add_options,
	.run = flow_add,
};

const struct command command_flow_del = {
	.name = "flow del",
	.arguments = "ID...",
	.summary = "Remove flows and show their final counters",
	.example = "  sluicectl flow del cam1 cam2",
	.max_words = UINT32_MAX,
	.run = flow_del,
};
