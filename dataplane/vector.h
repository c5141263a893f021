/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sixteen bytes as one vector, and what the CPUs have an instruction of their own for. All else is
 * the operators of the compiler's vector types, which SSE and NEON both have.
 *
 * Some vectors are read by workers while control, or the worker that owns them, writes:
 *	- vector_load() and vector_store() take each aligned half whole, with no order between the
 *	  two. The architectures promise no more (Arm ARM, single-copy atomicity of SIMD registers;
 *	  FEAT_LSE2 and AVX do).
 *	- vector_load_once() and vector_store_once() are whole on x86-64, of which every CPU with
 *	  AVX loads and stores 16 aligned bytes so. On aarch64, where FEAT_LSE2 is Armv8.4 and not
 *	  in many a server, they are two halves in an order that the functions name.
 *
 * The thread sanitizer does not support accesses of 16 bytes and would report each as a race: it
 * gets halves.
 */
#ifndef DATAPLANE_VECTOR_H
#define DATAPLANE_VECTOR_H

#include <stdint.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <arm_neon.h>
#else
#error "vector.h knows x86-64 and aarch64"
#endif

#include <rte_common.h>

typedef uint32_t vector __attribute__((vector_size(16)));
typedef uint16_t vector_u16 __attribute__((vector_size(16)));
typedef uint64_t vector_u64 __attribute__((vector_size(16)));
/* Where it is in memory, as what type ever. */
typedef vector vector_memory __attribute__((may_alias));

/* The second half, then the first: who finds a new second half finds the new first one, too. */
static __rte_always_inline vector
vector_load_ordered(const void *from)
{
	const uint64_t *halves = from;
	const uint64_t high = __atomic_load_n(&halves[1], __ATOMIC_ACQUIRE);
	const uint64_t low = __atomic_load_n(&halves[0], __ATOMIC_ACQUIRE);

	return (vector)(vector_u64){low, high};
}

/* The first half, then the second. */
static __rte_always_inline void
vector_store_ordered(void *to, vector v)
{
	const vector_u64 words = (vector_u64)v;
	uint64_t *halves = to;

	__atomic_store_n(&halves[0], words[0], __ATOMIC_RELEASE);
	__atomic_store_n(&halves[1], words[1], __ATOMIC_RELEASE);
}

#ifdef __SANITIZE_THREAD__

static __rte_always_inline vector
vector_load(const void *from)
{
	return vector_load_ordered(from);
}

static __rte_always_inline vector
vector_load_halves(const void *from)
{
	return vector_load_ordered(from);
}

static __rte_always_inline void
vector_store(void *to, vector v)
{
	vector_store_ordered(to, v);
}

#else

/* The compiler may load it again later, and find another. */
static __rte_always_inline vector
vector_load(const void *from)
{
	return *(const vector_memory *)from;
}

/* Sixteen bytes, the address aligned to 8. The caller ignores those that others may write. */
static __rte_always_inline vector
vector_load_halves(const void *from)
{
	vector v;

	__builtin_memcpy(&v, from, sizeof(v));
	return v;
}

static __rte_always_inline void
vector_store(void *to, vector v)
{
	*(volatile vector_memory *)to = v;
}

#endif

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)

static __rte_always_inline vector
vector_load_once(const void *from)
{
	return *(const volatile vector_memory *)from;
}

static __rte_always_inline void
vector_store_once(void *to, vector v)
{
	*(volatile vector_memory *)to = v;
}

#else

static __rte_always_inline vector
vector_load_once(const void *from)
{
	return vector_load_ordered(from);
}

static __rte_always_inline void
vector_store_once(void *to, vector v)
{
	vector_store_ordered(to, v);
}

#endif

/* Bit i set: 16-bit word i of eight is `word`. */
static __rte_always_inline uint32_t
vector_match16(vector v, uint16_t word)
{
	const vector_u16 equal = (vector_u16)((vector_u16)v == word);

#if defined(__x86_64__)
	return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16((__m128i)equal, _mm_setzero_si128()));
#else
	return vaddvq_u16((uint16x8_t)equal & (uint16x8_t){1, 2, 4, 8, 16, 32, 64, 128});
#endif
}

/* CRC32C of eight bytes more. The upper half of the CRC is 0 in and out. */
static __rte_always_inline uint64_t
crc32c_u64(uint64_t crc, uint64_t word)
{
#if defined(__x86_64__)
	return _mm_crc32_u64(crc, word);
#else
	return __crc32cd((uint32_t)crc, word);
#endif
}

#endif
