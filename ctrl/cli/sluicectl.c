/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sluicectl: reads its arguments, finds the command, and lets it run. Everything that a command
 * does is one or a few JSON-RPC calls and a way to show the result.
 */
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"

#define TIMEOUT_DEFAULT_MS 10000

/* What an option says, or else a variable of the environment; one that is empty is none. */
static const char *
setting(const struct arguments *arguments, const char *option, const char *variable)
{
	const char *value = arguments_value(arguments, option);

	if (value == NULL)
		value = getenv(variable);
	return value != NULL && value[0] != '\0' ? value : NULL;
}

/* Take the options that every command has. A remote daemon takes four of them. */
static int
globals_set(struct cli *cli, const struct arguments *arguments)
{
	const char *path = setting(arguments, "socket", "SLUICE_SOCKET");
	const bool is_local = arguments_value(arguments, "socket") != NULL &&
			      arguments_value(arguments, "connect") == NULL;
	struct remote_target *target = &cli->client.target;
	uint64_t timeout_ms = TIMEOUT_DEFAULT_MS;

	cli->json = arguments_value(arguments, "json") != NULL;
	if (option_time(cli, arguments, "timeout", 1, &timeout_ms) != CLI_OK)
		return CLI_USAGE;
	client_init(&cli->client, path != NULL ? path : CLI_SOCKET_DEFAULT, (unsigned)timeout_ms);
	if (!is_local)
		target->endpoint = setting(arguments, "connect", "SLUICE_CONNECT");
	if (target->endpoint == NULL)
		return CLI_OK;
	target->certificate = setting(arguments, "cert", "SLUICE_CERT");
	target->key = setting(arguments, "key", "SLUICE_KEY");
	target->ca = setting(arguments, "ca", "SLUICE_CA");
	if (target->certificate == NULL || target->key == NULL || target->ca == NULL)
		return cli_usage(cli, "--connect requires --cert, --key and --ca");
	cli->client.path = target->endpoint;
	return CLI_OK;
}

/* A word is part of the command's name first, then an argument of the command. */
static int
word(struct cli *cli, struct arguments *arguments, const char *value)
{
	if (cli->command != NULL) {
		if (arguments->n_words >= cli->command->max_words)
			return cli_usage(cli, "unexpected argument \"%s\"", value);
		arguments->words[arguments->n_words++] = value;
		return CLI_OK;
	}
	if (cli->group == NULL && command_is_group(value)) {
		cli->group = value;
		return CLI_OK;
	}
	cli->command =
		cli->group != NULL ? command_find(cli->group, value) : command_find(value, NULL);
	return cli->command != NULL ? CLI_OK : cli_unknown_command(cli, value);
}

/*
 * What goes into JSON is UTF-8. A path need not be: that of an option, or a word that names a file.
 */
static int
text_check(const struct cli *cli, const struct option_spec *option, const char *value)
{
	const char *what = option != NULL ? option->value : NULL;
	const bool is_path = option == NULL ? access(value, F_OK) == 0
					    : what == NULL || strcmp(what, "FILE") == 0 ||
						      strcmp(what, "PATH") == 0 ||
						      strcmp(what, "DIR") == 0;
	json_t *text = is_path ? NULL : json_string(value);

	json_decref(text);
	if (is_path || text != NULL)
		return CLI_OK;
	return cli_usage(cli, "%s%s: found \"%s\", which is not UTF-8, expected UTF-8",
		option != NULL ? "--" : "argument", option != NULL ? option->name : "", value);
}

static int
read_arguments(struct cli *cli, struct option_scan *scan, struct arguments *arguments)
{
	enum option_kind kind;
	int exit_code = CLI_OK;

	while (exit_code == CLI_OK && (kind = options_next(scan)) != OPTION_END) {
		if (kind == OPTION_ERROR)
			return cli_usage(cli, "%s", scan->error);
		if (text_check(cli, kind != OPTION_WORD ? scan->spec : NULL, scan->value) != CLI_OK)
			return CLI_USAGE;
		if (kind == OPTION_WORD) {
			exit_code = word(cli, arguments, scan->value);
			scan->locals = cli->command != NULL ? cli->command->options : NULL;
		} else {
			arguments->options[arguments->n_options].name = scan->spec->name;
			arguments->options[arguments->n_options++].value = scan->value;
		}
	}
	return exit_code;
}

/* It is called as in the usage: the FLOW or the LEG of "FLOW LEG...". */
static int
word_missing(const struct cli *cli, size_t i)
{
	const char *name = cli->command->arguments;

	for (; i > 0; i--)
		name += strcspn(name, " ") + 1;
	return cli_usage(cli, "the %.*s is missing", (int)strcspn(name, " ."), name);
}

static int
run(struct cli *cli, const struct arguments *arguments)
{
	const bool helps = arguments_value(arguments, "help") != NULL;

	if (arguments_value(arguments, "version") != NULL) {
		printf("sluicectl %s\n", SLUICE_VERSION);
		return CLI_OK;
	}
	if (cli->command == NULL) {
		command_overview(cli->group, helps ? stdout : stderr);
		return helps ? CLI_OK : CLI_USAGE;
	}
	if (helps) {
		command_help(cli->command, stdout);
		return CLI_OK;
	}
	if (arguments->n_words < cli->command->min_words)
		return word_missing(cli, arguments->n_words);
	cli->client.verbatim = cli->json;
	if (cli->command->changes)
		cli_interrupts_catch();
	if (cli->command->run != NULL)
		return cli->command->run(cli, arguments);
	return command_call(cli, arguments, json_object());
}

int
main(int argc, char **argv)
{
	struct option_scan scan = {.argc = argc, .argv = argv, .globals = command_globals};
	struct cli cli = {0};
	struct arguments arguments;
	int exit_code;

	setlocale(LC_CTYPE, "C.UTF-8"); /* for the width of characters */
	arguments_init(&arguments, (size_t)argc);
	exit_code = read_arguments(&cli, &scan, &arguments);
	if (exit_code == CLI_OK)
		exit_code = globals_set(&cli, &arguments);
	if (exit_code == CLI_OK)
		exit_code = run(&cli, &arguments);
	client_fini(&cli.client);
	arguments_fini(&arguments);
	if ((ferror(stdout) || fflush(stdout) != 0) && exit_code == CLI_OK) {
		perror("sluicectl: standard output");
		exit_code = CLI_OUTPUT;
	}
	return exit_code;
}
