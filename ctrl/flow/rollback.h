/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The way back: proposals whose operations are read from the store, a little at a time, when
 * their turn comes. Control thread.
 */
#ifndef CTRL_FLOW_ROLLBACK_H
#define CTRL_FLOW_ROLLBACK_H

#include "flow/flows.h"
#include "flow/proposal.h"
#include "store/store.h"

/*
 * Have the proposal return to all flows of that generation. Flows and store are borrowed until the
 * proposal is destroyed. 0, or -1 with *fault set ("/generation").
 */
int rollback_to(struct proposal *proposal, const struct flows *flows, struct store *store,
	uint64_t generation, struct fault *fault);

/*
 * Have the proposal take back what that generation changed; what came later elsewhere stays. Flows
 * that cannot return, as when others have taken their match or their room, are left out and stay as
 * they are. Else as above.
 */
int rollback_of(struct proposal *proposal, const struct flows *flows, struct store *store,
	uint64_t generation, struct fault *fault);

#endif
