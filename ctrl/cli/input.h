/* SPDX-License-Identifier: BSD-3-Clause */
/* Files that arguments name: JSON, flows and legs in JSON or YAML, captures of packets. */
#ifndef CTRL_CLI_INPUT_H
#define CTRL_CLI_INPUT_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "cli/cli.h"

/*
 * Load JSON from a file, "-" for standard input. Returns a new reference, or NULL after having
 * said what is wrong where.
 */
json_t *cli_load_json(const struct cli *cli, const char *path);

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

#define CAPTURE_ERROR_MAX 512

/* A frame, whole; number is its place in the file, from 1. Borrowed for the call. */
typedef void (*capture_fn)(void *arg, uint64_t number, const uint8_t *frame, size_t bytes);

/*
 * Hand frames first, first + 1, ... to fn, at most `count` of them and as many as there are.
 * Returns how many; or -1 with what is wrong, and what to do about it, in `error`: the file cannot
 * be read, has another link layer, ends before the first, or holds a frame that was cut short.
 */
int capture_read(const char *path, uint64_t first, unsigned count, capture_fn fn, void *arg,
	char error[CAPTURE_ERROR_MAX]);

#endif
