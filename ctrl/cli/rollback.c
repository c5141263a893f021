/* SPDX-License-Identifier: BSD-3-Clause */
/* `confirm` and `rollback`: to stay with a generation, or to go back to one. */
#include <inttypes.h>

#include "cli/change.h"
#include "cli/commands.h"
#include "cli/diff.h"
#include "cli/duration.h"
#include "cli/plan.h"
#include "cli/text.h"

#define TERMINAL_CHANGES 50
#define DECLARED_LOOKED_AT 100

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

/* Neither the one that runs, nor one that has no part in the state, or may have none soon. */
static bool
is_way_back(const json_t *entry)
{
	return !member_is(entry, "state", "current") && !member_is(entry, "state", "open") &&
	       !member_is(entry, "state", "reverted");
}

/* The last declared generation, said to be it. */
static int
last_declared(struct cli *cli, uint64_t *generation)
{
	json_t *result, *entry, *found = NULL;
	char moment[MOMENT_TEXT_MAX];
	int exit_code;
	size_t i;

	result = cli_call(cli, "history.list",
		json_pack("{s:b, s:i}", "declared", 1, "limit", DECLARED_LOOKED_AT), &exit_code);
	if (result == NULL)
		return exit_code;
	json_array_foreach (json_object_get(result, "generations"), i, entry) {
		if (found == NULL && is_way_back(entry))
			found = entry;
	}
	if (found == NULL) {
		fprintf(stderr,
			"sluicectl: there is no declared generation to go back to; name one that "
			"'sluicectl history' lists\n");
		exit_code = CLI_REFUSED;
	} else {
		exit_code = CLI_OK;
		*generation = member_number(found, "generation");
		fprintf(stderr, "The last declared generation is %" PRIu64 ", of %s by %s%s%s.\n",
			*generation, moment_text(member_number(found, "time_ns"), moment),
			member_text(json_object_get(found, "actor"), "name"),
			json_object_get(found, "comment") != NULL ? ": " : "",
			json_object_get(found, "comment") != NULL ? member_text(found, "comment")
								  : "");
	}
	json_decref(result);
	return exit_code;
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

/* What it would change, and whether that is wanted. */
static int
back_ask(struct cli *cli, const struct arguments *arguments, uint64_t generation)
{
	int exit_code = back_plan(cli, arguments, generation);
	char question[64];

	if (exit_code != CLI_OK && exit_code != CLI_CHANGES)
		return exit_code;
	snprintf(question, sizeof(question), "Go back to generation %" PRIu64 "?", generation);
	return change_agreed(question) ? CLI_OK : CLI_REFUSED;
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
	const bool plans = arguments_value(arguments, "plan") != NULL;
	const bool asks = !plans && change_asks(arguments);
	uint64_t generation;
	int exit_code;

	if (arguments->n_words == 0 && !plans && !asks && arguments_value(arguments, "yes") == NULL)
		return cli_usage(cli,
			"without a terminal to ask at, name the GENERATION to go back to, which "
			"'sluicectl history' lists, or say --yes for the last declared one");
	exit_code = arguments->n_words == 0
			    ? last_declared(cli, &generation)
			    : generation_read(cli, arguments->words[0], &generation);
	if (exit_code == CLI_OK && plans)
		return back_plan(cli, arguments, generation);
	if (exit_code == CLI_OK && asks)
		exit_code = back_ask(cli, arguments, generation);
	return exit_code == CLI_OK ? back_do(cli, arguments, generation) : exit_code;
}

static void
rollback_details(FILE *out)
{
	fprintf(out,
		"Without GENERATION it is the last declared one, of those before the one that\n"
		"runs that were not reverted. A terminal is shown what would change, and asked.\n"
		"GENERATION may also be the one before one that 'sluicectl history' lists.\n");
}

static const struct option_spec rollback_options[] = {
	{"plan", NULL, "only show what it would change"},
	{CHANGE_COMMENT},
	{"confirm-within", "TIME", "60s, 5m: return by itself unless confirmed"},
	{"limit", "N", "show N changed flows (a terminal: 50, else all)"},
	{"yes", NULL, "do not ask"},
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
	.arguments = "[GENERATION] [--plan] [--limit N] [--comment TEXT]\n"
		     "       [--confirm-within TIME] [--yes]",
	.summary = "Go back to the flows of a generation of the history",
	.details = rollback_details,
	.example = "  sluicectl rollback 41 --plan\n"
		   "  sluicectl rollback 41 --comment 'the wall went dark'",
	.options = rollback_options,
	.max_words = 1,
	.changes = true,
	.run = rollback,
};
