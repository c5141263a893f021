/* SPDX-License-Identifier: BSD-3-Clause */
/* See duration.h. */
#include "cli/duration.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/options.h"

#define DURATION_MAX_S 86400

static uint64_t
unit_seconds(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	default:
		return 0;
	}
}

int
duration_parse(const char *text, uint64_t *seconds)
{
	size_t length = strlen(text);
	uint64_t unit = length > 0 ? unit_seconds(text[length - 1]) : 0, number;
	char digits[8];

	if (unit > 0)
		length--;
	else
		unit = 1;
	if (length >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, text, length);
	digits[length] = '\0';
	if (number_parse(digits, 1, DURATION_MAX_S / unit, &number) < 0)
		return -EINVAL;
	*seconds = number * unit;
	return 0;
}

const char *
moment_text(uint64_t time_ns, char *text)
{
	const time_t seconds = (time_t)(time_ns / 1000000000);
	struct tm local;

	if (localtime_r(&seconds, &local) == NULL ||
		strftime(text, MOMENT_TEXT_MAX, "%Y-%m-%d %H:%M:%S", &local) == 0)
		snprintf(text, MOMENT_TEXT_MAX, "-");
	return text;
}
