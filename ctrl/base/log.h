/* SPDX-License-Identifier: BSD-3-Clause */
/* What sluiced says on stderr, a line each: systemd's journal takes it from there. Any thread. */
#ifndef CTRL_BASE_LOG_H
#define CTRL_BASE_LOG_H

#include <stdint.h>

#include "base/fault.h"

/*
 * From now on nothing that is written to stderr waits for whoever reads it, also not what libraries
 * write. Once, by the main thread; `cpu` is where a thread copies it. The process's end, also by a
 * signal that means a crash, waits up to a second for the last lines. 0, or -1 with *fault set.
 */
int log_start(unsigned cpu, struct fault *fault);

/* Lines that found no room since start. */
uint64_t log_lines_lost(void);

void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A warning from a room that knows no log: it is given this function, and any argument. */
void log_warned(void *arg, const char *message);

#endif
