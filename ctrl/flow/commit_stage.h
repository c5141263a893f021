/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The proposals that are committed together, and the phases that they go through (commit.c runs
 * them in order): here those from operations to a draft that is valid, and those that take it back.
 * Control thread.
 */
#ifndef CTRL_FLOW_COMMIT_STAGE_H
#define CTRL_FLOW_COMMIT_STAGE_H

#include "flow/compile.h"
#include "flow/flows.h"
#include "flow/proposal.h"
#include "store/store.h"

STAILQ_HEAD(proposal_queue, proposal);

#define COMMIT_OBSERVERS_MAX 4
#define SLICE_CHECK_EVERY 32

enum phase_end {
	PHASE_FAILED = -1, /* commits->fault, commits->offender */
	PHASE_MORE, /* the slice is over */
	PHASE_DONE,
	PHASE_WAITS, /* for the store */
	PHASE_PLANNED, /* the plan is made, and the group goes back */
};

/*
 * A phase: `change` for each change of the draft, in slices, then `end`, which is called again
 * after PHASE_MORE. -1 of `change`, with commits->fault set: the phase fails for that change.
 * Either may be NULL.
 */
struct commit_phase {
	int (*change)(struct commits *commits, struct change *change);
	enum phase_end (*end)(struct commits *commits);
	bool reverse; /* the last change first */
};

/* A proposal that declares a state releases everything before it inserts anything. */
enum stage_pass {
	PASS_BEGIN,
	PASS_RELEASE,
	PASS_PRUNE, /* what a declaration does not name */
	PASS_STAGE,
};

struct commit_observer {
	proposal_observer_fn observe;
	void *arg;
};

struct commits {
	struct flows *flows;
	struct store *store;
	struct event_base *base;
	struct event *timer; /* the next slice */
	void (*resume)(struct commits *commits); /* the store has answered */
	struct proposal_queue waiting;
	struct proposal_queue group;
	uint64_t generation; /* of the state as it is */
	uint64_t next_generation; /* that the group would make next */
	struct draft draft;
	struct dp_txn *txn;
	struct compiled compiled;
	size_t plan_legs; /* of a plan: references are taken only where they may not fit */
	struct change *grown; /* the last version by which there are more legs */
	bool adding; /* all versions are in the transaction */
	struct steering_wants wants;
	const struct change *wanting; /* the first change by which they are too many */
	struct change **reports; /* those whose last counters are wanted, by handle */
	size_t n_reports;
	struct store_batch *batch; /* that is being filled */
	bool written; /* the store has answered, */
	bool write_failed; /* and refused */
	bool late; /* a worker was */
	/* Where the group stands. */
	const struct commit_phase *phases; /* its phases, an empty one behind the last */
	unsigned phase;
	bool running;
	size_t at; /* the next change of a phase that goes over them */
	struct proposal *proposal; /* the one that is staged */
	enum stage_pass pass; /* over its ops */
	size_t op; /* its next op */
	struct flow *pruned; /* the next flow to check for a declaration */
	uint64_t slice_ns; /* how long to work before others have their turn */
	uint64_t slice_end_ns;
	unsigned check_every; /* steps between two reads of the clock */
	unsigned n_checks; /* that were saved since the last */
	bool again; /* some of a partial proposal is left out, and it begins again without */
	bool failed; /* a phase did, */
	struct fault fault; /* and why, */
	struct proposal *offender; /* and whose fault it is; NULL: everybody's */
	struct commit_observer observers[COMMIT_OBSERVERS_MAX];
	unsigned n_observers;
	void (*warn)(void *arg, const char *message);
	void *warn_arg;
};

/* Whether it is time to let others have their turn. Cheap: reads the clock now and then. */
bool commit_slice_over(struct commits *commits);

/*
 * An op cannot be done, and is left out if its proposal is partial: the phase may look for more of
 * them, and fails at its end if commits->again. False: it is not partial, or the fault is not that
 * of the flow, and the phase fails.
 */
bool commit_do_without(struct commits *commits, struct op *op);

/* A phase fails, for that proposal. */
enum phase_end commit_fail(struct commits *commits, struct proposal *proposal);

/* A phase fails for a change: prefix the fault with its place, and name the offender. */
enum phase_end commit_fail_at(struct commits *commits, const struct change *change);

/* A change of a proposal that restores is left out, with a warning; false: it does not restore. */
bool commit_leave_out(struct commits *commits, struct change *change);

/* The phases, by their names in commit.c. */
enum phase_end commit_stage(struct commits *commits);
int change_index(struct commits *commits, struct change *change);
int change_check(struct commits *commits, struct change *change);
enum phase_end commit_plan(struct commits *commits);
int change_release(struct commits *commits, struct change *change); /* in reverse */
enum phase_end commit_abort(struct commits *commits);
enum phase_end commit_draft_undo(struct commits *commits);
enum phase_end commit_unstage(struct commits *commits);
enum phase_end commit_refuse(struct commits *commits);

#endif
