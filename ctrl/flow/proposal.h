/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A request to change flows: its operations, who asks, on what conditions, and the callback. All
 * of its operations are committed, in one generation, or none.
 *
 * Everything here is called by the control thread.
 */
#ifndef CTRL_FLOW_PROPOSAL_H
#define CTRL_FLOW_PROPOSAL_H

#include <sys/queue.h>

#include "base/actor.h"
#include "flow/change.h"
#include "store/store.h"

#define PROPOSAL_METHOD_MAX 32
#define PROPOSAL_COMMENT_MAX 201 /* 200 characters and the end */

struct plan;
struct proposal;

/*
 * It is committed, or its plan is made, or fault says why neither. The proposal is destroyed after
 * the call, not in it, unless `keep` says that it is the caller's again.
 */
typedef void (*proposal_done_fn)(void *arg, struct proposal *proposal, const struct fault *fault);

/* What a committed proposal did, when all of it is done. */
typedef void (*proposal_observer_fn)(void *arg, const struct proposal *proposal);

/*
 * Operations that are not there from the beginning: each call adds some of them, little enough for
 * a moment's work. 1 when there may be more, 0 at the end, -1 with *fault set.
 */
typedef int (*proposal_load_fn)(void *arg, struct proposal *proposal, struct fault *fault);

struct proposal {
	STAILQ_ENTRY(proposal) link;
	struct actor actor;
	char method[PROPOSAL_METHOD_MAX];
	char comment[PROPOSAL_COMMENT_MAX];
	struct op **ops;
	size_t n_ops;
	size_t room_ops;
	uint64_t highest_number; /* of the ids "flow-N" that it brings */
	proposal_load_fn load; /* NULL: all are there */
	void (*load_end)(void *arg);
	void *load_arg;
	uint64_t if_generation; /* the state must be this one */
	bool conditional; /* if_generation counts */
	bool transaction; /* faults name the message, too */
	bool declares; /* of flows that a declaration brought only those that are put stay */
	bool prunes; /* and of all others, too */
	bool keep; /* it is not destroyed when it is done */
	bool restores; /* from the store: it need not be written; what does not fit is left out */
	bool partial; /* what cannot be done is left out, flow by flow; such a one is whole */
	bool ends_confirm; /* the unconfirmed generation need not be confirmed any more */
	enum store_return returns; /* what it brings back */
	uint64_t returned;
	uint32_t confirm_within_s; /* 0: it is for good */
	bool plans; /* it is not to be committed, but `plan` made */
	bool if_plan; /* it must change what `plan` says, whatever the generation */
	bool alone; /* it did not fit together with others */
	bool discarded; /* it is only to be destroyed */
	proposal_done_fn done;
	void *arg;
	/* Outcome. */
	uint64_t generation; /* that it made, or that it found and did not change */
	uint64_t confirm_by_ns; /* CLOCK_REALTIME, */
	uint64_t confirm_due_ns; /* and CLOCK_MONOTONIC, which counts */
	uint64_t added, changed, removed; /* flows */
	uint64_t left_out; /* when it restores, or is partial: flows */
	bool late; /* a worker was, which the data plane has warned of */
	struct plan *plan; /* what it would change; its own. NULL: none was made */
	struct plan *plan_now; /* the same for the state that it is committed in, with if_plan */
};

/*
 * The actor (NULL: sluiced itself), method and comment (NULL: none) are copied. NULL without
 * memory.
 */
struct proposal *proposal_create(const struct actor *actor, const char *method, const char *comment,
	proposal_done_fn done, void *arg);

/* Whether its ops say, in whatever order, how flows are to be: a declaration, or the history. */
static inline bool
proposal_is_whole(const struct proposal *proposal)
{
	return proposal->declares || proposal->returns != STORE_RETURN_NONE;
}

/* Whether it changes a flow, as staged. */
static inline bool
proposal_changes(const struct proposal *proposal)
{
	return proposal->added + proposal->changed + proposal->removed > 0;
}

/* Whether a generation says so: also of a partial one that changes nothing, which ends a trial. */
static inline bool
proposal_is_generation(const struct proposal *proposal)
{
	return !proposal->restores && (proposal_changes(proposal) || proposal->partial);
}

/* With its ops. NULL is allowed. `done` is not called. */
void proposal_destroy(struct proposal *proposal);

/* Destroy a piece of what it holds; false: there is none left. */
bool proposal_drop(struct proposal *proposal);

/*
 * Take an op over, which stands at "/MEMBER/PLACE" of the request (PLACE UINT32_MAX: it is all of
 * it). 0, or -1 with *fault set and the op destroyed; a NULL op is such a fault.
 */
int proposal_add(struct proposal *proposal, struct op *op, const char *member, uint32_t place,
	struct fault *fault);

#endif
