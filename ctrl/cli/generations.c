/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `history`, `confirm` and `rollback`: the generations of the flows, what one of them changed, to
 * keep one, and to go back to one.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/transaction.h"

#define LABEL_INDENT 12
#define TERMINAL_CHANGES 50

/* Who made the generation, and its tag and comment, as more members. */
static void
entry_describe(json_t *entry)
{
	const json_t *actor = json_object_get(entry, "actor");
	struct text text;

	text_members(&text, actor, member_is(actor, "via", "tls") ? "{name} (tls)" : "{name}");
	json_object_set_new(entry, "who", json_string(text.s));
	text_clear(&text);
	if (json_object_get(entry, "tag") != NULL)
		text_add(&text, "[%s]%s", member_text(entry, "tag"),
			json_object_get(entry, "comment") != NULL ? " " : "");
	text_add_members(&text, entry, "{comment?}");
	json_object_set_new(entry, "remark", json_string(text.s));
}

/* What a person has to act on stands below the table. */
static void
fault_show(const struct cli *cli, const json_t *entry)
{
	if (json_object_get(entry, "fault") == NULL)
		return;
	putchar('\n');
	members_print(0, entry,
		"Generation {#generation} was not confirmed in time and cannot be rolled back: "
		"{fault}.\nThe rollback is retried every 5 s. To keep the flows instead:");
	change_print_confirm(cli, entry);
}

static void
history_print(struct cli *cli, json_t *result)
{
	json_t *entries = json_object_get(result, "generations"), *entry;
	size_t i;

	if (json_array_size(entries) == 0) {
		printf("no generations\n");
		return;
	}
	json_array_foreach (entries, i, entry)
		entry_describe(entry);
	rows_print("GEN>={generation}|WHEN={time_ns:time}|WHO={who}|WHAT={method}|+>={added}|"
		   "~>={changed}|->={removed}|STATE={state?}|COMMENT~={remark}",
		entries);
	json_array_foreach (entries, i, entry)
		fault_show(cli, entry);
}

static void
entry_print(json_t *entry)
{
	entry_describe(entry);
	members_print(LABEL_INDENT, entry,
		"generation  {#generation}[, {state}]\n"
		"when        {time_ns:time}\n"
		"who         {who}, by {method}\n"
		"[comment     {comment}]\n"
		"[tag         {tag}]\n"
		"[restores    generation {#returns_to}]\n"
		"[reverts     generation {#takes_back}]\n"
		"[fault       cannot be rolled back: {fault}]\n"
		"flows       {#added} added, {#changed} changed, {#removed} removed");
	if (json_array_size(json_object_get(entry, "changes")) > 0)
		putchar('\n');
}

/* `tag GENERATION NAME`, `untag GENERATION`. */
static int
history_tag(struct cli *cli, const struct arguments *arguments, bool tags)
{
	if (arguments->n_words != (tags ? 3 : 2))
		return cli_usage(cli, "expected: history %s",
			tags ? "tag GENERATION NAME" : "untag GENERATION");
	return method_call(cli, arguments, "history.tag",
		json_pack("{s:s, s:s*}", "generation", arguments->words[1], "tag",
			tags ? arguments->words[2] : NULL),
		NULL,
		tags ? "Generation {#generation} is tagged {tag}."
		     : "Generation {#generation} is no longer tagged.");
}

static int
history(struct cli *cli, const struct arguments *arguments)
{
	uint64_t generation, limit;
	json_t *entry;
	int exit_code;

	if (arguments->n_words == 0)
		return command_call(cli, arguments, json_object());
	if (strcmp(arguments->words[0], "tag") == 0 || strcmp(arguments->words[0], "untag") == 0)
		return history_tag(cli, arguments, arguments->words[0][0] == 't');
	if (arguments->n_words > 1)
		return cli_usage(cli, "unexpected argument \"%s\"", arguments->words[1]);
	if (plan_limit(cli, arguments, TERMINAL_CHANGES, UINT64_MAX, &limit) != CLI_OK)
		return CLI_USAGE;
	exit_code = generation_parse(cli, arguments->words[0], &generation);
	if (exit_code != CLI_OK)
		return exit_code;
	entry = changes_show(cli, NULL, "history.get",
		json_pack("{s:I}", "generation", (json_int_t)generation), entry_print, limit,
		&exit_code);
	return cli_end(cli, entry, exit_code);
}

static const struct option_spec history_options[] = {
	{"limit", "N", "number of generations (20) or changed flows"},
	{"by", "NAME", "only those of this user or certificate", .member = "actor"},
	{"method", "METHOD", "only those of this method"},
	{"declared", NULL, "only those of apply"},
	{"tagged", NULL, "only those with a tag"},
	{NULL},
};

const struct command command_history = {
	.name = "history",
	.arguments = "[--by NAME] [--method METHOD] [--declared] [--tagged]\n"
		     "       [--limit N]\n"
		     "       sluicectl history GENERATION [--limit N]\n"
		     "       sluicectl history tag GENERATION NAME\n"
		     "       sluicectl history untag GENERATION",
	.summary = "Show the history of the flows, or the changes of a generation",
	.notes = "GENERATION is a number or a tag. A tagged one is kept until the\n"
		 "tag is removed. Of the others the latest are kept, with separate limits\n"
		 "for apply and rollback and for single calls: state.history in the\n"
		 "configuration.\n",
	.example = "  sluicectl history --declared\n  sluicectl history 42\n"
		   "  sluicectl history tag 42 studio-good",
	.options = history_options,
	.max_words = 3,
	.method = "history.list",
	.print = history_print,
	.run = history,
};

#define DECLARED_LOOKED_AT 100

/* The last declared generation, which is named on standard error. */
static int
last_declared(struct cli *cli, uint64_t *generation)
{
	json_t *result, *entry;
	int exit_code;
	size_t i;

	result = cli_call(cli, "history.list",
		json_pack("{s:b, s:i}", "declared", 1, "limit", DECLARED_LOOKED_AT), &exit_code);
	if (result == NULL)
		return exit_code;
	exit_code = CLI_REFUSED;
	json_array_foreach (json_object_get(result, "generations"), i, entry) {
		struct text text;

		/* Not the one that runs, nor one that is not in the state, or may not be soon. */
		if (member_is(entry, "state", "current") || member_is(entry, "state", "open") ||
			member_is(entry, "state", "reverted"))
			continue;
		*generation = member_number(entry, "generation");
		fprintf(stderr, "The last declared generation is %s.\n",
			text_members(&text, entry,
				"{#generation}, of {time_ns:time} by {actor/name}[: {comment}]"));
		exit_code = CLI_OK;
		break;
	}
	if (exit_code != CLI_OK)
		fprintf(stderr,
			"sluicectl: found no declared generation to roll back to; give one of "
			"'sluicectl history'\n");
	json_decref(result);
	return exit_code;
}

/* Show what a rollback with these parameters would change. CLI_CHANGES: something. */
static int
rollback_plan(struct cli *cli, json_t *params, uint64_t limit)
{
	json_t *plan;
	int exit_code;

	params = json_copy(params);
	json_object_set_new(params, "plan", json_true());
	plan = plan_show(cli, NULL, "state.rollback", params, limit, &exit_code);
	if (plan != NULL)
		exit_code = diff_size(plan) > 0 ? CLI_CHANGES : CLI_OK;
	cli_end(cli, plan, CLI_OK);
	return exit_code;
}

static int
rollback_run(struct cli *cli, json_t *params)
{
	const uint64_t generation = member_number(params, "generation");
	int exit_code;
	json_t *result = cli_call(cli, "state.rollback", json_incref(params), &exit_code);
	const bool shows = cli_shows(cli, result);

	exit_code = change_end(cli, result, exit_code);
	if (shows)
		printf("The flows are those of generation %" PRIu64 ".\n", generation);
	return exit_code;
}

static int
rollback(struct cli *cli, const struct arguments *arguments)
{
	const bool plans = arguments_value(arguments, "plan") != NULL;
	const bool asks = !plans && change_asks(arguments);
	json_t *params = json_object();
	uint64_t generation, limit;
	char question[64];
	int exit_code;

	if (arguments->n_words == 0 && !plans && !asks && arguments_value(arguments, "yes") == NULL)
		exit_code = cli_usage(cli,
			"without a terminal, give a GENERATION of 'sluicectl history', or "
			"--yes for the last declared one");
	else
		exit_code = plan_limit(cli, arguments, TERMINAL_CHANGES, UINT64_MAX, &limit);
	if (exit_code == CLI_OK)
		exit_code = params_add(cli, arguments, "state.rollback", params);
	if (exit_code == CLI_OK)
		exit_code = arguments->n_words == 0
				    ? last_declared(cli, &generation)
				    : generation_parse(cli, arguments->words[0], &generation);
	if (exit_code != CLI_OK)
		goto end;
	json_object_set_new(params, "generation", json_integer((json_int_t)generation));
	if (plans || asks)
		exit_code = rollback_plan(cli, params, limit);
	if (plans || (exit_code != CLI_OK && exit_code != CLI_CHANGES))
		goto end;
	snprintf(question, sizeof(question), "Roll back to generation %" PRIu64 "?", generation);
	exit_code = asks && !change_agreed(question) ? CLI_REFUSED : rollback_run(cli, params);
end:
	json_decref(params);
	return exit_code;
}

static const struct option_spec rollback_options[] = {
	{"plan", NULL, "only show the changes", .member = ""},
	{CHANGE_COMMENT},
	{"confirm-within", "TIME", "restore the previous flows unless confirmed"},
	{"limit", "N", "show N changed flows (a terminal: 50, else all)", .member = ""},
	{"yes", NULL, "do not prompt"},
	{NULL},
};

const struct command command_confirm = {
	.name = "confirm",
	.arguments = "[GENERATION]",
	.summary = "Confirm what was applied with --confirm-within",
	.example = "  sluicectl confirm 42",
	.max_words = 1,
	.changes = true,
	.method = "state.confirm",
	.words = "generation",
	.says = "Generation {#generation} is confirmed.",
};

const struct command command_rollback = {
	.name = "rollback",
	.arguments = "[GENERATION]",
	.summary = "Restore the flows of a generation of the history",
	.notes = "The default is the last declared generation before the current one that was\n"
		 "not reverted. On a terminal the changes are shown and must be confirmed.\n"
		 "GENERATION is a number or a tag of 'sluicectl history', or the number before\n"
		 "one of these.\n",
	.example = "  sluicectl rollback 41 --plan\n"
		   "  sluicectl rollback 41 --comment 'the wall went dark'",
	.options = rollback_options,
	.max_words = 1,
	.changes = true,
	.run = rollback,
};
