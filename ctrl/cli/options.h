/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The argument parser: long options that each command declares in a table, which is also where
 * their help comes from. An option is `--name`, `--name VALUE` or `--name=VALUE`, and `-n` for one
 * that has a letter; `-` alone is a word; `--` ends the options. Options of the program are taken
 * anywhere.
 */
#ifndef CTRL_CLI_OPTIONS_H
#define CTRL_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct option_spec {
	const char *name; /* without the dashes; NULL ends a table */
	const char *value; /* what the help calls its value; NULL: it takes none */
	const char *help;
	char letter; /* -o for --output, too; 0: none */
};

enum option_kind { OPTION_END, OPTION_WORD, OPTION_GLOBAL, OPTION_LOCAL, OPTION_ERROR };

/* Where a scan over argv stands. Everything is borrowed. */
struct option_scan {
	int argc;
	const char *const *argv;
	int next; /* index of the argument to look at */
	const struct option_spec *globals; /* accepted everywhere */
	const struct option_spec *locals; /* of the command, once it is known; or NULL */
	bool words_only; /* `--` was seen */
	/* what options_next() found */
	const struct option_spec *spec; /* of OPTION_GLOBAL and OPTION_LOCAL */
	const char *value; /* of those, NULL for a flag; the word for OPTION_WORD */
	char error[160]; /* for OPTION_ERROR */
};

/* Find the next option or word. */
enum option_kind options_next(struct option_scan *scan);

/* What is left for a command: its options and words, in order. Texts are borrowed from argv. */
struct arguments {
	struct {
		const char *name;
		const char *value;
	} * options;
	size_t n_options;
	const char **words;
	size_t n_words;
};

/* Make room for at most `room` of each. Returns 0 or -ENOMEM. */
int arguments_init(struct arguments *arguments, size_t room);
void arguments_fini(struct arguments *arguments);

/* Value of an option, the last one given; "" for a flag; NULL when it was not given. */
const char *arguments_value(const struct arguments *arguments, const char *name);

/*
 * Value of the first option of that name at or after *position, which moves past it; NULL when
 * there is none left. Start with 0.
 */
const char *arguments_next(const struct arguments *arguments, const char *name, size_t *position);

/* "10", "0.5", "10s", "500ms", "1m" to milliseconds, 1..86400000. Returns 0 or -EINVAL. */
int seconds_parse(const char *text, uint64_t *milliseconds);

/* A decimal number min..max and nothing after it. Returns 0 or -EINVAL. */
int number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *number);

#endif
