/* SPDX-License-Identifier: BSD-3-Clause */
/* What a plain scalar of YAML means: the core schema of YAML 1.2, section 10.3.2. */
#ifndef CTRL_SCHEMA_SCALAR_H
#define CTRL_SCHEMA_SCALAR_H

#include <jansson.h>

/*
 * The value of a plain (not quoted) scalar; a new reference. NULL, and *why in words (static), for
 * one that JSON cannot hold: infinity, not-a-number, an integer beyond 64 bits. Any thread.
 */
json_t *scalar_value(const char *text, const char **why);

#endif
