/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `validate`, `plan` and `apply`: files that declare flows, checked, compared with what runs, and
 * made so.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/escape.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/transaction.h"
#include "flow/flow_codec.h"
#include "schema/flow_files.h"

#define PATH_HELP \
	"PATH is a file, or a directory whose *.yaml are read in order of names\n" \
	"(default " PLAN_FILES_DEFAULT ").\n"
#define PLAN_CHANGES 50

static struct flow_files *
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
		"sluicectl: %s: found no *.yaml; to declare no flows, use a file with `flows: "
		"[]`\n",
		path);
	flow_files_destroy(files);
	return NULL;
}

/* Begin a transaction that declares the flows of the files; `options` are those of txn.begin. */
static int
plan_declare(struct batch *batch, struct cli *cli, const struct arguments *arguments,
	const struct flow_files *files, json_t *options)
{
	int exit_code;

	json_object_set_new(options, "declare", json_true());
	exit_code = batch_begin(batch, cli, files, "declare", flow_files_items(files), options);
	batch->prune = arguments_value(arguments, "prune") != NULL;
	return exit_code;
}

static int
plan(struct cli *cli, const struct arguments *arguments)
{
	struct flow_files *files;
	struct batch batch;
	json_t *plan = NULL;
	uint64_t limit;
	int exit_code;

	if (plan_limit(cli, arguments, PLAN_CHANGES, UINT64_MAX, &limit) != CLI_OK)
		return CLI_USAGE;
	files = plan_files(arguments);
	if (files == NULL)
		return CLI_USAGE;
	exit_code = plan_declare(&batch, cli, arguments, files, json_object());
	if (exit_code == CLI_OK)
		plan = plan_show(
			cli, &batch, "txn.plan", batch_plan_params(&batch), limit, &exit_code);
	if (plan != NULL) {
		exit_code = diff_size(plan) > 0 ? CLI_CHANGES : CLI_OK;
		cli_end(cli, plan, CLI_OK);
	}
	flow_files_destroy(files);
	return exit_code;
}

static const struct option_spec plan_options[] = {
	{"prune", NULL, "also remove flows that were not declared"},
	{"limit", "N", "show N changed flows (a terminal: 50, else all)"},
	{NULL},
};

const struct command command_plan = {
	.name = "plan",
	.arguments = "[PATH]",
	.summary = "Show what applying files of flows would change",
	.notes = PATH_HELP "\nThe exit code is 0 without changes, 6 with changes.\n",
	.example = "  sluicectl plan flows.d",
	.options = plan_options,
	.max_words = 1,
	.run = plan,
};

#define APPLY_CHANGES 20
#define PLANS_UNSEEN 10 /* that are made in turn while there is no person to ask */

/* Plan, ask and commit; `commit` holds the options of that. */
static int
apply_run(struct batch *batch, const struct arguments *arguments, uint64_t limit, json_t *commit)
{
	struct cli *cli = batch->cli;
	int exit_code = CLI_OK;
	json_t *plan, *result;

	plan = plan_show(cli, batch, "txn.plan", batch_plan_params(batch), limit, &exit_code);
	if (plan == NULL)
		return exit_code;
	if (diff_size(plan) == 0)
		return cli_end(cli, plan, CLI_OK);
	if (change_asks(arguments) && !change_agreed("Apply this?")) {
		exit_code = CLI_REFUSED;
	} else {
		result = batch_commit(batch, json_copy(commit), diff_size(plan), &exit_code);
		exit_code = change_end(cli, result, exit_code);
	}
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
		exit_code = plan_declare(&batch, cli, arguments, files, json_incref(begin));
		if (exit_code == CLI_OK)
			exit_code = apply_run(&batch, arguments, limit, commit);
		if (!batch.plan_is_old)
			break;
		if (!change_asks(arguments) && ++plans == PLANS_UNSEEN) {
			fprintf(stderr,
				"sluicectl: STALE: other clients changed flows of the plan %u "
				"times in succession; try again later\n",
				plans);
			break;
		}
		fprintf(stderr, "Other clients have changed flows of the plan. Nothing was "
				"changed yet; the new plan is:\n");
	}
	flow_files_destroy(files);
	return exit_code;
}

static int
apply(struct cli *cli, const struct arguments *arguments)
{
	json_t *begin = json_object();
	json_t *commit = json_pack("{s:b}", "if_plan", true);
	uint64_t limit;
	int exit_code = plan_limit(cli, arguments, APPLY_CHANGES, 0, &limit);

	if (exit_code == CLI_OK)
		exit_code = params_add(cli, arguments, "txn.begin", begin);
	if (exit_code == CLI_OK)
		exit_code = params_add(cli, arguments, "txn.commit", commit);
	if (exit_code == CLI_OK)
		exit_code = apply_files(cli, arguments, limit, begin, commit);
	json_decref(begin);
	json_decref(commit);
	return exit_code;
}

static const struct option_spec apply_options[] = {
	{"prune", NULL, "also remove flows that were not declared"},
	{"confirm-within", "TIME", "restore the previous flows unless confirmed"},
	{CHANGE_COMMENT},
	{CHANGE_IF_GENERATION},
	{"limit", "N", "show N changed flows (a terminal: 20, else none)"},
	{"yes", NULL, "do not prompt"},
	{NULL},
};

const struct command command_apply = {
	.name = "apply",
	.arguments = "[PATH]",
	.summary = "Install, change and remove flows as files declare",
	.notes =
		PATH_HELP "\n"
			  "Flows of an earlier apply that are no longer in the files are removed.\n"
			  "Flows installed otherwise are kept, unless --prune is given.\n",
	.example = "  sluicectl apply flows.d --confirm-within 60s --comment 'evening show'",
	.options = apply_options,
	.max_words = 1,
	.changes = true,
	.run = apply,
};

static int
flow_check(const json_t *flow, struct fault *fault)
{
	struct flow_spec *spec = flow_request_decode(flow, fault);

	free(spec);
	return spec != NULL ? 0 : -1;
}

static int
receiver_free(void *arg, enum relay_flow side, uint32_t number, struct flow_spec *spec,
	struct fault *fault)
{
	(void)arg;
	(void)side;
	(void)number;
	(void)fault;
	free(spec);
	return 0;
}

static int
relay_check(const json_t *relay, struct fault *fault)
{
	struct flow_spec *specs[RELAY_FLOWS];
	const int rc = flow_relay_decode(relay, specs, fault);

	for (unsigned i = 0; i < RELAY_FLOWS; i++)
		free(specs[i]);
	return rc < 0 ? rc : flow_receivers_decode(relay, receiver_free, NULL, fault);
}

/* Rules across the fields of a flow or relay, as the daemon would apply them. */
static int
files_decode(const struct flow_files *files)
{
	struct fault fault;
	json_t *item;
	size_t i;

	json_array_foreach (flow_files_items(files), i, item) {
		if ((flow_files_is_relay(item) ? relay_check(item, &fault)
					       : flow_check(item, &fault)) == 0)
			continue;
		flow_files_locate(files, i, &fault);
		fprintf(stderr, "sluicectl: %s\n", fault.message);
		return CLI_USAGE;
	}
	return CLI_OK;
}

static int
validate(struct cli *cli, const struct arguments *arguments)
{
	struct flow_files *files = plan_files(arguments);
	const bool offline = arguments_value(arguments, "offline") != NULL;
	struct client_error error;
	struct batch batch;
	bool asked = false;
	json_t *reply;
	size_t n, n_relays;
	int exit_code;

	if (files == NULL)
		return CLI_USAGE;
	n_relays = flow_files_relays(files);
	n = json_array_size(flow_files_items(files)) - n_relays;
	exit_code = files_decode(files);
	if (exit_code == CLI_OK && !offline) {
		/* That there is no daemon is no fault. */
		reply = client_call(&cli->client, "system.info", json_object(), &error);
		asked = reply != NULL || error.status != CLIENT_UNREACHABLE;
		json_decref(reply);
		if (!asked)
			fprintf(stderr, "Not checked by sluiced: %s\n", error.text);
	}
	if (asked)
		exit_code = plan_declare(&batch, cli, arguments, files, json_object());
	if (asked && exit_code == CLI_OK) {
		reply = changes_show(
			cli, &batch, "txn.plan", batch_plan_params(&batch), NULL, 0, &exit_code);
		json_decref(reply);
	}
	if (exit_code == CLI_OK && cli->json) {
		reply = json_pack("{s:I, s:I, s:I, s:b}", "files",
			(json_int_t)flow_files_count(files), "flows", (json_int_t)n, "relays",
			(json_int_t)n_relays, "asked", asked);
		cli_print_json(reply);
		json_decref(reply);
	} else if (exit_code == CLI_OK) {
		printf("valid%s: %zu flow%s", asked ? ", checked by sluiced" : "", n, plural_s(n));
		if (n_relays > 0)
			printf(" and %zu relay%s", n_relays, plural_s(n_relays));
		printf(" in %zu file%s\n", flow_files_count(files),
			plural_s(flow_files_count(files)));
	}
	flow_files_destroy(files);
	return exit_code;
}

static const struct option_spec validate_options[] = {
	{"offline", NULL, "do not connect to sluiced"},
	{"prune", NULL, "check what apply --prune would do"},
	{NULL},
};

const struct command command_validate = {
	.name = "validate",
	.arguments = "[PATH]",
	.summary = "Check files of flows, without changing anything",
	.notes = PATH_HELP,
	.example = "  sluicectl validate flows.d --offline",
	.options = validate_options,
	.max_words = 1,
	.run = validate,
};
