/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The audit log: a line of JSON for every call of a method that needs more than the role viewer,
 * whether it was done or refused. The file is only ever appended to, and is reopened on demand, for
 * log rotation.
 *
 * A line that cannot be written goes to the log of the process and is written later; until then
 * further calls are refused.
 *
 * All functions of this header: control thread.
 */
#ifndef CTRL_RPC_AUDIT_H
#define CTRL_RPC_AUDIT_H

#include <jansson.h>

#include "base/actor.h"
#include "base/fault.h"

#define AUDIT_IDS_MAX 16 /* ids of flows that a line names */

struct audit;

/*
 * Open the log at path (mode 0640; borrowed), whose directory is made if its parent is there. NULL
 * with *fault set when it cannot be written.
 */
struct audit *audit_open(const char *path, struct fault *fault);

/* NULL is allowed here and below: no log. Warns of lines that could not be written. */
void audit_close(struct audit *audit);

/* Begin a new file if the old one was moved away. When that fails: warn, and write to the old. */
void audit_reopen(struct audit *audit);

/*
 * May a change go ahead? 0, or -1 with FAULT_STORE when lines are waiting and still cannot be
 * written.
 */
int audit_ready(struct audit *audit, struct fault *fault);

/*
 * What a call is about, for its line, from its params (borrowed, NULL: none; they need not fit any
 * schema): its comment, ids up to AUDIT_IDS_MAX, how many flows and legs, transaction. A new
 * reference, NULL without memory.
 */
json_t *audit_what(const json_t *params);

/*
 * Log a call: result (borrowed), or when that is NULL, *fault. what is borrowed, NULL: nothing to
 * say.
 */
void audit_call(struct audit *audit, const struct actor *actor, const char *method, json_t *what,
	const json_t *result, const struct fault *fault);

#endif
