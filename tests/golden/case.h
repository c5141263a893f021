/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A golden case as its file states it: flows, frames in, frames out, drops and counters. The
 * decoder is the tests' own and shares nothing with that of the control thread.
 */
#ifndef GOLDEN_CASE_H
#define GOLDEN_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <dp/dp.h>

#define CASE_PORTS 3 /* p0, p1, p2 */

struct case_frame {
	unsigned port;
	unsigned n_bytes;
	uint8_t *bytes;
	unsigned split; /* bytes in the first of two buffers; 0 = one buffer holds all */
	unsigned drop; /* enum dp_drop that this frame alone must cause; DP_DROP_COUNT = none */
};

struct case_flow {
	const char *id;
	struct dp_flow flow;
	struct dp_leg *legs;
	struct dp_flow_stats stats; /* expected */
	struct dp_leg_stats *leg_stats; /* expected */
};

struct golden_case {
	json_t *root; /* owns the strings */
	const char *name;
	const char *why;
	bool corrupt; /* frames leave with a wrong checksum on purpose */
	bool step; /* frames go in one by one, and each one's drop is checked */
	unsigned tx_ring; /* places in a port's transmit ring; 0 = plenty */
	unsigned packet_buffers; /* as in struct dp_config; 0 = plenty */
	size_t n_flows, n_hops, n_in, n_out;
	struct case_flow *flows;
	struct dp_next_hop *hops; /* index = dp_leg.next_hop */
	struct case_frame *in;
	struct case_frame *out; /* order counts within a port */
	uint64_t drops[CASE_PORTS][DP_DROP_COUNT];
	size_t n_chained; /* frames that leave as header and shared payload, where drivers can */
};

/* MAC address of a port of the rig. */
void case_port_mac(unsigned port, uint8_t mac[6]);

/*
 * Read a file. 0, or -1 with what is wrong in `error`. Either way case_fini() frees what is held.
 */
int case_init(struct golden_case *c, const char *path, char *error, size_t error_size);
void case_fini(struct golden_case *c);

/* Index of a port's name, or of a drop's; -1 = no such name. */
int case_port_index(const char *name);
int case_drop_index(const char *name);

/* Flows with their next hops and expected counters (case_flow.c). */
int case_flows_decode(struct golden_case *c, const json_t *flows, const json_t *counters,
	char *error, size_t error_size);
void case_flows_fini(struct golden_case *c);

#endif
