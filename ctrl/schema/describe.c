/* SPDX-License-Identifier: BSD-3-Clause */
/* Builds texts in fixed room: a refusal must not fail for want of memory. */
#include "describe.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pattern.h"

#define FOUND_CHARACTERS 48 /* of a string that is quoted in a message */

static void append(char *out, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void
append(char *out, size_t size, const char *format, ...)
{
	size_t used = strlen(out);
	va_list args;

	va_start(args, format);
	vsnprintf(out + used, size - used, format, args);
	va_end(args);
}

/* As JSON, in ASCII: what a client sends must not reach a terminal as control characters. */
static void
append_json(const json_t *value, char *out, size_t size)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);

	append(out, size, "%s", text ? text : "a value");
	free(text);
}

static void
append_string(const json_t *value, char *out, size_t size)
{
	const char *text = json_string_value(value);
	size_t bytes = json_string_length(value);
	json_t *cut;

	if (bytes <= FOUND_CHARACTERS) {
		append_json(value, out, size);
		return;
	}
	bytes = FOUND_CHARACTERS;
	while (bytes && ((unsigned char)text[bytes] & 0xc0) == 0x80)
		bytes--; /* not in the middle of a character (RFC 3629) */
	cut = json_stringn(text, bytes);
	append_json(cut, out, size);
	append(out, size, "... (%zu bytes)", json_string_length(value));
	json_decref(cut);
}

void
describe_found(const json_t *value, char *out, size_t size)
{
	size_t items = json_array_size(value);

	out[0] = '\0';
	if (json_is_string(value))
		append_string(value, out, size);
	else if (json_is_array(value))
		append(out, size, "an array of %zu item%s", items, items == 1 ? "" : "s");
	else if (json_is_object(value))
		append(out, size, "an object");
	else
		append_json(value, out, size);
}

/* " from 1 to 9", " of 1 to 9 items", " of at least 1", " of at most 9 items". */
static void
append_range(const json_t *low, const json_t *high, const char *unit, char *out, size_t size)
{
	const char *link = *unit ? "of" : "from";
	long long from = json_integer_value(low);
	long long to = json_integer_value(high);

	if (low && high)
		append(out, size, " %s %lld to %lld%s", link, from, to, unit);
	else if (low)
		append(out, size, " of at least %lld%s", from, unit);
	else if (high)
		append(out, size, " of at most %lld%s", to, unit);
}

static void
append_string_schema(const json_t *schema, char *out, size_t size)
{
	const char *format = json_string_value(json_object_get(schema, "format"));
	const char *pattern = json_string_value(json_object_get(schema, "pattern"));

	if (format) {
		const char *words = format_words(format);

		append(out, size, "%s", words ? words : format);
		return;
	}
	append(out, size, "a string");
	append_range(json_object_get(schema, "minLength"), json_object_get(schema, "maxLength"),
		" characters", out, size);
	if (pattern)
		append(out, size, " matching %s", pattern);
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
			append(out, size, ", or %s", texts[i][1]);
	}
}

static void
append_type(const json_t *schema, const char *type, char *out, size_t size)
{
	if (!strcmp(type, "integer") || !strcmp(type, "number")) {
		append(out, size, type[0] == 'i' ? "an integer" : "a number");
		append_range(json_object_get(schema, "minimum"), json_object_get(schema, "maximum"),
			"", out, size);
		append_unit(json_string_value(json_object_get(schema, "x-unit")), out, size);
	} else if (!strcmp(type, "array")) {
		append(out, size, "an array");
		append_range(json_object_get(schema, "minItems"),
			json_object_get(schema, "maxItems"), " items", out, size);
	} else if (!strcmp(type, "string")) {
		append_string_schema(schema, out, size);
	} else if (!strcmp(type, "boolean")) {
		append(out, size, "true or false");
	} else if (!strcmp(type, "object")) {
		append(out, size, "an object");
	} else {
		append(out, size, "%s", type);
	}
}

void
describe_expected(const json_t *schema, char *out, size_t size)
{
	const json_t *choices = json_object_get(schema, "enum");
	const json_t *type = json_object_get(schema, "type");
	const json_t *item;
	size_t i;

	out[0] = '\0';
	if (choices) {
		append(out, size, "one of ");
		json_array_foreach (choices, i, item) {
			append(out, size, "%s", i ? ", " : "");
			append_json(item, out, size);
		}
	} else if (json_is_array(type)) {
		json_array_foreach (type, i, item) {
			append(out, size, "%s", i ? " or " : "");
			append_type(schema, json_string_value(item), out, size);
		}
	} else if (type) {
		append_type(schema, json_string_value(type), out, size);
	}
}

void
describe_members(json_t *object, char *out, size_t size)
{
	const json_t *value;
	const char *name;

	out[0] = '\0';
	json_object_foreach (object, name, value)
		append(out, size, "%s%s", out[0] ? ", " : "", name);
}

static void
append_member(const char *member, char *out, size_t size)
{
	append(out, size, "/");
	for (; *member && strlen(out) + 1 < size; member++) {
		if (*member == '~')
			append(out, size, "~0");
		else if (*member == '/')
			append(out, size, "~1");
		else
			append(out, size, "%c", *member);
	}
}

static void
append_place(const struct place *place, char *out, size_t size)
{
	if (!place->parent)
		return;
	append_place(place->parent, out, size);
	if (place->member)
		append_member(place->member, out, size);
	else
		append(out, size, "/%zu", place->index);
}

void
place_pointer(const struct place *place, char *out, size_t size)
{
	out[0] = '\0';
	append_place(place, out, size);
}
