/* SPDX-License-Identifier: BSD-3-Clause */
/* See text.h. */
#include "cli/text.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "cli/cli.h"
#include "cli/endpoint.h"
#include "cli/paint.h"

/* Bytes of a character in UTF-8 behind its first, RFC 3629 section 3. */
static const char continuation[] =
	"\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f"
	"\x90\x91\x92\x93\x94\x95\x96\x97\x98\x99\x9a\x9b\x9c\x9d\x9e\x9f"
	"\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf"
	"\xb0\xb1\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xbb\xbc\xbd\xbe\xbf";

void
text_clear(struct text *text)
{
	text->length = 0;
	text->s[0] = '\0';
}

/* Bytes of a text without a last character that may be half of one (RFC 3629, section 3). */
static size_t
utf8_cut(const char *text, size_t length)
{
	size_t first = length;

	while (first > 0 && ((unsigned char)text[first - 1] & 0xc0) == 0x80)
		first--;
	return first > 0 && (unsigned char)text[first - 1] >= 0xc0 ? first - 1 : length;
}

void
text_add(struct text *text, const char *format, ...)
{
	const size_t left = sizeof(text->s) - text->length;
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(text->s + text->length, left, format, args);
	va_end(args);
	if (length > 0)
		text->length += (size_t)length < left ? (size_t)length : left - 1;
	if (length >= 0 && (size_t)length >= left)
		text->length = utf8_cut(text->s, text->length);
	text->s[text->length] = '\0';
}

/* Of the character at the head of a text; what is no character, or unknown, takes one column. */
static unsigned
character_columns(const char *text, size_t *bytes)
{
	mbstate_t state = {0};
	wchar_t character;
	int columns;

	*bytes = mbrtowc(&character, text, MB_LEN_MAX, &state);
	if (*bytes <= MB_LEN_MAX) {
		columns = wcwidth(character);
		return columns < 0 ? 1 : (unsigned)columns;
	}
	*bytes = 1 + strspn(text + 1, continuation);
	return 1;
}

/* Bytes of a text up to its end, or to the character that goes past so many columns. */
static size_t
text_measure(const char *text, size_t room, size_t *columns)
{
	size_t length = 0, bytes;
	unsigned wide;

	for (*columns = 0; text[length] != '\0'; length += bytes, *columns += wide) {
		wide = character_columns(text + length, &bytes);
		if (*columns + wide > room)
			break;
	}
	return length;
}

size_t
text_columns(const char *text)
{
	size_t columns;

	text_measure(text, SIZE_MAX - 1, &columns);
	return columns;
}

size_t
text_fit(const char *text, size_t columns)
{
	size_t used;

	return text_measure(text, columns, &used);
}

void
text_wrap(FILE *out, size_t columns, unsigned indent, const char *text)
{
	size_t kept = indent, length;

	columns = columns > indent ? columns : indent + 1;
	for (;; kept = 0) {
		length = text_fit(text, columns - (kept == 0 ? indent : 0));
		if (text[length] != '\0') {
			while (length > kept && text[length] != ' ')
				length--;
			if (length <= kept)
				length = kept + strcspn(text + kept, " ");
		}
		fprintf(out, "%*s%.*s\n", kept == 0 ? (int)indent : 0, "", (int)length, text);
		text += length + strspn(text + length, " ");
		if (*text == '\0')
			return;
	}
}

void
text_print(FILE *out, unsigned indent, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		cli_out_of_memory();
	va_end(args);
	text_wrap(out, paint_columns(out, SIZE_MAX), indent, text);
	free(text);
}

bool
member_is(const json_t *object, const char *name, const char *value)
{
	const char *string = json_string_value(json_object_get(object, name));

	return string != NULL && strcmp(string, value) == 0;
}

const char *
member_text(const json_t *object, const char *name)
{
	const char *string = json_string_value(json_object_get(object, name));

	return string != NULL ? string : "-";
}

uint64_t
member_number(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

static void
add_endpoint(struct text *text, const json_t *object, const char *name)
{
	char endpoint[ENDPOINT_TEXT_MAX], port[32];

	snprintf(port, sizeof(port), "%s_port", name);
	endpoint_format(member_text(object, name), (uint16_t)member_number(object, port), endpoint);
	text_add(text, "%s", endpoint);
}

static void
add_vlans(struct text *text, const json_t *object)
{
	const uint64_t outer = member_number(object, "outer_vlan");

	if (outer != 0)
		text_add(text, "%" PRIu64 ".", outer);
	text_add(text, "%" PRIu64, member_number(object, "vlan"));
}

static void
add_match(struct text *text, const json_t *match)
{
	text_add(text, "%s ", member_text(match, "port"));
	if (member_number(match, "vlan") != 0 || member_number(match, "outer_vlan") != 0) {
		text_add(text, "vlan ");
		add_vlans(text, match);
		text_add(text, " ");
	}
	if (json_object_get(match, "src") != NULL)
		add_endpoint(text, match, "src");
	else
		text_add(text, "any");
	text_add(text, " > ");
	add_endpoint(text, match, "dst");
}

/* "any", "192.0.2.0/24", "192.0.2.0/24:5000-5999", "any:5004" */
static void
add_range(struct text *text, const json_t *rule, const char *prefix, const char *ports)
{
	const json_t *range = json_object_get(rule, ports);
	const json_int_t first = json_integer_value(json_array_get(range, 0));
	const json_int_t last = json_integer_value(json_array_get(range, 1));
	const char *address = json_string_value(json_object_get(rule, prefix));

	if (address != NULL && strchr(address, ':') != NULL && range != NULL)
		text_add(text, "[%s]", address);
	else
		text_add(text, "%s", address != NULL ? address : "any");
	if (range != NULL)
		text_add(text, ":%" JSON_INTEGER_FORMAT, first);
	if (last != first)
		text_add(text, "-%" JSON_INTEGER_FORMAT, last);
}

static void
add_rule(struct text *text, const json_t *rule)
{
	text_add(text, "rule %" PRIu64 " ", member_number(rule, "priority"));
	if (json_object_get(rule, "family") != NULL)
		text_add(text, "IPv%" PRIu64 " ", member_number(rule, "family"));
	if (json_object_get(rule, "port") != NULL)
		text_add(text, "%s ", member_text(rule, "port"));
	if (json_object_get(rule, "outer_vlan") != NULL)
		text_add(text, "outer-vlan %" PRIu64 " ", member_number(rule, "outer_vlan"));
	if (json_object_get(rule, "vlan") != NULL)
		text_add(text, "vlan %" PRIu64 " ", member_number(rule, "vlan"));
	add_range(text, rule, "src", "src_ports");
	text_add(text, " > ");
	add_range(text, rule, "dst", "dst_ports");
}

const char *
text_match(struct text *text, const json_t *flow)
{
	const json_t *rule = json_object_get(flow, "rule");

	text_clear(text);
	if (rule != NULL)
		add_rule(text, rule);
	else
		add_match(text, json_object_get(flow, "match"));
	return text->s;
}

const char *
text_vlans(struct text *text, const json_t *object)
{
	text_clear(text);
	if (member_number(object, "vlan") != 0 || member_number(object, "outer_vlan") != 0)
		add_vlans(text, object);
	else
		text_add(text, "-");
	return text->s;
}

const char *
text_endpoint(struct text *text, const json_t *object, const char *name)
{
	text_clear(text);
	add_endpoint(text, object, name);
	return text->s;
}

const char *
text_number(struct text *text, const json_t *object, const char *name, const char *absent)
{
	text_clear(text);
	if (json_is_integer(json_object_get(object, name)))
		text_add(text, "%" PRIu64, member_number(object, name));
	else
		text_add(text, "%s", absent);
	return text->s;
}

const char *
text_drops(struct text *text, json_t *drops)
{
	const char *reason;
	json_t *count;

	text_clear(text);
	json_object_foreach (drops, reason, count) {
		if (json_integer_value(count) != 0)
			text_add(text, "%s%s=%" JSON_INTEGER_FORMAT, text->length > 0 ? " " : "",
				reason, json_integer_value(count));
	}
	if (text->length == 0)
		text_add(text, "-");
	return text->s;
}
