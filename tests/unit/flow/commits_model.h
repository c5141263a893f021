/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What changes mean, said once more in the plainest way: a few flows in an array, changed by one
 * operation after the other, and nothing of it when one is refused. It shares no code with what it
 * is compared to.
 */
#ifndef TESTS_FLOW_COMMITS_MODEL_H
#define TESTS_FLOW_COMMITS_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define MODEL_FLOWS 5
#define MODEL_PORTS 6
#define MODEL_LEGS 4
#define MODEL_OPS_MAX 5

enum model_kind {
	MODEL_INSTALL,
	MODEL_REPLACE,
	MODEL_REMOVE,
	MODEL_JOIN,
	MODEL_LEAVE,
	MODEL_ADMIN,
	MODEL_PUT, /* only of changes that say how all is to be */
};

struct model_leg {
	int id; /* from 0; below MODEL_LEGS */
	int last; /* octet of its destination */
	bool down;
};

struct model_flow {
	bool there;
	bool declared;
	bool down;
	int port; /* from 1 to MODEL_PORTS */
	unsigned n_legs;
	struct model_leg legs[MODEL_LEGS];
};

struct model_op {
	enum model_kind kind;
	int flow; /* from 0 */
	struct model_flow as; /* of install, replace and put; the leg of join, leave and admin */
	bool of_leg; /* admin: its leg as.legs[0] */
};

struct model_change {
	unsigned n_ops;
	struct model_op ops[MODEL_OPS_MAX];
	bool declares, prunes; /* all ops are puts, of different flows */
	bool returns; /* all ops are puts and removes, of different flows */
	bool conditional;
	uint64_t if_generation;
	bool trial;
};

struct model {
	struct model_flow flows[MODEL_FLOWS];
	uint64_t generation;
	bool waits; /* a trial is to be confirmed */
};

/* Make all of a change, or nothing: false. A generation is made when something has changed. */
bool model_apply(struct model *model, const struct model_change *change);

#endif
