/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The frame that meets flow i, and whether it is still one after its laps.
 */
#ifndef PERF_LOOP_FRAME_H
#define PERF_LOOP_FRAME_H

#include <stdbool.h>

#include "loop_options.h"

#define LOOP_TTL 255 /* frames start with it; so that cycles of decrementing flows last */
#define LOOP_SSRC_FIRST 1000u
#define LOOP_TRANSLATE_BYTES 20 /* by which a datagram grows from IPv4 to IPv6 */
#define LOOP_L2_BYTES(options) ((options)->vlan ? 18u : 14u)

struct rte_mbuf;

/* Bytes of all headers that frames have: Ethernet, VLAN, IP, UDP, and RTP where streams want it. */
unsigned loop_frame_bytes_min(const struct loop_options *options);

/*
 * Write into `m`, which is empty, a frame that flow `index` matches. `stream` says which of its
 * streams, if it has some.
 */
void loop_frame_write(
	const struct loop_options *options, unsigned index, unsigned stream, struct rte_mbuf *m);

/* Is it still as long as it was written, and are its checksums right? */
bool loop_frame_whole(const struct loop_options *options, const struct rte_mbuf *m);

#endif
