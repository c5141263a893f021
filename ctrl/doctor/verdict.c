/* SPDX-License-Identifier: BSD-3-Clause */
/* See verdict.h. */
#include "doctor/verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const severity_names[] = {"ok", "warning", "error"};

const char *
severity_name(enum severity severity)
{
	return severity_names[severity];
}

struct verdict
verdict_begin(const char *check)
{
	return (struct verdict){.check = check};
}

void
verdict_fault(
	struct verdict *verdict, enum severity severity, const char *why, const char *mend, ...)
{
	va_list args;

	if (severity <= verdict->severity)
		return;
	verdict->severity = severity;
	snprintf(verdict->why, sizeof(verdict->why), "%s", why);
	va_start(args, mend);
	vsnprintf(verdict->mend, sizeof(verdict->mend), mend, args);
	va_end(args);
}

void
verdict_report(const struct verdict *verdict, json_t *report)
{
	/* Names of devices and paths may be any bytes. */
	json_t *found = json_string(verdict->found), *mend = json_string(verdict->mend);

	json_array_append_new(
		report, json_pack("{s:s, s:s, s:o, s:s, s:o}", "check", verdict->check, "status",
				severity_name(verdict->severity), "found",
				found ? found : json_string("(not UTF-8)"), "why", verdict->why,
				"mend", mend ? mend : json_string("(not UTF-8)")));
}

enum severity
report_severity(const json_t *report)
{
	enum severity worst = SEVERITY_OK;
	json_t *entry;
	size_t i;

	json_array_foreach (report, i, entry) {
		const char *status = json_string_value(json_object_get(entry, "status"));

		for (enum severity s = worst; s <= SEVERITY_ERROR; s++)
			worst = strcmp(severity_names[s], status) == 0 ? s : worst;
	}
	return worst;
}
