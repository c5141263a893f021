/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The arguments of sluicectl: long options that each command declares in a table, which is also
 * where their help comes from, and their values: numbers, times, addresses, policers, and flows and
 * legs by KEY=VALUE lists.
 */
#ifndef CTRL_CLI_ARGS_H
#define CTRL_CLI_ARGS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

struct option_spec {
	const char *name; /* without the dashes; NULL ends a table */
	const char *value; /* what the help calls its value; NULL: it takes none */
	const char *help;
	char letter; /* -o for --output, too; 0: none */
	const char *member; /* of the parameters; "": none; NULL: by name, see name_is_member() */
};

/* Entries of the table of a command that takes them, without their braces. */
#define CHANGE_IF_GENERATION "if-generation", "GENERATION", "only if no flow was changed since then"
#define CHANGE_COMMENT "comment", "TEXT", "why, for the history"

enum option_kind { OPTION_END, OPTION_WORD, OPTION_NAMED, OPTION_ERROR };

/* Where a scan over argv stands. Everything is borrowed. */
struct option_scan {
	int argc;
	char *const *argv;
	bool began;
	const struct option_spec *globals; /* accepted everywhere */
	const struct option_spec *locals; /* of the command, once it is known; or NULL */
	bool words_only; /* `--` was seen */
	/* what options_next() found */
	const struct option_spec *spec; /* of OPTION_NAMED */
	const char *value; /* of that, NULL for a flag; the word for OPTION_WORD */
	char error[160]; /* for OPTION_ERROR */
};

/* Find the next option or word. */
enum option_kind options_next(struct option_scan *scan);

/* Options, and words behind the command's name, in order. Texts are borrowed from argv. */
struct arguments {
	struct {
		const char *name;
		const char *value;
	} * options;
	size_t n_options;
	const char **words;
	size_t n_words;
};

/* Make room for at most `room` of each. */
void arguments_init(struct arguments *arguments, size_t room);
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

/*
 * Set <member> and <member>_port of an object to "192.0.2.1:5004" or "[2001:db8::1]:5004". NULL, or
 * what is wrong with the text, in static storage.
 */
const char *endpoint_set(json_t *object, const char *member, const char *text);

/*
 * Does an option or key of that name stand for the member? Dashes are its underscores, and "leg" is
 * legs, "idle-timeout" idle_timeout_s.
 */
bool name_is_member(const char *name, const char *member);
bool option_is_member(const struct option_spec *option, const char *member);

/* The options of `flow add`: members of the contract's flow, and what is about the change. */
extern const struct option_spec flow_add_options[];

#define ARGS_ERROR_MAX 320

/*
 * Set the members of an object of that schema that the options given stand for. Types are those of
 * the contract; what a value may be is not checked. 0, or -1 with `error` (room for ARGS_ERROR_MAX)
 * naming option and part at fault.
 */
int options_set(const struct arguments *arguments, const struct option_spec *options,
	const json_t *schema, json_t *object, char *error);

/* The flow that the options of `flow add` describe, as a new reference; or NULL with `error`. */
json_t *flow_args_flow(const struct arguments *arguments, char *error);

/* The first option given that says something about a flow; NULL: there is none. */
const char *flow_args_first(const struct arguments *arguments);

/* A line of the help: an option, command or key, and behind it, in a column, what it is for. */
void help_line_print(FILE *out, const char *head, const char *help);

/* List the keys, for the help of `flow add`, of `leg join` and of `relay add`. */
void flow_args_print_keys(FILE *out);
void relay_args_print_keys(FILE *out);
void relay_args_print_receiver_keys(FILE *out);
void flow_args_print_leg_keys(FILE *out);

#endif
