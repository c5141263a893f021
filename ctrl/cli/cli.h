/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the rooms of sluicectl share: the exit codes that scripts rely on, the context that a
 * command runs in, and what a command is. One thread; nothing here is thread-safe.
 */
#ifndef CTRL_CLI_CLI_H
#define CTRL_CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "cli/client.h"
#include "cli/options.h"

#define CLI_SOCKET_DEFAULT "/run/sluice/rpc.sock"

/* Stable: sluicectl(1) documents them. client.h gives 1, 3 and 4. */
enum cli_exit {
	CLI_OK = 0,
	CLI_REFUSED = 1, /* the daemon said no */
	CLI_USAGE = 2, /* the arguments, or the file they name, make no sense */
	CLI_UNREACHABLE = 3, /* nobody answers on the socket */
	CLI_BROKEN = 4, /* no reply in time, or one that is not JSON-RPC */
	CLI_OUTPUT = 5, /* standard output could not be written */
};

struct command;

struct cli {
	struct client client;
	bool json; /* a document for programs instead of tables for people */
	bool help;
	bool version;
	const struct command *command; /* the one that runs; NULL until its words are read */
};

/* A sub-command. All of its help comes from here; strings are static. */
struct command {
	const char *name; /* "flow add": one or two words */
	const char *arguments; /* of the usage line */
	const char *summary; /* one line, no full stop */
	void (*details)(FILE *out); /* more help below the options; NULL for none */
	const char *example; /* lines that can be pasted */
	const struct option_spec *options; /* ends with a NULL name; NULL for none */
	unsigned max_words; /* positional arguments taken at most */
	int usage_exit; /* instead of CLI_USAGE where 2 says something else; 0: CLI_USAGE */
	/* Returns an enum cli_exit, having said on stderr what went wrong. */
	int (*run)(struct cli *cli, const struct arguments *arguments);
};

/*
 * Say on stderr what is wrong with the arguments and where help is. Returns CLI_USAGE, or what the
 * command exits with instead.
 */
int cli_usage(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Call a method and say on stderr what went wrong, if anything. Takes over the reference to
 * params (NULL: out of memory, which ends the program). Returns a new reference to the result,
 * always an object; or NULL, with *exit_code set.
 */
json_t *cli_call(struct cli *cli, const char *method, json_t *params, int *exit_code);

/* Print one indented document on stdout. Always returns CLI_OK; main() checks the stream. */
int cli_print_json(json_t *document);

/*
 * Load JSON from a file, "-" for standard input. Returns a new reference, or NULL after having
 * said what is wrong where.
 */
json_t *cli_load_json(const struct cli *cli, const char *path);

/* Memory is gone: say so and abort(). */
void cli_out_of_memory(void) __attribute__((noreturn));

#endif
