/* SPDX-License-Identifier: BSD-3-Clause */
/* The ids of a flow's legs: given where none was asked for, unique, and found. */
#ifndef CTRL_STATE_LEG_IDS_H
#define CTRL_STATE_LEG_IDS_H

#include "state/flow_spec.h"

/* No two of n legs may have the same id; -1 with *fault set ("/legs/N/id"). */
int leg_ids_check(const struct flow_leg *legs, size_t n, struct fault *fault);

/*
 * Fill in "leg-N" for each of the spec's own legs that has no id. N is above that of every leg
 * that the flow ever had, so that a leg is never taken for one that left.
 */
void leg_ids_give(struct flow_spec *spec);

/* The legs of a spec by id, for many look-ups. Borrows the spec. Any thread. */
struct leg_index {
	const struct flow_leg *legs;
	unsigned n;
	uint16_t *order; /* numbers of the legs, sorted by id */
};

/* 0 or -ENOMEM. */
int leg_index_init(struct leg_index *index, const struct flow_leg *legs, size_t n);
void leg_index_fini(struct leg_index *index);

/* Number of the leg of that id, -1 when there is none. */
int leg_index_find(const struct leg_index *index, const char *id);

#endif
