/* SPDX-License-Identifier: BSD-3-Clause */
/* What a plain scalar of YAML means: the core schema of YAML 1.2, section 10.3.2. */
#ifndef CTRL_SCHEMA_SCALAR_H
#define CTRL_SCHEMA_SCALAR_H

#include <stdint.h>

#include <jansson.h>

/*
 * The value of a plain (not quoted) scalar; a new reference. NULL, and *why in words (static), for
 * one that JSON cannot hold: infinity, not-a-number, an integer beyond 64 bits. Any thread.
 */
json_t *scalar_value(const char *text, const char **why);

/*
 * Numbers as people write them, for whoever reads a text where a number stands. Each returns 0, or
 * -EINVAL for what is no such text, or comes out as no whole number. Any thread.
 *
 * quantity_parse: "64000", "64k", "2.5M", "10G" (decimal, as everywhere in networking).
 * time_parse: "500ms", "60s", "1.5s", "5m", "2h", "1d", to milliseconds; a plain number counts
 * plain_ms each.
 * dscp_parse: a number to 63, or a name of RFC 2474, 2597, 3246, 5865 or 8622: "EF", "AF41",
 * "CS3", "VA", "LE", "BE", "DF", in letters of either case.
 */
int quantity_parse(const char *text, uint64_t *number);
int time_parse(const char *text, uint64_t plain_ms, uint64_t *milliseconds);
int dscp_parse(const char *text, unsigned *dscp);

/*
 * The number that a text stands for where a schema has that "x-unit": "s", "ms", "decimal" or
 * "dscp". New reference to an integer, or NULL when it stands for none. Any thread.
 */
json_t *unit_value(const char *unit, const char *text);

#endif
