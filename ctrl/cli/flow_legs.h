/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tables about legs that `flow show` prints: what they do, their next hops, why some are not
 * handed on, and what they have counted.
 */
#ifndef CTRL_CLI_FLOW_LEGS_H
#define CTRL_CLI_FLOW_LEGS_H

#include <jansson.h>

/*
 * `result` is what flow.get returned. Legs of streams follow those of the flow; they have no ids
 * and are called STREAM/NUMBER. Prints nothing when there is no leg.
 */
void flow_legs_print(const json_t *result);

#endif
