/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How the items of one change are staged in a draft: in the order of the request, but what declares
 * a state, or returns to one, releases everything before it inserts anything, and what takes a port
 * of a pool, or sends from one, waits for the others. Items that follow from those of the request
 * are added to the change: what a declaration does not name goes, and so do the receivers of a side
 * that goes, and their legs come last.
 *
 * Control thread.
 */
#ifndef CTRL_FLOW_STAGING_H
#define CTRL_FLOW_STAGING_H

#include "flow/change.h"
#include "flow/receiver_legs.h"

/* In their order, each over all items. */
enum stage_pass {
	PASS_RELEASE,
	PASS_PRUNE, /* what a declaration does not name */
	PASS_STAGE,
	PASS_TAKE, /* flows of a whole change that a pool is to give a port: others named theirs;
		      and receivers, which send from the port of their side */
	PASS_TAKE_RTCP, /* those that have the odd port of another one's pair */
	PASS_RELAYS, /* what was taken back of a relay is all of it, or nothing */
	PASS_LEGS, /* to receivers that came and went */
	PASS_RTCP, /* whether who has receivers now has RTCP on ports of its own */
};

struct staging {
	struct draft *draft; /* borrowed; the others are zero at first */
	struct change *change;
	enum stage_pass pass;
	size_t next; /* item of the pass */
	struct flow *flow; /* the next that a declaration may not name */
	struct change_item *removal; /* of a flow whose receivers go with it; NULL: none */
	const struct flow_spec *side; /* that flow, */
	unsigned leg; /* and the leg to the next receiver */
	unsigned number; /* of the next flow of a relay that is to be left out */
	struct receiver_legs receivers;
};

enum staging_end {
	STAGING_FAILED = -2, /* the change, for *fault */
	STAGING_REFUSED, /* *refused, for *fault: go on if the change can be without it */
	STAGING_DONE,
	STAGING_MORE,
};

/* Begin with a change whose items are all there. */
void staging_begin(struct staging *staging, struct change *change);
void staging_fini(struct staging *staging);

/* Do a bit of it. An item that is refused may be left out, by its left_out, before the next call.
 */
enum staging_end staging_step(
	struct staging *staging, struct change_item **refused, struct fault *fault);

#endif
