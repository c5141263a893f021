/* SPDX-License-Identifier: BSD-3-Clause */
/* `confirm` and `rollback`: to stay with a generation, or to go back to one. */
#include <inttypes.h>

#include "cli/change.h"
#include "cli/commands.h"
#include "cli/diff.h"
#include "cli/plan.h"
#include "cli/text.h"

#define TERMINAL_CHANGES 50

/* The generation that a word names. */
static int
generation_read(const struct cli *cli, const char *word, uint64_t *generation)
{
	if (number_parse(word, 0, INT64_MAX, generation) == 0)
		return CLI_OK;
	return cli_usage(cli,
		"\"%s\" is not the number of a generation; 'sluicectl history' lists them", word);
}

static int
confirm(struct cli *cli, const struct arguments *arguments)
{
	json_t *params = json_object(), *result;
	uint64_t generation;
	int exit_code;

	if (arguments->n_words > 0) {
		exit_code = generation_read(cli, arguments->words[0], &generation);
		if (exit_code != CLI_OK) {
			json_decref(params);
			return exit_code;
		}
		json_object_set_new(params, "generation", json_integer((json_int_t)generation));
	}
	result = cli_call(cli, "state.confirm", params, &exit_code);
	if (result == NULL)
		return exit_code;
	if (cli->json)
		cli_print_json(result);
	else
		printf("Generation %" PRIu64 " is confirmed: it stays.\n",
			member_number(result, "generation"));
	json_decref(result);
	return CLI_OK;
}

struct back {
	struct cli *cli;
	uint64_t generation;
};

static json_t *
back_page(void *arg, uint64_t after, uint64_t limit, int *exit_code)
{
	const struct back *back = arg;
	json_t *params =
		json_pack("{s:I, s:b, s:I, s:I}", "generation", (json_int_t)back->generation,
			"plan", 1, "after", (json_int_t)after, "limit", (json_int_t)limit);

	return cli_call(back->cli, "state.rollback", params, exit_code);
}

static int
back_plan(struct cli *cli, const struct arguments *arguments, uint64_t generation)
{
	struct back back = {cli, generation};
	uint64_t limit;
	int exit_code;
	json_t *plan;

	if (plan_limit(cli, arguments, TERMINAL_CHANGES, UINT64_MAX, &limit) < 0)
		return CLI_USAGE;
	plan = plan_show(cli, back_page, &back, limit, &exit_code);
	if (plan == NULL)
		return exit_code;
	if (cli->json)
		cli_print_json(plan);
	exit_code = diff_size(plan) > 0 ? CLI_CHANGES : CLI_OK;
	json_decref(plan);
	return exit_code;
}

static int
back_do(struct cli *cli, const struct arguments *arguments, uint64_t generation)
{
	json_t *params = json_pack("{s:I}", "generation", (json_int_t)generation), *result;
	int exit_code = change_confirm_within(cli, arguments, params);

	if (exit_code != CLI_OK) {
		json_decref(params);
		return exit_code;
	}
	change_comment(arguments, params);
	result = cli_call(cli, "state.rollback", params, &exit_code);
	if (result == NULL)
		return exit_code;
	change_committed(cli, result);
	if (!cli->json)
		printf("The flows are again those of generation %" PRIu64 ".\n", generation);
	json_decref(result);
	return CLI_OK;
}

static int
rollback(struct cli *cli, const struct arguments *arguments)
{
	uint64_t generation;
	int exit_code;

	if (arguments->n_words == 0)
		return cli_usage(cli,
			"the GENERATION to go back to is missing; 'sluicectl history' lists them");
	exit_code = generation_read(cli, arguments->words[0], &generation);
	if (exit_code != CLI_OK)
		return exit_code;
	if (arguments_value(arguments, "plan") != NULL)
		return back_plan(cli, arguments, generation);
	return back_do(cli, arguments, generation);
}

static const struct option_spec rollback_options[] = {
	{"plan", NULL, "only show what it would change"},
	{CHANGE_COMMENT},
	{"confirm-within", "TIME", "60s, 5m: return by itself unless confirmed"},
	{"limit", "N", "with --plan: show N changed flows"},
	{NULL},
};

const struct command command_confirm = {
	.name = "confirm",
	.arguments = "[GENERATION]",
	.summary = "Stay with what was applied with --confirm-within",
	.example = "  sluicectl confirm 42",
	.max_words = 1,
	.changes = true,
	.run = confirm,
};

const struct command command_rollback = {
	.name = "rollback",
	.arguments = "GENERATION [--plan [--limit N]] [--comment TEXT]\n"
		     "       [--confirm-within TIME]",
	.summary = "Go back to the flows of one of the last 50 generations",
	.example = "  sluicectl rollback 41 --plan\n"
		   "  sluicectl rollback 41 --comment 'the wall went dark'",
	.options = rollback_options,
	.max_words = 1,
	.changes = true,
	.run = rollback,
};
