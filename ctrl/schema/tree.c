/* SPDX-License-Identifier: BSD-3-Clause */
/* From schema objects to nodes. A node is known before its parts are, so references may be round.
 */
#include "tree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "allow.h"

static const struct {
	const char *name;
	uint8_t types;
} types[] = {
	{"object", 1 << JSON_OBJECT},
	{"array", 1 << JSON_ARRAY},
	{"string", 1 << JSON_STRING},
	{"integer", 1 << JSON_INTEGER},
	{"number", 1 << JSON_INTEGER | 1 << JSON_REAL},
	{"boolean", 1 << JSON_TRUE | 1 << JSON_FALSE},
	{"null", 1 << JSON_NULL},
};

struct builder {
	struct schema *schema;
	struct fault *fault;
};

static const struct schema_node *node_of(struct builder *builder, const json_t *source);

/* Always returns -1. */
static int
no_memory(struct builder *builder)
{
	return fault_set(builder->fault, FAULT_INTERNAL, "", "no memory for a schema");
}

static uint8_t
type_bits(const json_t *type)
{
	const json_t *item;
	uint8_t bits = 0;
	size_t i;

	if (!type)
		return UINT8_MAX;
	json_array_foreach (type, i, item)
		bits |= type_bits(item);
	for (i = 0; json_is_string(type) && i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(types[i].name, json_string_value(type)))
			bits |= types[i].types;
	return bits;
}

static struct schema_range
range_of(const json_t *source, const char *low, const char *high)
{
	const json_t *from = json_object_get(source, low);
	const json_t *to = json_object_get(source, high);

	return (struct schema_range){
		.low = from ? json_integer_value(from) : INT64_MIN,
		.high = to ? json_integer_value(to) : INT64_MAX,
	};
}

static double
real_bound(const json_t *source, const char *keyword, double none)
{
	const json_t *bound = json_object_get(source, keyword);

	return bound ? json_number_value(bound) : none;
}

static int
text_fill(struct builder *builder, struct schema_node *node)
{
	const char *pattern = json_string_value(json_object_get(node->source, "pattern"));
	const char *format = json_string_value(json_object_get(node->source, "format"));

	if (format)
		node->format = format_find(format);
	if (!pattern)
		return 0;
	node->pattern = pattern_create(pattern);
	return node->pattern ? 0 : no_memory(builder);
}

static bool
name_required(const json_t *source, const char *member)
{
	const json_t *name;
	size_t i;

	json_array_foreach (json_object_get(source, "required"), i, name)
		if (!strcmp(json_string_value(name), member))
			return true;
	return false;
}

static int
member_fill(struct builder *builder, struct schema_member *member, const json_t *source)
{
	member->name_bytes = strlen(member->name);
	member->node = node_of(builder, source);
	if (!member->node)
		return -1;
	member->preset = json_object_get(member->node->source, "default");
	member->preset_shared = member->preset && !json_is_object(member->preset) &&
				!json_is_array(member->preset) &&
				value_allowed(member->node, member->preset);
	return 0;
}

static int
members_fill(struct builder *builder, struct schema_node *node)
{
	json_t *properties = json_object_get(node->source, "properties"), *source;
	const char *name;

	if (json_object_size(properties) > SCHEMA_MEMBERS_MAX)
		return fault_set(builder->fault, FAULT_INTERNAL, "",
			"the schema is broken: %zu members in an object, expected at most %d",
			json_object_size(properties), SCHEMA_MEMBERS_MAX);
	node->members = calloc(json_object_size(properties) + 1, sizeof(node->members[0]));
	if (!node->members)
		return no_memory(builder);
	json_object_foreach (properties, name, source) {
		struct schema_member *member = &node->members[node->n_members++];

		member->name = name;
		member->required = name_required(node->source, name);
		if (member_fill(builder, member, source))
			return -1;
	}
	return 0;
}

/* The schema of items, or of members that are not named. */
static int
inner_fill(struct builder *builder, const struct schema_node **inner, const json_t *source)
{
	if (!source)
		return 0;
	*inner = node_of(builder, source);
	return *inner ? 0 : -1;
}

static int
node_fill(struct builder *builder, struct schema_node *node)
{
	const json_t *source = node->source;
	const json_t *others = json_object_get(source, "additionalProperties");

	node->types = type_bits(json_object_get(source, "type"));
	node->choices = json_object_get(source, "enum");
	node->unit = json_string_value(json_object_get(source, "x-unit"));
	node->number = range_of(source, "minimum", "maximum");
	node->real_low = real_bound(source, "minimum", -HUGE_VAL);
	node->real_high = real_bound(source, "maximum", HUGE_VAL);
	node->characters = range_of(source, "minLength", "maxLength");
	node->n_items = range_of(source, "minItems", "maxItems");
	node->closed = json_is_false(others);
	if (text_fill(builder, node) ||
		inner_fill(builder, &node->items, json_object_get(source, "items")) ||
		inner_fill(builder, &node->others, node->closed ? NULL : others))
		return -1;
	return members_fill(builder, node);
}

/* Follow "$ref"; NULL when it leads nowhere. */
static const json_t *
source_resolve(const json_t *root, const json_t *source)
{
	const char *ref = json_string_value(json_object_get(source, "$ref"));
	size_t bytes;

	if (!ref)
		return source;
	for (source = root, ref += strcspn(ref, "/"); *ref == '/'; ref += bytes) {
		ref++;
		bytes = strcspn(ref, "/");
		source = json_object_getn(source, ref, bytes);
	}
	return source;
}

/* The node of a schema object, made if there is none yet; NULL with the fault set. */
static const struct schema_node *
node_of(struct builder *builder, const json_t *source)
{
	const json_t *found = source_resolve(builder->schema->root, source);
	struct schema_node *node = builder->schema->nodes;

	if (!json_is_object(found)) {
		const char *ref = json_string_value(json_object_get(source, "$ref"));

		fault_set(builder->fault, FAULT_INTERNAL, "",
			"the schema is broken: found %s, expected an object in its place",
			ref ? ref : "no schema");
		return NULL;
	}
	while (node && node->source != found)
		node = node->next;
	if (node)
		return node;
	node = calloc(1, sizeof(*node));
	if (!node) {
		no_memory(builder);
		return NULL;
	}
	node->source = found;
	node->next = builder->schema->nodes;
	builder->schema->nodes = node;
	return node_fill(builder, node) ? NULL : node;
}

struct schema *
schema_create(json_t *root, json_t *source, struct fault *fault)
{
	struct schema *schema = calloc(1, sizeof(*schema));
	struct builder builder = {.schema = schema, .fault = fault};

	if (!schema) {
		no_memory(&builder);
		return NULL;
	}
	schema->root = json_incref(root);
	schema->source = json_incref(source);
	schema->top = node_of(&builder, source);
	if (schema->top)
		return schema;
	schema_destroy(schema);
	return NULL;
}

void
schema_leave_items(struct schema *schema)
{
	schema->leave_items = true;
}

void
schema_destroy(struct schema *schema)
{
	if (!schema)
		return;
	while (schema->nodes) {
		struct schema_node *node = schema->nodes;

		schema->nodes = node->next;
		pattern_destroy(node->pattern);
		free(node->members);
		free(node);
	}
	json_decref(schema->source);
	json_decref(schema->root);
	free(schema);
}
