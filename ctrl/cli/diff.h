/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a plan would change, or a generation has changed, as people read it: `+ ~ -` for each flow
 * and each field of it, in the columns of the terminal, 80 in a pipe.
 */
#ifndef CTRL_CLI_DIFF_H
#define CTRL_CLI_DIFF_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

/*
 * One entry of "changes" of txn.plan or history.get:
 *
 *	+ cam1  p0 any > 192.0.2.1:5004
 *	    leg p1 203.0.113.1:5004 > 203.0.113.9:5004 {id: wall}
 *	~ cam2
 *	    ~ /legs/0/dscp: 34 -> 46
 *	    - /idle_timeout_s: 60
 *	- cam3  p0 any > 192.0.2.1:5006
 */
void diff_change_print(json_t *change, bool colour, FILE *out);

/* "2 flows to add, 1 to change, 1 to remove; 97 as they are, 3 left alone", and the sizes. */
void diff_summary_print(const json_t *plan, FILE *out);

/* How many flows a plan would change in any way. */
uint64_t diff_size(const json_t *plan);

#endif
