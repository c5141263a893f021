/* SPDX-License-Identifier: BSD-3-Clause */
/* Builds texts in fixed room: a refusal must not fail for want of memory. */
#include "describe.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
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

/* The character at the head of a text in UTF-8 (RFC 3629) and its bytes; 0 bytes: there is none. */
static unsigned
character_read(const char *text, uint32_t *character)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000}; /* of that many bytes */
	const unsigned char first = (unsigned char)text[0];
	const unsigned bytes = first < 0x80	    ? 1
			       : first >> 5 == 0x6  ? 2
			       : first >> 4 == 0xe  ? 3
			       : first >> 3 == 0x1e ? 4
						    : 0;
	uint32_t value = bytes > 1 ? first & (0x7fU >> bytes) : first;
	unsigned i;

	for (i = 1; i < bytes; i++) {
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | ((unsigned char)text[i] & 0x3f);
	}
	*character = value;
	return value < least[bytes] || value > 0x10ffff || value >> 11 == 0x1b ? 0 : bytes;
}

/* ISO 6429 for C0 and C1; the Unicode bidirectional algorithm, UAX #9 section 2, for marks. */
static bool
character_is_safe(uint32_t character)
{
	return character >= 0x20 && !(character >= 0x7f && character <= 0x9f) &&
	       character != 0x61c && character != 0x200e && character != 0x200f &&
	       !(character >= 0x2028 && character <= 0x202e) &&
	       !(character >= 0x2066 && character <= 0x2069);
}

size_t
describe_safe_head(const char *text)
{
	uint32_t character;
	size_t length = 0;
	unsigned bytes;

	while ((bytes = character_read(text + length, &character)) > 0 &&
		character_is_safe(character))
		length += bytes;
	return length;
}

void
describe_safe(const char *text, char *out, size_t size)
{
	char piece[8];
	uint32_t character;
	unsigned bytes;
	size_t length;

	for (; *text; text += bytes ? bytes : 1) {
		bytes = character_read(text, &character);
		if (!bytes)
			snprintf(piece, sizeof(piece), "\\x%02x", (unsigned char)*text);
		else if (character_is_safe(character))
			snprintf(piece, sizeof(piece), "%.*s", (int)bytes, text);
		else
			snprintf(piece, sizeof(piece), "\\u%04x", character);
		length = strlen(piece);
		if (length >= size)
			break;
		memcpy(out, piece, length);
		out += length;
		size -= length;
	}
	*out = '\0';
}

char *
describe_safe_copy(const char *text)
{
	const size_t size = strlen(text) * strlen("\\u0000") + 1;
	char *copy = malloc(size);

	if (copy)
		describe_safe(text, copy, size);
	return copy;
}
