/* SPDX-License-Identifier: BSD-3-Clause */
/* See text.h. */
#include "cli/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "cli/endpoint.h"

void
text_clear(struct text *text)
{
	text->length = 0;
	text->s[0] = '\0';
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

const char *
text_match(struct text *text, const json_t *match)
{
	const uint64_t vlan = member_number(match, "vlan");

	text_clear(text);
	text_add(text, "%s ", member_text(match, "port"));
	if (vlan != 0)
		text_add(text, "vlan %" PRIu64 " ", vlan);
	if (json_object_get(match, "src") != NULL)
		add_endpoint(text, match, "src");
	else
		text_add(text, "any");
	text_add(text, " > ");
	add_endpoint(text, match, "dst");
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
