/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a check of `sluicectl doctor` has come to: how bad it is, what was found, why it matters,
 * and the command that mends it. Texts that do not fit are cut. Any thread.
 */
#ifndef CTRL_DOCTOR_VERDICT_H
#define CTRL_DOCTOR_VERDICT_H

#include <jansson.h>

#include "base/escape.h"

/* Values are the exit codes of `sluicectl doctor`. */
enum severity { SEVERITY_OK, SEVERITY_WARNING, SEVERITY_ERROR };

struct verdict {
	const char *check; /* static */
	enum severity severity;
	char found[512]; /* begins with what it is about: "node 0: ..." */
	char why[320]; /* "" if all is well, as is mend */
	char mend[512]; /* for a shell; no single quotes, so that it can be broken anywhere */
};

/* OK, and nothing found yet. */
struct verdict verdict_begin(const char *check);

/* Append to what was found, printf-style. */
#define verdict_found(verdict, ...) \
	text_append((verdict)->found, sizeof((verdict)->found), __VA_ARGS__)

/*
 * It is at least as bad as that, and so is why. Of several faults of a check the first of the worst
 * ones is explained.
 */
void verdict_fault(struct verdict *verdict, enum severity severity, const char *why,
	const char *mend, ...) __attribute__((format(printf, 4, 5)));

/* Append it to the report, an array of objects as sluice-doctor.json describes them. */
void verdict_report(const struct verdict *verdict, json_t *report);

/* "ok", "warning", "error" */
const char *severity_name(enum severity severity);

/* The worst severity in a report. */
enum severity report_severity(const json_t *report);

#endif
