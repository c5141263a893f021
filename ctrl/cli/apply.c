/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `apply`: what `plan` shows is shown, asked about, and then done. When other clients changed flows
 * meanwhile so that it would do something else, that is shown and asked about in turn.
 */
#include <inttypes.h>

#include "cli/change.h"
#include "cli/commands.h"
#include "cli/diff.h"
#include "cli/plan.h"
#include "cli/text.h"
#include "schema/flow_files.h"

#define TERMINAL_CHANGES 20
#define PLANS_UNSEEN 10 /* that are made in turn while there is no person to ask */

/* Commit what was planned; `options` are taken over. */
static int
apply_commit(struct batch *batch, json_t *options, const json_t *plan)
{
	json_t *result;
	int exit_code;

	result = batch_commit(batch, options, diff_size(plan), &exit_code);
	if (result == NULL)
		return exit_code;
	change_committed(batch->cli, result);
	json_decref(result);
	return CLI_OK;
}

/* Plan, ask and commit; `commit` holds the options of that. */
static int
apply_run(struct batch *batch, const struct arguments *arguments, uint64_t limit, json_t *commit)
{
	struct plan_of_batch of = {batch, arguments_value(arguments, "prune") != NULL};
	struct cli *cli = batch->cli;
	int exit_code = CLI_OK;
	json_t *plan;

	plan = plan_show(cli, plan_page_of_batch, &of, limit, &exit_code);
	if (plan == NULL)
		return exit_code;
	if (diff_size(plan) > 0)
		exit_code = !change_asks(arguments) || change_agreed("Apply this?")
				    ? apply_commit(batch, json_copy(commit), plan)
				    : CLI_REFUSED;
	else if (cli->json)
		cli_print_json(plan);
	json_decref(plan);
	return exit_code;
}

/* Until it is done, refused by a person, or refused by the daemon for any other cause. */
static int
apply_files(struct cli *cli, const struct arguments *arguments, uint64_t limit, json_t *begin,
	json_t *commit)
{
	struct flow_files *files = plan_files(arguments);
	struct batch batch;
	unsigned plans = 0;
	int exit_code;

	if (files == NULL)
		return CLI_USAGE;
	for (;;) {
		exit_code = plan_declare(&batch, cli, files, json_incref(begin));
		if (exit_code == CLI_OK)
			exit_code = apply_run(&batch, arguments, limit, commit);
		if (!batch.plan_is_old)
			break;
		if (!change_asks(arguments) && ++plans == PLANS_UNSEEN) {
			fprintf(stderr,
				"sluicectl: STALE: other clients changed what the files would "
				"change, %u times in turn; run it again when they pause\n",
				plans);
			break;
		}
		fprintf(stderr, "Other clients have changed flows meanwhile, and with them what "
				"the files would change. Nothing is done yet; now it is:\n");
	}
	flow_files_destroy(files);
	return exit_code;
}

static int
apply(struct cli *cli, const struct arguments *arguments)
{
	json_t *begin = json_object();
	json_t *commit = json_pack("{s:b, s:b}", "prune",
		arguments_value(arguments, "prune") != NULL, "if_plan", true);
	uint64_t limit;
	int exit_code;

	exit_code = change_if_generation(cli, arguments, begin);
	if (exit_code == CLI_OK)
		exit_code = change_confirm_within(cli, arguments, commit);
	if (exit_code == CLI_OK && plan_limit(cli, arguments, TERMINAL_CHANGES, 0, &limit) < 0)
		exit_code = CLI_USAGE;
	change_comment(arguments, commit);
	if (exit_code == CLI_OK)
		exit_code = apply_files(cli, arguments, limit, begin, commit);
	json_decref(begin);
	json_decref(commit);
	return exit_code;
}

static void
apply_details(FILE *out)
{
	fprintf(out,
		"PATH is a file, or a directory whose *.yaml are read by name;\n"
		"without it %s.\n\n"
		"Flows that an earlier apply brought and that are not in the files any\n"
		"more go away; those installed otherwise stay, unless --prune is given.\n",
		PLAN_FILES_DEFAULT);
}

static const struct option_spec apply_options[] = {
	{"prune", NULL, "also remove flows that were not declared"},
	{"confirm-within", "TIME", "60s, 5m: go back by itself unless confirmed"},
	{CHANGE_COMMENT},
	{CHANGE_IF_GENERATION},
	{"limit", "N", "show N changed flows (a terminal: 20, else none)"},
	{"yes", NULL, "do not ask"},
	{NULL},
};

const struct command command_apply = {
	.name = "apply",
	.arguments = "[PATH] [--prune] [--confirm-within TIME] [--comment TEXT]\n"
		     "       [--if-generation N] [--limit N] [--yes]",
	.summary = "Make the flows what files say: all of them, or nothing",
	.details = apply_details,
	.example = "  sluicectl apply flows.d --confirm-within 60s --comment 'evening show'",
	.options = apply_options,
	.max_words = 1,
	.changes = true,
	.run = apply,
};
