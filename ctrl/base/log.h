/* SPDX-License-Identifier: BSD-3-Clause */
/* What sluiced says on stderr, a line each: systemd's journal takes it from there. Any thread. */
#ifndef CTRL_BASE_LOG_H
#define CTRL_BASE_LOG_H

#include <stdint.h>

#include "base/fault.h"

/*
 * From now on no write to stderr, also of libraries, waits for its reader. Once, by the main
 * thread; `cpu` is where a thread copies it. The process's end, also by a signal that means a
 * crash, waits up to a second for the last lines. 0, or -1 with *fault set.
 */
int log_start(unsigned cpu, struct fault *fault);

/* Lines that found no room since start. */
uint64_t log_lines_lost(void);

void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* As a callback for modules that report warnings; arg is not used. */
void log_warned(void *arg, const char *message);

#endif
