/* SPDX-License-Identifier: BSD-3-Clause */
/* A generator of the tests' own, so that a failure repeats. */
#ifndef DATAPLANE_DRAW_H
#define DATAPLANE_DRAW_H

#include <stdint.h>

/* 32 bits; `state` is the seed at first. */
static inline uint32_t
draw(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*state >> 32);
}

/* 0..n - 1 */
static inline uint32_t
draw_below(uint64_t *state, uint32_t n)
{
	return (uint32_t)((uint64_t)draw(state) * n >> 32);
}

#endif
