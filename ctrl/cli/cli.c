/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How sluicectl talks to the person: errors on stderr with the program's name in front, results
 * on stdout and nothing else there.
 */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "schema/describe.h"

int
cli_usage(const struct cli *cli, const char *format, ...)
{
	const char *name = cli->command != NULL ? cli->command->name : NULL;
	char *text, *safe;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0 || (safe = describe_safe_copy(text)) == NULL)
		cli_out_of_memory();
	va_end(args);
	fprintf(stderr, "sluicectl: %s%s%s\nTry 'sluicectl %s%s--help'.\n",
		name != NULL ? name : "", name != NULL ? ": " : "", safe, name != NULL ? name : "",
		name != NULL ? " " : "");
	free(safe);
	free(text);
	return cli->command != NULL && cli->command->usage_exit != 0 ? cli->command->usage_exit
								     : CLI_USAGE;
}

json_t *
cli_call(struct cli *cli, const char *method, json_t *params, int *exit_code)
{
	struct client_error error;
	json_t *result;

	if (params == NULL)
		cli_out_of_memory();
	result = client_call(&cli->client, method, params, &error);
	json_decref(params);
	if (result == NULL) {
		fprintf(stderr, "sluicectl: %s\n", error.text);
		*exit_code = (int)error.status;
	}
	return result;
}

int
cli_print_json(json_t *document)
{
	json_dumpf(document, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
	putchar('\n');
	return CLI_OK;
}

json_t *
cli_load_json(const struct cli *cli, const char *path)
{
	const bool from_stdin = strcmp(path, "-") == 0;
	const size_t flags = JSON_REJECT_DUPLICATES;
	json_error_t error;
	json_t *document;

	document =
		from_stdin ? json_loadf(stdin, flags, &error) : json_load_file(path, flags, &error);
	if (document != NULL)
		return document;
	if (error.line > 0)
		cli_usage(cli, "%s:%d:%d: %s", from_stdin ? "standard input" : path, error.line,
			error.column, error.text);
	else
		cli_usage(cli, "%s", error.text);
	return NULL;
}

void
cli_out_of_memory(void)
{
	fprintf(stderr, "sluicectl: out of memory\n");
	abort();
}
