/* SPDX-License-Identifier: BSD-3-Clause */
/* What tells the legs of a flow apart: ids, given where none was asked for, and where they send. */
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

/*
 * The spec's own legs without an id take those of the legs of `before` that they continue: first
 * each the id of the leg that sends to the same place, then, in order, the ids "leg-N" that are
 * left. An id that the operator chose stays with its place. 0 or -ENOMEM.
 */
int leg_ids_take_over(const struct flow_spec *before, struct flow_spec *spec);

/*
 * No two of n legs may send the same packet to the same place: by one port and VLAN to one address
 * and UDP port, through one next hop, and to one multicast group from one source. The first n_old
 * are not looked at among themselves, and are not counted: -1 with *fault set ("/legs/N").
 */
int legs_apart(const struct flow_leg *legs, unsigned n, unsigned n_old, struct fault *fault);

typedef int (*leg_compare_fn)(const struct flow_leg *a, const struct flow_leg *b);

int leg_compare_id(const struct flow_leg *a, const struct flow_leg *b);

/* The legs of a spec in an order, for many look-ups. Borrows the spec. Any thread. */
struct leg_index {
	const struct flow_leg *legs;
	leg_compare_fn compare;
	unsigned n;
	uint16_t *order; /* numbers of the legs, sorted */
};

/* 0 or -ENOMEM. */
int leg_index_init(
	struct leg_index *index, const struct flow_leg *legs, size_t n, leg_compare_fn compare);
void leg_index_fini(struct leg_index *index);

/* Number of the leg of that id, -1 when there is none. The order is leg_compare_id. */
int leg_index_find(const struct leg_index *index, const char *id);

#endif
