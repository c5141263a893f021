/* SPDX-License-Identifier: BSD-3-Clause */
/* What sluiced says on stderr, a line each: systemd's journal takes it from there. Any thread. */
#ifndef CTRL_LOG_H
#define CTRL_LOG_H

void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A warning from a room that knows no log: it is given this function, and any argument. */
void log_warned(void *arg, const char *message);

#endif
