/* SPDX-License-Identifier: BSD-3-Clause */
#include "schema/json_writer.h"

#include <stdio.h>
#include <stdlib.h>

#define ROOM_FIRST 512 /* of a text: a flow of one leg fits */
#define DIGITS_MAX 20 /* of 64 bits, with the sign */

void
json_writer_init(struct json_writer *writer)
{
	memset(writer, 0, sizeof(*writer));
}

/* Where the next bytes go; NULL without memory. */
static char *
room_make(struct json_writer *writer, size_t bytes)
{
	size_t room = writer->room ? writer->room : ROOM_FIRST;
	char *text;

	if (writer->bytes + bytes <= writer->room)
		return writer->text + writer->bytes;
	while (room < writer->bytes + bytes)
		room *= 2;
	text = writer->failed ? NULL : realloc(writer->text, room);
	if (!text) {
		writer->failed = true;
		return NULL;
	}
	writer->text = text;
	writer->room = room;
	return text + writer->bytes;
}

char *
json_writer_take(struct json_writer *writer, size_t *bytes)
{
	char *end = room_make(writer, 1);

	if (writer->failed) {
		free(writer->text);
		writer->text = NULL;
		return NULL;
	}
	*end = '\0';
	*bytes = writer->bytes;
	return writer->text;
}

static void
bytes_write(struct json_writer *writer, const char *text, size_t bytes)
{
	char *at = room_make(writer, bytes);

	if (!at)
		return;
	memcpy(at, text, bytes);
	writer->bytes += bytes;
}

/* The comma before what follows a value. */
static void
comma_write(struct json_writer *writer)
{
	if (writer->follows)
		bytes_write(writer, ",", 1);
	writer->follows = true;
}

void
json_write_open(struct json_writer *writer, char bracket)
{
	comma_write(writer);
	bytes_write(writer, &bracket, 1);
	writer->follows = false;
}

void
json_write_close(struct json_writer *writer, char bracket)
{
	bytes_write(writer, &bracket, 1);
	writer->follows = true;
}

void
json_write_name_of(struct json_writer *writer, const char *name, size_t bytes)
{
	comma_write(writer);
	bytes_write(writer, "\"", 1);
	bytes_write(writer, name, bytes);
	bytes_write(writer, "\":", 2);
	writer->follows = false;
}

/* RFC 8259, section 7: quotes, backslashes and control characters cannot stand for themselves. */
static size_t
plain_count(const char *text)
{
	size_t n = 0;

	while ((unsigned char)text[n] >= ' ' && text[n] != '"' && text[n] != '\\')
		n++;
	return n;
}

void
json_write_string(struct json_writer *writer, const char *text)
{
	char escape[8];
	size_t plain;

	comma_write(writer);
	bytes_write(writer, "\"", 1);
	for (plain = plain_count(text); text[plain]; plain = plain_count(text)) {
		bytes_write(writer, text, plain);
		snprintf(escape, sizeof(escape), "\\u%04x", (unsigned char)text[plain]);
		bytes_write(writer, escape, strlen(escape));
		text += plain + 1;
	}
	bytes_write(writer, text, plain);
	bytes_write(writer, "\"", 1);
}

void
json_write_integer(struct json_writer *writer, int64_t number)
{
	uint64_t left = number < 0 ? -(uint64_t)number : (uint64_t)number;
	char digits[DIGITS_MAX], *first = digits + sizeof(digits);

	do {
		*--first = (char)('0' + left % 10);
		left /= 10;
	} while (left);
	if (number < 0)
		*--first = '-';
	comma_write(writer);
	bytes_write(writer, first, (size_t)(digits + sizeof(digits) - first));
}
