/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rings whose newest entry overwrites the oldest. Entries have sequence numbers 1, 2, 3..., which
 * stand at number % size, and a reader is nothing but the last number that it has seen: whatever
 * it did not read in time it is told of as lost.
 */
#ifndef CTRL_STATE_SEQUENCE_H
#define CTRL_STATE_SEQUENCE_H

#include <stdint.h>

/*
 * The first entry for a reader that has seen `after`, in a ring of `size` whose newest is `last`
 * (0 = none yet); past `last` when there is nothing new. *lost: how many after `after` are gone.
 */
static inline uint64_t
sequence_first(uint64_t last, unsigned size, uint64_t after, uint64_t *lost)
{
	const uint64_t gone = last > size ? last - size : 0;

	*lost = gone > after ? gone - after : 0;
	return after + *lost + 1;
}

#endif
