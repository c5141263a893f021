/* SPDX-License-Identifier: BSD-3-Clause */
/* A trace, told stage by stage. */
#ifndef CTRL_CLI_TRACE_STORY_H
#define CTRL_CLI_TRACE_STORY_H

#include <jansson.h>
#include <stdbool.h>

/* Print the result of packet.trace for people. full: frames whole, however long. */
void trace_story_print(const json_t *trace, bool full);

#endif
