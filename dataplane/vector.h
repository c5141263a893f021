/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sixteen aligned bytes that control writes while workers read them. x86-64 with AVX loads and
 * stores them whole. The thread sanitizer does not support such accesses and would report each as a
 * race: it gets two halves, each whole.
 */
#ifndef DATAPLANE_VECTOR_H
#define DATAPLANE_VECTOR_H

#include <emmintrin.h>
#include <stdint.h>

#include <rte_common.h>

#ifdef __SANITIZE_THREAD__

static __rte_always_inline __m128i
vector_load(const void *from)
{
	const uint64_t *halves = from;

	return _mm_set_epi64x((long long)__atomic_load_n(&halves[1], __ATOMIC_ACQUIRE),
		(long long)__atomic_load_n(&halves[0], __ATOMIC_ACQUIRE));
}

static __rte_always_inline __m128i
vector_load_once(const void *from)
{
	return vector_load(from);
}

static __rte_always_inline __m128i
vector_load_halves(const void *from)
{
	return vector_load(from);
}

static __rte_always_inline void
vector_store(void *to, __m128i vector)
{
	const __m128i high = _mm_unpackhi_epi64(vector, vector);
	uint64_t *halves = to;

	__atomic_store_n(&halves[0], (uint64_t)_mm_cvtsi128_si64(vector), __ATOMIC_RELEASE);
	__atomic_store_n(&halves[1], (uint64_t)_mm_cvtsi128_si64(high), __ATOMIC_RELEASE);
}

#else

/* The compiler may load it again later, and find another. */
static __rte_always_inline __m128i
vector_load(const void *from)
{
	return _mm_load_si128(from);
}

static __rte_always_inline __m128i
vector_load_once(const void *from)
{
	return *(const volatile __m128i *)from;
}

/* Sixteen bytes, the address aligned to 8. The caller ignores those that others may write. */
static __rte_always_inline __m128i
vector_load_halves(const void *from)
{
	return _mm_loadu_si128(from);
}

static __rte_always_inline void
vector_store(void *to, __m128i vector)
{
	*(volatile __m128i *)to = vector;
}

#endif

#endif
