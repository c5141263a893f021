/* SPDX-License-Identifier: BSD-3-Clause */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>

void
log_line(const char *format, ...)
{
	char line[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	fprintf(stderr, "sluiced: %s\n", line);
}

void
log_warned(void *arg, const char *message)
{
	(void)arg;
	log_line("warning: %s", message);
}
