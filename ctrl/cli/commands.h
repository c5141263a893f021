/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one list of sub-commands, from which words are resolved and all help is printed.
 */
#ifndef CTRL_CLI_COMMANDS_H
#define CTRL_CLI_COMMANDS_H

#include <stdbool.h>
#include <stdio.h>

#include "cli/cli.h"

extern const struct command command_flow_add;
extern const struct command command_flow_replace;
extern const struct command command_flow_del;
extern const struct command command_flow_up;
extern const struct command command_flow_down;
extern const struct command command_flow_list;
extern const struct command command_flow_show;
extern const struct command command_leg_join;
extern const struct command command_leg_leave;
extern const struct command command_validate;
extern const struct command command_plan;
extern const struct command command_apply;
extern const struct command command_confirm;
extern const struct command command_rollback;
extern const struct command command_history;
extern const struct command command_export;
extern const struct command command_port_list;
extern const struct command command_port_show;
extern const struct command command_counters;
extern const struct command command_top;
extern const struct command command_watch;
extern const struct command command_events;
extern const struct command command_punted;
extern const struct command command_trace;
extern const struct command command_workers;
extern const struct command command_info;
extern const struct command command_rpc;

/* Options taken by every command. */
extern const struct option_spec command_globals[];

/* What these ports have counted, as counters.get lists them, in tables. */
void counters_ports_print(const json_t *ports);

/* Is the word the first of a two-word command? */
bool command_is_group(const char *word);

/* The command of these words; second is NULL for a one-word command. NULL: there is none. */
const struct command *command_find(const char *first, const char *second);

/* Help for one command; for a group ("flow") or, with NULL, for the program. */
void command_help(const struct command *command, FILE *out);
void command_overview(const char *group, FILE *out);

#endif
