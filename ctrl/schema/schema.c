/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Walks value and nodes side by side. Where the walk stands is a chain of places on the stack; it
 * is turned into a pointer only when something is refused, so a good value costs no text.
 */
#include "schema.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "allow.h"
#include "describe.h"
#include "scalar.h"
#include "tree.h"

#define WORDS_MAX 256

/* What goes along with the walk. */
struct check {
	struct fault *fault;
	bool leave_items; /* objects in arrays get no defaults */
};

static int node_check(const struct check *check, const struct schema_node *node, json_t *value,
	const struct place *place, bool fill);

static int
refuse(struct fault *fault, const struct place *place, enum fault_code code, const char *message)
{
	char pointer[FAULT_POINTER_MAX];

	place_pointer(place, pointer, sizeof(pointer));
	return fault_set(fault, code, pointer, "%s", message);
}

static int
refuse_value(const struct schema_node *node, const json_t *value, const struct place *place,
	struct fault *fault)
{
	char message[2 * WORDS_MAX + 32];
	char expected[WORDS_MAX];
	char found[WORDS_MAX];

	describe_found(value, found, sizeof(found));
	describe_expected(node->source, expected, sizeof(expected));
	snprintf(message, sizeof(message), "found %s, expected %s", found, expected);
	return refuse(fault, place, FAULT_INVALID_PARAMS, message);
}

static int
refuse_unknown(const struct schema_node *node, const struct place *place, struct fault *fault)
{
	char message[WORDS_MAX + 64];
	char members[WORDS_MAX];

	describe_members(json_object_get(node->source, "properties"), members, sizeof(members));
	if (members[0])
		snprintf(message, sizeof(message), "unknown member, expected one of: %s", members);
	else
		snprintf(message, sizeof(message), "unknown member, expected none");
	return refuse(fault, place, FAULT_INVALID_PARAMS, message);
}

static int
refuse_missing(const struct schema_node *node, const struct place *place, struct fault *fault)
{
	char message[WORDS_MAX + 32];
	char expected[WORDS_MAX];

	describe_expected(node->source, expected, sizeof(expected));
	snprintf(message, sizeof(message), "missing, expected %s", expected);
	return refuse(fault, place, FAULT_INVALID_PARAMS, message);
}

static int
items_check(const struct check *check, const struct schema_node *node, const json_t *array,
	const struct place *place, bool fill)
{
	struct place inner = {.parent = place};
	json_t *item;

	json_array_foreach (array, inner.index, item)
		if (node_check(check, node->items, item, &inner, fill && !check->leave_items))
			return -1;
	return 0;
}

/*
 * The number of the member of that name, or n_members. Objects mostly come in the order of their
 * schema, so the search goes on behind the one that was found last.
 */
static size_t
member_find(const struct schema_node *node, const char *name, size_t bytes, size_t *from)
{
	for (size_t n = 0; n < node->n_members; n++) {
		const size_t next = *from + n;
		const size_t i = next < node->n_members ? next : next - node->n_members;
		const struct schema_member *member = &node->members[i];

		if (member->name_bytes != bytes || memcmp(member->name, name, bytes) != 0)
			continue;
		*from = i + 1;
		return i;
	}
	return node->n_members;
}

/* A member's value; a text that stands for a number becomes that number. */
static json_t *
value_read(const struct schema_node *node, json_t *object, void *iter)
{
	json_t *value = json_object_iter_value(iter), *number;

	if (!node->unit || !json_is_string(value))
		return value;
	number = unit_value(node->unit, json_string_value(value));
	if (!number || json_object_iter_set_new(object, iter, number) < 0)
		return value;
	return number;
}

/* Sort the members of an object into `values`, by number; check those that have no number. */
static int
members_sort(const struct check *check, const struct schema_node *node, json_t *object,
	json_t **values, const struct place *place, bool fill)
{
	struct place inner = {.parent = place};
	size_t from = 0;
	void *iter;

	for (iter = json_object_iter(object); iter; iter = json_object_iter_next(object, iter)) {
		size_t i;

		inner.member = json_object_iter_key(iter);
		i = member_find(node, inner.member, json_object_iter_key_len(iter), &from);
		if (i < node->n_members)
			values[i] = value_read(node->members[i].node, object, iter);
		else if (node->closed)
			return refuse_unknown(node, &inner, check->fault);
		else if (node->others && node_check(check, node->others,
						 json_object_iter_value(iter), &inner, fill))
			return -1;
	}
	return 0;
}

/* Put the default of a member that is absent into its object. */
static int
preset_fill(const struct check *check, const struct schema_member *member, json_t *object,
	const struct place *place)
{
	json_t *value = member->preset_shared ? json_incref(member->preset)
					      : json_deep_copy(member->preset);

	if (json_object_setn_new_nocheck(object, member->name, member->name_bytes, value))
		return refuse(check->fault, place, FAULT_INTERNAL, "out of memory");
	return member->preset_shared ? 0 : node_check(check, member->node, value, place, true);
}

static int
object_check(const struct check *check, const struct schema_node *node, json_t *object,
	const struct place *place, bool fill)
{
	struct place inner = {.parent = place};
	json_t *values[SCHEMA_MEMBERS_MAX];
	int rc;

	memset(values, 0, node->n_members * sizeof(values[0]));
	rc = members_sort(check, node, object, values, place, fill);
	for (size_t i = 0; i < node->n_members && rc == 0; i++) {
		const struct schema_member *member = &node->members[i];

		inner.member = member->name;
		if (values[i])
			rc = node_check(check, member->node, values[i], &inner, fill);
		else if (member->preset)
			rc = fill ? preset_fill(check, member, object, &inner) : 0;
		else if (member->required)
			rc = refuse_missing(member->node, &inner, check->fault);
	}
	return rc;
}

static int
node_check(const struct check *check, const struct schema_node *node, json_t *value,
	const struct place *place, bool fill)
{
	if (!value_allowed(node, value))
		return refuse_value(node, value, place, check->fault);
	if (json_is_array(value) && node->items)
		return items_check(check, node, value, place, fill);
	if (json_is_object(value))
		return object_check(check, node, value, place, fill);
	return 0;
}

int
schema_check(const struct schema *schema, json_t *value, struct fault *fault)
{
	const struct check check = {.fault = fault, .leave_items = schema->leave_items};
	const struct place top = {0};

	return node_check(&check, schema->top, value, &top, true);
}

int
schema_check_once(json_t *root, json_t *source, json_t *value, struct fault *fault)
{
	struct schema *schema = schema_create(root, source, fault);
	int rc = schema ? schema_check(schema, value, fault) : -1;

	schema_destroy(schema);
	return rc;
}
