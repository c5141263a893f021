/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How sluicectl talks to the person: errors on stderr with the program's name in front, results
 * on stdout and nothing else there.
 */
#include "cli/cli.h"

#include <errno.h>
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

/* Pass over a byte order mark of UTF-8, RFC 8259 section 8.1. -1: the text is in UTF-16 or UTF-32.
 */
static int
encoding_begin(FILE *file)
{
	const int first = getc(file);

	if (first == 0xef && getc(file) == 0xbb && getc(file) == 0xbf)
		return 0;
	if (first != EOF)
		ungetc(first, file);
	return first == 0 || first == 0xfe || first == 0xff ? -1 : 0;
}

json_t *
cli_load_json(const struct cli *cli, const char *path)
{
	const bool from_stdin = strcmp(path, "-") == 0;
	const char *name = from_stdin ? "standard input" : path;
	FILE *file = from_stdin ? stdin : fopen(path, "re");
	json_t *document = NULL;
	json_error_t error;

	if (file == NULL) {
		cli_usage(cli, "%s: %s", path, strerror(errno));
		return NULL;
	}
	if (encoding_begin(file) < 0)
		cli_usage(cli, "%s: found UTF-16 or UTF-32, expected UTF-8", name);
	else if ((document = json_loadf(file, JSON_REJECT_DUPLICATES, &error)) == NULL)
		cli_usage(cli, "%s:%d:%d: %s", name, error.line, error.column, error.text);
	if (!from_stdin)
		fclose(file);
	return document;
}

void
cli_out_of_memory(void)
{
	fprintf(stderr, "sluicectl: out of memory\n");
	abort();
}
