/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of flows and their legs' counters, which `flow del` and `counters --flows` share.
 */
#ifndef CTRL_CLI_FLOW_COUNTERS_H
#define CTRL_CLI_FLOW_COUNTERS_H

#include <stdio.h>

#include <jansson.h>

/*
 * `flows` is an array of {"id", "legs": [...]} with "packets" and "bytes" beside them or in a
 * "counters" object. A line a leg.
 */
void flow_counters_print(const json_t *flows, FILE *out);

#endif
