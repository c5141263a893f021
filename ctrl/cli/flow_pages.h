/* SPDX-License-Identifier: BSD-3-Clause */
/* The daemon's flows, page by page. */
#ifndef CTRL_CLI_FLOW_PAGES_H
#define CTRL_CLI_FLOW_PAGES_H

#include <stdint.h>

#include <jansson.h>

#include "cli/cli.h"

#define FLOW_PAGE_MAX 1000 /* what flow.list gives at most */

/*
 * One page, or all pages as one result of flow.list. `filter` holds further members of its
 * parameters, "cursor" or "declared", and is taken over. New reference, or NULL with *exit_code
 * set.
 */
json_t *flow_pages_one(struct cli *cli, json_t *filter, uint64_t limit, int *exit_code);
json_t *flow_pages_fetch(struct cli *cli, json_t *filter, int *exit_code);

#endif
