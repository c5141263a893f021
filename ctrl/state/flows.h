/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Installing and removing flows: the room where desired state, next hops, steering and the data
 * plane's transaction are brought together. Each request is all or nothing: before its commit
 * nothing has changed, and whatever a failing step had taken is given back.
 *
 * Everything here is called by the control thread.
 */
#ifndef CTRL_STATE_FLOWS_H
#define CTRL_STATE_FLOWS_H

#include <stddef.h>

#include <dp/dp.h>

#include "schema/fault.h"
#include "state/desired.h"
#include "state/next_hops.h"
#include "state/ports.h"
#include "state/steering.h"

struct event_base;

struct flows {
	struct dp *dp;
	const struct ports *ports;
	struct steering *steering;
	struct net *net;
	struct next_hops *hops;
	struct desired desired;
};

/*
 * Begin without flows, and watch the kernel's neighbours on `base`. dp, ports and steering are
 * borrowed and must outlive the flows. -1 with *fault set, and nothing left open.
 */
int flows_init(struct flows *flows, struct dp *dp, const struct ports *ports,
	struct steering *steering, struct event_base *base, struct fault *fault);

/* Forget every flow and stop asking the kernel for packets. Workers must be stopped. */
void flows_fini(struct flows *flows);

/*
 * Install n flows; waits up to a second for neighbours that the kernel does not know yet. On
 * success 0, the specs are owned by the flows and their ids filled in; the pointers stay valid
 * until the flow is removed. On failure -1 with *fault set (pointer "/flows/N/..."), nothing has
 * changed and the specs are still the caller's.
 */
int flows_install(
	struct flows *flows, struct flow_spec *const *specs, size_t n, struct fault *fault);

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
