/* SPDX-License-Identifier: BSD-3-Clause */
/* See paint.h. The sequences are those of ECMA-48 section 8.3.117, which every terminal knows. */
#include "cli/paint.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool
paint_wanted(FILE *out)
{
	const char *refused = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return isatty(fileno(out)) && (refused == NULL || refused[0] == '\0') && terminal != NULL &&
	       strcmp(terminal, "dumb") != 0;
}

const char *
paint_begin(bool colour, char mark)
{
	if (!colour)
		return "";
	return mark == '+' ? "\033[32m" : mark == '-' ? "\033[31m" : "\033[33m";
}

const char *
paint_end(bool colour)
{
	return colour ? "\033[0m" : "";
}
