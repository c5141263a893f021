/* SPDX-License-Identifier: BSD-3-Clause */
/* A sorted list of numbers, made when it is needed: flows keep none. */
#include "state/leg_ids.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Legs of one id keep their order, so that the later one is the one refused. */
static int
order_compare(const void *a, const void *b, void *arg)
{
	const uint16_t left = *(const uint16_t *)a, right = *(const uint16_t *)b;
	const struct flow_leg *legs = arg;
	const int order = strcmp(legs[left].id, legs[right].id);

	return order ? order : left - right;
}

int
leg_index_init(struct leg_index *index, const struct flow_leg *legs, size_t n)
{
	size_t i;

	index->legs = legs;
	index->n = (unsigned)n;
	index->order = reallocarray(NULL, n + 1, sizeof(index->order[0]));
	if (!index->order)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		index->order[i] = (uint16_t)i;
	qsort_r(index->order, n, sizeof(index->order[0]), order_compare, (void *)(uintptr_t)legs);
	return 0;
}

void
leg_index_fini(struct leg_index *index)
{
	free(index->order);
}

int
leg_index_find(const struct leg_index *index, const char *id)
{
	unsigned low = 0, high = index->n;

	while (low < high) {
		const unsigned middle = (low + high) / 2;
		const int order = strcmp(index->legs[index->order[middle]].id, id);

		if (order == 0)
			return index->order[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

int
leg_ids_check(const struct flow_leg *legs, size_t n, struct fault *fault)
{
	struct leg_index index;
	char pointer[32];
	unsigned i;
	int rc = 0;

	if (n < 2)
		return 0;
	if (leg_index_init(&index, legs, n) < 0)
		return fault_set(fault, FAULT_NO_ROOM, "/legs", "no memory for %zu legs", n);
	for (i = 1; i < n && rc == 0; i++) {
		const uint16_t before = index.order[i - 1], leg = index.order[i];

		if (legs[leg].id[0] == '\0' || strcmp(legs[before].id, legs[leg].id) != 0)
			continue;
		snprintf(pointer, sizeof(pointer), "/legs/%u/id", leg);
		rc = fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"found %s, which leg %u has too, expected each id once", legs[leg].id,
			before);
	}
	leg_index_fini(&index);
	return rc;
}

void
leg_ids_give(struct flow_spec *spec)
{
	uint32_t number;
	unsigned i;

	for (i = 0; i < spec->n_legs; i++) {
		if (sscanf(spec->legs[i].id, "leg-%9" SCNu32, &number) == 1 &&
			number > spec->last_leg_number)
			spec->last_leg_number = number;
	}
	for (i = 0; i < spec->n_legs; i++) {
		if (spec->legs[i].id[0] == '\0')
			snprintf(spec->legs[i].id, sizeof(spec->legs[i].id), "leg-%" PRIu32,
				++spec->last_leg_number);
	}
}
