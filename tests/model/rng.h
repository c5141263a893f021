/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers that look random and are the same for the same seed, on every machine (splitmix64). */
#ifndef MODEL_RNG_H
#define MODEL_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rng {
	uint64_t state;
};

/* Any 64 bits. */
static inline uint64_t
rng_next(struct rng *rng)
{
	uint64_t z = rng->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* 0..n-1; n is not 0. */
static inline uint32_t
rng_below(struct rng *rng, uint32_t n)
{
	return (uint32_t)(rng_next(rng) >> 32) % n;
}

/* first..last, both included. */
static inline uint32_t
rng_between(struct rng *rng, uint32_t first, uint32_t last)
{
	return first + rng_below(rng, last - first + 1);
}

/* True once in n times. */
static inline bool
rng_one_in(struct rng *rng, uint32_t n)
{
	return rng_below(rng, n) == 0;
}

static inline void
rng_fill(struct rng *rng, void *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)bytes)[i] = (uint8_t)rng_next(rng);
}

#endif
