/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Installing, changing and removing flows: the room where desired state, next hops, steering and
 * the data plane's transaction are brought together. Each request is all or nothing: before its
 * commit nothing has changed, and whatever a failing step had taken is given back.
 *
 * Everything here is called by the control thread.
 */
#ifndef CTRL_STATE_FLOWS_H
#define CTRL_STATE_FLOWS_H

#include <stdbool.h>
#include <stddef.h>

#include <dp/dp.h>

#include "schema/fault.h"
#include "state/desired.h"
#include "state/next_hops.h"
#include "state/ports.h"
#include "state/steering.h"

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
	struct desired desired;
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

/*
 * Install n flows; waits up to a second for neighbours that the kernel does not know yet. On
 * success 0, the specs are owned by the flows and their ids and those of their legs filled in; the
 * pointers stay valid until the flow is removed or changed. On failure -1 with *fault set (pointer
 * "/flows/N/..."), nothing has changed and the specs are still the caller's.
 */
int flows_install(
	struct flows *flows, struct flow_spec *const *specs, size_t n, struct fault *fault);

/*
 * Put n specs in place of those that the flows of the same ids have. The match has to be the same;
 * a rule may change within its family. Counters go on, those of legs by their ids. As for
 * flows_install() otherwise; "/flows/N/id" when an id is unknown, missing or named twice.
 */
int flows_replace(
	struct flows *flows, struct flow_spec *const *specs, size_t n, struct fault *fault);

/*
 * Add n legs to a flow; ids that are "" are filled in. The legs are copied. -1 with *fault set
 * ("/flow", "/legs/N/..."), and nothing has changed.
 */
int flows_join(
	struct flows *flows, const char *id, struct flow_leg *legs, size_t n, struct fault *fault);

/* One leg that left, the i-th of the request, with its last counters. */
typedef void (*flows_left_fn)(
	void *arg, size_t i, const char *id, const struct dp_leg_stats *stats);

/*
 * Take the n legs of these ids out of a flow; `left` is called for each in the order of the
 * request before this returns 0. -1 with *fault set ("/flow", "/legs/N"), and nothing has changed.
 */
int flows_leave(struct flows *flows, const char *id, const char *const *legs, size_t n,
	flows_left_fn left, void *arg, struct fault *fault);

/* Take a flow, or the leg of that id (NULL: none), down or up. "/flow", "/leg" when unknown. */
int flows_admin(
	struct flows *flows, const char *id, const char *leg, bool down, struct fault *fault);

/* One removed flow, the i-th of the request, with its last counters. */
typedef void (*flows_removed_fn)(void *arg, size_t i, const struct flow_spec *spec,
	const struct dp_flow_stats *stats, const struct dp_leg_stats *legs);

/*
 * Remove the n flows with these ids; `removed` is called for each of them, in no order, before
 * this returns 0. -1 with *fault set (pointer "/ids/N") when an id is unknown or named twice;
 * nothing has changed then.
 */
int flows_remove(struct flows *flows, const char *const *ids, size_t n, flows_removed_fn removed,
	void *arg, struct fault *fault);

#endif
