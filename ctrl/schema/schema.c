/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A schema is made ready as plain C: a node for each schema object, its keywords as numbers, its
 * members as a table. One that is referred to twice is one node, which is known before its parts
 * are, so references may be round. A check walks value and nodes side by side. Where it stands is a
 * chain on the stack that becomes a pointer only when something is refused, so a good value costs
 * no text. Refusals are built in fixed room, so that they do not fail for want of memory.
 */
#include "schema/schema.h"

#include <ctype.h>
#include <errno.h>
#include <regex.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/addr.h"
#include "base/escape.h"
#include "base/json.h"

#define WORDS_MAX 256
#define FRACTION_SCALE_MAX 1000000000 /* nine digits */
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
	struct pattern *pattern; /* owned; NULL: none */
	const struct format *format; /* NULL: none */
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
	bool required;
};

struct schema {
	json_t *root;
	json_t *source;
	struct schema_node *nodes;
	const struct schema_node *top;
	bool leave_items; /* objects in arrays get no defaults */
};

/* A POSIX extended regular expression. */
struct pattern {
	regex_t regex;
	bool is_set; /* ^[set]+$, the commonest: the bytes are looked up instead */
	bool set[256]; /* never the terminator */
};

/* NULL, when it is not valid or without memory. */
static struct pattern *
pattern_create(const char *expression)
{
	const size_t bytes = strlen(expression);
	struct pattern *pattern = calloc(1, sizeof(*pattern));

	if (!pattern || regcomp(&pattern->regex, expression, REG_EXTENDED | REG_NOSUB) != 0) {
		free(pattern);
		return NULL;
	}
	pattern->is_set = bytes > 5 && strncmp(expression, "^[", 2) == 0 &&
			  strcspn(expression + 2, "[]") == bytes - 5 &&
			  strcmp(expression + bytes - 3, "]+$") == 0;
	for (unsigned c = 1; pattern->is_set && c < 256; c++)
		pattern->set[c] =
			!regexec(&pattern->regex, (const char[]){(char)c, '\0'}, 0, NULL, 0);
	return pattern;
}

static void
pattern_destroy(struct pattern *pattern)
{
	if (pattern)
		regfree(&pattern->regex);
	free(pattern);
}

static bool
pattern_match(const struct pattern *pattern, const char *text)
{
	const char *end = text;

	if (!pattern->is_set)
		return !regexec(&pattern->regex, text, 0, NULL, 0);
	while (pattern->set[(unsigned char)*end])
		end++;
	return end > text && !*end;
}

static bool
ip_match(const char *text)
{
	uint8_t bytes[16];

	return address_parse(text, bytes) != 0;
}

static bool
mac_match(const char *text)
{
	uint8_t mac[6];

	return mac_parse(text, mac) == 0;
}

static const struct format {
	const char *name;
	bool (*match)(const char *text);
	const char *words;
} formats[] = {
	{"ip", ip_match, "an IPv4 or IPv6 address"},
	{"mac", mac_match, "a MAC address such as 02:00:5e:00:53:01"},
};

/* NULL: no such format. */
static const struct format *
format_find(const char *name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!strcmp(formats[i].name, name))
			return &formats[i];
	return NULL;
}

static bool
choice_allowed(const json_t *choices, const json_t *value)
{
	const json_t *item;
	size_t i;

	json_array_foreach (choices, i, item)
		if (json_equal(item, value))
			return true;
	return false;
}

static bool
in_range(const struct schema_range *range, json_int_t number)
{
	return number >= range->low && number <= range->high;
}

static bool
string_allowed(const struct schema_node *node, const char *text, size_t bytes)
{
	json_int_t count = 0;

	for (size_t i = 0; i < bytes; i++)
		count += ((unsigned char)text[i] & 0xc0) != 0x80; /* RFC 3629, section 3 */
	return in_range(&node->characters, count) &&
	       (!node->pattern || pattern_match(node->pattern, text)) &&
	       (!node->format || node->format->match(text));
}

/* The bounds of numbers, lengths and item counts. */
static bool
bounds_allowed(const struct schema_node *node, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_INTEGER:
		return in_range(&node->number, json_integer_value(value));
	case JSON_REAL:
		return json_real_value(value) >= (double)node->number.low &&
		       json_real_value(value) <= (double)node->number.high;
	case JSON_ARRAY:
		return in_range(&node->n_items, (json_int_t)json_array_size(value));
	case JSON_STRING:
		return string_allowed(node, json_string_value(value), json_string_length(value));
	default:
		return true;
	}
}

/* Whether a value matches its schema, without its items and members. */
static bool
value_allowed(const struct schema_node *node, const json_t *value)
{
	return (node->types >> json_typeof(value) & 1) &&
	       (!node->choices || choice_allowed(node->choices, value)) &&
	       bounds_allowed(node, value);
}

static const struct type {
	const char *name;
	uint8_t bits;
	const char *words;
	const char *low, *high; /* keywords of its bounds; NULL: none */
	const char *unit; /* of these */
} types[] = {
	{"object", 1 << JSON_OBJECT, "an object", NULL, NULL, NULL},
	{"array", 1 << JSON_ARRAY, "an array", "minItems", "maxItems", " items"},
	{"string", 1 << JSON_STRING, "a string", "minLength", "maxLength", " characters"},
	{"integer", 1 << JSON_INTEGER, "an integer", "minimum", "maximum", ""},
	{"number", 1 << JSON_INTEGER | 1 << JSON_REAL, "a number", "minimum", "maximum", ""},
	{"boolean", 1 << JSON_TRUE | 1 << JSON_FALSE, "true or false", NULL, NULL, NULL},
	{"null", 1 << JSON_NULL, "null", NULL, NULL, NULL},
};

/* NULL: no such type. */
static const struct type *
type_find(const char *name)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(types[i].name, name))
			return &types[i];
	return NULL;
}

static const struct schema_node *node_of(
	struct schema *schema, const json_t *source, struct fault *fault);

/* Always returns -1. */
static int
no_memory(struct fault *fault)
{
	return fault_set(fault, FAULT_INTERNAL, "", "no memory for a schema");
}

static uint8_t
type_bits(const json_t *type)
{
	const struct type *found = json_is_string(type) ? type_find(json_string_value(type)) : NULL;
	const json_t *item;
	uint8_t bits = found ? found->bits : 0;
	size_t i;

	if (!type)
		return UINT8_MAX;
	json_array_foreach (type, i, item)
		bits |= type_bits(item);
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
members_fill(struct schema *schema, struct schema_node *node, struct fault *fault)
{
	json_t *properties = json_object_get(node->source, "properties"), *source;
	const char *name;

	if (json_object_size(properties) > SCHEMA_MEMBERS_MAX)
		return fault_set(fault, FAULT_INTERNAL, "",
			"the schema is broken: %zu members in an object, expected at most %d",
			json_object_size(properties), SCHEMA_MEMBERS_MAX);
	node->members = calloc(json_object_size(properties) + 1, sizeof(node->members[0]));
	if (!node->members)
		return no_memory(fault);
	json_object_foreach (properties, name, source) {
		struct schema_member *member = &node->members[node->n_members++];

		member->name = name;
		member->name_bytes = strlen(name);
		member->required = name_required(node->source, name);
		member->node = node_of(schema, source, fault);
		if (!member->node)
			return -1;
		member->preset = json_object_get(member->node->source, "default");
	}
	return 0;
}

static int
node_fill(struct schema *schema, struct schema_node *node, struct fault *fault)
{
	const json_t *source = node->source;
	const json_t *items = json_object_get(source, "items");
	const json_t *others = json_object_get(source, "additionalProperties");
	const char *pattern = json_string_value(json_object_get(source, "pattern"));
	const char *format = json_string_value(json_object_get(source, "format"));

	node->types = type_bits(json_object_get(source, "type"));
	node->choices = json_object_get(source, "enum");
	node->unit = json_string_value(json_object_get(source, "x-unit"));
	node->number = range_of(source, "minimum", "maximum");
	node->characters = range_of(source, "minLength", "maxLength");
	node->n_items = range_of(source, "minItems", "maxItems");
	node->closed = json_is_false(others);
	node->format = format ? format_find(format) : NULL;
	node->pattern = pattern ? pattern_create(pattern) : NULL;
	if ((format && !node->format) || (pattern && !node->pattern))
		return fault_set(fault, FAULT_INTERNAL, "",
			"the schema is broken: found %s, expected a known format or a valid "
			"pattern",
			pattern && !node->pattern ? pattern : format);
	if ((items && !(node->items = node_of(schema, items, fault))) ||
		(json_is_object(others) && !(node->others = node_of(schema, others, fault))))
		return -1;
	return members_fill(schema, node, fault);
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
node_of(struct schema *schema, const json_t *source, struct fault *fault)
{
	const json_t *found = source_resolve(schema->root, source);
	struct schema_node *node = schema->nodes;

	if (!json_is_object(found)) {
		const char *ref = json_string_value(json_object_get(source, "$ref"));

		fault_set(fault, FAULT_INTERNAL, "",
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
		no_memory(fault);
		return NULL;
	}
	node->source = found;
	node->next = schema->nodes;
	schema->nodes = node;
	return node_fill(schema, node, fault) ? NULL : node;
}

struct schema *
schema_create(json_t *root, json_t *source, struct fault *fault)
{
	struct schema *schema = calloc(1, sizeof(*schema));

	if (!schema) {
		no_memory(fault);
		return NULL;
	}
	schema->root = json_incref(root);
	schema->source = json_incref(source);
	schema->top = node_of(schema, source, fault);
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

/* " from 1 to 9", " of 1 to 9 items", " of 2 items", " of at least 1", " of at most 9 items". */
static void
append_range(const json_t *low, const json_t *high, const char *unit, char *out, size_t size)
{
	const char *link = *unit ? "of" : "from";
	long long from = json_integer_value(low);
	long long to = json_integer_value(high);

	if (low && high && from == to)
		text_append(out, size, " of %lld%s", to, unit);
	else if (low && high)
		text_append(out, size, " %s %lld to %lld%s", link, from, to, unit);
	else if (low)
		text_append(out, size, " of at least %lld%s", from, unit);
	else if (high)
		text_append(out, size, " of at most %lld%s", to, unit);
}

/* What else than digits may say the number. */
static void
append_unit(const char *unit, char *out, size_t size)
{
	static const char *const texts[][2] = {{"s", "a time as 90s or 5m"},
		{"ms", "a time as 500ms or 2s"}, {"decimal", "a text as 64k or 2.5M"},
		{"dscp", "a name as EF, AF41 or CS3"}};

	for (size_t i = 0; unit && i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (!strcmp(unit, texts[i][0]))
			text_append(out, size, ", or %s", texts[i][1]);
	}
}

static void
append_type(const json_t *schema, const char *name, char *out, size_t size)
{
	const struct type *type = type_find(name);
	const char *format = json_string_value(json_object_get(schema, "format"));
	const char *pattern = json_string_value(json_object_get(schema, "pattern"));
	const bool is_string = type->bits & 1 << JSON_STRING;

	if (is_string && format) {
		text_append(out, size, "%s", format_find(format)->words);
		return;
	}
	text_append(out, size, "%s", type->words);
	if (type->low)
		append_range(json_object_get(schema, type->low),
			json_object_get(schema, type->high), type->unit, out, size);
	if (type->bits & 1 << JSON_INTEGER)
		append_unit(json_string_value(json_object_get(schema, "x-unit")), out, size);
	if (is_string && pattern)
		text_append(out, size, " matching %s", pattern);
}

/* `an integer from 0 to 4094`, `one of "a", "b"`. */
static void
describe_expected(const json_t *schema, char *out, size_t size)
{
	const json_t *choices = json_object_get(schema, "enum");
	const json_t *type = json_object_get(schema, "type");
	const json_t *item;
	char text[WORDS_MAX];
	size_t i;

	out[0] = '\0';
	if (choices) {
		text_append(out, size, "one of ");
		json_array_foreach (choices, i, item) {
			json_describe(item, text, sizeof(text));
			text_append(out, size, "%s%s", i ? ", " : "", text);
		}
	} else if (json_is_array(type)) {
		json_array_foreach (type, i, item) {
			text_append(out, size, "%s", i ? " or " : "");
			append_type(schema, json_string_value(item), out, size);
		}
	} else if (type) {
		append_type(schema, json_string_value(type), out, size);
	}
}

/* What every step of a check needs. */
struct check {
	struct fault *fault;
	bool leave_items; /* objects in arrays get no defaults */
};

static int node_check(const struct check *check, const struct schema_node *node, json_t *value,
	const struct json_path *path, bool fill);

/* Always returns -1. */
static int __attribute__((format(printf, 4, 5))) refuse(struct fault *fault,
	const struct json_path *path, enum fault_code code, const char *format, ...)
{
	char pointer[FAULT_POINTER_MAX], message[FAULT_MESSAGE_MAX];
	va_list args;

	json_path_pointer(path, pointer, sizeof(pointer));
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	return fault_set(fault, code, pointer, "%s", message);
}

/* value NULL: missing. */
static int
refuse_value(const struct schema_node *node, const json_t *value, const struct json_path *path,
	struct fault *fault)
{
	char expected[WORDS_MAX], found[WORDS_MAX] = "missing";

	if (value)
		json_describe(value, found, sizeof(found));
	describe_expected(node->source, expected, sizeof(expected));
	return refuse(fault, path, FAULT_INVALID_PARAMS, "%s%s, expected %s", value ? "found " : "",
		found, expected);
}

static int
refuse_unknown(const struct schema_node *node, const struct json_path *path, struct fault *fault)
{
	json_t *properties = json_object_get(node->source, "properties"), *property;
	char members[WORDS_MAX] = "";
	const char *name;

	json_object_foreach (properties, name, property)
		text_append(members, sizeof(members), "%s%s", members[0] ? ", " : "", name);
	return refuse(fault, path, FAULT_INVALID_PARAMS, "unknown member, expected %s%s",
		members[0] ? "one of: " : "none", members);
}

static int
items_check(const struct check *check, const struct schema_node *node, const json_t *array,
	const struct json_path *path, bool fill)
{
	struct json_path inner = {.parent = path};
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
	json_t **values, const struct json_path *path, bool fill)
{
	struct json_path inner = {.parent = path};
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
	const struct json_path *path)
{
	json_t *value = json_deep_copy(member->preset);

	if (json_object_setn_new_nocheck(object, member->name, member->name_bytes, value))
		return refuse(check->fault, path, FAULT_INTERNAL, "out of memory");
	return node_check(check, member->node, value, path, true);
}

static int
object_check(const struct check *check, const struct schema_node *node, json_t *object,
	const struct json_path *path, bool fill)
{
	struct json_path inner = {.parent = path};
	json_t *values[SCHEMA_MEMBERS_MAX];
	int rc;

	memset(values, 0, node->n_members * sizeof(values[0]));
	rc = members_sort(check, node, object, values, path, fill);
	for (size_t i = 0; i < node->n_members && rc == 0; i++) {
		const struct schema_member *member = &node->members[i];

		inner.member = member->name;
		if (values[i])
			rc = node_check(check, member->node, values[i], &inner, fill);
		else if (member->preset)
			rc = fill ? preset_fill(check, member, object, &inner) : 0;
		else if (member->required)
			rc = refuse_value(member->node, NULL, &inner, check->fault);
	}
	return rc;
}

static int
node_check(const struct check *check, const struct schema_node *node, json_t *value,
	const struct json_path *path, bool fill)
{
	if (!value_allowed(node, value))
		return refuse_value(node, value, path, check->fault);
	if (json_is_array(value) && node->items)
		return items_check(check, node, value, path, fill);
	if (json_is_object(value))
		return object_check(check, node, value, path, fill);
	return 0;
}

int
schema_check(const struct schema *schema, json_t *value, struct fault *fault)
{
	const struct check check = {.fault = fault, .leave_items = schema->leave_items};
	const struct json_path top = {0};

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

/* The contracts. */

/* What embed-json makes of the documents: compact JSON, not terminated. */
extern const char embedded_sluice_rpc[];
extern const unsigned embedded_sluice_rpc_bytes;
extern const char embedded_sluice_config[];
extern const unsigned embedded_sluice_config_bytes;
extern const char embedded_sluice_profile[];
extern const unsigned embedded_sluice_profile_bytes;

json_t *
schema_rpc_document(void)
{
	static json_t *document;

	if (!document)
		document = json_loadb(embedded_sluice_rpc, embedded_sluice_rpc_bytes, 0, NULL);
	return document;
}

json_t *
schema_config_document(void)
{
	static json_t *document;

	if (!document)
		document =
			json_loadb(embedded_sluice_config, embedded_sluice_config_bytes, 0, NULL);
	return document;
}

json_t *
schema_profile_document(void)
{
	static json_t *document;

	if (!document)
		document =
			json_loadb(embedded_sluice_profile, embedded_sluice_profile_bytes, 0, NULL);
	return document;
}

json_t *
schema_component(const json_t *document, const char *name)
{
	const json_t *components = json_object_get(document, "components");

	return json_object_get(json_object_get(components, "schemas"), name);
}

json_t *
schema_method_find(const json_t *document, const char *name)
{
	json_t *method;
	size_t i;

	json_array_foreach (json_object_get(document, "methods"), i, method) {
		const char *found = json_string_value(json_object_get(method, "name"));

		if (found && !strcmp(found, name))
			return method;
	}
	return NULL;
}

json_t *
schema_method_params(const json_t *method)
{
	json_t *params = json_object_get(method, "params");
	json_t *properties = json_object();
	json_t *required = json_array();
	json_t *param;
	size_t i;

	json_array_foreach (params, i, param) {
		json_t *name = json_object_get(param, "name");

		json_object_set(
			properties, json_string_value(name), json_object_get(param, "schema"));
		if (json_is_true(json_object_get(param, "required")))
			json_array_append(required, name);
	}
	if (!json_is_array(params) || json_object_size(properties) != json_array_size(params)) {
		json_decref(properties);
		json_decref(required);
		return NULL;
	}
	return json_pack("{s:s, s:b, s:o, s:o}", "type", "object", "additionalProperties", 0,
		"properties", properties, "required", required);
}

/* Texts that stand for numbers. */

struct suffix {
	const char *name;
	uint64_t factor; /* up to 10^9 */
};

/* Digits, with a fraction of up to nine of them or none, and a suffix out of a table. */
static int
scaled_parse(const char *text, const struct suffix *suffixes, uint64_t *number)
{
	uint64_t fraction = 0, scale = 1, sum, whole;
	char *end;

	errno = 0;
	whole = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || errno)
		return -EINVAL;
	if (end[0] == '.' && isdigit((unsigned char)end[1])) {
		for (end++; isdigit((unsigned char)*end) && scale < FRACTION_SCALE_MAX;
			end++, scale *= 10)
			fraction = 10 * fraction + (uint64_t)(*end - '0');
	}
	while (suffixes->name && strcmp(end, suffixes->name) != 0)
		suffixes++;
	fraction *= suffixes->factor;
	if (!suffixes->name || fraction % scale != 0 ||
		__builtin_mul_overflow(whole, suffixes->factor, &sum) ||
		__builtin_add_overflow(sum, fraction / scale, &sum))
		return -EINVAL;
	*number = sum;
	return 0;
}

int
quantity_parse(const char *text, uint64_t *number)
{
	static const struct suffix suffixes[] = {
		{"", 1}, {"k", 1000}, {"M", 1000000}, {"G", 1000000000}, {NULL, 0}};

	return scaled_parse(text, suffixes, number);
}

int
time_parse(const char *text, uint64_t plain_ms, uint64_t *milliseconds)
{
	const struct suffix suffixes[] = {{"", plain_ms}, {"ms", 1}, {"s", 1000}, {"m", 60000},
		{"h", 3600000}, {"d", 86400000}, {NULL, 0}};

	return scaled_parse(text, suffixes, milliseconds);
}

/*
 * A number to 63, or a name of RFC 2474, 2597, 3246, 5865 or 8622: "EF", "AF41", "CS3", "VA",
 * "LE", "BE", "DF", in letters of either case.
 */
static int
dscp_parse(const char *text, unsigned *dscp)
{
	static const struct {
		const char *name;
		unsigned dscp;
	} names[] = {{"EF", 46}, {"VA", 44}, {"LE", 1}, {"BE", 0}, {"DF", 0}};
	char class[2], drop[2];
	int end = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcasecmp(text, names[i].name) == 0) {
			*dscp = names[i].dscp;
			return 0;
		}
	}
	if (isdigit((unsigned char)text[0]))
		sscanf(text, "%2u%n", dscp, &end);
	else if (sscanf(text, "%*1[Cc]%*1[Ss]%1[0-7]%n", class, &end) == 1)
		*dscp = 8 * (unsigned)(class[0] - '0');
	/* RFC 2597, section 6: class 1 to 4, drop precedence 1 to 3. */
	else if (sscanf(text, "%*1[Aa]%*1[Ff]%1[1-4]%1[1-3]%n", class, drop, &end) == 2)
		*dscp = 8 * (unsigned)(class[0] - '0') + 2 * (unsigned)(drop[0] - '0');
	else
		return -EINVAL;
	return text[end] == '\0' && *dscp <= 63 ? 0 : -EINVAL;
}

json_t *
unit_value(const char *unit, const char *text)
{
	const bool is_seconds = !strcmp(unit, "s");
	uint64_t number;
	unsigned dscp;

	if (!strcmp(unit, "dscp"))
		return dscp_parse(text, &dscp) == 0 ? json_integer(dscp) : NULL;
	if (!strcmp(unit, "decimal")) {
		if (quantity_parse(text, &number) < 0 || number > INT64_MAX)
			return NULL;
		return json_integer((json_int_t)number);
	}
	if (time_parse(text, is_seconds ? 1000 : 1, &number) < 0 ||
		(is_seconds && number % 1000 != 0))
		return NULL;
	return json_integer((json_int_t)(is_seconds ? number / 1000 : number));
}
