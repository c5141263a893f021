/* SPDX-License-Identifier: BSD-3-Clause */
/* `counters`, and the tables of counters that other commands print, too. */
#ifndef CTRL_CLI_COUNTERS_H
#define CTRL_CLI_COUNTERS_H

#include <jansson.h>

/*
 * `flows` is an array of {"id", "legs": [...]} with the flow's counters beside them or in a
 * "counters" object. A line a leg, and one of its own for a flow that has punted or dropped
 * packets or has no leg.
 */
void flow_counters_print(const json_t *flows);

/* What these ports have counted, as counters.get lists them, in tables. */
void counters_ports_print(const json_t *ports);

#endif
