/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks a JSON value against a schema and says in words what is wrong, where.
 *
 * The subset of JSON Schema (draft 7) that is understood: type (a name or a list of names; object,
 * array, string, integer, boolean, null), enum, required, properties, additionalProperties (false
 * or a schema), items (a schema), minItems, maxItems, minimum, maximum, minLength, maxLength (in
 * characters), pattern (POSIX extended), format ("ip", "mac"), default, and $ref of the form
 * "#/name/name" in the root document, which stands alone. Keywords of description are skipped.
 */
#ifndef CTRL_SCHEMA_SCHEMA_H
#define CTRL_SCHEMA_SCHEMA_H

#include <jansson.h>

#include "schema/fault.h"

/*
 * Check value against schema; references are looked up in root. Defaults are put into objects
 * for members that are absent, and checked like any other member; value may be changed so even
 * when it is refused. Returns 0, or -1 with the first fault that was found: FAULT_INVALID_PARAMS,
 * the pointer relative to value; FAULT_INTERNAL when the schema itself is broken or memory is
 * short. Control thread.
 */
int schema_check(const json_t *root, const json_t *schema, json_t *value, struct fault *fault);

#endif
