/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The flows that are there, and what they need: the room where desired state, next hops, steering
 * and the data plane are at hand together. commit.h is how flows change.
 *
 * Everything here is called by the control thread.
 */
#ifndef CTRL_FLOW_FLOWS_H
#define CTRL_FLOW_FLOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <dp/dp.h>

#include "base/fault.h"
#include "base/timer.h"
#include "config/ports.h"
#include "flow/flow_db.h"
#include "flow/leg_source.h"
#include "flow/membership.h"
#include "flow/next_hop.h"
#include "flow/pool.h"
#include "flow/steering.h"
#include "flow/validate.h"

struct event_base;

/*
 * What became of one flow, after the commit: installed (before is NULL), replaced (both, and the
 * same one: its spec and handle are the new ones), or removed (now is NULL; before is freed next).
 */
typedef void (*flows_changed_fn)(void *arg, struct flow *now, struct flow *before);

struct flows {
	struct dp *dp;
	struct ports *ports; /* their MAC addresses follow the kernel's */
	struct steering *steering;
	struct net *net;
	struct next_hops *hops;
	struct memberships *memberships;
	struct timer repoint_timer;
	uint64_t repointed; /* sequence of the flow that was scanned last; 0 = from the first */
	struct source_context source_context;
	struct timer refresh_timer;
	struct timer links_timer; /* interfaces changed: VLANs and memberships may, too */
	bool refreshes_soon; /* a neighbour has answered, and the timer is armed for that */
	struct flow_queue moved; /* flows with a leg whose source is another one by now */
	struct flow_queue waiting; /* flows with a leg whose source's next hop is not resolved */
	struct flow_db db;
	struct validate *validate;
	struct schema *schema; /* of a flow's text */
	struct pools *pools; /* that give local ports, borrowed; NULL: there are none */
	struct commits *commits; /* how they change; NULL before there is one */
	bool notify_each; /* the commit is small, and may be notified flow by flow */
	flows_changed_fn changed; /* NULL: disabled */
	void *changed_arg;
};

/*
 * Begin without flows, and watch the kernel's neighbours on `base`. dp, ports and steering are
 * borrowed and must outlive the flows. -1 with *fault set, and nothing left open.
 */
int flows_init(struct flows *flows, struct dp *dp, struct ports *ports, struct steering *steering,
	struct event_base *base, struct fault *fault);

/* Forget every flow and stop asking the kernel for packets. Workers must be stopped. */
void flows_fini(struct flows *flows);

/* Call `changed` for each change; NULL: disabled. flows_fini() does not call it. */
void flows_observe(struct flows *flows, flows_changed_fn changed, void *arg);

/* Tell the observer, if there is one. */
void flows_changed(struct flows *flows, struct flow *now, struct flow *before);

/* A port may have another MAC address or MTU: let what leaves by it observe that. */
void flows_port_changed(struct flows *flows, unsigned port);

/*
 * Flows whose legs hold a next hop that is not theirs any more, since routes have parted those who
 * shared it: each gets a new version in the data plane, with all else as it was. A timer does it in
 * slices between other changes, as long as there are such legs. Do a slice. Returns after how many
 * ms to go on, 0 = all is done.
 */
unsigned flows_repoint(struct flows *flows);

/*
 * The source that a flow has learned has moved, or is forgotten: flows whose legs send to it get a
 * new version in the data plane that knows it, as soon as its next hop is resolved. Workers send to
 * it in the meantime.
 */
void flows_source_moved(struct flows *flows, const struct flow *flow);

/* A flow, or a version of it, was committed: see that its legs know the sources as they are. */
void flow_sources_watch(struct flows *flows, struct flow *flow);

/* A flow is removed. */
void flow_sources_unwatch(struct flow *flow);

/*
 * Do a slice of that work; a timer does, as long as there is some, and a commit when it is over, as
 * the next one may follow at once. Returns after how many ms to go on, 0 = all is done.
 */
unsigned flows_refresh(struct flows *flows);

/*
 * A flow as the data plane is given it, and what it points to; zero at first. Room grows with the
 * largest flow that was compiled into it, so that a request of many flows allocates a few times
 * only.
 */
struct compiled {
	struct dp_flow flow;
	struct dp_rule rule;
	struct dp_leg *legs;
	size_t legs_room;
	struct dp_stream *streams;
	size_t streams_room;
};

void compiled_fini(struct compiled *compiled);

/*
 * Fill compiled->flow, but for the cookie, from a spec whose ports exist and whose legs have the
 * next hops and sources given, one a leg, those of streams too; sources NULL: none. It holds until
 * the next call and borrows the spec's allow-list. 0 or -ENOMEM. Pure, any thread.
 */
int flow_compile(const struct flow_spec *spec, const struct ports *ports, const uint16_t *hops,
	const struct leg_source *sources, struct compiled *compiled);

/*
 * A flow that takes the first source that comes has learned it: where nothing else of the flow
 * concerns other sources, they need not come any more. Sets flow->only if so.
 */
void flow_narrow(struct flows *flows, struct flow *flow, const struct dp_latched *source);

/*
 * The reverse of flow_narrow(): packets of any source come again. 0, or negative errno, and nothing
 * has changed.
 */
int flow_widen(struct flows *flows, struct flow *flow);

#endif
