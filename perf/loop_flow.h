/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The flows of the loop. Each hands its packet to the flow that follows it on a random cycle; with
 * several workers, each has a cycle of its own (a strand), unless they share one. With translation
 * a step on the cycle is a pair of flows: flow i takes IPv4 and leaves as IPv6 into flow i + half,
 * which leaves as IPv4 into the flow that follows flow i.
 */
#ifndef PERF_LOOP_FLOW_H
#define PERF_LOOP_FLOW_H

#include <dp/dp.h>

#include "loop_options.h"

#define LOOP_VLAN 7
#define LOOP_BATCH_FLOWS 1024 /* that --during-updates installs in one transaction, at most */

/* Steps on the cycles. */
static inline unsigned
loop_units(const struct loop_options *options)
{
	return options->translate ? options->flows / 2 : options->flows;
}

/* Cycles; unit u is on cycle u % strands. */
static inline unsigned
loop_strands(const struct loop_options *options)
{
	return options->shared ? 1 : options->workers;
}

static inline enum dp_family
loop_flow_family(const struct loop_options *options, unsigned index)
{
	if (options->translate)
		return index >= loop_units(options) && index < options->flows ? DP_IPV6 : DP_IPV4;
	return options->family == 4 ? DP_IPV4 : DP_IPV6;
}

/* Room in the flow tables for what --during-updates has installed at a time. */
unsigned loop_flows_spare(const struct loop_options *options);

/* Legs in the leg table: a plain flow has its only one in itself, as --during-updates has. */
uint64_t loop_legs_needed(const struct loop_options *options);

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

/* Install all flows. handles has room for options->flows. 0 or a negative errno. */
int loop_flows_install(const struct loop_options *options, struct dp *dp, uint32_t *handles);

/* Add to `txn` flow `index` >= options->flows, which no packet meets. Returns as dp_txn_add(). */
int loop_flow_add_idle(
	const struct loop_options *options, struct dp_txn *txn, unsigned index, uint32_t *handle);

#endif
