/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON texts to values, where a request of thousands of flows must not take long, and compact JSON
 * text written from the beginning to the end, without a value of it in memory. Any thread, one
 * writer each.
 */
#ifndef CTRL_BASE_JSON_H
#define CTRL_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <jansson.h>

/*
 * What json_loadb() makes of the text with JSON_REJECT_DUPLICATES and JSON_DECODE_ANY: a new
 * reference, or NULL with *error. But the id of a JSON-RPC message, alone or in an array, may be up
 * to 2^64 - 1: one for which jansson has no integer becomes a string that no text can hold, a zero
 * byte and the digits, which json_write_value() writes as the number. An id out of that range
 * becomes a real number.
 */
json_t *json_text_load(const char *text, size_t bytes, json_error_t *error);

/* Where a value stands: a chain from the innermost member up to the root, which has no parent. */
struct json_path {
	const struct json_path *parent;
	const char *member; /* NULL: an array item */
	size_t index;
};

/* The path as a JSON pointer (RFC 6901), cut to size bytes and always terminated. */
void json_path_pointer(const struct json_path *path, char *out, size_t size);

/* A value in words, cut as well: `"text"` (shortened), `7`, `an array of 2 items`, `null`. */
void json_describe(const json_t *value, char *out, size_t size);

/* A string of a text that may be cut inside a character: text_escape() then replaces what is not
 * UTF-8. */
json_t *json_string_lossy(const char *text);

/*
 * The writer sets commas; the caller matches brackets and gives each member a name and a value. A
 * lack of memory is reported by json_writer_take().
 */
struct json_writer {
	char *text;
	size_t bytes;
	size_t room;
	bool follows; /* what is written next comes after a value of the same bracket */
	bool failed;
};

/* Begin without a text; one that is not taken is freed with free(writer->text). */
void json_writer_init(struct json_writer *writer);

/* The text, terminated, for free(); *bytes is its length. NULL if memory was short. */
char *json_writer_take(struct json_writer *writer, size_t *bytes);

/* { or [, and } or ]. */
void json_write_open(struct json_writer *writer, char bracket);
void json_write_close(struct json_writer *writer, char bracket);

/* A member's name, of letters, digits and underscores; its value comes next. */
void json_write_name_of(struct json_writer *writer, const char *name, size_t bytes);

/* A string in UTF-8. */
void json_write_string(struct json_writer *writer, const char *text);

void json_write_integer(struct json_writer *writer, int64_t number);

/* Any value, as json_dumps() would, or an id of json_text_load(). */
void json_write_value(struct json_writer *writer, json_t *value);

static inline void
json_write_name(struct json_writer *writer, const char *name)
{
	json_write_name_of(writer, name, strlen(name));
}

static inline void
json_write_string_member(struct json_writer *writer, const char *name, const char *text)
{
	json_write_name(writer, name);
	json_write_string(writer, text);
}

#endif
