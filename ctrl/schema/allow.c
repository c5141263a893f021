/* SPDX-License-Identifier: BSD-3-Clause */
/* The keywords that a value can be held against without looking at what is in it. */
#include "allow.h"

#define CHARACTER_BYTES_MAX 4 /* RFC 3629, section 3 */

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

static json_int_t
characters_count(const char *text)
{
	json_int_t count = 0;

	for (; *text; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

/* Characters are counted only where the number of bytes does not decide. */
static bool
length_allowed(const struct schema_range *range, const char *text, size_t bytes)
{
	const json_int_t most = (json_int_t)bytes;
	const json_int_t least = (most + CHARACTER_BYTES_MAX - 1) / CHARACTER_BYTES_MAX;

	return (least >= range->low && most <= range->high) ||
	       in_range(range, characters_count(text));
}

static bool
string_allowed(const struct schema_node *node, const json_t *value)
{
	const char *text = json_string_value(value);

	return length_allowed(&node->characters, text, json_string_length(value)) &&
	       (!node->pattern || pattern_match(node->pattern, text)) &&
	       (!node->format || node->format(text));
}

/* The bounds of numbers, lengths and item counts. */
static bool
bounds_allowed(const struct schema_node *node, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_INTEGER:
		return in_range(&node->number, json_integer_value(value));
	case JSON_REAL:
		return json_real_value(value) >= node->real_low &&
		       json_real_value(value) <= node->real_high;
	case JSON_ARRAY:
		return in_range(&node->n_items, (json_int_t)json_array_size(value));
	case JSON_STRING:
		return string_allowed(node, value);
	default:
		return true;
	}
}

bool
value_allowed(const struct schema_node *node, const json_t *value)
{
	return (node->types >> json_typeof(value) & 1) &&
	       (!node->choices || choice_allowed(node->choices, value)) &&
	       bounds_allowed(node, value);
}
