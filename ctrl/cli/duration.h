/* SPDX-License-Identifier: BSD-3-Clause */
/* Spans and points of time as people write and read them. */
#ifndef CTRL_CLI_DURATION_H
#define CTRL_CLI_DURATION_H

#include <stdint.h>

#define MOMENT_TEXT_MAX 32

/*
 * "60s", "5m", "2h", "1d", or a plain number of seconds; whole seconds only, 1 to 86400.
 * Returns 0 or -EINVAL.
 */
int duration_parse(const char *text, uint64_t *seconds);

/* Nanoseconds since 1970 in local time, "2026-11-23 03:10:00"; `text` has MOMENT_TEXT_MAX. */
const char *moment_text(uint64_t time_ns, char *text);

#endif
