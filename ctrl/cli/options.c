/* SPDX-License-Identifier: BSD-3-Clause */
/* See options.h. getopt_long() is not used: its state is global and its messages its own. */
#include "cli/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/schema.h"

/* By name, "--output" or "--output=FILE", or by letter, "-o". */
static const struct option_spec *
spec_find(const struct option_spec *table, const char *argument)
{
	const char *name = argument + 2;
	const size_t length = strcspn(name, "=");

	for (; table != NULL && table->name != NULL; table++) {
		if (argument[1] != '-') {
			if (table->letter == argument[1] && argument[2] == '\0')
				return table;
		} else if (strlen(table->name) == length &&
			   memcmp(table->name, name, length) == 0) {
			return table;
		}
	}
	return NULL;
}

static enum option_kind
option_error(struct option_scan *scan, const char *what, const char *argument)
{
	snprintf(scan->error, sizeof(scan->error), "%s %.80s", what, argument);
	return OPTION_ERROR;
}

/* An argument that starts with a dash: find its specification and its value. */
static enum option_kind
option_take(struct option_scan *scan, const char *argument)
{
	const char *equals = strchr(argument, '=');
	enum option_kind kind = OPTION_GLOBAL;

	scan->spec = spec_find(scan->globals, argument);
	if (scan->spec == NULL) {
		kind = OPTION_LOCAL;
		scan->spec = spec_find(scan->locals, argument);
	}
	if (scan->spec == NULL)
		return option_error(scan, "unknown option", argument);
	scan->value = equals != NULL ? equals + 1 : NULL;
	if (scan->spec->value == NULL)
		return equals == NULL ? kind
				      : option_error(scan, "option takes no value:", argument);
	if (scan->value == NULL && scan->next < scan->argc)
		scan->value = scan->argv[scan->next++];
	if (scan->value == NULL)
		return option_error(scan, "value missing after", argument);
	return kind;
}

enum option_kind
options_next(struct option_scan *scan)
{
	const char *argument;

	if (scan->next >= scan->argc)
		return OPTION_END;
	argument = scan->argv[scan->next++];
	if (!scan->words_only && strcmp(argument, "--") == 0) {
		scan->words_only = true;
		return options_next(scan);
	}
	if (!scan->words_only && argument[0] == '-' && argument[1] != '\0')
		return option_take(scan, argument);
	scan->value = argument;
	return OPTION_WORD;
}

int
arguments_init(struct arguments *arguments, size_t room)
{
	memset(arguments, 0, sizeof(*arguments));
	arguments->options = calloc(room + 1, sizeof(*arguments->options));
	arguments->words = calloc(room + 1, sizeof(*arguments->words));
	if (arguments->options != NULL && arguments->words != NULL)
		return 0;
	arguments_fini(arguments);
	return -ENOMEM;
}

void
arguments_fini(struct arguments *arguments)
{
	free(arguments->options);
	free(arguments->words);
	memset(arguments, 0, sizeof(*arguments));
}

const char *
arguments_next(const struct arguments *arguments, const char *name, size_t *position)
{
	while (*position < arguments->n_options) {
		const size_t i = (*position)++;

		if (strcmp(arguments->options[i].name, name) == 0)
			return arguments->options[i].value != NULL ? arguments->options[i].value
								   : "";
	}
	return NULL;
}

const char *
arguments_value(const struct arguments *arguments, const char *name)
{
	const char *value, *last = NULL;
	size_t position = 0;

	while ((value = arguments_next(arguments, name, &position)) != NULL)
		last = value;
	return last;
}

int
number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *number)
{
	uint64_t sum = 0;

	if (*text == '\0')
		return -EINVAL;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9' || __builtin_mul_overflow(sum, 10, &sum) ||
			__builtin_add_overflow(sum, (uint64_t)(*text - '0'), &sum))
			return -EINVAL;
	}
	if (sum < min || sum > max)
		return -EINVAL;
	*number = sum;
	return 0;
}

int
seconds_parse(const char *text, uint64_t *milliseconds)
{
	uint64_t ms;

	if (time_parse(text, 1000, &ms) < 0 || ms < 1 || ms > 86400000)
		return -EINVAL;
	*milliseconds = ms;
	return 0;
}
