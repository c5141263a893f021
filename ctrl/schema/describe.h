/* SPDX-License-Identifier: BSD-3-Clause */
/* The words of a refusal: what a value is, what a schema wants, and where that is. */
#ifndef CTRL_SCHEMA_DESCRIBE_H
#define CTRL_SCHEMA_DESCRIBE_H

#include <stddef.h>

#include <jansson.h>

/* A value's place: a chain from the innermost member up to the root, which has no parent. */
struct place {
	const struct place *parent;
	const char *member; /* NULL: an array item */
	size_t index;
};

/*
 * Each writes into out, cut to size bytes and always terminated.
 *
 * describe_found: `"text"` (cut when long), `7`, `an array of 2 items`, `null`.
 * describe_expected: `an integer from 0 to 4094`, `one of "a", "b"`.
 * describe_members: the names of an object's members, `a, b, c`.
 * place_pointer: the JSON pointer (RFC 6901) of a place.
 */
void describe_found(const json_t *value, char *out, size_t size);
void describe_expected(const json_t *schema, char *out, size_t size);
void describe_members(json_t *object, char *out, size_t size);
void place_pointer(const struct place *place, char *out, size_t size);

#endif
