/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The flows of the loop, and the frames that meet them. Each hands its packet to the flow that
 * follows it on a random cycle; with several workers, each has a cycle of its own (a strand),
 * unless they share one. With translation a step on the cycle is a pair of flows: flow i takes IPv4
 * and leaves as IPv6 into flow i + half, which leaves as IPv4 into the flow that follows flow i.
 */
#ifndef PERF_LOOP_FLOW_H
#define PERF_LOOP_FLOW_H

#include <stdbool.h>

#include <dp/dp.h>

#include "options.h"

struct rte_mbuf;

static inline enum dp_family
loop_flow_family(const struct loop_options *options, unsigned index)
{
	if (options->translate)
		return index >= loop_units(options) && index < options->flows ? DP_IPV6 : DP_IPV4;
	if (options->mixed)
		return index % 2 == 0 ? DP_IPV4 : DP_IPV6;
	return options->family == 4 ? DP_IPV4 : DP_IPV6;
}

/* Are the frames of flow `index` tagged? */
static inline bool
loop_flow_tagged(const struct loop_options *options, unsigned index)
{
	return options->vlan || (options->mixed && index % LOOP_KINDS / 2 == 1);
}

static inline bool
loop_flow_policed(const struct loop_options *options, unsigned index)
{
	return options->police || (options->mixed && index % LOOP_KINDS / 2 == 2);
}

/*
 * What the packets of flow `index` look like, as the key of an exact flow on ingress port 0.
 * Indices from options->flows on are of flows that --during-updates installs.
 */
void loop_flow_key(const struct loop_options *options, unsigned index, struct dp_flow_key *key);

/* The port by which leg `leg` of n_legs leaves: the last one circulates by port 0. */
static inline uint16_t
loop_leg_port(unsigned leg, unsigned n_legs)
{
	return leg + 1 == n_legs ? 0 : 1;
}

/*
 * Install all flows, and those that learn for them. handles has room for options->flows. 0 or a
 * negative errno.
 */
int loop_flows_install(const struct loop_options *options, struct dp *dp, uint32_t *handles);

/*
 * Once workers run: wait until all that latches or that legs send to is learned, and unless it is
 * to be stale replace all flows with such legs by ones that know it. As loop_flows_install();
 * -ETIMEDOUT: something was not learned.
 */
int loop_flows_resolve(const struct loop_options *options, struct dp *dp, uint32_t *handles);

/* Add to `txn` flow `index` >= options->flows, which no packet meets. Returns as dp_txn_add(). */
int loop_flow_add_idle(
	const struct loop_options *options, struct dp_txn *txn, unsigned index, uint32_t *handle);

/*
 * Write into `m`, which is empty, a frame that flow `index` matches. `stream` says which of its
 * streams, if it has some.
 */
void loop_frame_write(
	const struct loop_options *options, unsigned index, unsigned stream, struct rte_mbuf *m);

/*
 * The same for flow `peer` of loop_peers(), from the source that it is to learn. Returns the port
 * that it is to come in by.
 */
unsigned loop_peer_frame_write(
	const struct loop_options *options, unsigned peer, struct rte_mbuf *m);

/* Is it still as long as it was written, and are its checksums right? */
bool loop_frame_whole(const struct loop_options *options, const struct rte_mbuf *m);

#endif
