/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is to become of the desired state: the operations of some requests, put one on top of the
 * other, give one change a flow. Nothing that runs knows of it: a draft does no I/O, and can be
 * taken back as a whole. There is one at a time.
 *
 * Everything here is called by the control thread.
 */
#ifndef CTRL_STATE_DRAFT_H
#define CTRL_STATE_DRAFT_H

#include "config/ports.h"
#include "state/desired.h"
#include "state/op.h"

enum change_kind {
	CHANGE_NONE, /* a flow came and went within the draft */
	CHANGE_ADD,
	CHANGE_REPLACE, /* by a version of it: what it counts and knows goes on */
	CHANGE_RENEW, /* it goes, and another of that id comes in its place */
	CHANGE_REMOVE,
	CHANGE_ADOPT, /* it stays as it is, and is declared from now on, or no longer */
};

struct change {
	struct flow *flow;
	struct op *op; /* the last that touched it; of its spec, see change_spec() */
	uint8_t kind; /* enum change_kind */
	bool indexed; /* how far its commit has come: in the index of the validation, */
	bool hopped; /* its legs have next hops, */
	bool steered; /* its packets were asked for */
	bool reports; /* its last counters are wanted */
	unsigned first_leg; /* faults count the flow's own legs from here */
	uint16_t *from; /* CHANGE_REPLACE: one an own leg, as dp_txn_replace() has it */
	uint16_t *
		hops; /* as struct leg_hops has them; once it is committed, those that ran before */
	uint32_t handle; /* what the flow gets */
	struct flow_spec *old_spec; /* once it is committed: what ran before */
	struct dp_flow_stats last; /* when it reports: of what ran before */
	struct dp_leg_stats *last_legs;
};

struct draft {
	struct desired *desired;
	const struct ports *ports;
	struct change **list;
	size_t n;
	size_t room;
	bool reports; /* some last counters are wanted */
	uint32_t mark; /* of the last declaration */
	bool declares; /* it is being staged */
};

void draft_init(struct draft *draft, struct desired *desired, const struct ports *ports);
void draft_fini(struct draft *draft);

/*
 * Stage one operation on top of those before. 0, or -1 with *fault set, relative to what the
 * operation says (a flow, or the request of one flow), and the draft is to be taken back, as part
 * of the operation may be in it.
 */
int draft_stage(struct draft *draft, struct op *op, struct fault *fault);

/*
 * Of operations that together say what is to be, in whatever order: all of them let go of what they
 * take away, flows and matches, before one is staged that takes what has become free. A removal is
 * staged with that. 0, or -1 as draft_stage().
 */
int draft_let_go(struct draft *draft, struct op *op, struct fault *fault);

/*
 * What is let go of and put from here on is a declaration or not: of one, the flows are marked,
 * also those that stay as they are.
 */
void draft_declare(struct draft *draft, bool declares);

/* Whether the declaration that is being staged names this flow. */
bool draft_declared(const struct draft *draft, const struct flow *flow);

/*
 * Take back the last of the changes; a flow that was to come is gone. False: there is none left.
 * Ops are the caller's to unstage.
 */
bool draft_undo(struct draft *draft);

/* Forget the last of the changes, as it is made now, and free what ran before. The same. */
bool draft_drop(struct draft *draft);

/* The flow as it is to be, NULL when it is to go. */
const struct flow_spec *change_spec(const struct change *change);

/* Whether the data plane gets a flow, or a version of one. */
bool change_runs(const struct change *change);

/* The flow as it runs, NULL when it is new. */
const struct flow_spec *change_before(const struct change *change);

#endif
