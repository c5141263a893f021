/* SPDX-License-Identifier: BSD-3-Clause */
/* Options that commands which change flows share, and how a commit is told. */
#ifndef CTRL_CLI_CHANGE_H
#define CTRL_CLI_CHANGE_H

#include <jansson.h>

#include "cli/cli.h"

/* Entries of the options table of a command that takes them, without their braces. */
#define CHANGE_IF_GENERATION \
	"if-generation", "N", "only if nobody changed a flow since generation N"
#define CHANGE_COMMENT "comment", "TEXT", "why, for the history"

/*
 * Put what the option says into a method's params, nothing when it was not given. Returns CLI_OK,
 * or CLI_USAGE having said what is wrong.
 */
int change_if_generation(const struct cli *cli, const struct arguments *arguments, json_t *params);
int change_confirm_within(const struct cli *cli, const struct arguments *arguments, json_t *params);
void change_comment(const struct arguments *arguments, json_t *params);

/* Call a method that changes flows, with --if-generation and --comment; as cli_call(). */
json_t *change_call(struct cli *cli, const struct arguments *arguments, const char *method,
	json_t *params, int *exit_code);

/* Tell what a commit did and, when it waits to be confirmed, how and until when. */
void change_committed(struct cli *cli, json_t *result);

/* Whether to ask: at a terminal a person decides, unless with --yes; a script has decided before.
 */
bool change_asks(const struct arguments *arguments);

/* Ask on standard error; whatever is not yes is no, and said to be. */
bool change_agreed(const char *question);

/* The options that name our daemon, for a command to be pasted: "" or " --socket PATH". */
void change_print_target(const struct cli *cli, FILE *out);

#endif
