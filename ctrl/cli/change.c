/* SPDX-License-Identifier: BSD-3-Clause */
/* See change.h. */
#include "cli/change.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cli/duration.h"
#include "cli/text.h"

int
change_if_generation(const struct cli *cli, const struct arguments *arguments, json_t *params)
{
	const char *text = arguments_value(arguments, "if-generation");
	uint64_t generation;

	if (text == NULL)
		return CLI_OK;
	if (number_parse(text, 0, INT64_MAX, &generation) < 0)
		return cli_usage(cli,
			"--if-generation: \"%s\" is not a number that 'sluicectl history' shows",
			text);
	json_object_set_new(params, "if_generation", json_integer((json_int_t)generation));
	return CLI_OK;
}

int
change_confirm_within(const struct cli *cli, const struct arguments *arguments, json_t *params)
{
	const char *text = arguments_value(arguments, "confirm-within");
	uint64_t seconds;

	if (text == NULL)
		return CLI_OK;
	if (duration_parse(text, &seconds) < 0)
		return cli_usage(cli,
			"--confirm-within: \"%s\" is not a time from 1s to 1d, as 60s or 5m", text);
	json_object_set_new(params, "confirm_within_s", json_integer((json_int_t)seconds));
	return CLI_OK;
}

void
change_comment(const struct arguments *arguments, json_t *params)
{
	const char *text = arguments_value(arguments, "comment");

	if (text != NULL)
		json_object_set_new(params, "comment", json_string(text));
}

json_t *
change_call(struct cli *cli, const struct arguments *arguments, const char *method, json_t *params,
	int *exit_code)
{
	*exit_code = change_if_generation(cli, arguments, params);
	if (*exit_code != CLI_OK) {
		json_decref(params);
		return NULL;
	}
	change_comment(arguments, params);
	return cli_call(cli, method, params, exit_code);
}

bool
change_asks(const struct arguments *arguments)
{
	return arguments_value(arguments, "yes") == NULL && isatty(STDIN_FILENO);
}

bool
change_agreed(const char *question)
{
	char answer[16];

	fprintf(stderr, "%s [y/N] ", question);
	if (fgets(answer, sizeof(answer), stdin) != NULL &&
		(strcmp(answer, "y\n") == 0 || strcmp(answer, "yes\n") == 0))
		return true;
	fprintf(stderr, "Nothing was changed.\n");
	return false;
}

void
change_print_target(const struct cli *cli, FILE *out)
{
	if (cli->client.target.endpoint != NULL)
		fprintf(out, " --connect %s", cli->client.target.endpoint);
	else if (strcmp(cli->client.path, CLI_SOCKET_DEFAULT) != 0)
		fprintf(out, " --socket %s", cli->client.path);
}

void
change_committed(struct cli *cli, json_t *result)
{
	const uint64_t confirm_by_ns = member_number(result, "confirm_by_ns");
	char moment[MOMENT_TEXT_MAX];

	if (cli->json) {
		cli_print_json(result);
		return;
	}
	printf("Generation %" PRIu64 ": %" PRIu64 " added, %" PRIu64 " changed, %" PRIu64
	       " removed.\n",
		member_number(result, "generation"), member_number(result, "added"),
		member_number(result, "changed"), member_number(result, "removed"));
	if (confirm_by_ns == 0)
		return;
	text_print(stdout, 2, "The flows of before return by themselves at %s, unless you say:",
		moment_text(confirm_by_ns, moment));
	printf("  sluicectl");
	change_print_target(cli, stdout);
	printf(" confirm %" PRIu64 "\n", member_number(result, "generation"));
}
