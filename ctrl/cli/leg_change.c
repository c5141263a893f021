/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What changes at a flow while it runs: `leg join` and `leg leave`, `flow up` and `flow down`.
 * Legs that are not named go on without a gap.
 */
#include "cli/change.h"
#include "cli/commands.h"
#include "cli/flow_args.h"
#include "cli/flow_counters.h"
#include "cli/flow_file.h"
#include "cli/text.h"

/* The legs that the arguments name, as an array, or NULL with the fault said. */
static json_t *
legs_given(struct cli *cli, const struct arguments *arguments)
{
	const char *leg = arguments_value(arguments, "leg"), *file;
	char error[FLOW_ARGS_ERROR_MAX];
	json_t *legs;

	if (flow_file_given(cli, arguments, 1, &file) != CLI_OK)
		return NULL;
	if ((file == NULL) == (leg == NULL)) {
		cli_usage(cli, "expected --leg or a FILE");
		return NULL;
	}
	if (file != NULL)
		return flow_file_load(cli, file, "legs");
	legs = flow_args_legs(arguments, error);
	if (legs == NULL)
		cli_usage(cli, "%s", error);
	return legs;
}

static int
leg_join(struct cli *cli, const struct arguments *arguments)
{
	json_t *legs, *result, *id;
	int exit_code;
	size_t i;

	if (arguments->n_words == 0)
		return cli_usage(cli, "the ID of a flow is missing");
	legs = legs_given(cli, arguments);
	if (legs == NULL)
		return CLI_USAGE;
	result = change_call(cli, arguments, "leg.join",
		json_pack("{s:s, s:o}", "flow", arguments->words[0], "legs", legs), &exit_code);
	if (result == NULL)
		return exit_code;
	if (cli->json)
		cli_print_json(result);
	else
		json_array_foreach (json_object_get(result, "joined"), i, id)
			printf("joined %s\n", json_string_value(id));
	json_decref(result);
	return CLI_OK;
}

static int
leg_leave(struct cli *cli, const struct arguments *arguments)
{
	json_t *legs, *result;
	int exit_code;

	if (arguments->n_words < 2)
		return cli_usage(cli, "the ID of a flow%s is missing",
			arguments->n_words == 0 ? "" : "'s leg");
	legs = json_array();
	for (size_t i = 1; i < arguments->n_words; i++)
		json_array_append_new(legs, json_string(arguments->words[i]));
	result = change_call(cli, arguments, "leg.leave",
		json_pack("{s:s, s:o}", "flow", arguments->words[0], "legs", legs), &exit_code);
	if (result == NULL)
		return exit_code;
	if (cli->json)
		cli_print_json(result);
	else
		leg_counters_print(json_object_get(result, "left"), stdout);
	json_decref(result);
	return CLI_OK;
}

static int
flow_admin(struct cli *cli, const struct arguments *arguments, const char *admin)
{
	const char *leg = arguments_value(arguments, "leg");
	json_t *result;
	int exit_code;

	if (arguments->n_words == 0)
		return cli_usage(cli, "the ID of a flow is missing");
	result = change_call(cli, arguments, "flow.admin",
		json_pack("{s:s, s:s*, s:s}", "flow", arguments->words[0], "leg", leg, "admin",
			admin),
		&exit_code);
	if (result == NULL)
		return exit_code;
	if (cli->json)
		cli_print_json(result);
	else
		printf("%s %s%s%s\n", admin, arguments->words[0], leg != NULL ? " " : "",
			leg != NULL ? leg : "");
	json_decref(result);
	return CLI_OK;
}

static int
flow_up(struct cli *cli, const struct arguments *arguments)
{
	return flow_admin(cli, arguments, "up");
}

static int
flow_down(struct cli *cli, const struct arguments *arguments)
{
	return flow_admin(cli, arguments, "down");
}

static const struct option_spec join_options[] = {
	{"leg", "K=V,...", "where a copy goes; once for each leg"},
	{"file", "FILE", "the same as FILE; - is standard input"},
	{CHANGE_IF_GENERATION},
	{CHANGE_COMMENT},
	{NULL},
};

static const struct option_spec leave_options[] = {
	{CHANGE_IF_GENERATION}, {CHANGE_COMMENT}, {NULL}};

static const struct option_spec admin_options[] = {
	{"leg", "LEG", "only this leg of the flow"},
	{CHANGE_IF_GENERATION},
	{CHANGE_COMMENT},
	{NULL},
};

const struct command command_leg_join = {
	.name = "leg join",
	.arguments = "FLOW --leg K=V,... [--leg ...]...\n"
		     "       sluicectl leg join FLOW FILE",
	.summary = "Add legs to a flow that runs: all that are given, or none",
	.details = flow_args_print_leg_keys,
	.example = "  sluicectl leg join cam1 \\\n"
		   "    --leg id=wall,port=p1,src=203.0.113.1:5004,dst=203.0.113.20:5004",
	.options = join_options,
	.max_words = 2,
	.changes = true,
	.run = leg_join,
};

const struct command command_leg_leave = {
	.name = "leg leave",
	.arguments = "FLOW LEG...",
	.summary = "Take legs out of a flow that runs and show their final counters",
	.example = "  sluicectl leg leave cam1 wall",
	.options = leave_options,
	.max_words = UINT32_MAX,
	.changes = true,
	.run = leg_leave,
};

const struct command command_flow_up = {
	.name = "flow up",
	.arguments = "ID [--leg LEG]",
	.summary = "Bring a flow, or one of its legs, up again",
	.example = "  sluicectl flow up cam1",
	.options = admin_options,
	.max_words = 1,
	.changes = true,
	.run = flow_up,
};

const struct command command_flow_down = {
	.name = "flow down",
	.arguments = "ID [--leg LEG]",
	.summary = "Stop a flow, or one of its legs, without removing it",
	.example = "  sluicectl flow down cam1 --leg wall",
	.options = admin_options,
	.max_words = 1,
	.changes = true,
	.run = flow_down,
};
