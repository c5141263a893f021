/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A transaction of the daemon from the client's side: changes of any number, sent in messages that
 * it takes and that leave it time for others, then planned and committed as one.
 *
 * Every call says on stderr what went wrong, in words that name the file and line of a flow where
 * it came from a file, and returns CLI_OK or what to exit with.
 */
#ifndef CTRL_CLI_BATCH_H
#define CTRL_CLI_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "cli/cli.h"

struct flow_files;

struct batch {
	struct cli *cli;
	const struct flow_files *files; /* that the flows come from; NULL: no files */
	char txn[72];
	const char *member; /* of the items put; borrowed */
	const json_t *items; /* borrowed: they stay as long as the batch is used */
	uint64_t put_bytes; /* that one message may have */
	bool plan_is_old; /* the commit was refused, as it would not do any more what was planned */
};

/*
 * Begin. `options` are further members of txn.begin, as "declare" and "if_generation"; taken over.
 * The transaction lives as long as the connection, or until it is committed or aborted.
 */
int batch_begin(
	struct batch *batch, struct cli *cli, const struct flow_files *files, json_t *options);

/*
 * Send all items of an array as the member ("declare", "install" ...) of as many txn.put as it
 * takes. Once a batch.
 */
int batch_put(struct batch *batch, const char *member, const json_t *items);

/*
 * A page of the plan, from the change numbered `after` on: a new reference, or NULL with
 * *exit_code set.
 */
json_t *batch_plan(struct batch *batch, bool prune, uint64_t after, uint64_t limit, int *exit_code);

/*
 * Commit `changes` changes; `options` are further members of txn.commit, taken over. The result as
 * a new reference, or NULL with *exit_code set. Nothing is said when the plan is old: the caller
 * plans again, or gives up.
 */
json_t *batch_commit(struct batch *batch, json_t *options, uint64_t changes, int *exit_code);

/* Nothing is to become of it. Silent. */
void batch_abort(struct batch *batch);

/* Is {member: items} more than one message of the daemon holds? */
bool batch_needed(struct cli *cli, const json_t *items);

#endif
