/* SPDX-License-Identifier: BSD-3-Clause */
/* Texts that are safe to show, and bytes as hexadecimal digits. Any thread. */
#ifndef CTRL_BASE_ESCAPE_H
#define CTRL_BASE_ESCAPE_H

#include <stddef.h>
#include <stdint.h>

/*
 * A text as it may be shown at a terminal, or logged: control characters (C0, DEL, C1), those that
 * change the direction of a text or end its line, and bytes that are not UTF-8 become escapes,
 * `\u001b`, `\u202e`, `\xff`. The result is UTF-8, cut between characters to `size` bytes, always
 * terminated. In a JSON text, where no byte is wrong, the escapes mean what they stand for.
 */
void text_escape(const char *text, char *out, size_t size);

/* The whole of what text_escape() makes of a text, to be freed; NULL without memory. */
char *text_escape_copy(const char *text);

/* Bytes at the head of a text that text_escape() would leave as they are. */
size_t text_plain_length(const char *text);

/* Append to a terminated text in `out`, cut to size bytes. */
void text_append(char *out, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The end of a noun behind a number: "1 flow", "2 flows". */
static inline const char *
plural_s(unsigned long long n)
{
	return n == 1 ? "" : "s";
}

/* Write n bytes in lower case; text has room for 2 n + 1. */
void hex_write(const uint8_t *bytes, size_t n, char *text);

/*
 * Read a text of digits, as long as `length` says, into length / 2 bytes. 0, or -EINVAL: an odd
 * number of digits, or something else among them.
 */
int hex_read(const char *text, size_t length, uint8_t *bytes);

#endif
