/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the commands of sluicectl share: the exit codes that scripts rely on, the context that a
 * command runs in, what a command is, and calls of the daemon. One thread.
 */
#ifndef CTRL_CLI_CLI_H
#define CTRL_CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "cli/args.h"
#include "cli/client.h"

#define CLI_SOCKET_DEFAULT "/run/sluice/rpc.sock"

/* Stable: sluicectl(1) documents them. client.h gives 1, 3 and 4. */
enum cli_exit {
	CLI_OK = 0,
	CLI_REFUSED = 1, /* the daemon said no, or the person who was asked */
	CLI_USAGE = 2, /* the arguments, or the file they name, make no sense to us or the daemon */
	CLI_UNREACHABLE = 3, /* no process answers on the socket */
	CLI_BROKEN = 4, /* no reply in time, or one that is not JSON-RPC */
	CLI_OUTPUT = 5, /* standard output, or a file, could not be written */
	CLI_CHANGES = 6, /* of a plan: it would change something */
};

struct command;

struct cli {
	struct client client;
	bool json; /* a document for programs instead of tables for people */
	const char *group; /* "flow", the first of a command's two words; NULL: it has one word */
	const struct command *command; /* the one that runs; NULL until its words are read */
	const char *file; /* that the flows or legs of the request are from; NULL: none */
	const char *file_array; /* the member of it that holds them, "" if it is an array itself,
				 * NULL if it is the only one */
};

/* A sub-command. All of its help comes from here; strings are static. */
struct command {
	const char *name; /* "flow add": one or two words */
	const char *arguments; /* of the usage line */
	const char *summary; /* one line, no full stop */
	const char *notes; /* more help below the options; NULL for none */
	void (*details)(FILE *out); /* the same, of what other tables know; NULL for none */
	const char *example; /* lines that can be pasted */
	const struct option_spec *options; /* ends with a NULL name; NULL for none */
	unsigned min_words, max_words; /* positional arguments */
	bool changes; /* it asks the daemon to change something: an interrupt says how far it got */
	/*
	 * For command_call(): the method, the parameters that the positional arguments are, "flow
	 * legs..." (... takes all that are left), and what shows its result, see method_call().
	 */
	const char *method, *words;
	void (*print)(struct cli *cli, json_t *result);
	const char *says;
	/* Returns an enum cli_exit, having said on stderr what went wrong. NULL: command_call(). */
	int (*run)(struct cli *cli, const struct arguments *arguments);
};

/*
 * Add to the parameters of a method what the command's options say of them, and check them against
 * the contract, but not whether any are missing. CLI_OK, or the exit code with the fault said.
 */
int params_add(
	struct cli *cli, const struct arguments *arguments, const char *method, json_t *params);

/*
 * Call a method with these parameters, taken over, and those that options say. The result is shown
 * by `print` or, if that is NULL, as a template of it and the parameters.
 */
int method_call(struct cli *cli, const struct arguments *arguments, const char *method,
	json_t *params, void (*print)(struct cli *cli, json_t *result), const char *says);

/* The same for the command's own method, with the parameters that its positional arguments are. */
int command_call(struct cli *cli, const struct arguments *arguments, json_t *params);

/* Say on stderr that no command of cli->group has that name, and which there are. CLI_USAGE. */
int cli_unknown_command(const struct cli *cli, const char *name);

/* Say on stderr what is wrong with the arguments and where help is. Returns CLI_USAGE. */
int cli_usage(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The number of an option, left as it is without it. CLI_OK, or CLI_USAGE with the fault said. */
int option_number(const struct cli *cli, const struct arguments *arguments, const char *name,
	uint64_t min, uint64_t max, uint64_t *number);

/* The same of an option that is a time of at least min_ms. */
int option_time(const struct cli *cli, const struct arguments *arguments, const char *name,
	unsigned min_ms, uint64_t *milliseconds);

/* A generation, given as number or tag. CLI_OK, or the exit code with the fault said. */
int generation_parse(struct cli *cli, const char *word, uint64_t *generation);

/*
 * Call a method; params are taken over (NULL: out of memory, which ends the program). A new
 * reference to the result, always an object; or NULL with *error filled, and nothing said.
 */
json_t *cli_send(struct cli *cli, const char *method, json_t *params, struct client_error *error);

/* The same, with what went wrong said on stderr, and *exit_code set. */
json_t *cli_call(struct cli *cli, const char *method, json_t *params, int *exit_code);

/*
 * Say on stderr what the daemon refused, with the option and key or the line of the file at fault,
 * and commands for methods. Returns error->status.
 */
int cli_refused(const struct cli *cli, const struct client_error *error);

/*
 * SIGINT, SIGTERM and SIGHUP end the program with 128 and their number, and a sentence that says
 * what became of the change: nothing, as long as no method that changes something was sent; not
 * known, until its reply has come; or the generation that it made.
 */
void cli_interrupts_catch(void);

/* Say that a page does not lie behind the one before it. Returns CLI_BROKEN. */
int cli_page_repeats(const char *method, const char *member);

/*
 * How commands end: is there a result to show to people? cli_end() prints it as JSON if that is
 * wanted, and releases it. Returns CLI_OK, or exit_code when there is no result.
 */
static inline bool
cli_shows(const struct cli *cli, const json_t *result)
{
	return result != NULL && !cli->json;
}
int cli_end(const struct cli *cli, json_t *result, int exit_code);

/* Print one indented document on stdout, a stream that main() checks. */
void cli_print_json(json_t *document);

extern const struct command command_flow_add, command_flow_replace, command_flow_del,
	command_flow_forget, command_flow_up, command_flow_down, command_flow_list,
	command_flow_show, command_leg_join, command_leg_leave, command_validate, command_plan,
	command_apply, command_confirm, command_rollback, command_history, command_export,
	command_port_list, command_port_show, command_counters, command_top, command_watch,
	command_events, command_punted, command_trace, command_inject, command_workers,
	command_info, command_rpc, command_relay_add, command_relay_update, command_relay_del,
	command_relay_list, command_relay_show, command_relay_join, command_relay_leave,
	command_relay_receivers, command_doctor;

/* Options taken by every command. */
extern const struct option_spec command_globals[];

/* Is the word the first of a two-word command? */
bool command_is_group(const char *word);

/* The command of these words; second is NULL for a one-word command. NULL: there is none. */
const struct command *command_find(const char *first, const char *second);

/* Help for one command; for a group ("flow") or, with NULL, for the program. */
void command_help(const struct command *command, FILE *out);
void command_overview(const char *group, FILE *out);

/*
 * Load JSON from a file, "-" for standard input. Returns a new reference, or NULL after having
 * said what is wrong where.
 */
json_t *cli_load_json(const struct cli *cli, const char *path);

/*
 * The FILE of a command that takes it as its word of that number or as --file FILE; NULL: there is
 * none. CLI_OK, or the exit code after having said that there are both.
 */
int cli_file_given(
	const struct cli *cli, const struct arguments *arguments, size_t word, const char **path);

/*
 * Load a file that holds one object, an array of them, or an object with such an array as its
 * member (what `flow list --json` prints, with "flows"), as an array. NULL after having said what
 * is wrong where. What the daemon refuses in it is said with its line from then on.
 */
json_t *cli_file_load(struct cli *cli, const char *path, const char *member);

/*
 * Print the ids in the result's array behind its name, "installed cam1", and the local ports that
 * were given, a line each.
 */
void cli_ids_print(struct cli *cli, json_t *result);

#define FLOW_PAGE_MAX 1000 /* flows that a page has at most */

/*
 * All pages of flow.list, relay.list or counters.get as one result. `filter` holds further members
 * of its parameters and is taken over. What is not about flows is of the first page. New reference,
 * or NULL with *exit_code set.
 */
json_t *flow_pages_fetch(struct cli *cli, const char *method, json_t *filter, int *exit_code);

#endif
