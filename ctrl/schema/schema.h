/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks JSON values against a schema and says in words what is wrong, where. A schema is made
 * ready once and then checks any number of values.
 *
 * The subset of JSON Schema (draft 7) that is understood: type (a name or a list of names; object,
 * array, string, integer, boolean, null), enum, required, properties, additionalProperties (false
 * or a schema), items (a schema), minItems, maxItems, minimum, maximum, minLength, maxLength (in
 * characters), pattern (POSIX extended), format ("ip", "mac"), x-unit (our own: a text
 * may stand for the number, which takes its place; see unit_value()), default, and $ref of the form
 * "#/name/name" in the root document, which stands alone. Keywords of description are skipped.
 */
#ifndef CTRL_SCHEMA_SCHEMA_H
#define CTRL_SCHEMA_SCHEMA_H

#include <stdint.h>

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
 * other member, but for schema_leave_items(); value may be changed so even when it is refused.
 * Returns 0, or -1 with the first fault that was found: FAULT_INVALID_PARAMS,
 * the pointer relative to value; FAULT_INTERNAL when memory is short. The thread that made the
 * schema.
 */
int schema_check(const struct schema *schema, json_t *value, struct fault *fault);

/* All three for what is checked once, such as a configuration file. */
int schema_check_once(json_t *root, json_t *schema, json_t *value, struct fault *fault);

/*
 * The contracts of the control side as JSON values: the OpenRPC document of the socket, and the
 * JSON Schemas of the configuration file and of drivers' profiles. They are part of the program,
 * and parsed at the first call. Borrowed references that live as long as the process; callers do
 * not change them. NULL: out of memory. Control thread.
 */
json_t *schema_rpc_document(void);
json_t *schema_config_document(void);
json_t *schema_profile_document(void);

/* A schema that the document has under components, such as "flow". Borrowed; NULL: none. */
json_t *schema_component(const json_t *document, const char *name);

/* The method object of that name in an OpenRPC document; borrowed, NULL when there is none. */
json_t *schema_method_find(const json_t *document, const char *name);

/*
 * The schema of a method's params object, made of its list of parameters, to be used with the
 * document as root. New reference; NULL: out of memory or not a method object.
 */
json_t *schema_method_params(const json_t *method);

/*
 * Numbers as people write them. Each returns 0, or
 * -EINVAL for what is no such text, or comes out as no whole number. Any thread.
 *
 * quantity_parse: "64000", "64k", "2.5M", "10G" (decimal, as everywhere in networking).
 * time_parse: "500ms", "60s", "1.5s", "5m", "2h", "1d", to milliseconds; a plain number counts
 * plain_ms each.
 */
int quantity_parse(const char *text, uint64_t *number);
int time_parse(const char *text, uint64_t plain_ms, uint64_t *milliseconds);

/*
 * The number that a text stands for where a schema has that "x-unit": "s", "ms", "decimal" or
 * "dscp". New reference to an integer, or NULL when it stands for none. Any thread.
 */
json_t *unit_value(const char *unit, const char *text);

#endif
