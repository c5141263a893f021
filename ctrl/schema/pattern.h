/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a string must look like: the "pattern" and "format" keywords of a schema. Compiled patterns
 * are kept, as a request of ten thousand flows would otherwise compile one ten thousand times.
 */
#ifndef CTRL_SCHEMA_PATTERN_H
#define CTRL_SCHEMA_PATTERN_H

#include <stdbool.h>

/*
 * Whether text matches the POSIX extended regular expression. False also when the expression is
 * not valid or memory is short: what cannot be checked is refused. Control thread.
 */
bool pattern_match(const char *pattern, const char *text);

/* Forget the compiled patterns. */
void pattern_cache_release(void);

/*
 * Whether text is of a named format: "ip" (IPv4 or IPv6 address) or "mac" (six pairs of hex
 * digits with colons between). False for a name that is not known.
 */
bool format_match(const char *format, const char *text);

/* "an IPv4 or IPv6 address": the format in words, NULL for a name that is not known. */
const char *format_words(const char *format);

#endif
