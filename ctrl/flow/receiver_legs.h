/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a change means for the legs to receivers (receivers.h). When its other items are staged, the
 * flow of each side gets a version with legs to the receivers that came, and without those to the
 * receivers that went; and the flows of receivers follow what changed of their side. With a flow
 * that sends to receivers, these are removed.
 *
 * It reads the draft, and adds items to the change for the caller to stage, each with the item that
 * it follows from as its cause.
 */
#ifndef CTRL_FLOW_RECEIVER_LEGS_H
#define CTRL_FLOW_RECEIVER_LEGS_H

#include "flow/change.h"

struct leg_link;

/* Where the work on one change stands. All zero: at its beginning. */
struct receiver_legs {
	size_t next; /* item of the change */
	struct change_item *side; /* whose receivers follow it; NULL: none */
	unsigned leg; /* to the next of them */
	struct leg_link *links; /* that the items made */
	size_t n;
	size_t room;
	bool sorted;
};

void receiver_legs_begin(struct receiver_legs *legs);
void receiver_legs_fini(struct receiver_legs *legs);

/*
 * The next bit of work, when all items of the change that the caller has of itself are staged. 1:
 * *item, if it is not NULL, is to be staged before the next call; 0: it is all done; -1 with *fault
 * set: *item is refused, or NULL, there is no memory.
 */
int receiver_legs_step(struct receiver_legs *legs, struct draft *draft, struct change *change,
	struct change_item **item, struct fault *fault);

/*
 * The flow of a side, which `of` removes, sends to receivers that are to be removed: the next one,
 * from *leg on, which begins at 0. 1 with *item to be staged; 0: there is none left; -1 with *fault
 * set.
 */
int receiver_legs_remove(const struct draft *draft, struct change_item *of,
	const struct flow_spec *side, unsigned *leg, struct change_item **item,
	struct fault *fault);

/* Receivers need RTCP on the same port: who comes to the other is refused. 0, or -1 with *fault
 * set.
 */
int receiver_legs_rtcp_check(
	const struct draft *draft, const struct change_item *item, struct fault *fault);

/* The requested item of the same change that is to blame for the fault of an item. */
struct change_item *receiver_legs_blamed(
	const struct draft *draft, struct change_item *item, const struct fault *fault);

/*
 * Receivers whose legs have no room, or go to a port of too small an MTU, are refused together: a
 * start with thousands of them would begin again for each. The next one that is refused for that
 * fault of any item, from *leg on, which begins at 0; NULL: there is none left.
 */
struct change_item *receiver_legs_refused(const struct draft *draft, const struct change_item *item,
	const struct fault *fault, unsigned *leg);

#endif
