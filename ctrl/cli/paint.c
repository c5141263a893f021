/* SPDX-License-Identifier: BSD-3-Clause */
/* See paint.h. The sequences are those of ECMA-48 section 8.3.117, which every terminal knows. */
#include "cli/paint.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/options.h"

#define COLUMNS_LEAST 40
#define COLUMNS_USUAL 80

bool
paint_wanted(FILE *out)
{
	const char *refused = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return isatty(fileno(out)) && (refused == NULL || refused[0] == '\0') && terminal != NULL &&
	       strcmp(terminal, "dumb") != 0;
}

size_t
paint_columns(FILE *out, size_t otherwise)
{
	const char *wanted = getenv("COLUMNS");
	struct winsize size = {0};
	uint64_t columns;

	if (!isatty(fileno(out)))
		return otherwise;
	if (wanted != NULL && number_parse(wanted, COLUMNS_LEAST, UINT16_MAX, &columns) == 0)
		return columns;
	if (ioctl(fileno(out), TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return COLUMNS_USUAL;
	return size.ws_col < COLUMNS_LEAST ? COLUMNS_LEAST : size.ws_col;
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
