/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Walks value and schema side by side. Where the walk stands is a chain of places on the stack;
 * it is turned into a pointer only when something is refused, so a good value costs no text.
 */
#include "schema.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "allow.h"
#include "describe.h"

#define WORDS_MAX 256

struct check {
	const json_t *root;
	struct fault *fault;
};

static int check_value(
	const struct check *check, const json_t *schema, json_t *value, const struct place *place);

static int
refuse(const struct check *check, const struct place *place, enum fault_code code,
	const char *message)
{
	char pointer[FAULT_POINTER_MAX];

	place_pointer(place, pointer, sizeof(pointer));
	return fault_set(check->fault, code, pointer, "%s", message);
}

static int
refuse_value(const struct check *check, const json_t *schema, const json_t *value,
	const struct place *place)
{
	char message[2 * WORDS_MAX + 32];
	char expected[WORDS_MAX];
	char found[WORDS_MAX];

	describe_found(value, found, sizeof(found));
	describe_expected(schema, expected, sizeof(expected));
	snprintf(message, sizeof(message), "found %s, expected %s", found, expected);
	return refuse(check, place, FAULT_INVALID_PARAMS, message);
}

static int
refuse_unknown(const struct check *check, json_t *properties, const struct place *place)
{
	char message[WORDS_MAX + 64];
	char members[WORDS_MAX];

	describe_members(properties, members, sizeof(members));
	if (members[0])
		snprintf(message, sizeof(message), "unknown member, expected one of: %s", members);
	else
		snprintf(message, sizeof(message), "unknown member, expected none");
	return refuse(check, place, FAULT_INVALID_PARAMS, message);
}

static int
refuse_missing(const struct check *check, const json_t *schema, const struct place *place)
{
	char message[WORDS_MAX + 32];
	char expected[WORDS_MAX];

	describe_expected(schema, expected, sizeof(expected));
	snprintf(message, sizeof(message), "missing, expected %s", expected);
	return refuse(check, place, FAULT_INVALID_PARAMS, message);
}

/* Follow "$ref"; NULL when it leads nowhere. */
static const json_t *
schema_resolve(const struct check *check, const json_t *schema)
{
	const char *ref = json_string_value(json_object_get(schema, "$ref"));
	const json_t *target = check->root;
	size_t bytes;

	if (!ref)
		return schema;
	for (ref += strcspn(ref, "/"); *ref == '/'; ref += bytes) {
		ref++;
		bytes = strcspn(ref, "/");
		target = json_object_getn(target, ref, bytes);
	}
	return target;
}

static int
check_array(
	const struct check *check, const json_t *schema, json_t *array, const struct place *place)
{
	const json_t *items = json_object_get(schema, "items");
	struct place inner = {.parent = place};
	json_t *item;

	json_array_foreach (array, inner.index, item)
		if (items && check_value(check, items, item, &inner))
			return -1;
	return 0;
}

/* Members that the schema does not name. */
static int
check_others(
	const struct check *check, const json_t *schema, json_t *object, const struct place *place)
{
	const json_t *others = json_object_get(schema, "additionalProperties");
	json_t *properties = json_object_get(schema, "properties");
	struct place inner = {.parent = place};
	json_t *value;

	if (!others)
		return 0;
	json_object_foreach (object, inner.member, value) {
		if (json_object_get(properties, inner.member))
			continue;
		if (json_is_false(others))
			return refuse_unknown(check, properties, &inner);
		if (check_value(check, others, value, &inner))
			return -1;
	}
	return 0;
}

static bool
member_required(const json_t *schema, const char *member)
{
	const json_t *name;
	size_t i;

	json_array_foreach (json_object_get(schema, "required"), i, name)
		if (!strcmp(json_string_value(name), member))
			return true;
	return false;
}

/* A member that the schema names: missing, to be filled in, or to be checked. */
static int
check_member(const struct check *check, const json_t *object_schema, const json_t *schema,
	json_t *object, const struct place *place)
{
	json_t *value = json_object_get(object, place->member);
	const json_t *found = schema_resolve(check, schema);
	const json_t *preset = json_object_get(found, "default");

	if (value)
		return check_value(check, schema, value, place);
	if (preset) {
		value = json_deep_copy(preset);
		if (json_object_set_new(object, place->member, value))
			return refuse(check, place, FAULT_INTERNAL, "out of memory");
		return check_value(check, schema, value, place);
	}
	if (member_required(object_schema, place->member))
		return refuse_missing(check, found, place);
	return 0;
}

static int
check_object(
	const struct check *check, const json_t *schema, json_t *object, const struct place *place)
{
	struct place inner = {.parent = place};
	const json_t *member_schema;

	if (check_others(check, schema, object, place))
		return -1;
	json_object_foreach (json_object_get(schema, "properties"), inner.member, member_schema)
		if (check_member(check, schema, member_schema, object, &inner))
			return -1;
	return 0;
}

static int
check_value(
	const struct check *check, const json_t *schema, json_t *value, const struct place *place)
{
	schema = schema_resolve(check, schema);
	if (!json_is_object(schema))
		return refuse(check, place, FAULT_INTERNAL, "the schema is broken here");
	if (!value_allowed(schema, value))
		return refuse_value(check, schema, value, place);
	if (json_is_array(value))
		return check_array(check, schema, value, place);
	if (json_is_object(value))
		return check_object(check, schema, value, place);
	return 0;
}

int
schema_check(const json_t *root, const json_t *schema, json_t *value, struct fault *fault)
{
	const struct check check = {.root = root, .fault = fault};
	const struct place top = {0};

	return check_value(&check, schema, value, &top);
}
