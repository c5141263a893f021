/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A schema as plain C, made ready for checking: a node for each schema object, its keywords as
 * numbers, its members as a table. One that is referred to twice is one node.
 */
#ifndef CTRL_SCHEMA_TREE_H
#define CTRL_SCHEMA_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pattern.h"
#include "schema/schema.h"

#define SCHEMA_MEMBERS_MAX 64 /* of one object: what a check keeps on its stack */

/* Inclusive; from the least to the greatest number where nothing is said. */
struct schema_range {
	json_int_t low;
	json_int_t high;
};

struct schema_node {
	struct schema_node *next; /* in all nodes of the schema */
	const json_t *source; /* for messages; borrowed from the schema, as all below */
	uint8_t types; /* bit json_typeof(value) for each type that is taken */
	bool closed; /* members that are not named are refused */
	const json_t *choices; /* array; NULL: no enum */
	struct schema_range number;
	struct schema_range characters;
	struct schema_range n_items;
	double real_low;
	double real_high;
	struct pattern *pattern; /* owned; NULL: none */
	format_fn format; /* NULL: none */
	const char *unit; /* a text may stand for the number, see unit_value(); NULL: none may */
	const struct schema_node *items; /* NULL: any */
	const struct schema_node *others; /* of members that are not named; NULL: any, or closed */
	struct schema_member *members; /* owned, in the order of the schema */
	size_t n_members;
};

struct schema_member {
	const char *name;
	size_t name_bytes;
	const struct schema_node *node;
	json_t *preset; /* the default; NULL: none */
	bool preset_shared; /* it is a plain value that fits, and need not be copied nor checked */
	bool required;
};

struct schema {
	json_t *root;
	json_t *source;
	struct schema_node *nodes;
	const struct schema_node *top;
	bool leave_items; /* objects in arrays get no defaults */
};

#endif
