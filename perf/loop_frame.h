/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Addresses of the flows, and the frame that meets flow i. IPv4 sources are of the benchmark range
 * (RFC 2544, 198.18.0.0/15), IPv6 ones of the documentation prefix.
 */
#ifndef PERF_LOOP_FRAME_H
#define PERF_LOOP_FRAME_H

#include <stdbool.h>

#include <dp/flow.h>

#include "loop_options.h"

#define LOOP_VLAN 7

struct rte_mbuf;

/* Key of flow `index` on ingress port 0. */
void loop_flow_key(const struct loop_options *options, unsigned index, struct dp_flow_key *key);

/* Write into `m`, which is empty, a frame of options->size bytes that flow `index` matches. */
void loop_frame_write(const struct loop_options *options, unsigned index, struct rte_mbuf *m);

/* Is it still as long as it was written, and are its checksums right? */
bool loop_frame_whole(const struct loop_options *options, const struct rte_mbuf *m);

#endif
