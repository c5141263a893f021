/* SPDX-License-Identifier: BSD-3-Clause */
/* The daemon's flows, page by page. */
#ifndef CTRL_CLI_FLOW_PAGES_H
#define CTRL_CLI_FLOW_PAGES_H

#include <stdint.h>

#include <jansson.h>

#include "cli/cli.h"

#define FLOW_PAGE_MAX 1000 /* flows that a page has at most */

/*
 * One page, or all pages as one result, of flow.list or counters.get. `filter` holds further
 * members of its parameters and is taken over. What is not about flows is of the last page. New
 * reference, or NULL with *exit_code set.
 */
json_t *flow_pages_one(
	struct cli *cli, const char *method, json_t *filter, uint64_t limit, int *exit_code);
json_t *flow_pages_fetch(struct cli *cli, const char *method, json_t *filter, int *exit_code);

#endif
