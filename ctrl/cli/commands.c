/* SPDX-License-Identifier: BSD-3-Clause */
/* See commands.h. A new command is a struct in its own file and one line here. */
#include "cli/commands.h"

#include <string.h>

static const struct command *const commands[] = {
	&command_flow_add,
	&command_flow_replace,
	&command_flow_del,
	&command_flow_up,
	&command_flow_down,
	&command_flow_list,
	&command_flow_show,
	&command_leg_join,
	&command_leg_leave,
	&command_validate,
	&command_plan,
	&command_apply,
	&command_confirm,
	&command_rollback,
	&command_history,
	&command_export,
	&command_port_list,
	&command_port_show,
	&command_counters,
	&command_top,
	&command_watch,
	&command_events,
	&command_punted,
	&command_trace,
	&command_workers,
	&command_info,
	&command_rpc,
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

const struct option_spec command_globals[] = {
	{"json", NULL, "print the result as JSON, for programs"},
	{"socket", "PATH", "sluiced's (/run/sluice/rpc.sock, $SLUICE_SOCKET)"},
	{"connect", "HOST:PORT", "go there with TLS instead ($SLUICE_CONNECT)"},
	{"cert", "FILE", "own certificate, for --connect ($SLUICE_CERT)"},
	{"key", "FILE", "its private key ($SLUICE_KEY)"},
	{"ca", "FILE", "authority of sluiced's certificate ($SLUICE_CA)"},
	{"timeout", "TIME", "wait that long for a reply (10s)"},
	{"help", NULL, "show this help", 'h'},
	{"version", NULL, "show the version"},
	{NULL},
};

/* Does the command's name start with this word, and is there a second one? */
static bool
command_in_group(const struct command *command, const char *word)
{
	const size_t length = strlen(word);

	return strncmp(command->name, word, length) == 0 && command->name[length] == ' ';
}

bool
command_is_group(const char *word)
{
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (command_in_group(commands[i], word))
			return true;
	}
	return false;
}

const struct command *
command_find(const char *first, const char *second)
{
	for (size_t i = 0; i < N_COMMANDS; i++) {
		const char *name = commands[i]->name;

		if (second == NULL ? strcmp(name, first) == 0
				   : command_in_group(commands[i], first) &&
					     strcmp(name + strlen(first) + 1, second) == 0)
			return commands[i];
	}
	return NULL;
}

static int
option_width(const struct option_spec *option)
{
	const char *value = option->value != NULL ? option->value : "";

	return (int)(strlen("  --") + strlen(option->name) + strlen(value) + (*value ? 1 : 0));
}

/* Width of the column that both tables together need. */
static int
options_width(const struct option_spec *locals)
{
	const struct option_spec *const tables[] = {locals, command_globals};
	int width = 0;

	for (size_t i = 0; i < 2; i++) {
		for (const struct option_spec *option = tables[i];
			option != NULL && option->name != NULL; option++)
			width = option_width(option) > width ? option_width(option) : width;
	}
	return width;
}

static void
options_help(const struct option_spec *options, int width, FILE *out)
{
	for (; options != NULL && options->name != NULL; options++) {
		const char *value = options->value != NULL ? options->value : "";

		fprintf(out, "  --%s%s%s%*s  %s\n", options->name, *value ? " " : "", value,
			width - option_width(options), "", options->help);
	}
}

void
command_help(const struct command *command, FILE *out)
{
	const int width = options_width(command->options);

	fprintf(out, "Usage: sluicectl %s%s%s\n\n%s.\n\nOptions:\n", command->name,
		command->arguments[0] != '\0' ? " " : "", command->arguments, command->summary);
	options_help(command->options, width, out);
	options_help(command_globals, width, out);
	if (command->details != NULL) {
		fputc('\n', out);
		command->details(out);
	}
	fprintf(out, "\nExample:\n%s\n", command->example);
}

void
command_overview(const char *group, FILE *out)
{
	const struct command *first = NULL;

	fprintf(out, "Usage: sluicectl %s%sCOMMAND [OPTION]...\n\nCommands:\n",
		group != NULL ? group : "", group != NULL ? " " : "");
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (group != NULL && !command_in_group(commands[i], group))
			continue;
		fprintf(out, "  %-12s  %s\n", commands[i]->name, commands[i]->summary);
		if (first == NULL)
			first = commands[i];
	}
	fprintf(out, "\nOptions:\n");
	options_help(command_globals, options_width(NULL), out);
	fprintf(out, "\n'sluicectl COMMAND --help' says more about each.\n\nExample:\n%s\n",
		first->example);
}
