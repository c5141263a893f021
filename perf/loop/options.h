/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What one closed-loop measurement is asked to do, and what follows from it.
 */
#ifndef PERF_LOOP_OPTIONS_H
#define PERF_LOOP_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include <dp/flow.h>

#define LOOP_BURST 32
#define LOOP_VLAN 7
#define LOOP_BATCH_FLOWS 1024 /* that --during-updates installs in one transaction, at most */
#define LOOP_TRANSLATE_BYTES 20 /* by which a datagram grows from IPv4 to IPv6 */
#define LOOP_L2_BYTES(tagged) ((tagged) ? 18u : 14u)
#define LOOP_WORKERS_MAX 8
#define LOOP_LEVEL_BYTES 8
#define LOOP_PEERS 1024 /* flows of a port at most that learn what others send to, of a packet */
#define LOOP_KINDS 6 /* of flows with mixed: plain, tagged, policed, each in both families */

/* Which stage of the classification finds the flows. */
enum loop_match { LOOP_EXACT, LOOP_LISTENER, LOOP_RULE };

/*
 * Whether legs send to the source that another flow has learned. Stale: control does not say that
 * it knows where that is, so workers look it up for each packet. Given: no, but there are the same
 * flows.
 */
enum loop_learned { LOOP_FIXED, LOOP_RESOLVED, LOOP_STALE, LOOP_GIVEN };

struct loop_options {
	unsigned flows;
	unsigned inflight; /* packets a worker; so many a burst, or a multiple of LOOP_BURST */
	unsigned family; /* 4 or 6; of the first half of the flows with translate */
	bool translate; /* the second half of the flows is IPv6, and packets alternate */
	bool mixed; /* flow i is of kind i % LOOP_KINDS: IPv6 if odd; of kind 2, 3 tagged; 4, 5
		       policed */
	bool vlan;
	unsigned match; /* enum loop_match */
	unsigned latch; /* enum dp_latch */
	unsigned learned; /* enum loop_learned */
	bool police;
	unsigned ttl_set; /* 1: each leg sets the TTL; 0: it decrements, as a relay does */
	unsigned legs; /* of a flow, or of each of its streams */
	unsigned streams; /* 0 = the flows have none */
	unsigned size; /* bytes of a frame, without FCS; IPv6 ones are 20 longer with translate */
	unsigned workers;
	bool shared; /* the packets of all workers visit all flows */
	unsigned updates; /* flows a second installed, and as many removed, meanwhile */
	unsigned reads; /* times a second that the counters of all flows are read meanwhile */
	unsigned control_core;
	unsigned worker_cores[LOOP_WORKERS_MAX];
	bool direct; /* one worker goes to its ring as several do: see loop_rig_direct() */
	bool hugepages;
	char level[LOOP_LEVEL_BYTES]; /* of the CPU's instructions, as in dp_config */
};

/*
 * Fill *options from a JSON object that has them all, as perf/closed-loop makes it. Ends the
 * program with 2 after a message where one is wrong.
 */
void loop_options_read(struct loop_options *options, const char *text);

/* The same object. New reference. */
json_t *loop_options_json(const struct loop_options *options);

/* Steps on the cycles. */
static inline unsigned
loop_units(const struct loop_options *options)
{
	return options->translate ? options->flows / 2 : options->flows;
}

static inline unsigned
loop_kinds(const struct loop_options *options)
{
	return options->mixed ? LOOP_KINDS : 1;
}

/* Cycles, one a kind of flows and a worker; unit u is on cycle u % strands. */
static inline unsigned
loop_strands(const struct loop_options *options)
{
	return loop_kinds(options) * (options->shared ? 1 : options->workers);
}

/*
 * Flows besides those of the loop that learn the destinations of these, on each port that they
 * leave by. None where the loop's own flows latch: a leg sends to what one of them has learned.
 */
static inline unsigned
loop_port_peers(const struct loop_options *options)
{
	if (options->learned == LOOP_FIXED || options->latch != DP_LATCH_OPEN)
		return 0;
	return options->flows < LOOP_PEERS ? options->flows : LOOP_PEERS;
}

/* The same of both ports, those of port 0 first. */
static inline unsigned
loop_peers(const struct loop_options *options)
{
	return loop_port_peers(options) * (options->legs > 1 ? 2 : 1);
}

/* Room in the flow tables for what --during-updates has installed at a time. */
unsigned loop_flows_spare(const struct loop_options *options);

/* Legs in the leg table: a plain flow has its only one in itself, as --during-updates has. */
uint64_t loop_legs_needed(const struct loop_options *options);

/* Bytes of all headers that frames have: Ethernet, VLAN, IP, UDP, and RTP where streams want it. */
unsigned loop_frame_bytes_min(const struct loop_options *options);

#endif
