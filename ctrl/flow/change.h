/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A change of flows from the request to the store: who wants it, on what conditions, its items, and
 * the callback. All items of it are committed in one generation, or none.
 *
 * The items of changes that are committed together are staged on top of each other, in a draft over
 * the desired state. Nothing that runs knows of it: a draft does no I/O, and can be taken back as a
 * whole. There is one at a time.
 *
 * Everything here is called by the control thread.
 */
#ifndef CTRL_FLOW_CHANGE_H
#define CTRL_FLOW_CHANGE_H

#include <stdbool.h>
#include <sys/queue.h>

#include <jansson.h>

#include "base/actor.h"
#include "config/ports.h"
#include "flow/flow_db.h"
#include "flow/flow_spec.h"
#include "flow/pool.h"
#include "flow/receivers.h"
#include "flow/relay_flows.h"
#include "store/store.h"

enum op_kind {
	OP_INSTALL, /* a flow whose id and match are free */
	OP_REPLACE, /* in place of the flow of that id, which has the same match */
	OP_SET, /* whichever it needs for the flow to be so; a match may change, too. For whole
		   changes */
	OP_REMOVE,
	OP_JOIN, /* legs to a flow */
	OP_LEAVE,
	OP_ADMIN, /* a flow or one of its legs is up or down */
	OP_RECEIVE, /* a receiver joins a side of a relay */
	OP_LEGS, /* the legs of a relay's flow to receivers are as these are; not to be requested */
};

enum change_kind {
	CHANGE_NONE, /* a flow came and went within the draft */
	CHANGE_ADD,
	CHANGE_REPLACE, /* by a version of it: what it counts and knows goes on */
	CHANGE_RECREATE, /* it goes, and another of that id comes in its place */
	CHANGE_REMOVE,
	CHANGE_SET_DECLARED, /* it stays as it is, and is declared from now on, or no longer */
};

struct change;
struct plan;

struct last_counters {
	struct dp_flow_stats flow;
	struct dp_latched latched; /* not valid: its latch had learned nothing */
	struct idle idle; /* as of shortly before */
	struct dp_leg_stats legs[]; /* the flow's own */
};

/*
 * An operation on one flow, decoded but not yet checked against the other flows; and, once staged,
 * what becomes of that flow by it and the items before. It can be staged more than once, as long as
 * it was not committed.
 */
struct change_item {
	struct change *change;
	enum op_kind op;
	bool down; /* OP_ADMIN */
	bool reports; /* the last counters of the flow are wanted */
	bool pruned; /* not requested: it was added while others were staged */
	struct change_item *cause; /* of a pruned one, that of the same change which needs it; NULL:
				      what a declaration does not name */
	bool updates; /* OP_SET of a relay's flow: the relay is there, and stays declared or not */
	bool if_there; /* OP_REMOVE of a relay's flow: it need not be there */
	struct change_item *other; /* that puts the relay's flow of the other direction, or NULL */
	uint8_t relay_bytes; /* it changes the relay whose id is so much of the flow's; 0: none */
	bool spec_given; /* the flow owns the spec now, which is still good to read */
	const char *member; /* where it stands in the request: "/MEMBER/PLACE"; static storage */
	uint32_t index; /* UINT32_MAX: it is all of the request */
	const char *list; /* of a receiver: where it stands in that, "/LIST/ENTRY"; static */
	uint32_t entry;
	uint32_t message; /* of a transaction, counted from 0 */
	char *left_out; /* why it is, of a change that may do without; NULL: it is not */
	struct flow_spec
		*spec; /* OP_INSTALL, OP_REPLACE, OP_SET: as requested; else as staged, or NULL */
	char *id; /* of the flow; NULL: of its spec */
	unsigned n_legs;
	struct flow_leg *legs; /* OP_JOIN */
	json_t *receiver; /* OP_RECEIVE */
	char (*leg_ids)[FLOW_ID_MAX]; /* OP_LEAVE; OP_ADMIN: none or one */
	uint16_t *left; /* OP_LEAVE, as staged: which legs of the running flow, or DP_LEG_NEW */
	/* As staged, from here on: zero before. */
	struct flow *flow; /* NULL: nothing to change */
	struct change_item *next; /* that is staged on top of it, on the same flow */
	uint8_t effect; /* enum change_kind, of this item */
	uint8_t kind; /* enum change_kind, of all on that flow so far */
	struct pools *pools; /* where spec holds a local port; NULL: it does not */
	bool indexed; /* how far its commit has come: in the index of the validation, */
	bool hopped; /* its legs have next hops, */
	bool steered; /* its packets are steered */
	unsigned first_leg; /* faults count the flow's own legs from here */
	uint16_t *hops; /* one a leg; once it is committed, those that ran before */
	struct leg_source *sources; /* as in struct flow; once it is committed, as the hops */
	uint32_t handle; /* what the flow gets */
	size_t at; /* in the draft */
	struct flow_spec *old_spec; /* once it is committed: what ran before */
	struct last_counters *last; /* when it reports: of what ran before; NULL: nothing */
};

/*
 * It is committed, or its plan is made, or fault says why neither. The change is destroyed after
 * the call, not in it, unless `keep` says that it is the caller's again.
 */
typedef void (*change_done_fn)(void *arg, struct change *change, const struct fault *fault);

/* What a committed change did, when all of it is done. */
typedef void (*change_observer_fn)(void *arg, const struct change *change);

/*
 * Items that are not there from the beginning: each call adds some of them, little enough for a
 * moment's work. 1 when there may be more, 0 at the end, -1 with *fault set.
 */
typedef int (*change_load_fn)(void *arg, struct change *change, struct fault *fault);

struct change {
	STAILQ_ENTRY(change) link;
	/*
	 * As the history has it: actor, method and comment, whether it declares (of flows that a
	 * declaration brought only those that are put stay), what it returns to. As outcome: its
	 * number (if it changed nothing, that of the generation found), and the flows that changed.
	 */
	struct store_generation generation;
	struct change_item **items;
	size_t n_items;
	size_t room_items;
	uint64_t highest_number; /* of the ids "flow-N" that it brings */
	change_load_fn load; /* NULL: all items are there */
	void (*load_end)(void *arg);
	void *load_arg;
	uint64_t if_generation; /* the state must be this one */
	bool conditional; /* if_generation counts */
	bool transaction; /* faults name the message, too */
	bool prunes; /* a declaration: of all other flows, too, only those that are put stay */
	bool keep; /* it is not destroyed when it is done */
	bool restores; /* from the store: it need not be written. Such a one is partial */
	bool partial; /* what cannot be done is left out, flow by flow */
	bool ends_confirm; /* the unconfirmed generation need not be confirmed any more */
	uint32_t confirm_within_s; /* 0: it is for good */
	bool plans; /* it is not to be committed, but `plan` made */
	bool if_plan; /* it must change what `plan` says, whatever the generation */
	bool alone; /* it was refused in a group of several, and is asked again alone */
	bool discarded; /* it is only to be destroyed */
	change_done_fn done;
	void *arg;
	/* For `done` to answer a request: what was committed, or the page of the plan. */
	json_t *(*reply)(const struct change *change);
	size_t plan_after, plan_limit;
	/* Outcome. */
	uint64_t confirm_by_ns; /* CLOCK_REALTIME, */
	uint64_t confirm_due_ns; /* and CLOCK_MONOTONIC, which counts */
	uint64_t left_out; /* when it is partial: flows */
	bool late; /* a worker was, which the data plane has warned of */
	struct plan *plan; /* what it would change; its own. NULL: none was made */
	struct plan *plan_now; /* the same for the state that it is committed in, with if_plan */
};

/*
 * The actor (NULL: sluiced itself), method and comment (NULL: none) are copied. NULL without
 * memory.
 */
struct change *change_create(const struct actor *actor, const char *method, const char *comment,
	change_done_fn done, void *arg);

/* With its items. NULL is allowed. `done` is not called. */
void change_destroy(struct change *change);

/* Destroy a piece of what it holds; false: there is none left. */
bool change_drop(struct change *change);

/*
 * Add an item, which stands at "/MEMBER/PLACE" of the request (PLACE UINT32_MAX: it is all of it):
 * OP_INSTALL, OP_REPLACE and OP_SET with a spec that the change takes over, also on failure; the
 * others of a flow's id, with room for n_legs legs or their ids, for the caller to fill. NULL with
 * *fault set.
 */
struct change_item *change_add_spec(struct change *change, enum op_kind op, struct flow_spec *spec,
	const char *member, uint32_t place, struct fault *fault);
struct change_item *change_add(struct change *change, enum op_kind op, const char *id,
	unsigned n_legs, const char *member, uint32_t place, struct fault *fault);

/* Add OP_RECEIVE of a receiver that has passed the schema, whose flow has that id, as above. */
struct change_item *change_add_receiver(struct change *change, const char *id, json_t *receiver,
	const char *member, uint32_t place, struct fault *fault);

/* Remove the item that was added last. */
void change_remove_last(struct change *change);

/* Whether its items say, in whatever order, how flows are to be: a declaration, or the history. */
static inline bool
change_is_whole(const struct change *change)
{
	return change->generation.declared || change->generation.returns != STORE_RETURN_NONE;
}

/*
 * Whether a pool is to give a port for it: to its own flow, or to that of the other direction, from
 * where it sends.
 */
bool item_takes_port(const struct change_item *item);

/* Whether it changes a flow, as staged. */
static inline bool
change_has_effect(const struct change *change)
{
	return change->generation.added + change->generation.changed + change->generation.removed >
	       0;
}

/* Whether a generation says so: also of a partial one that changes nothing, which ends a trial. */
static inline bool
change_is_generation(const struct change *change)
{
	return !change->restores && (change_has_effect(change) || change->partial);
}

/* The side that the item's flow is a receiver of, RELAY_FLOWS: it is of none. */
enum relay_flow item_receives(const struct change_item *item);

/* Forget that it was staged. */
void item_unstage(struct change_item *item);

/* The id of the flow that it is about. */
const char *item_flow(const struct change_item *item);

/*
 * Put the item's place in its request before the pointer of a fault; in a transaction, which the
 * client sees by messages, also which message, and which flow it is about.
 */
void item_fault_prefix(const struct change_item *item, struct fault *fault);

/* The last item on its flow of those committed together, which says what became of the flow. */
const struct change_item *item_outcome(const struct change_item *item);

/* The flow as it is to be, NULL when it is to go. */
const struct flow_spec *item_spec(const struct change_item *item);

/* Whether the data plane gets a flow, or a version of one. */
bool item_runs(const struct change_item *item);

/* The flow as it runs, NULL when it is new. */
const struct flow_spec *item_before(const struct change_item *item);

struct draft {
	struct flow_db *db;
	const struct ports *ports;
	struct pools *pools; /* NULL: there are none */
	struct change_item **list; /* the last item on each flow, in the order of the first */
	size_t n;
	size_t room;
	bool reports; /* some last counters are wanted */
	uint32_t mark; /* of the last declaration */
	bool declares; /* it is being staged */
};

/*
 * Stage one item on top of those before. 0, or -1 with *fault set, relative to what the operation
 * says (a flow, or the request of one flow), and the draft is to be taken back, as part of the
 * operation may be in it.
 */
int draft_stage(struct draft *draft, struct change_item *item, struct fault *fault);

/*
 * The local port that an OP_SET names is its own, before others take one of a pool that has that
 * port. 0, or -1 as draft_stage().
 */
int draft_hold(struct draft *draft, struct change_item *item, struct fault *fault);

/* The flow of that id as the draft has it so far; NULL: there is none. */
const struct flow_spec *draft_find(const struct draft *draft, const char *id);

/* Whether that flow, which the draft has, is declared then. */
bool draft_will_be_declared(const struct draft *draft, const char *id);

/*
 * Stage an OP_LEGS of a relay's flow: n receivers came, changed or went, as in receivers_change().
 * As draft_stage().
 */
int draft_legs(struct draft *draft, struct change_item *item, const struct receiver_link *links,
	size_t n, struct fault *fault);

/*
 * For items that together declare a state, in any order: all of them release what they remove,
 * flows and matches, before one is staged that needs what became free. A removal is staged by this.
 * 0, or -1 as draft_stage().
 */
int draft_release(struct draft *draft, struct change_item *item, struct fault *fault);

/*
 * Whether what is released and set from here on is a declaration: its flows are marked, also those
 * that stay as they are.
 */
void draft_declare(struct draft *draft, bool declares);

/* Whether the declaration that is being staged names this flow. */
bool draft_declared(const struct draft *draft, const struct flow *flow);

/* The flows of a relay as the draft has them, in the order of enum relay_flow; NULL: there is none.
 */
void draft_relay(const struct draft *draft, const char *relay, size_t relay_bytes,
	const struct flow_spec **specs);

/*
 * The flow is as before again, or is gone if it was to come. Of all that is in the draft, the last
 * first, so that a match is free before the one who had it first takes it back.
 */
void draft_undo(struct draft *draft, struct change_item *item);

/* Nothing is in it any more. The items are their changes'. */
void draft_clear(struct draft *draft);

#endif
