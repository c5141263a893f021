/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Four packets at a time: element i of a quad is a 32-bit word of packet i, as it lies in memory.
 * Headers are loaded as rows, 16 bytes of one packet each, and transposed into quads. Operators are
 * those of the compiler's vector types, which SSE, AVX and NEON all have; quad_any() is what these
 * lack.
 */
#ifndef DATAPLANE_QUAD_H
#define DATAPLANE_QUAD_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_common.h>

#include "vector.h"

#define QUAD 4 /* packets */

typedef vector quad;

/* The same word for all four. */
static __rte_always_inline quad
quad_set(uint32_t word)
{
	return (quad){word, word, word, word};
}

/* Sixteen bytes at any address. */
static __rte_always_inline quad
quad_load(const void *from)
{
	quad row;

	memcpy(&row, from, sizeof(row));
	return row;
}

static __rte_always_inline void
quad_store(void *to, quad row)
{
	memcpy(to, &row, sizeof(row));
}

/* Element i, a constant, to any address. */
static __rte_always_inline void
quad_store_word(void *to, quad q, size_t i)
{
	const uint32_t word = q[i];

	memcpy(to, &word, sizeof(word));
}

/* Comparisons give a mask: all bits of an element, or none. */
static __rte_always_inline quad
quad_equal(quad a, quad b)
{
	return (quad)(a == b);
}

static __rte_always_inline quad
quad_below(quad a, quad b)
{
	return (quad)(a < b);
}

/*
 * Where `mask` is set, `yes`, elsewhere `no`. Not _mm_blendv_epi8(): for AVX-512VL, GCC 12 takes
 * the wrong one of both where the mask is the complement of a comparison.
 */
static __rte_always_inline quad
quad_select(quad mask, quad yes, quad no)
{
	return (yes & mask) | (no & ~mask);
}

/* Whether any bit is set. */
static __rte_always_inline bool
quad_any(quad q)
{
#if defined(__x86_64__)
	return _mm_testz_si128((__m128i)q, (__m128i)q) == 0;
#else
	return vmaxvq_u32((uint32x4_t)q) != 0;
#endif
}

/* Each pair of bytes in the other order. */
static __rte_always_inline quad
quad_swap16(quad q)
{
	typedef int8_t bytes __attribute__((vector_size(16)));
	const bytes b = (bytes)q;

	return (quad)__builtin_shufflevector(
		b, b, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
}

/* Word `n`, a constant, of four rows. */
static __rte_always_inline quad
quad_word(const quad row[QUAD], int n)
{
	const bool high = n >= 2;
	const quad a = high ? __builtin_shufflevector(row[0], row[1], 2, 6, 3, 7)
			    : __builtin_shufflevector(row[0], row[1], 0, 4, 1, 5);
	const quad b = high ? __builtin_shufflevector(row[2], row[3], 2, 6, 3, 7)
			    : __builtin_shufflevector(row[2], row[3], 0, 4, 1, 5);

	return n % 2 == 0 ? __builtin_shufflevector(a, b, 0, 1, 4, 5)
			  : __builtin_shufflevector(a, b, 2, 3, 6, 7);
}

/* The words at four addresses. */
static __rte_always_inline quad
quad_gather(const void *p0, const void *p1, const void *p2, const void *p3)
{
	uint32_t words[QUAD];

	memcpy(&words[0], p0, sizeof(words[0]));
	memcpy(&words[1], p1, sizeof(words[1]));
	memcpy(&words[2], p2, sizeof(words[2]));
	memcpy(&words[3], p3, sizeof(words[3]));
	return (quad){words[0], words[1], words[2], words[3]};
}

/* The sum of the two halves of each word: 17 bits at most. */
static __rte_always_inline quad
quad_halves(quad q)
{
	return (q & quad_set(0xffff)) + (q >> 16);
}

/* checksum_update() of four checksums in the low halves; the changes have 16 bits, too. */
static __rte_always_inline quad
quad_checksum_update(quad old, quad change)
{
	return quad_halves((old ^ quad_set(0xffff)) + change) ^ quad_set(0xffff);
}

#endif
