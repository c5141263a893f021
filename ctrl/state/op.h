/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One operation on one flow, decoded but not yet looked at beside the flows that are there. It can
 * be staged (draft.h) more than once, as long as it was not committed.
 *
 * Everything here is called by the control thread.
 */
#ifndef CTRL_STATE_OP_H
#define CTRL_STATE_OP_H

#include <stdbool.h>

#include "state/flow_spec.h"

enum op_kind {
	OP_INSTALL, /* a flow whose id and match are free */
	OP_REPLACE, /* in place of the flow of that id, which has the same match */
	OP_PUT, /* whichever it needs for the flow to be so; a match may change, too. For whole
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
	bool swept; /* a declaration that does not name the flow added it */
	bool settled; /* the flow owns the spec now, which is still good to read */
	uint8_t effect; /* enum change_kind, as staged; CHANGE_NONE: nothing to change */
	const void *owner; /* tells the requests of a draft apart */
	const char *member; /* where it stands in the request: "/MEMBER/PLACE"; static storage */
	uint32_t place; /* UINT32_MAX: it is all of the request */
	uint32_t message; /* of a transaction, counted from 0 */
	char *left_out; /* why it is, of a proposal that may do without; NULL: it is not */
	struct flow_spec
		*spec; /* OP_INSTALL, OP_REPLACE, OP_PUT: as asked; else as staged, or NULL */
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

#endif
