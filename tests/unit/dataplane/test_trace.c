/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A trace changes nothing, whatever it goes through and whoever runs meanwhile. That it tells the
 * truth is what the golden cases show (golden --trace).
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "action.h"
#include "dp_private.h"
#include "fixture.h"
#include "latch.h"
#include "loop.h"

#include <dp/trace.h>

#define N_WORKERS 1
#define PLAIN 1 /* numbers of flows, which are their local UDP ports */
#define SPECIAL 2
#define PUNTS 3
#define RULE 4
#define STREAM_LEGS 2
#define LEGS 5
#define REPEATS 200
#define TRACES_BESIDE 20000

static struct loop loop;
static uint32_t handles[RULE + 1];

/* An RTP packet of payload type 96 to flow n. */
struct packet {
	struct rte_ether_hdr eth;
	struct rte_ipv4_hdr ip;
	struct rte_udp_hdr udp;
	uint8_t payload[12];
} __attribute__((packed, aligned(2)));

static struct packet
packet_of(uint32_t n)
{
	struct dp_leg leg;
	const struct dp_flow flow = fixture_flow(DP_IPV4, n, &leg, 1);
	struct packet packet = {
		.eth.ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4),
		.ip = {.version_ihl = 0x45,
			.total_length = RTE_BE16(sizeof(packet) - sizeof(packet.eth)),
			.time_to_live = 64,
			.next_proto_id = IPPROTO_UDP},
		.udp = {.src_port = flow.key.src_port,
			.dst_port = flow.key.dst_port,
			.dgram_len = RTE_BE16(sizeof(packet.udp) + sizeof(packet.payload))},
		.payload = {0x80, 96},
	};

	memcpy(&packet.ip.src_addr, flow.key.src, sizeof(packet.ip.src_addr));
	memcpy(&packet.ip.dst_addr, flow.key.dst, sizeof(packet.ip.dst_addr));
	packet.ip.hdr_checksum = rte_ipv4_cksum(&packet.ip);
	return packet;
}

static void
leg_count(void *arg, const struct dp_trace_leg *leg)
{
	unsigned *outcomes = arg;

	cr_expect_eq(leg->frame != NULL, leg->outcome == DP_TRACE_SENT);
	outcomes[leg->outcome]++;
}

/* How many legs went which way is added to outcomes. */
static struct dp_trace
traced(const struct packet *packet, uint16_t first_leg, uint16_t n_legs, unsigned *outcomes)
{
	const struct dp_trace_request request = {
		.frame = (const uint8_t *)packet,
		.frame_bytes = sizeof(*packet),
		.first_leg = first_leg,
		.n_legs = n_legs,
	};
	struct dp_trace trace;

	cr_assert_eq(dp_trace(loop.dp, &request, &trace, leg_count, outcomes), 0);
	return trace;
}

static void
flow_add(struct dp_txn *txn, const struct dp_flow *flow, uint32_t n)
{
	cr_assert_eq(dp_txn_add(txn, flow, &handles[n]), 0);
}

/* All that a flow can have, that a packet would change. */
static void
special_add(struct dp_txn *txn)
{
	static const struct dp_police police = {.rate_bps = 64000, .burst_bytes = 100};
	static const struct dp_prefix allow = {.address = {192, 0, 2}, .bits = 24};
	struct dp_leg stream_legs[STREAM_LEGS], legs[LEGS];
	struct dp_flow flow = fixture_flow(DP_IPV4, SPECIAL, legs, LEGS);
	const struct dp_stream stream = {.has_payload_type = 1,
		.payload_type = 96,
		.n_legs = STREAM_LEGS,
		.legs = stream_legs};

	fixture_flow(DP_IPV4, SPECIAL, stream_legs, STREAM_LEGS);
	stream_legs[0].one_in = 3;
	stream_legs[1].police = police;
	memset(flow.key.src, 0, sizeof(flow.key.src));
	flow.key.src_port = 0;
	flow.key.any_source = 1;
	flow.latch = DP_LATCH_FIRST;
	flow.n_allow = 1;
	flow.allow = &allow;
	flow.class_verdict[DP_CLASS_STUN] = DP_PUNT;
	flow.police = police;
	flow.n_streams = 1;
	flow.streams = &stream;
	flow_add(txn, &flow, SPECIAL);
}

static void
punts_add(struct dp_txn *txn)
{
	struct dp_leg leg;
	struct dp_flow flow = fixture_flow(DP_IPV4, PUNTS, &leg, 1);

	flow.verdict = DP_PUNT;
	flow.n_legs = 0;
	flow_add(txn, &flow, PUNTS);
}

static void
rule_add(struct dp_txn *txn)
{
	const struct dp_rule rule = {.priority = 1,
		.src_port_last = UINT16_MAX,
		.dst_port_first = RULE,
		.dst_port_last = RULE,
		.port = DP_RULE_ANY,
		.vlan = DP_RULE_ANY,
		.outer_vlan = DP_RULE_ANY,
		.family = DP_IPV4};
	struct dp_leg legs[LEGS];
	struct dp_flow flow = fixture_flow(DP_IPV4, RULE, legs, LEGS);

	flow.key = (struct dp_flow_key){.family = DP_IPV4};
	flow.rule = &rule;
	legs[1].down = 1;
	legs[2].next_hop = 1; /* never set */
	flow_add(txn, &flow, RULE);
}

static void
setup(bool hears_itself)
{
	struct dp_txn *txn;
	struct dp_leg leg;
	struct dp_flow plain;

	fixture_eal(N_WORKERS);
	loop_init(&loop, RULE, hears_itself);
	plain = fixture_flow(DP_IPV4, PLAIN, &leg, 1);
	if (hears_itself)
		loop_leg(PLAIN, &leg);
	txn = dp_txn_begin(loop.dp);
	cr_assert_not_null(txn);
	flow_add(txn, &plain, PLAIN);
	special_add(txn);
	punts_add(txn);
	rule_add(txn);
	cr_assert_eq(dp_txn_commit(txn), 0);
}

static void
teardown(void)
{
	loop_fini(&loop);
	dp_eal_fini();
}

TestSuite(trace, .fini = teardown);

/* All that can be read of the data plane. */
struct state {
	struct dp_port_stats port;
	struct dp_flow_stats flows[RULE + 1];
	struct dp_leg_stats legs[RULE + 1][LEGS];
	struct dp_stream_stats stream;
	struct dp_leg_stats stream_legs[STREAM_LEGS];
	struct dp_latched latched;
};

static void
state_read(struct state *state)
{
	static const unsigned n_legs[] = {
		[PLAIN] = 1, [SPECIAL] = LEGS, [PUNTS] = 0, [RULE] = LEGS};

	memset(state, 0, sizeof(*state));
	cr_assert_eq(dp_port_stats_get(loop.dp, 0, &state->port), 0);
	for (unsigned n = PLAIN; n <= RULE; n++)
		cr_assert_eq(dp_flow_stats_get(loop.dp, handles[n], &state->flows[n],
				     state->legs[n], n_legs[n]),
			0);
	cr_assert_eq(dp_stream_stats_get(loop.dp, handles[SPECIAL], 0, &state->stream,
			     state->stream_legs, STREAM_LEGS),
		0);
	cr_assert_eq(dp_flow_latched_get(loop.dp, handles[SPECIAL], &state->latched), 0);
}

Test(trace, changes_nothing)
{
	unsigned outcomes[DP_TRACE_DROPPED + 1] = {0};
	struct state before, after;

	setup(false);
	state_read(&before);
	for (unsigned i = 0; i < REPEATS; i++) {
		for (unsigned n = PLAIN; n <= RULE + 1; n++) {
			const struct packet packet = packet_of(n);

			traced(&packet, 0, LEGS, outcomes);
		}
	}
	state_read(&after);
	cr_expect_arr_eq(&after, &before, sizeof(after));
	cr_expect_eq(dp_punt_poll(loop.dp, 1, NULL, NULL), 0);
	cr_expect_eq(loop_count(&loop), 0);
	/* The plain one, two of the stream, and of the rule all but one down and one unresolved. */
	cr_expect_eq(outcomes[DP_TRACE_SENT], REPEATS * (1 + STREAM_LEGS + LEGS - 2));
	cr_expect_eq(outcomes[DP_TRACE_DOWN], REPEATS);
	cr_expect_eq(outcomes[DP_TRACE_SAMPLED_OUT], 0);
	cr_expect_eq(outcomes[DP_TRACE_DROPPED], REPEATS);
}

/* As often as it is asked: the same answer of a bucket that holds two packets, and a free latch. */
Test(trace, takes_and_learns_nothing)
{
	const struct packet packet = packet_of(SPECIAL);

	setup(false);
	for (unsigned i = 0; i < REPEATS; i++) {
		unsigned outcomes[DP_TRACE_DROPPED + 1] = {0};
		const struct dp_trace trace = traced(&packet, 0, LEGS, outcomes);

		cr_assert_eq(trace.verdict, DP_FORWARD);
		cr_assert_eq(trace.step, DP_TRACE_ACTION);
		cr_assert_eq(trace.match, DP_TRACE_LISTENER);
		cr_assert_eq(trace.handle, handles[SPECIAL]);
		cr_assert_eq(trace.latch, DP_TRACE_LATCH_LEARNS);
		cr_assert_eq(trace.has_stream, 1);
		cr_assert_eq(trace.payload_class, DP_CLASS_RTP);
		cr_assert_eq(trace.police.left_bytes, 100);
		cr_assert_eq(trace.nth, 1);
		cr_assert_eq(trace.n_legs, STREAM_LEGS);
		cr_assert_eq(outcomes[DP_TRACE_SENT], STREAM_LEGS);
	}
}

/* That of the flow that has all, to be changed by the test. */
static struct flow_action *
special_action(void)
{
	const struct flow_table *table = &loop.dp->table4;
	const uint32_t index = dp_handle_index(handles[SPECIAL]);
	const struct flow_action *action =
		flow_table_action(table, flow_table_entry(table, index, DP_IPV4), DP_IPV4);

	return (struct flow_action *)(uintptr_t)action;
}

/* What the latch says to an RTP or another packet, which is not from the learned source. */
Test(trace, says_why_the_latch_refuses)
{
	static const struct {
		uint8_t latch, latch_by, first_byte, ssrc, expected;
	} cases[] = {
		{DP_LATCH_FIRST, DP_LATCH_BY_ANY, 0x80, 7, DP_TRACE_LATCH_REFUSES},
		{DP_LATCH_FIRST, DP_LATCH_BY_SSRC, 0x40, 7, DP_TRACE_LATCH_REFUSES},
		{DP_LATCH_FOLLOW, DP_LATCH_BY_ANY, 0x80, 9, DP_TRACE_LATCH_MOVES},
		{DP_LATCH_FOLLOW, DP_LATCH_BY_SSRC, 0x80, 9, DP_TRACE_LATCH_OTHER_SSRC},
		{DP_LATCH_FOLLOW, DP_LATCH_BY_SSRC, 0x80, 7, DP_TRACE_LATCH_MOVES},
		{DP_LATCH_FOLLOW, DP_LATCH_BY_SSRC, 0x40, 7, DP_TRACE_LATCH_NOT_BY},
		{DP_LATCH_FOLLOW, DP_LATCH_BY_RTCP_SSRC, 0x80, 7, DP_TRACE_LATCH_NOT_BY},
		{DP_LATCH_FOLLOW, DP_LATCH_BY_CLASS + DP_CLASS_DTLS, 0x80, 7,
			DP_TRACE_LATCH_NOT_BY},
		{DP_LATCH_FOLLOW, DP_LATCH_BY_CLASS + DP_CLASS_DTLS, 0x16, 7, DP_TRACE_LATCH_MOVES},
	};
	static const uint8_t start[RTE_ETHER_HDR_LEN];
	const struct latch_source source = {.port = 1};
	const struct latch_frame frame = {
		.start = start, .l2_bytes = sizeof(start), .has_ssrc = true, .ssrc = 7};
	struct packet packet = packet_of(SPECIAL);
	unsigned outcomes[DP_TRACE_DROPPED + 1] = {0};
	struct flow_action *action;

	setup(false);
	action = special_action();
	action->latch_by = DP_LATCH_BY_CLASS + DP_CLASS_DTLS;
	cr_expect_eq(traced(&packet, 0, 0, outcomes).latch, DP_TRACE_LATCH_NOT_BY);
	action->latch_by = DP_LATCH_BY_SSRC;
	cr_expect_eq(traced(&packet, 0, 0, outcomes).latch, DP_TRACE_LATCH_LEARNS);
	cr_assert(latch_move(action->latch, 0, 0, &source, &frame, 0));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const bool moves = cases[i].expected == DP_TRACE_LATCH_MOVES;
		struct dp_trace trace;

		action->latch_mode = cases[i].latch;
		action->latch_by = cases[i].latch_by;
		packet.payload[0] = cases[i].first_byte;
		packet.payload[11] = cases[i].ssrc;
		trace = traced(&packet, 0, 0, outcomes);
		cr_expect_eq(trace.latch, cases[i].expected, "%zu: %u", i, trace.latch);
		cr_expect_eq(trace.latch_by, cases[i].latch_by);
		cr_expect_eq(trace.drop, moves ? DP_DROP_COUNT : DP_DROP_source_refused, "%zu", i);
	}
}

Test(trace, legs_by_the_page)
{
	const struct packet packet = packet_of(RULE);
	static const struct {
		uint16_t first, n;
		unsigned sent, down, dropped;
	} pages[] = {{0, 1, 1, 0, 0}, {1, 1, 0, 1, 0}, {2, 1, 0, 0, 1}, {0, 0, 0, 0, 0},
		{3, 99, 2, 0, 0}, {5, 9, 0, 0, 0}, {UINT16_MAX, UINT16_MAX, 0, 0, 0}};

	setup(false);
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		unsigned outcomes[DP_TRACE_DROPPED + 1] = {0};
		const struct dp_trace trace = traced(&packet, pages[i].first, pages[i].n, outcomes);

		cr_expect_eq(trace.n_legs, LEGS);
		cr_expect_eq(trace.n_up, LEGS - 1);
		cr_expect_eq(trace.match, DP_TRACE_RULE);
		cr_expect_eq(outcomes[DP_TRACE_SENT], pages[i].sent, "%zu", i);
		cr_expect_eq(outcomes[DP_TRACE_DOWN], pages[i].down, "%zu", i);
		cr_expect_eq(outcomes[DP_TRACE_DROPPED], pages[i].dropped, "%zu", i);
	}
}

Test(trace, refusals)
{
	static uint8_t frame[DP_TRACE_FRAME_MAX + 1];
	struct dp_trace_request request = {.frame = frame, .port = 1};
	struct dp_trace trace;

	setup(false);
	cr_expect_eq(dp_trace(loop.dp, &request, &trace, leg_count, NULL), -EINVAL);
	request.port = 0;
	cr_expect_eq(dp_trace(loop.dp, &request, &trace, leg_count, NULL), 0);
	cr_expect_eq(trace.drop, DP_DROP_eth_truncated);
	request.frame_bytes = DP_TRACE_FRAME_MAX;
	cr_expect_eq(dp_trace(loop.dp, &request, &trace, leg_count, NULL), 0);
	cr_expect_eq(trace.drop, DP_DROP_not_ip);
	request.frame_bytes = DP_TRACE_FRAME_MAX + 1;
	cr_expect_eq(dp_trace(loop.dp, &request, &trace, leg_count, NULL), -EMSGSIZE);
}

/* One packet goes round in the flow that is traced: port, flow and leg agree on how often. */
Test(trace, beside_a_running_worker)
{
	const struct packet packet = packet_of(PLAIN);
	unsigned outcomes[DP_TRACE_DROPPED + 1] = {0};
	char error[256] = "";
	struct state state;

	setup(true);
	cr_assert_eq(dp_start(loop.dp, error, sizeof(error)), 0, "%s", error);
	loop_put(&loop, 0, PLAIN, 1);
	for (unsigned i = 0; i < TRACES_BESIDE; i++)
		cr_assert_eq(traced(&packet, 0, 1, outcomes).handle, handles[PLAIN]);
	dp_stop(loop.dp);
	state_read(&state);
	cr_expect_eq(outcomes[DP_TRACE_SENT], TRACES_BESIDE);
	cr_expect_gt(state.port.rx_packets, 0);
	cr_expect_eq(state.flows[PLAIN].packets, state.port.rx_packets);
	cr_expect_eq(state.port.forwarded, state.port.rx_packets);
	cr_expect_eq(state.port.copies, state.port.rx_packets);
	cr_expect_eq(state.port.tx_packets, state.port.rx_packets);
	cr_expect_eq(state.legs[PLAIN][0].copies, state.port.rx_packets);
	cr_expect_eq(loop_count(&loop), 1);
}
