/* SPDX-License-Identifier: BSD-3-Clause */
/* The keywords that a value can be held against without looking at what is in it. */
#include "allow.h"

#include <string.h>

#include "pattern.h"

static bool
type_matches(const char *type, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return !strcmp(type, "object");
	case JSON_ARRAY:
		return !strcmp(type, "array");
	case JSON_STRING:
		return !strcmp(type, "string");
	case JSON_INTEGER:
		return !strcmp(type, "integer") || !strcmp(type, "number");
	case JSON_TRUE:
	case JSON_FALSE:
		return !strcmp(type, "boolean");
	case JSON_NULL:
		return !strcmp(type, "null");
	case JSON_REAL:
		return !strcmp(type, "number");
	}
	return false;
}

static bool
type_allowed(const json_t *schema, const json_t *value)
{
	const json_t *type = json_object_get(schema, "type");
	const json_t *item;
	size_t i;

	if (!type)
		return true;
	if (json_is_string(type))
		return type_matches(json_string_value(type), value);
	json_array_foreach (type, i, item)
		if (type_matches(json_string_value(item), value))
			return true;
	return false;
}

static bool
enum_allowed(const json_t *schema, const json_t *value)
{
	const json_t *choices = json_object_get(schema, "enum");
	const json_t *item;
	size_t i;

	if (!choices)
		return true;
	json_array_foreach (choices, i, item)
		if (json_equal(item, value))
			return true;
	return false;
}

/* Whether number lies between the bounds that the schema has under these keywords. */
static bool
range_allowed(const json_t *schema, const char *low, const char *high, json_int_t number)
{
	const json_t *from = json_object_get(schema, low);
	const json_t *to = json_object_get(schema, high);

	return !(from && number < json_integer_value(from)) &&
	       !(to && number > json_integer_value(to));
}

static json_int_t
characters_count(const char *text)
{
	json_int_t count = 0;

	for (; *text; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

static bool
string_allowed(const json_t *schema, const char *text)
{
	const char *pattern = json_string_value(json_object_get(schema, "pattern"));
	const char *format = json_string_value(json_object_get(schema, "format"));

	return range_allowed(schema, "minLength", "maxLength", characters_count(text)) &&
	       (!pattern || pattern_match(pattern, text)) &&
	       (!format || format_match(format, text));
}

static bool
real_allowed(const json_t *schema, double number)
{
	const json_t *from = json_object_get(schema, "minimum");
	const json_t *to = json_object_get(schema, "maximum");

	return !(from && number < json_number_value(from)) &&
	       !(to && number > json_number_value(to));
}

/* The bounds of numbers, lengths and item counts. */
static bool
bounds_allowed(const json_t *schema, const json_t *value)
{
	json_int_t items = (json_int_t)json_array_size(value);

	if (json_is_integer(value))
		return range_allowed(schema, "minimum", "maximum", json_integer_value(value));
	if (json_is_real(value))
		return real_allowed(schema, json_real_value(value));
	if (json_is_array(value))
		return range_allowed(schema, "minItems", "maxItems", items);
	return !json_is_string(value) || string_allowed(schema, json_string_value(value));
}

bool
value_allowed(const json_t *schema, const json_t *value)
{
	return type_allowed(schema, value) && enum_allowed(schema, value) &&
	       bounds_allowed(schema, value);
}
