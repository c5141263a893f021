/* SPDX-License-Identifier: BSD-3-Clause */
/* `plan`: what `apply` would do, and nothing done. */
#include "cli/plan.h"

#include <inttypes.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/diff.h"
#include "cli/paint.h"
#include "cli/text.h"
#include "schema/flow_files.h"

#define TERMINAL_CHANGES 50

struct flow_files *
plan_files(const struct arguments *arguments)
{
	const char *path = arguments->n_words > 0 ? arguments->words[0] : PLAN_FILES_DEFAULT;
	struct flow_files *files;
	struct fault fault;

	files = flow_files_load(path, &fault);
	if (files == NULL) {
		fprintf(stderr, "sluicectl: %s\n", fault.message);
		return NULL;
	}
	if (flow_files_count(files) > 0)
		return files;
	fprintf(stderr,
		"sluicectl: %s: no *.yaml there. A file with `flows: []` declares no flow at all\n",
		path);
	flow_files_destroy(files);
	return NULL;
}

int
plan_declare(struct batch *batch, struct cli *cli, const struct flow_files *files, json_t *options)
{
	int exit_code;

	json_object_set_new(options, "declare", json_true());
	exit_code = batch_begin(batch, cli, files, options);
	if (exit_code == CLI_OK)
		exit_code = batch_put(batch, "declare", flow_files_flows(files));
	return exit_code;
}

int
plan_limit(const struct cli *cli, const struct arguments *arguments, uint64_t on_terminal,
	uint64_t in_pipe, uint64_t *limit)
{
	const char *text = arguments_value(arguments, "limit");

	*limit = isatty(STDOUT_FILENO) && !cli->json ? on_terminal : in_pipe;
	if (text == NULL || number_parse(text, 0, UINT32_MAX, limit) == 0)
		return 0;
	cli_usage(cli, "--limit: \"%s\" is not a number", text);
	return -1;
}

json_t *
plan_page_of_batch(void *arg, uint64_t after, uint64_t limit, int *exit_code)
{
	const struct plan_of_batch *plan = arg;

	return batch_plan(plan->batch, plan->prune, after, limit, exit_code);
}

/* Print the changes of a page, or add them to those of the plan. */
static void
page_take(const struct cli *cli, json_t *plan, json_t *page, uint64_t room)
{
	json_t *changes = json_object_get(page, "changes"), *change;
	const bool colour = paint_wanted(stdout);
	size_t i;

	while (json_array_size(changes) > room)
		json_array_remove(changes, json_array_size(changes) - 1);
	if (cli->json && plan != page)
		json_array_extend(json_object_get(plan, "changes"), changes);
	if (!cli->json)
		json_array_foreach (changes, i, change)
			diff_change_print(change, colour, stdout);
}

static void
summary_show(const struct cli *cli, const json_t *plan, uint64_t shown)
{
	const json_t *flows = json_object_get(plan, "flows");
	const uint64_t all = member_number(flows, "added") + member_number(flows, "changed") +
			     member_number(flows, "removed");

	if (cli->json)
		return;
	if (shown > 0 && shown < all)
		printf("... and %" PRIu64 " more; --limit %" PRIu64 " shows them all\n",
			all - shown, all);
	if (shown > 0)
		putchar('\n');
	diff_summary_print(plan, stdout);
	fflush(stdout);
}

json_t *
plan_show(const struct cli *cli, plan_page_fn page_fn, void *arg, uint64_t limit, int *exit_code)
{
	json_t *plan = NULL, *page;
	uint64_t shown = 0, after = 0, next;

	do {
		const uint64_t room = limit - shown < PLAN_PAGE ? limit - shown : PLAN_PAGE;

		page = page_fn(arg, after, room > 0 ? room : 1, exit_code);
		if (page == NULL) {
			json_decref(plan);
			return NULL;
		}
		plan = plan != NULL ? plan : json_incref(page);
		page_take(cli, plan, page, room);
		shown += json_array_size(json_object_get(page, "changes"));
		next = member_number(page, "next");
		json_decref(page);
		if (next > 0 && next <= after) {
			*exit_code = cli_page_repeats("a plan", "next");
			json_decref(plan);
			return NULL;
		}
		after = next;
	} while (after > 0 && shown < limit);
	json_object_del(plan, "next");
	summary_show(cli, plan, shown);
	return plan;
}

static int
plan_run(struct cli *cli, const struct arguments *arguments, const struct flow_files *files,
	uint64_t limit)
{
	struct batch batch;
	struct plan_of_batch of = {&batch, arguments_value(arguments, "prune") != NULL};
	int exit_code = plan_declare(&batch, cli, files, json_object());
	json_t *plan;

	if (exit_code != CLI_OK)
		return exit_code;
	plan = plan_show(cli, plan_page_of_batch, &of, limit, &exit_code);
	if (plan == NULL)
		return exit_code;
	if (cli->json)
		cli_print_json(plan);
	exit_code = diff_size(plan) > 0 ? CLI_CHANGES : CLI_OK;
	json_decref(plan);
	batch_abort(&batch);
	return exit_code;
}

static int
plan(struct cli *cli, const struct arguments *arguments)
{
	struct flow_files *files;
	uint64_t limit;
	int exit_code;

	if (plan_limit(cli, arguments, TERMINAL_CHANGES, UINT64_MAX, &limit) < 0)
		return CLI_USAGE;
	files = plan_files(arguments);
	if (files == NULL)
		return CLI_USAGE;
	exit_code = plan_run(cli, arguments, files, limit);
	flow_files_destroy(files);
	return exit_code;
}

static void
plan_details(FILE *out)
{
	fprintf(out, "PATH is a file, or a directory whose *.yaml are read by name;\n"
		     "without it " PLAN_FILES_DEFAULT ".\n\n"
		     "The exit code is 0 without changes, 6 with changes.\n");
}

static const struct option_spec plan_options[] = {
	{"prune", NULL, "also remove flows that were not declared"},
	{"limit", "N", "show N changed flows (a terminal: 50, else all)"},
	{NULL},
};

const struct command command_plan = {
	.name = "plan",
	.arguments = "[PATH] [--prune] [--limit N]",
	.summary = "Show what applying files of flows would change",
	.details = plan_details,
	.example = "  sluicectl plan flows.d",
	.options = plan_options,
	.max_words = 1,
	.run = plan,
};
