/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What commands that change flows share: their options, how a commit is reported; transactions of
 * the daemon: changes of any number, sent in messages that it takes and that leave it time for
 * others, then planned and committed as one; and what a plan would change, as people read it.
 */
#ifndef CTRL_CLI_TRANSACTION_H
#define CTRL_CLI_TRANSACTION_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "cli/cli.h"

/* Say what a commit did and, when it waits to be confirmed, how and until when; as cli_end(). */
int change_end(struct cli *cli, json_t *result, int exit_code);

/* Whether to ask: at a terminal a person decides, unless with --yes; a script has decided before.
 */
bool change_asks(const struct arguments *arguments);

/* Ask on standard error; whatever is not yes is no, and said to be. */
bool change_agreed(const char *question);

/* The command that confirms a generation, to be pasted. */
void change_print_confirm(const struct cli *cli, const json_t *entry);

struct flow_files;

struct batch {
	struct cli *cli;
	bool prune; /* a plan removes flows that were not declared, too */
	const struct flow_files *files; /* that the items come from; NULL: no files */
	char txn[72];
	const char *member; /* of txn.put; borrowed. Relays of files are declared in another one */
	const json_t *items; /* borrowed */
	uint64_t put_bytes; /* that one message may have */
	bool plan_is_old; /* the commit was refused, as it would not do any more what was planned */
};

/*
 * Begin a transaction and send all items of an array as the member ("declare", "install" ...) of as
 * many txn.put as it takes. `options` are further members of txn.begin, as "declare" and
 * "if_generation"; taken over. The transaction lives as long as the connection, or until it is
 * committed. CLI_OK, or the exit code after having said what is wrong.
 */
int batch_begin(struct batch *batch, struct cli *cli, const struct flow_files *files,
	const char *member, const json_t *items, json_t *options);

/* Parameters of txn.plan, for plan_show(). */
json_t *batch_plan_params(const struct batch *batch);

/*
 * Commit `changes` changes; `options` are further members of txn.commit, taken over. The result as
 * a new reference, or NULL with *exit_code set. Nothing is said when the plan is old: the caller
 * plans again, or gives up.
 */
json_t *batch_commit(struct batch *batch, json_t *options, uint64_t changes, int *exit_code);

/* Is {member: items} more than one message of the daemon holds? */
bool batch_needed(struct cli *cli, const json_t *items);

/*
 * One entry of "changes" of txn.plan or history.get:
 *
 *	+ cam1  p0 any > 192.0.2.1:5004
 *	    leg p1 203.0.113.1:5004 > 203.0.113.9:5004 {id: wall}
 *	~ cam2
 *	    ~ /legs/0/dscp: 34 -> 46
 *	    - /idle_timeout_s: 60
 *	- cam3  p0 any > 192.0.2.1:5006
 */
void diff_change_print(json_t *change, bool colour, FILE *out);

/* "2 flows to add, 1 to change, 1 to remove; 97 as they are, 3 left alone", and the sizes. */
void diff_summary_print(const json_t *plan, FILE *out);

/* How many flows a plan would change, or a generation has changed, in any way. */
uint64_t diff_size(const json_t *plan);

#define PLAN_FILES_DEFAULT "/etc/sluice/flows.d"
#define PLAN_PAGE 1000 /* changes in one reply of the daemon */

/*
 * Print the first `limit` changes of a method that gives them by pages, below what head (NULL:
 * none) prints of the first page, and how many more there are; with --json nothing. params is taken
 * over; batch: the one that the method is about, NULL for none. Returns the first page with these
 * changes as a new reference; or NULL with *exit_code set.
 */
json_t *changes_show(struct cli *cli, struct batch *batch, const char *method, json_t *params,
	void (*head)(json_t *), uint64_t limit, int *exit_code);

/* The same of a plan, with the summary. */
json_t *plan_show(struct cli *cli, struct batch *batch, const char *method, json_t *params,
	uint64_t limit, int *exit_code);

/* --limit, or else what a terminal shows at once and a pipe takes. As option_number(). */
int plan_limit(const struct cli *cli, const struct arguments *arguments, uint64_t on_terminal,
	uint64_t in_pipe, uint64_t *limit);

#endif
