/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files that hold flows or legs: YAML when the name ends in .yaml or .yml, JSON otherwise and on
 * standard input.
 */
#ifndef CTRL_CLI_FLOW_FILE_H
#define CTRL_CLI_FLOW_FILE_H

#include <jansson.h>

#include "cli/cli.h"

/*
 * Load a file, "-" for standard input, that holds one object, an array of them, or an object with
 * such an array as its member `member` (what `flow list --json` prints, with "flows"). Returns a
 * new reference to an array, or NULL after having said what is wrong where.
 */
json_t *flow_file_load(const struct cli *cli, const char *path, const char *member);

#endif
