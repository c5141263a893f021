/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One session: a data plane and a model that both start empty, and all that happens to them, which
 * a seed decides. Functions that compare return false after they have said what differs.
 */
#ifndef MODEL_SESSION_H
#define MODEL_SESSION_H

#include <stdio.h>

#include "flows.h"
#include "packets.h"
#include "rig.h"

#define SESSION_BURST_MAX (4 * DP_BURST_MAX) /* a pass */

struct session_options {
	uint64_t seed;
	uint64_t packets;
	unsigned burst; /* packets that a port receives in a round at most */
	const char *level; /* as in dp_config */
	FILE *record; /* of all that came of the session; NULL = none */
};

/* A frame of the round in hand and what the model made of it: for reports. */
struct session_frame {
	struct test_frame frame;
	const char *fate;
};

struct session {
	struct session_options options;
	struct rng rng;
	struct model model;
	struct rig rig;
	uint64_t now_ns;
	uint64_t round;
	unsigned punt_polls_one_in; /* rounds */
	unsigned flows_aim; /* about so many are installed */
	struct flow_style style;
	/* Flows of a transaction that is being committed, for packets: these have a match alone. */
	const struct model_flow *aims;
	unsigned n_aims;
	uint64_t n_packets;
	uint64_t n_between_steps; /* rounds */
	unsigned n_frames;
	struct session_frame frames[MODEL_PORTS * SESSION_BURST_MAX];
};

/* What came of all packets, over sessions and ports. */
struct session_totals {
	uint64_t packets, forwarded, punted, sent;
	uint64_t between_steps; /* rounds between the steps of a commit */
	uint64_t drops[DP_DROP_COUNT];
};

/* Run one, and add to the totals; true when both sides agree in everything. */
bool session_run(const struct session_options *options, struct session_totals *totals);

/* Frames on both sides; what left, and ports, are compared. */
bool session_traffic(struct session *session);

/* A transaction of random changes, made on both sides (changes.c). */
bool session_change(struct session *session);

/* Remove all flows on both sides; nothing may stay. */
bool session_clear(struct session *session);

/* Next hops: `all` of them, or one now and then. */
bool session_next_hops(struct session *session, bool all);

/* Take frames that left, all or some of them, and punted ones (compare.c). */
bool session_compare_frames(struct session *session, bool all);
bool session_compare_punted(struct session *session, bool all);

/* Every counter there is, and the laws of dp/stats.h (counters.c). */
bool session_compare_counters(struct session *session);
bool session_compare_ports(struct session *session);
bool latched_compare(struct dp *dp, const struct model_flow *flow);

/*
 * Latches (learned.c): what each holds, outside of transactions, which count as if they were
 * committed; that one which nobody uses is gone; that those which moved were told of.
 * session_forget() opens one on both sides.
 */
bool session_compare_latches(struct session *session);
bool session_compare_no_latch(struct session *session);
/* Which source is active of flows that choose (learned.c). */
bool session_compare_choices(struct session *session);
bool session_compare_notices(struct session *session);
bool session_forget(struct session *session);
bool flow_stats_compare(const struct model_flow *flow, const struct dp_flow_stats *stats,
	const struct dp_leg_stats *legs, unsigned n_legs);

/* Write to the session's record, if it has one: bytes that came out; every counter (record.c). */
void session_record(struct session *session, const void *bytes, size_t n_bytes);
void session_record_counters(struct session *session);

/* Say what differs (report.c). report_session() says how to see it again. */
void report_session(const struct session *session);
void report_frames(const struct session *session);
void report_flow(const struct model_flow *flow);
void report_hex(const char *what, const uint8_t *bytes, unsigned n_bytes);

#endif
