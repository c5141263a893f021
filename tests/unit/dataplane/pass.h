/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Passes of a worker that is the test itself: frames go in, one round is taken, and what left is
 * read back. Checksums of what leaves are recomputed over all of it, by DPDK.
 */
#ifndef DATAPLANE_PASS_H
#define DATAPLANE_PASS_H

#include <stdbool.h>
#include <stdint.h>

#include "loop.h"

#define PASS_UNTAGGED (-1)
#define PASS_TTL 64
#define PASS_OTHER_SOURCE 99
#define PASS_MTU 300 /* of next hop 1; that of next hop 0 is 1500 */

/* What a frame is like. Of flow `flow` of fixture_flow(), unless another source is wanted. */
struct pass_frame {
	enum dp_family family;
	uint32_t flow;
	uint16_t id; /* the first two bytes of UDP data */
	int tci; /* of an 802.1Q tag, or PASS_UNTAGGED */
	uint16_t data_bytes; /* of UDP data, 2 at least */
	uint8_t ttl;
	uint8_t tos;
	uint8_t n_padding; /* behind the datagram */
	bool no_checksum; /* UDP over IPv4 */
	bool wrong_ip_checksum; /* or, IPv6, a wrong version */
	bool martian; /* from a loopback address */
	bool other_source; /* not that of the flow: its address ends with PASS_OTHER_SOURCE */
	uint8_t src_mac[6];
	uint8_t dst_mac[6];
};

/* What left. */
struct pass_sent {
	enum dp_family family;
	uint16_t id;
	int tci;
	uint8_t src_mac[6];
	uint8_t dst_mac[6];
	uint8_t dst[16];
	uint16_t dst_port;
	uint16_t l3_bytes;
	uint8_t ttl;
	uint8_t tos;
	bool no_checksum;
};

struct pass {
	struct loop loop;
	uint64_t now_ns;
};

/* An ordinary frame of a flow. */
struct pass_frame pass_frame_of(enum dp_family family, uint32_t flow, uint16_t id);

/* EAL and data plane, which is started without a worker; next hop 1 has PASS_MTU. */
void pass_init(struct pass *pass);
void pass_fini(struct pass *pass);

void pass_put(struct pass *pass, const struct pass_frame *frame);

/* One round, of all that was put; then the worker is quiescent. Aborts if it took anything else. */
void pass_round(struct pass *pass, unsigned n);

/* The oldest frame that left; false: none. Aborts if a length or checksum in it is wrong. */
bool pass_take(struct pass *pass, struct pass_sent *sent);

/* Commit in steps of one change. `between` is called after each, until it is over; NULL: nothing.
 */
void pass_commit(struct pass *pass, struct dp_txn *txn, void (*between)(void *arg), void *arg);

#endif
