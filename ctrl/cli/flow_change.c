/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `flow add`, `replace`, `del`, `up` and `down`, `leg join` and `leave`: all flows and legs that
 * are named, or none. What is not named goes on without a gap.
 */
#include <string.h>
#include <time.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/counters.h"
#include "cli/input.h"
#include "cli/output.h"
#include "cli/transaction.h"

#define FLOWS_MAX 16
#define WAIT_MS 1000 /* for all flows together */
#define PAUSE_MS 20

/* Whether a leg of what flow.get returned waits for its next hop; with `warn` said on stderr. */
static bool
flow_is_pending(const json_t *result, bool warn)
{
	const json_t *flow = json_object_get(result, "flow");
	bool pending = false;
	struct text text;
	json_t *state;
	size_t i;

	json_array_foreach (json_object_get(result, "legs"), i, state) {
		const json_t *hop = json_object_get(state, "next_hop");

		if (!member_is(hop, "state", "pending"))
			continue;
		pending = true;
		if (warn)
			fprintf(stderr, "sluicectl: leg %s of flow %s is %s\n",
				member_text(state, "id"), member_text(flow, "id"),
				pending_text(&text,
					json_array_get(json_object_get(flow, "legs"), i), hop));
	}
	return pending;
}

static void
pending_warn(struct cli *cli, const json_t *ids)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
	unsigned waited_ms = 0;
	json_t *id, *result;
	int exit_code;
	size_t i;

	json_array_foreach (ids, i, id) {
		if (i == FLOWS_MAX)
			return;
		while ((result = cli_call(cli, "flow.get", json_pack("{s:O}", "id", id),
				&exit_code)) != NULL &&
			flow_is_pending(result, false) && waited_ms < WAIT_MS) {
			json_decref(result);
			nanosleep(&pause, NULL);
			waited_ms += PAUSE_MS;
		}
		if (result == NULL)
			return;
		flow_is_pending(result, true);
		json_decref(result);
	}
}

/* The flows that the arguments name, as an array, or NULL with the fault said. */
static json_t *
flows_given(struct cli *cli, const struct arguments *arguments)
{
	const char *first = flow_args_first(arguments), *file;
	char error[ARGS_ERROR_MAX];
	json_t *flow = NULL;

	if (flow_file_given(cli, arguments, 0, &file) != CLI_OK)
		return NULL;
	if (file != NULL && first != NULL)
		cli_usage(cli, "a FILE goes without --%s: the file says it all", first);
	else if (file != NULL)
		return flow_file_load(cli, file, "flows");
	else if (!arguments_value(arguments, "match") == !arguments_value(arguments, "rule"))
		cli_usage(cli, "expected one of --match, --rule and a FILE");
	else if ((flow = flow_args_flow(arguments, error)) == NULL)
		cli_usage(cli, "%s", error);
	return flow != NULL ? json_pack("[o]", flow) : NULL;
}

/* More than a message holds: the same as one transaction, which tells numbers, not ids. */
static int
flows_batch(struct cli *cli, const struct arguments *arguments, const char *member, json_t *items)
{
	json_t *begin = json_object(), *commit = json_object(), *result;
	struct batch batch;
	int exit_code = change_if_generation(cli, arguments, begin);

	change_comment(arguments, commit);
	if (exit_code == CLI_OK)
		exit_code = batch_begin(&batch, cli, NULL, false, json_incref(begin));
	if (exit_code == CLI_OK)
		exit_code = batch_put(&batch, member, items);
	if (exit_code == CLI_OK) {
		result = batch_commit(
			&batch, json_incref(commit), json_array_size(items), &exit_code);
		if (result != NULL)
			change_committed(cli, result);
		json_decref(result);
	}
	json_decref(begin);
	json_decref(commit);
	return exit_code;
}

/* Hand the flows to a method, and print the ids that it returns behind a word each. */
static int
flows_call(struct cli *cli, const struct arguments *arguments, const char *method, json_t *flows,
	const char *done)
{
	json_t *result, *id;
	int exit_code;
	size_t i;

	if (flows == NULL)
		return CLI_USAGE;
	if (batch_needed(cli, flows)) {
		exit_code = flows_batch(cli, arguments, strchr(method, '.') + 1, flows);
		json_decref(flows);
		return exit_code;
	}
	result =
		change_call(cli, arguments, method, json_pack("{s:o}", "flows", flows), &exit_code);
	if (cli_shows(cli, result)) {
		json_array_foreach (json_object_get(result, done), i, id)
			printf("%s %s\n", done, json_string_value(id));
		pending_warn(cli, json_object_get(result, done));
	}
	return cli_end(cli, result, exit_code);
}

static int
flow_add(struct cli *cli, const struct arguments *arguments)
{
	return flows_call(cli, arguments, "flow.install", flows_given(cli, arguments), "installed");
}

static int
flow_replace(struct cli *cli, const struct arguments *arguments)
{
	const char *file;
	int exit_code = flow_file_given(cli, arguments, 0, &file);

	if (exit_code != CLI_OK)
		return exit_code;
	if (file == NULL)
		return cli_usage(cli, "the FILE with the flows is missing");
	return flows_call(
		cli, arguments, "flow.replace", flow_file_load(cli, file, "flows"), "replaced");
}

static int
flow_del(struct cli *cli, const struct arguments *arguments)
{
	json_t *ids, *result;
	int exit_code;

	if (arguments->n_words == 0)
		return cli_usage(cli, "the ID of a flow is missing");
	ids = json_array();
	for (size_t i = 0; i < arguments->n_words; i++)
		json_array_append_new(ids, json_string(arguments->words[i]));
	result = change_call(
		cli, arguments, "flow.remove", json_pack("{s:o}", "ids", ids), &exit_code);
	if (cli_shows(cli, result))
		flow_counters_print(json_object_get(result, "removed"));
	return cli_end(cli, result, exit_code);
}

static const struct option_spec replace_options[] = {
	{"file", "FILE", "the same as FILE"},
	{CHANGE_IF_GENERATION},
	{CHANGE_COMMENT},
	{NULL},
};

static const struct option_spec change_options[] = {
	{CHANGE_IF_GENERATION}, {CHANGE_COMMENT}, {NULL}};

const struct command command_flow_add = {
	.name = "flow add",
	.arguments = "--match K=V,... [--leg K=V,...]... [OPTION]...\n"
		     "       sluicectl flow add --rule K=V,... [--leg K=V,...]... [OPTION]...\n"
		     "       sluicectl flow add FILE",
	.summary = "Install flows: all that are given, or none",
	.details = flow_args_print_keys,
	.example = "  sluicectl flow add --id cam1 --match port=p0,dst=192.0.2.1:5004 \\\n"
		   "    --leg port=p1,src=203.0.113.1:5004,dst=203.0.113.9:5004 \\\n"
		   "    --leg port=p2,src=203.0.113.129:5004,dst=203.0.113.137:5004,dscp=34",
	.options = flow_add_options,
	.max_words = 1,
	.changes = true,
	.run = flow_add,
};

const struct command command_flow_replace = {
	.name = "flow replace",
	.arguments = "FILE",
	.summary = "Replace flows by those of the same ids in a file: all, or none",
	.example = "  sluicectl flow list --json > flows.json    # and edit it\n"
		   "  sluicectl flow replace flows.json",
	.options = replace_options,
	.max_words = 1,
	.changes = true,
	.run = flow_replace,
};

const struct command command_flow_del = {
	.name = "flow del",
	.arguments = "ID...",
	.summary = "Remove flows and show their final counters",
	.example = "  sluicectl flow del cam1 cam2",
	.options = change_options,
	.max_words = UINT32_MAX,
	.changes = true,
	.run = flow_del,
};

/* The legs that the arguments name, as an array, or NULL with the fault said. */
static json_t *
legs_given(struct cli *cli, const struct arguments *arguments)
{
	const char *leg = arguments_value(arguments, "leg"), *file;
	char error[ARGS_ERROR_MAX];
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
	if (cli_shows(cli, result))
		json_array_foreach (json_object_get(result, "joined"), i, id)
			printf("joined %s\n", json_string_value(id));
	return cli_end(cli, result, exit_code);
}

static int
leg_leave(struct cli *cli, const struct arguments *arguments)
{
	json_t *legs, *result, *leg;
	struct table *table;
	int exit_code;
	size_t i;

	if (arguments->n_words < 2)
		return cli_usage(cli, "the ID of a flow%s is missing",
			arguments->n_words == 0 ? "" : "'s leg");
	legs = json_array();
	for (i = 1; i < arguments->n_words; i++)
		json_array_append_new(legs, json_string(arguments->words[i]));
	result = change_call(cli, arguments, "leg.leave",
		json_pack("{s:s, s:o}", "flow", arguments->words[0], "legs", legs), &exit_code);
	if (cli_shows(cli, result)) {
		table = table_create("LEG,COPIES>,BYTES>,SENT>,DROPS");
		json_array_foreach (json_object_get(result, "left"), i, leg) {
			const json_t *counters = json_object_get(leg, "counters");

			table_members(table, leg, "id");
			table_members(table, counters, "copies bytes sent");
			table_drops(table, counters);
		}
		table_end(table);
	}
	return cli_end(cli, result, exit_code);
}

/* The state is the last word of the command. */
static int
flow_admin(struct cli *cli, const struct arguments *arguments)
{
	const char *admin = strrchr(cli->command->name, ' ') + 1;
	const char *leg = arguments_value(arguments, "leg");
	json_t *result;
	int exit_code;

	if (arguments->n_words == 0)
		return cli_usage(cli, "the ID of a flow is missing");
	result = change_call(cli, arguments, "flow.admin",
		json_pack("{s:s, s:s*, s:s}", "flow", arguments->words[0], "leg", leg, "admin",
			admin),
		&exit_code);
	if (cli_shows(cli, result))
		printf("%s %s%s%s\n", admin, arguments->words[0], leg != NULL ? " " : "",
			leg != NULL ? leg : "");
	return cli_end(cli, result, exit_code);
}

static const struct option_spec join_options[] = {
	{"leg", "K=V,...", "where a copy goes; once for each leg"},
	{"file", "FILE", "the same as FILE; - is standard input"},
	{CHANGE_IF_GENERATION},
	{CHANGE_COMMENT},
	{NULL},
};

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
	.options = change_options,
	.max_words = UINT32_MAX,
	.changes = true,
	.run = leg_leave,
};

const struct command command_flow_up = {
	.name = "flow up",
	.arguments = "ID",
	.summary = "Bring a flow, or one of its legs, up again",
	.example = "  sluicectl flow up cam1",
	.options = admin_options,
	.max_words = 1,
	.changes = true,
	.run = flow_admin,
};

const struct command command_flow_down = {
	.name = "flow down",
	.arguments = "ID",
	.summary = "Stop a flow, or one of its legs, without removing it",
	.example = "  sluicectl flow down cam1 --leg wall",
	.options = admin_options,
	.max_words = 1,
	.changes = true,
	.run = flow_admin,
};
