/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/escape.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
text_plain_length(const char *text)
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
text_escape(const char *text, char *out, size_t size)
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
text_escape_copy(const char *text)
{
	const size_t size = strlen(text) * strlen("\\u0000") + 1;
	char *copy = malloc(size);

	if (copy)
		text_escape(text, copy, size);
	return copy;
}

void
hex_write(const uint8_t *bytes, size_t n, char *text)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < n; i++) {
		*text++ = digits[bytes[i] >> 4];
		*text++ = digits[bytes[i] & 0xf];
	}
	*text = '\0';
}

/* -1: no digit. */
static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
hex_read(const char *text, size_t length, uint8_t *bytes)
{
	size_t i;

	if (length % 2)
		return -EINVAL;
	for (i = 0; i < length; i += 2) {
		const int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		bytes[i / 2] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

void
text_append(char *out, size_t size, const char *format, ...)
{
	size_t used = strlen(out);
	va_list args;

	va_start(args, format);
	vsnprintf(out + used, size - used, format, args);
	va_end(args);
}
