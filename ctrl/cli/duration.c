/* SPDX-License-Identifier: BSD-3-Clause */
/* See duration.h. */
#include "cli/duration.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "schema/schema.h"

#define DURATION_MAX_S UINT64_C(86400)

int
duration_parse(const char *text, uint64_t *seconds)
{
	uint64_t ms;

	if (time_parse(text, 1000, &ms) < 0 || ms % 1000 != 0 || ms == 0 ||
		ms > DURATION_MAX_S * 1000)
		return -EINVAL;
	*seconds = ms / 1000;
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
