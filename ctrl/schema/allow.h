/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether one value is what its schema asks for, leaving aside its items and members. */
#ifndef CTRL_SCHEMA_ALLOW_H
#define CTRL_SCHEMA_ALLOW_H

#include <stdbool.h>

#include <jansson.h>

#include "tree.h"

/*
 * Checks type, enum, minimum, maximum, minLength, maxLength, pattern, format, minItems and
 * maxItems. The thread that made the schema.
 */
bool value_allowed(const struct schema_node *node, const json_t *value);

#endif
