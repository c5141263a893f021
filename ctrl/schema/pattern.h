/* SPDX-License-Identifier: BSD-3-Clause */
/* What a string must look like: the "pattern" and "format" keywords of a schema. */
#ifndef CTRL_SCHEMA_PATTERN_H
#define CTRL_SCHEMA_PATTERN_H

#include <stdbool.h>

struct pattern;

/*
 * Make a POSIX extended regular expression ready. NULL without memory. One that is not valid
 * matches nothing: what cannot be checked is refused. Any thread.
 */
struct pattern *pattern_create(const char *expression);

/* NULL is allowed. */
void pattern_destroy(struct pattern *pattern);

/* The thread that made the pattern. */
bool pattern_match(const struct pattern *pattern, const char *text);

typedef bool (*format_fn)(const char *text);

/*
 * The check of a named format: "ip" (IPv4 or IPv6 address) or "mac" (six pairs of hex digits with
 * colons between). A name that is not known gives one that refuses everything.
 */
format_fn format_find(const char *name);

/* "an IPv4 or IPv6 address": the format in words, NULL for a name that is not known. */
const char *format_words(const char *name);

#endif
