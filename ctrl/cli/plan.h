/* SPDX-License-Identifier: BSD-3-Clause */
/* What plan, apply and validate do alike: files to a declaring transaction, and its diff shown. */
#ifndef CTRL_CLI_PLAN_H
#define CTRL_CLI_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/batch.h"
#include "cli/cli.h"

#define PLAN_FILES_DEFAULT "/etc/sluice/flows.d"
#define PLAN_PAGE 1000 /* changes that the daemon tells at once */

struct flow_files;

/*
 * Read and check the files that the first word names. Returns them, to be destroyed by the caller,
 * or NULL after having said what is wrong where.
 */
struct flow_files *plan_files(const struct arguments *arguments);

/* Begin a declaring transaction and put all flows; `options` as for batch_begin(). */
int plan_declare(
	struct batch *batch, struct cli *cli, const struct flow_files *files, json_t *options);

/*
 * Print the first `limit` changes, a line for those that are left out, and the summary (with --json
 * nothing). Returns the plan with these changes as a new reference, or NULL with *exit_code set.
 * page_fn gives the pages; batch_plan() is one behind plan_of_batch().
 */
typedef json_t *(*plan_page_fn)(void *arg, uint64_t after, uint64_t limit, int *exit_code);
json_t *plan_show(
	const struct cli *cli, plan_page_fn page_fn, void *arg, uint64_t limit, int *exit_code);

struct plan_of_batch {
	struct batch *batch;
	bool prune;
};
json_t *plan_page_of_batch(void *arg, uint64_t after, uint64_t limit, int *exit_code);

/* --limit, or else what a terminal shows at once and a pipe takes: all. -1: said what is wrong. */
int plan_limit(const struct cli *cli, const struct arguments *arguments, uint64_t on_terminal,
	uint64_t in_pipe, uint64_t *limit);

#endif
