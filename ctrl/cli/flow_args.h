/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `port=p0,dst=192.0.2.1:5004` on the command line to the JSON of a flow's match or leg. What is
 * written wrong is said here; whether the values make sense together, and their ranges, is for
 * the daemon's schema to say, which is the one place that knows.
 */
#ifndef CTRL_CLI_FLOW_ARGS_H
#define CTRL_CLI_FLOW_ARGS_H

#include <stdio.h>

#include <jansson.h>

#define FLOW_ARGS_ERROR_MAX 256

/*
 * Returns a new reference to the object, or NULL with `error` (room for FLOW_ARGS_ERROR_MAX)
 * naming the part at fault.
 */
json_t *flow_args_match(const char *text, char *error);
json_t *flow_args_leg(const char *text, char *error);

/* List the keys, for the help of `flow add`. */
void flow_args_print_keys(FILE *out);

#endif
