/* SPDX-License-Identifier: BSD-3-Clause */
/* Arrays that grow by doubling. Any thread. */
#ifndef CTRL_BASE_ARRAY_H
#define CTRL_BASE_ARRAY_H

#include <stddef.h>
#include <stdlib.h>

#define ARRAY_ROOM_MIN 16

/*
 * Make room in the array for one entry of `bytes` behind its n entries. Returns the array, which
 * may have moved, with *room updated; NULL without memory, and the array is as it was.
 */
static inline void *
array_grow(void *array, size_t n, size_t *room, size_t bytes)
{
	const size_t more = *room ? 2 * *room : ARRAY_ROOM_MIN;

	if (n < *room)
		return array;
	array = reallocarray(array, more, bytes);
	if (array)
		*room = more;
	return array;
}

#endif
