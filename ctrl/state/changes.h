/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one way by which flows get into the data plane, new ones as well as those that take the
 * place of others: next hops, transaction, steering, commit. All of a set or none of it; before
 * the commit nothing has changed, and whatever a failing step had taken is given back.
 *
 * Everything here is called by the control thread.
 */
#ifndef CTRL_STATE_CHANGES_H
#define CTRL_STATE_CHANGES_H

#include "state/flows.h"

struct change {
	struct flow *flow; /* in the desired state */
	struct flow_spec *spec; /* as it is to be; of a new flow its own */
	uint16_t *hops; /* as struct leg_hops has them; of a new flow its own */
	uint16_t *from; /* for dp_txn_replace(), one an own leg; NULL: the flow is new */
	unsigned first_leg; /* faults count the flow's own legs from here */
	uint32_t handle; /* what the flow gets */
	bool steered;
};

struct change_set {
	struct flows *flows;
	struct change *list;
	size_t n;
	const char *member; /* of the request, that lists the flows; NULL: it names one flow only */
	/* What the data plane says of legs that are gone; may be NULL. */
	dp_removed_fn replaced;
	void *arg;
};

/*
 * On success 0: the flows are as they were to be, and own specs and hops. On failure -1 with
 * *fault set: "/MEMBER/N/...", or relative to the flow; specs and hops are still the caller's.
 */
int changes_commit(struct change_set *set, struct fault *fault);

/*
 * Prepare one change: spec takes the place of the flow's own, and its leg i is from[i] of the flow
 * (or DP_LEG_NEW; n_legs of them). A leg that stays keeps its next hop, and so do legs of streams
 * that stay where they are. change->from is a copy. 0 or -ENOMEM.
 */
int change_init(
	struct change *change, struct flow *flow, struct flow_spec *spec, const uint16_t *from);

/* Free what change_init() took, but for what the flow owns since the commit. */
void change_fini(struct change *change, bool committed);

#endif
