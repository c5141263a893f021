/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The flows that are there, and what they need: the room where desired state, next hops, steering
 * and the data plane are at hand together. commits.h is how flows change.
 *
 * Everything here is called by the control thread.
 */
#ifndef CTRL_STATE_FLOWS_H
#define CTRL_STATE_FLOWS_H

#include <stdbool.h>

#include <dp/dp.h>

#include "base/fault.h"
#include "config/ports.h"
#include "state/desired.h"
#include "state/hop_repoint.h"
#include "state/next_hops.h"
#include "state/steering.h"
#include "state/validate.h"

struct event_base;

/*
 * What became of one flow, after the commit: installed (before is NULL), replaced (both, and the
 * same one: its spec and handle are the new ones), or removed (now is NULL; before is freed next).
 */
typedef void (*flows_changed_fn)(void *arg, struct flow *now, struct flow *before);

struct flows {
	struct dp *dp;
	const struct ports *ports;
	struct steering *steering;
	struct net *net;
	struct next_hops *hops;
	struct hop_repoint repoint;
	struct desired desired;
	struct validate *validate;
	struct schema *schema; /* of a flow's text */
	struct commits *commits; /* how they change; NULL before there is one */
	bool tell_each; /* what settles is little, and may be told flow by flow */
	flows_changed_fn changed; /* NULL = nobody wants to know */
	void *changed_arg;
};

/*
 * Begin without flows, and watch the kernel's neighbours on `base`. dp, ports and steering are
 * borrowed and must outlive the flows. -1 with *fault set, and nothing left open.
 */
int flows_init(struct flows *flows, struct dp *dp, const struct ports *ports,
	struct steering *steering, struct event_base *base, struct fault *fault);

/* Forget every flow and stop asking the kernel for packets. Workers must be stopped. */
void flows_fini(struct flows *flows);

/* Have each change told; NULL: no more. flows_fini() tells nothing. */
void flows_observe(struct flows *flows, flows_changed_fn changed, void *arg);

/* Tell the observer, if there is one. */
void flows_changed(struct flows *flows, struct flow *now, struct flow *before);

#endif
