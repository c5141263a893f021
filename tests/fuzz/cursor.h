/* SPDX-License-Identifier: BSD-3-Clause */
/* The bytes that a fuzzer gives, taken one after the other; behind their end come zeros. */
#ifndef FUZZ_CURSOR_H
#define FUZZ_CURSOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const uint8_t *at;
	size_t left;
};

static inline uint8_t
take_byte(struct cursor *cursor)
{
	if (cursor->left == 0)
		return 0;
	cursor->left--;
	return *cursor->at++;
}

static inline uint32_t
take_word(struct cursor *cursor)
{
	uint32_t word = 0;

	for (unsigned i = 0; i < sizeof(word); i++)
		word = word << 8 | take_byte(cursor);
	return word;
}

/* A number below n, of which there are at most 256. */
static inline unsigned
take_below(struct cursor *cursor, unsigned n)
{
	return take_byte(cursor) % n;
}

static inline void
take_bytes(struct cursor *cursor, void *out, size_t n)
{
	const size_t there = n < cursor->left ? n : cursor->left;

	memset(out, 0, n);
	if (there > 0)
		memcpy(out, cursor->at, there);
	cursor->at += there;
	cursor->left -= there;
}

#endif
