/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads a YAML file into a JSON value, and finds the line of a part of it for a fault that is found
 * later.
 *
 * One document; plain scalars are typed by the core schema of YAML 1.2 (so yes, no, 08 and 1:30
 * are not what they were in YAML 1.1), quoted ones are strings. Refused, with the line: repeated
 * keys, keys that are not scalars, anchors and aliases, tags, also of keys, merge keys, %TAG, %YAML
 * other than 1.2, .inf and .nan, and what is not UTF-8; a byte order mark of UTF-8 is passed over.
 */
#ifndef CTRL_SCHEMA_YAML_H
#define CTRL_SCHEMA_YAML_H

#include <stdio.h>

#include <jansson.h>

#include "base/fault.h"

/*
 * Open a file that a person names, to read it: a regular file, a device, or a pipe, as a shell
 * makes one for <(COMMAND). NULL and FAULT_NOT_FOUND, "PATH: why", for a directory, a FIFO that has
 * a name, and what cannot be opened. It never waits. Any thread.
 */
FILE *input_open(const char *path, struct fault *fault);

/*
 * Load the file. Returns a new reference. On failure returns NULL and a fault whose message starts
 * with "PATH:" or, from the first byte read on, "PATH:LINE:": FAULT_NOT_FOUND when the file cannot
 * be opened, FAULT_PARSE otherwise. Any thread.
 */
json_t *yaml_load(const char *path, struct fault *fault);

/*
 * Write "PATH:LINE" into `where`, and return it: the line, from 1, where the value at a JSON
 * pointer starts (of a mapping's member: its key). When there is no such value, as with a missing
 * member, the line of the nearest value around it. Reads the file again, so that lines need no
 * memory; "PATH" where that cannot be done, as with a pipe. Any thread.
 */
#define YAML_WHERE_MAX 512
const char *yaml_locate(const char *path, const char *pointer, char where[YAML_WHERE_MAX]);

/* Put "PATH:LINE: /pointer: " before the message of a fault that was found in the file. */
void yaml_fault_locate(const char *path, struct fault *fault);

/*
 * The value of a plain (not quoted) scalar; a new reference. NULL, and *why in words (static), for
 * one that JSON cannot hold: infinity, not-a-number, an integer beyond 64 bits. Any thread.
 */
json_t *scalar_value(const char *text, const char **why);

#endif
