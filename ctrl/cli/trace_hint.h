/* SPDX-License-Identifier: BSD-3-Clause */
/* What can be done about a packet that goes nowhere. */
#ifndef CTRL_CLI_TRACE_HINT_H
#define CTRL_CLI_TRACE_HINT_H

#include "cli/text.h"

/*
 * Fill *text anew with what to do about a drop reason, or about "punted", for the flow of that id.
 * false: nothing can be said.
 */
bool trace_hint(struct text *text, const char *reason, const char *flow);

#endif
