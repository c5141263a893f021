/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The reader reads what nearly all texts are made of by itself, and leaves single values that are
 * rare (an escape, a real number) to jansson. At the first thing that is wrong (a repeated member,
 * a missing bracket) it gives up, and jansson reads the text once more from the beginning, which
 * yields the error.
 */
#include "base/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/escape.h"

#define FOUND_BYTES 48 /* of a string that is quoted in a message */
#define DEPTH_MAX 64 /* of what is read here, on the stack */
#define DIGITS_READ 18 /* that surely fit 64 bits */
#define NUMBER_BYTES "+-.eE0123456789"
#define DIGITS_MAX 20 /* of 2^64 - 1, and of 64 bits with a sign */

struct reader {
	const char *at;
	const char *end;
	unsigned depth;
	unsigned id_depth; /* where a member "id" is the id of a message */
	bool is_id; /* of the member that is read */
};

/* A string between its quotes, in the text. */
struct span {
	const char *text;
	size_t bytes;
	bool ascii;
};

static json_t *value_read(struct reader *reader);

/* The next byte that is not blank, or NUL at the end. */
static char
next_peek(struct reader *reader)
{
	while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\n' ||
						   *reader->at == '\t' || *reader->at == '\r'))
		reader->at++;
	return reader->at < reader->end ? *reader->at : '\0';
}

static bool
next_accept(struct reader *reader, char c)
{
	if (next_peek(reader) != c)
		return false;
	reader->at++;
	return true;
}

/* A string without escapes. */
static bool
span_read(struct reader *reader, struct span *span)
{
	const char *at = reader->at + 1;
	unsigned char seen = 0;

	span->text = at;
	while (at < reader->end && *at != '"' && *at != '\\' && (unsigned char)*at >= ' ')
		seen |= (unsigned char)*at++;
	if (at == reader->end || *at != '"')
		return false;
	span->bytes = (size_t)(at - span->text);
	span->ascii = seen < 128;
	reader->at = at + 1;
	return true;
}

/* See json_text_load(). The digits are a number that jansson has no integer for. */
static json_t *
large_id_create(const char *digits, size_t bytes)
{
	char text[1 + DIGITS_MAX + 1] = "", *end;

	if (bytes > DIGITS_MAX || *digits == '-')
		return json_real(0);
	memcpy(text + 1, digits, bytes);
	errno = 0;
	strtoull(text + 1, &end, 10);
	return *end || errno ? json_real(0) : json_stringn(text, 1 + bytes);
}

/* One value of so many bytes, by jansson. */
static json_t *
rare_read(struct reader *reader, size_t bytes)
{
	const bool is_id = reader->is_id && reader->depth == reader->id_depth;
	json_error_t error;
	json_t *value = json_loadb(reader->at, bytes, JSON_DECODE_ANY, &error);

	if (!value && is_id && json_error_code(&error) == json_error_numeric_overflow)
		value = large_id_create(reader->at, bytes);
	reader->at += bytes;
	return value;
}

static json_t *
escaped_read(struct reader *reader)
{
	const char *at = reader->at + 1;

	while (at < reader->end && *at != '"')
		at += *at == '\\' ? 2 : 1;
	return at < reader->end ? rare_read(reader, (size_t)(at + 1 - reader->at)) : NULL;
}

static json_t *
string_read(struct reader *reader)
{
	struct span span;

	if (!span_read(reader, &span))
		return escaped_read(reader);
	return span.ascii ? json_stringn_nocheck(span.text, span.bytes)
			  : json_stringn(span.text, span.bytes);
}

static json_t *
number_read(struct reader *reader)
{
	const bool negative = *reader->at == '-';
	const char *first = reader->at + negative, *at = first;
	json_int_t number = 0;

	while (at < reader->end && *at >= '0' && *at <= '9' && at - first < DIGITS_READ)
		number = number * 10 + (*at++ - '0');
	if (at == first || (*first == '0' && at - first > 1))
		return NULL;
	if (at == reader->end || !strchr(NUMBER_BYTES, *at)) {
		reader->at = at;
		return json_integer(negative ? -number : number);
	}
	while (at < reader->end && *at && strchr(NUMBER_BYTES, *at))
		at++;
	return rare_read(reader, (size_t)(at - reader->at));
}

static bool
member_read(struct reader *reader, json_t *object)
{
	struct span name;
	json_t *value;

	if (next_peek(reader) != '"' || !span_read(reader, &name) || !next_accept(reader, ':'))
		return false;
	reader->is_id = name.bytes == 2 && memcmp(name.text, "id", 2) == 0;
	value = value_read(reader);
	reader->is_id = false;
	if (!value)
		return false;
	if (name.ascii)
		return !json_object_setn_new_nocheck(object, name.text, name.bytes, value);
	return !json_object_setn_new(object, name.text, name.bytes, value);
}

/* The opening bracket is taken. A repeated member shows as a member too few. */
static json_t *
object_read(struct reader *reader)
{
	json_t *object = json_object();
	size_t n = 0;

	if (!object || next_accept(reader, '}'))
		return object;
	do {
		if (!member_read(reader, object) || json_object_size(object) != ++n)
			goto err;
	} while (next_accept(reader, ','));
	if (next_accept(reader, '}'))
		return object;
err:
	json_decref(object);
	return NULL;
}

/* The opening bracket is taken. */
static json_t *
array_read(struct reader *reader)
{
	json_t *array = json_array();

	if (!array || next_accept(reader, ']'))
		return array;
	do {
		json_t *item = value_read(reader);

		if (!item || json_array_append_new(array, item))
			goto err;
	} while (next_accept(reader, ','));
	if (next_accept(reader, ']'))
		return array;
err:
	json_decref(array);
	return NULL;
}

static json_t *
nested_read(struct reader *reader, json_t *(*read)(struct reader *reader))
{
	json_t *value;

	if (reader->depth == DEPTH_MAX)
		return NULL;
	reader->depth++;
	reader->at++;
	value = read(reader);
	reader->depth--;
	return value;
}

static json_t *
word_read(struct reader *reader, const char *word, size_t bytes, json_t *value)
{
	if ((size_t)(reader->end - reader->at) < bytes || memcmp(reader->at, word, bytes) != 0)
		return NULL;
	reader->at += bytes;
	return value;
}

static json_t *
value_read(struct reader *reader)
{
	switch (next_peek(reader)) {
	case '{':
		return nested_read(reader, object_read);
	case '[':
		return nested_read(reader, array_read);
	case '"':
		return string_read(reader);
	case 't':
		return word_read(reader, "true", 4, json_true());
	case 'f':
		return word_read(reader, "false", 5, json_false());
	case 'n':
		return word_read(reader, "null", 4, json_null());
	case '\0':
		return NULL;
	default:
		return number_read(reader);
	}
}

json_t *
json_text_load(const char *text, size_t bytes, json_error_t *error)
{
	struct reader reader = {.at = text, .end = text + bytes};
	json_t *value;

	reader.id_depth = next_peek(&reader) == '[' ? 2 : 1;
	value = value_read(&reader);
	if (value && next_peek(&reader) == '\0' && reader.at == reader.end)
		return value;
	json_decref(value);
	return json_loadb(text, bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, error);
}

#define ROOM_FIRST 512 /* of a text: a flow of one leg fits */

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
plain_count(const char *text, const char *end)
{
	const char *at = text;

	while (at < end && (unsigned char)*at >= ' ' && *at != '"' && *at != '\\')
		at++;
	return (size_t)(at - text);
}

static void
string_write(struct json_writer *writer, const char *text, size_t bytes)
{
	const char *end = text + bytes;
	char escape[8];
	size_t plain;

	comma_write(writer);
	bytes_write(writer, "\"", 1);
	while ((plain = plain_count(text, end)) < (size_t)(end - text)) {
		bytes_write(writer, text, plain);
		snprintf(escape, sizeof(escape), "\\u%04x", (unsigned char)text[plain]);
		bytes_write(writer, escape, strlen(escape));
		text += plain + 1;
	}
	bytes_write(writer, text, plain);
	bytes_write(writer, "\"", 1);
}

void
json_write_string(struct json_writer *writer, const char *text)
{
	string_write(writer, text, strlen(text));
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

static void
other_write(struct json_writer *writer, const json_t *value)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY);

	comma_write(writer);
	if (text)
		bytes_write(writer, text, strlen(text));
	else
		writer->failed = true;
	free(text);
}

/* Of an id that json_text_load() made, the digits. */
static void
json_string_write(struct json_writer *writer, const json_t *string)
{
	const char *text = json_string_value(string);
	const size_t bytes = json_string_length(string);

	if (bytes == 0 || text[0] != '\0') {
		string_write(writer, text, bytes);
		return;
	}
	comma_write(writer);
	bytes_write(writer, text + 1, bytes - 1);
}

void
json_write_value(struct json_writer *writer, json_t *value)
{
	json_t *member;
	const char *name;
	size_t i;

	switch (json_typeof(value)) {
	case JSON_OBJECT:
		json_write_open(writer, '{');
		json_object_foreach (value, name, member) {
			string_write(writer, name, strlen(name));
			bytes_write(writer, ":", 1);
			writer->follows = false;
			json_write_value(writer, member);
		}
		json_write_close(writer, '}');
		break;
	case JSON_ARRAY:
		json_write_open(writer, '[');
		json_array_foreach (value, i, member)
			json_write_value(writer, member);
		json_write_close(writer, ']');
		break;
	case JSON_STRING:
		json_string_write(writer, value);
		break;
	case JSON_INTEGER:
		json_write_integer(writer, json_integer_value(value));
		break;
	default:
		other_write(writer, value);
	}
}

void
json_describe(const json_t *value, char *out, size_t size)
{
	const char *string = json_string_value(value);
	size_t bytes = json_string_length(value);
	json_t *cut = NULL;
	char *text;

	if (json_is_array(value)) {
		snprintf(out, size, "an array of %zu item%s", json_array_size(value),
			plural_s(json_array_size(value)));
		return;
	}
	if (json_is_object(value)) {
		snprintf(out, size, "an object");
		return;
	}
	if (bytes > FOUND_BYTES) {
		bytes = FOUND_BYTES;
		while (bytes && ((unsigned char)string[bytes] & 0xc0) == 0x80)
			bytes--; /* not in the middle of a character (RFC 3629) */
		cut = json_stringn(string, bytes);
	}
	/* In ASCII: what a client sends must not reach a terminal as control characters. */
	text = json_dumps(cut ? cut : value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
	snprintf(out, size, "%s", text ? text : "a value");
	if (cut)
		text_append(out, size, "... (%zu bytes)", json_string_length(value));
	free(text);
	json_decref(cut);
}

static void
path_append(const struct json_path *path, char *out, size_t size)
{
	if (!path->parent)
		return;
	path_append(path->parent, out, size);
	if (!path->member) {
		text_append(out, size, "/%zu", path->index);
		return;
	}
	text_append(out, size, "/");
	for (const char *at = path->member; *at && strlen(out) + 1 < size; at++) {
		if (*at == '~' || *at == '/')
			text_append(out, size, *at == '~' ? "~0" : "~1");
		else
			text_append(out, size, "%c", *at);
	}
}

void
json_path_pointer(const struct json_path *path, char *out, size_t size)
{
	out[0] = '\0';
	path_append(path, out, size);
}

json_t *
json_string_lossy(const char *text)
{
	json_t *string = json_string(text);
	char *safe;

	if (string)
		return string;
	safe = text_escape_copy(text);
	string = json_string(safe);
	free(safe);
	return string;
}
