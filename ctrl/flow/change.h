/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is to become of the desired state: the operations of some requests, put one on top of the
 * other, give one change a flow. Nothing that runs knows of it: a draft does no I/O, and can be
 * taken back as a whole. There is one at a time.
 *
 * Everything here is called by the control thread.
 */
#ifndef CTRL_FLOW_CHANGE_H
#define CTRL_FLOW_CHANGE_H

#include <stdbool.h>

#include "config/ports.h"
#include "flow/flow_db.h"
#include "flow/flow_spec.h"

/*
 * One operation on one flow, decoded but not yet checked against the other flows. It can
 * be staged (draft_stage()) more than once, as long as it was not committed.
 *
 * Everything here is called by the control thread.
 */

enum op_kind {
	OP_INSTALL, /* a flow whose id and match are free */
	OP_REPLACE, /* in place of the flow of that id, which has the same match */
	OP_SET, /* whichever it needs for the flow to be so; a match may change, too. For whole
		   proposals */
	OP_REMOVE,
	OP_JOIN, /* legs to a flow */
	OP_LEAVE,
	OP_ADMIN, /* a flow or one of its legs is up or down */
};

struct change;

struct op {
	enum op_kind kind;
	bool down; /* OP_ADMIN */
	bool reports; /* OP_REMOVE: the last counters are wanted, see op->change */
	bool pruned; /* a declaration that does not name the flow added it */
	bool spec_given; /* the flow owns the spec now, which is still good to read */
	uint8_t effect; /* enum change_kind, as staged; CHANGE_NONE: nothing to change */
	const void *owner; /* identifies the request within a draft */
	const char *member; /* where it stands in the request: "/MEMBER/PLACE"; static storage */
	uint32_t index; /* UINT32_MAX: it is all of the request */
	uint32_t message; /* of a transaction, counted from 0 */
	char *left_out; /* why it is, of a proposal that may do without; NULL: it is not */
	struct flow_spec
		*spec; /* OP_INSTALL, OP_REPLACE, OP_SET: as asked; else as staged, or NULL */
	char *id; /* of the flow: OP_REMOVE, OP_JOIN, OP_LEAVE, OP_ADMIN */
	struct flow_leg *legs; /* OP_JOIN */
	char **leg_ids; /* OP_LEAVE; OP_ADMIN: none or one */
	unsigned n_legs;
	/* As staged. */
	struct change *change; /* NULL: nothing to change */
	uint16_t *left; /* OP_LEAVE: which legs of the running flow they are, or DP_LEG_NEW */
};

/* The op takes the spec over, also when it is NULL for want of memory. */
struct op *op_create_spec(enum op_kind kind, struct flow_spec *spec);

/* OP_REMOVE; the id is copied. NULL without memory, as the next. */
struct op *op_create_remove(const char *id);

/* OP_JOIN; the op takes the legs over, also when it is NULL for want of memory. */
struct op *op_create_join(const char *id, struct flow_leg *legs, unsigned n);

/* OP_LEAVE and OP_ADMIN; ids are copied. */
struct op *op_create_leave(const char *id, const char *const *leg_ids, unsigned n);
struct op *op_create_admin(const char *id, const char *leg_id, bool down);

/* With all that it still owns. NULL is allowed. */
void op_destroy(struct op *op);

/* Forget that it was staged. */
void op_unstage(struct op *op);

/* It is left out from now on. -1 without memory. */
int op_leave_out(struct op *op, const char *why);

/* The flow that it is about. */
const char *op_flow(const struct op *op);

/*
 * Put the op's place in its request before the pointer of a fault; in a transaction, which the
 * client sees by messages, also which message, and which flow it is about.
 */
void op_fault_prefix(const struct op *op, bool in_transaction, struct fault *fault);

enum change_kind {
	CHANGE_NONE, /* a flow came and went within the draft */
	CHANGE_ADD,
	CHANGE_REPLACE, /* by a version of it: what it counts and knows goes on */
	CHANGE_RECREATE, /* it goes, and another of that id comes in its place */
	CHANGE_REMOVE,
	CHANGE_SET_DECLARED, /* it stays as it is, and is declared from now on, or no longer */
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
	uint16_t *hops; /* one a leg; once it is committed, those that ran before */
	uint32_t handle; /* what the flow gets */
	struct flow_spec *old_spec; /* once it is committed: what ran before */
	struct dp_flow_stats last; /* when it reports: of what ran before */
	struct dp_leg_stats *last_legs;
};

struct draft {
	struct flow_db *db;
	const struct ports *ports;
	struct change **list;
	size_t n;
	size_t room;
	bool reports; /* some last counters are wanted */
	uint32_t mark; /* of the last declaration */
	bool declares; /* it is being staged */
};

void draft_init(struct draft *draft, struct flow_db *db, const struct ports *ports);
void draft_fini(struct draft *draft);

/*
 * Stage one operation on top of those before. 0, or -1 with *fault set, relative to what the
 * operation says (a flow, or the request of one flow), and the draft is to be taken back, as part
 * of the operation may be in it.
 */
int draft_stage(struct draft *draft, struct op *op, struct fault *fault);

/*
 * For operations that together declare a state, in any order: all of them release what they remove,
 * flows and matches, before one is staged that needs what became free. A removal is staged by this.
 * 0, or -1 as draft_stage().
 */
int draft_release(struct draft *draft, struct op *op, struct fault *fault);

/*
 * Whether what is released and set from here on is a declaration: its flows are marked, also those
 * that stay as they are.
 */
void draft_declare(struct draft *draft, bool declares);

/* Whether the declaration that is being staged names this flow. */
bool draft_declared(const struct draft *draft, const struct flow *flow);

/*
 * Take back a change, the last first; a flow that was to come is gone. Ops are the caller's to
 * unstage.
 */
void draft_undo(struct draft *draft, struct change *change);

/* Free the last of the changes, and what ran before. False: there is none left. */
bool draft_drop(struct draft *draft);

/* The flow as it is to be, NULL when it is to go. */
const struct flow_spec *change_spec(const struct change *change);

/* Whether the data plane gets a flow, or a version of one. */
bool change_runs(const struct change *change);

/* The flow as it runs, NULL when it is new. */
const struct flow_spec *change_before(const struct change *change);

#endif
