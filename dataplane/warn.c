/* SPDX-License-Identifier: BSD-3-Clause */
#include "warn.h"

#include <stdarg.h>
#include <stdio.h>

#include "dp_private.h"

void
dp_warn(const struct dp *dp, const char *format, ...)
{
	char message[256];
	va_list args;

	if (dp->config.warn == NULL)
		return;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	dp->config.warn(dp->config.warn_arg, message);
}
