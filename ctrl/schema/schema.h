/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks JSON values against a schema and says in words what is wrong, where. A schema is made
 * ready once (tree.h) and then checks any number of values.
 *
 * The subset of JSON Schema (draft 7) that is understood: type (a name or a list of names; object,
 * array, string, integer, boolean, null), enum, required, properties, additionalProperties (false
 * or a schema), items (a schema), minItems, maxItems, minimum, maximum, minLength, maxLength (in
 * characters), pattern (POSIX extended), format ("ip", "mac"), x-unit (our own: a text
 * may stand for the number, which takes its place; scalar.h), default, and $ref of the form
 * "#/name/name" in the root document, which stands alone. Keywords of description are skipped.
 */
#ifndef CTRL_SCHEMA_SCHEMA_H
#define CTRL_SCHEMA_SCHEMA_H

#include <jansson.h>

#include "base/fault.h"

struct schema;

/*
 * Make a schema ready; references are looked up in root. Both get a reference of their own and
 * must not change as long as the schema lives. NULL with *fault set to FAULT_INTERNAL when the
 * schema is broken (the message says where) or memory is short. Any thread.
 */
struct schema *schema_create(json_t *root, json_t *schema, struct fault *fault);

/*
 * Put no defaults into objects that stand in arrays: for requests that bring very many of them,
 * whose reader knows what absence means.
 */
void schema_leave_items(struct schema *schema);

/* NULL is allowed. */
void schema_destroy(struct schema *schema);

/*
 * Check a value. Defaults are put into objects for members that are absent, and checked like any
 * other member, but for schema_leave_items(); value may be changed so even when it is refused. A
 * default that is a number, a string or a boolean is shared with the schema, so nobody may write
 * into it. Returns 0, or -1 with the first fault that was found: FAULT_INVALID_PARAMS, the pointer
 * relative to value; FAULT_INTERNAL when memory is short. The thread that made the schema.
 */
int schema_check(const struct schema *schema, json_t *value, struct fault *fault);

/* All three for what is checked once, such as a configuration file. */
int schema_check_once(json_t *root, json_t *schema, json_t *value, struct fault *fault);

#endif
