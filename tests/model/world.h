/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The small world that random flows and random packets come from: few addresses, ports, VLANs and
 * SSRCs, so that they meet often.
 */
#ifndef MODEL_WORLD_H
#define MODEL_WORLD_H

#include <dp/flow.h>

#include "rng.h"

/* A source address; now and then a martian one, or any. */
void world_source(struct rng *rng, unsigned family, uint8_t address[16]);

/* An address of this box; now and then a martian one, or any. */
void world_local(struct rng *rng, unsigned family, uint8_t address[16]);

/* A UDP port, host order. */
unsigned world_udp_port(struct rng *rng);

/* VLAN ids; most often 0. */
unsigned world_vlan(struct rng *rng);
unsigned world_outer_vlan(struct rng *rng);

uint32_t world_ssrc(struct rng *rng);
unsigned world_payload_type(struct rng *rng);

/* A rate at which a byte takes a whole number of 2^-12 ns: 2^m * 5^n bit/s. */
uint64_t world_rate_bps(struct rng *rng);

#endif
