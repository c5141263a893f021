/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A flow or a leg from the options of `flow add` and `leg join` to JSON: which options there are,
 * which keys they take, and what they fill.
 */
#ifndef CTRL_CLI_FLOW_ARGS_H
#define CTRL_CLI_FLOW_ARGS_H

#include <stdio.h>

#include <jansson.h>

#include "cli/options.h"
#include "cli/pairs.h"

extern const struct pair_key flow_match_keys[];
extern const struct pair_key flow_rule_keys[];
extern const struct pair_key flow_class_keys[];
extern const struct pair_key flow_leg_keys[];

/*
 * The legs of all --leg options, in their order, as a new reference to an array; or NULL with
 * `error` (room for FLOW_ARGS_ERROR_MAX) naming option and part at fault.
 */
#define FLOW_ARGS_ERROR_MAX (PAIRS_ERROR_MAX + 64)
json_t *flow_args_legs(const struct arguments *arguments, char *error);

/* The flow that --id, --match or --rule, --leg and all else say; as flow_args_legs(). */
json_t *flow_args_flow(const struct arguments *arguments, char *error);

/* The first option given that says something about a flow, --file aside; NULL: there is none. */
const char *flow_args_first(const struct arguments *arguments);

/* List the keys, for the help of `flow add` and of `leg join`. */
void flow_args_print_keys(FILE *out);
void flow_args_print_leg_keys(FILE *out);

#endif
