/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A golden case as its file states it: flows, a script of what happens, frames out, drops and
 * counters. The decoder is the tests' own and shares nothing with that of the control thread.
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
	const char *flow; /* punted: whose packet it was; NULL = the port's default */
};

/* Frames that are expected; order counts within a port. */
struct case_frames {
	size_t n;
	struct case_frame *of;
};

struct case_legs {
	size_t n;
	struct dp_leg *of; /* known.state is not 0: that of the latch, when the leg is installed */
	const char **ids; /* NULL = the leg has no name */
};

struct case_flow {
	const char *id;
	struct dp_flow flow; /* points into what follows */
	struct dp_rule rule;
	struct dp_prefix *allow;
	struct dp_source *sources;
	struct case_legs legs;
	struct dp_stream *streams;
	struct case_legs *stream_legs; /* [stream] */
};

struct case_leg_counts {
	size_t n;
	struct dp_leg_stats *of;
};

struct case_stream_counts {
	struct dp_stream_stats stats;
	struct case_leg_counts legs;
};

/* What a flow has counted. */
struct case_counts {
	const char *id;
	struct dp_flow_stats stats;
	struct case_leg_counts legs;
	size_t n_streams;
	struct case_stream_counts *streams;
};

/* A flow is added, replaced or removed. */
struct case_op {
	enum { CASE_ADD, CASE_REPLACE, CASE_REMOVE } kind;
	const char *id;
	struct case_flow flow; /* add, replace */
	struct case_counts left; /* replace, remove: what dp_txn_on_removed() must be told */
};

struct case_latched {
	const char *id;
	struct dp_latched source; /* what dp_flow_latched_get() must say, less its state */
};

struct case_event {
	enum { CASE_FRAME, CASE_TIME, CASE_TXN, CASE_LATCHED, CASE_FORGET, CASE_POLL } kind;
	struct case_frame frame;
	uint64_t at_ns; /* the case's own clock goes to this */
	size_t n_ops;
	struct case_op *ops; /* of one transaction */
	struct case_latched latched; /* by now, or what the flow forgets */
	unsigned poll_max; /* punted packets that control takes */
};

struct case_port {
	bool punt_unmatched;
	bool kernel_path; /* what control takes is what went to the kernel, too */
	bool down;
	uint64_t forwarded, punted, copies; /* expected */
	uint64_t drops[DP_DROP_COUNT]; /* expected */
};

struct golden_case {
	json_t *root; /* owns the strings */
	const char *name;
	const char *why;
	bool corrupt; /* frames leave with a wrong checksum on purpose */
	bool step; /* frames go in one by one, and each one's drop is checked */
	bool clock; /* time is the case's own, and the worker is the thread of the test */
	bool one_worker; /* what the case says depends on how many workers there are */
	unsigned tx_ring; /* places in a port's transmit ring; 0 = plenty */
	unsigned packet_buffers; /* as in struct dp_config; 0 = plenty */
	unsigned punt_ring, punt_rate; /* as in struct dp_config; of the paths to the kernel, too */
	size_t n_flows, n_hops, n_script, n_counts, n_names;
	const char **names; /* of flows and of those that legs refer to; see case_cookie() */
	struct case_flow *flows; /* there from the start */
	struct dp_next_hop *hops; /* index = dp_leg.next_hop */
	struct case_event *script;
	struct case_frames out, punted;
	struct case_port ports[CASE_PORTS];
	size_t n_chained; /* frames that leave as header and shared payload, where drivers can */
	struct case_counts *counts; /* of the flows that are there at the end */
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

/*
 * The parts of a case, one file each. All return 0, or -1 with what is wrong in `at->text`; what
 * was begun is freed by the matching fini either way. Strings are borrowed from the JSON.
 */
int case_frame_decode(json_t *item, struct case_frame *frame, json_error_t *at);
int case_frames_decode(const json_t *list, struct case_frames *frames, json_error_t *at);
void case_frames_fini(struct case_frames *frames);

int case_address_decode(const char *text, uint8_t out[16]); /* 4, 6, or -1: no address */
int case_mac_decode(const char *text, uint8_t mac[6]);
int case_prefix_decode(const char *text, uint8_t out[16], uint8_t *bits); /* the same */
int case_legs_decode(
	struct golden_case *c, const json_t *list, struct case_legs *legs, json_error_t *at);
void case_legs_fini(struct case_legs *legs);

/* By which legs refer to what a flow learns. 0: no memory. */
uint64_t case_cookie(struct golden_case *c, const char *id);

int case_police_decode(json_t *item, struct dp_police *police, json_error_t *at);
int case_flow_decode(struct golden_case *c, json_t *item, struct case_flow *flow, json_error_t *at);
void case_flow_fini(struct case_flow *flow);
int case_match_decode(json_t *match, struct dp_flow_key *key, json_error_t *at);
int case_rule_decode(json_t *item, struct dp_rule *rule, json_error_t *at);

int case_counts_decode(const char *id, json_t *item, struct case_counts *counts, json_error_t *at);
void case_counts_fini(struct case_counts *counts);

int case_script_decode(struct golden_case *c, const json_t *script, json_error_t *at);
void case_script_fini(struct golden_case *c);

#endif
