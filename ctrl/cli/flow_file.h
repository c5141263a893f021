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
 * new reference to an array, or NULL after having said what is wrong where. What the daemon refuses
 * in it is said with its line from then on.
 */
json_t *flow_file_load(struct cli *cli, const char *path, const char *member);

/*
 * The FILE of a command that takes it as its word of that number or as --file FILE; NULL: there is
 * none. CLI_OK, or the exit code after having said that there are both.
 */
int flow_file_given(
	const struct cli *cli, const struct arguments *arguments, size_t word, const char **path);

#endif
