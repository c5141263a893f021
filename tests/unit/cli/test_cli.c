/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of commands and their help. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

static const char *const names[][2] = {{"flow", "add"}, {"flow", "replace"}, {"flow", "del"},
	{"flow", "up"}, {"flow", "down"}, {"flow", "list"}, {"flow", "show"}, {"leg", "join"},
	{"leg", "leave"}, {"validate", NULL}, {"plan", NULL}, {"apply", NULL}, {"confirm", NULL},
	{"rollback", NULL}, {"history", NULL}, {"export", NULL}, {"port", "list"},
	{"counters", NULL}, {"watch", NULL}, {"events", NULL}, {"punted", NULL}, {"workers", NULL},
	{"info", NULL}, {"rpc", NULL}};

#define N_NAMES (sizeof(names) / sizeof(names[0]))

Test(commands, are_found_by_whole_words)
{
	for (size_t i = 0; i < N_NAMES; i++)
		cr_expect_not_null(command_find(names[i][0], names[i][1]), "%s", names[i][0]);
	cr_assert_null(command_find("flow", NULL));
	cr_assert_null(command_find("flow", "ad"));
	cr_assert_null(command_find("flow", "adds"));
	cr_assert_null(command_find("flo", "w add"));
	cr_assert_null(command_find("info", "list"));
	cr_assert_null(command_find("counter", NULL));
	cr_assert(command_is_group("flow"));
	cr_assert(command_is_group("port"));
	cr_assert(command_is_group("leg"));
	cr_assert_not(command_is_group("info"));
	cr_assert_not(command_is_group("flo"));
}

static void
expect_lines_fit(const char *help)
{
	while (*help != '\0') {
		const size_t length = strcspn(help, "\n");

		cr_expect_leq(length, 80, "%.*s", (int)length, help);
		help += length + (help[length] == '\n');
	}
}

Test(commands, help_has_an_example_and_fits_80_columns)
{
	for (size_t i = 0; i < N_NAMES; i++) {
		const struct command *command = command_find(names[i][0], names[i][1]);
		char *text = NULL;
		size_t length;
		FILE *out = open_memstream(&text, &length);

		command_help(command, out);
		fclose(out);
		expect_lines_fit(text);
		cr_expect_not_null(strstr(text, "\nExample:\n  sluicectl "), "%s", command->name);
		cr_expect_not_null(strstr(text, "--socket PATH"), "%s", command->name);
		free(text);
	}
}

Test(commands, usage_has_the_options_of_the_table)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	command_help(command_find("apply", NULL), out);
	fclose(out);
	cr_expect_not_null(strstr(text, "apply [PATH] [--prune] [--confirm-within TIME]\n"));
	cr_expect_not_null(strstr(text, "\n       [--comment TEXT] [--if-generation GENERATION]"));
	cr_expect_not_null(strstr(text, " [--limit N] [--yes]\n\n"), "%s", text);
	free(text);
}

Test(commands, overview_fits_80_columns)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	command_overview(NULL, out);
	fclose(out);
	expect_lines_fit(text);
	for (size_t i = 0; i < N_NAMES; i++)
		cr_expect_not_null(strstr(text, command_find(names[i][0], names[i][1])->summary));
	free(text);
}

Test(commands, overview_lists_the_group_alone)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	command_overview("port", out);
	fclose(out);
	expect_lines_fit(text);
	cr_assert_not_null(strstr(text, "port list"));
	cr_assert_null(strstr(text, "flow"));
	free(text);
}
