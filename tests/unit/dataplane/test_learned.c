/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Legs that send to what another flow has learned: of every kind of flow and any family, before
 * something is learned, after it moved and after it was forgotten.
 */
#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "dp_private.h"
#include "fixture.h"
#include "pass.h"

#define CALLER 10 /* the flow that latches */
#define BACK 20 /* the flow whose leg 0 sends to what that has learned */
#define COOKIE UINT64_C(77)
#define SRC_PORT 5004 /* of fixture_flow() */
#define SIGNALLED 4321 /* UDP ports of legs */
#define OTHERS 1
#define SOURCE_BYTE 10 /* last byte of the address of fixture_flow(), */
#define MOVED_BYTE 99 /* and of another source */
#define TCI 5
#define LEGS 11
#define STAMP 0x8060 /* makes an RTP packet of payload type 96 */
#define RTP_BYTES 12

/* What the way back is like. */
enum kind { PLAIN, ACTS, POLICED, TWO_LEGS, MANY_LEGS, SAMPLES, STREAM, N_KINDS };

static struct pass pass;
static uint32_t caller, back;

static void
setup(void)
{
	pass_init(&pass);
}

static void
teardown(void)
{
	pass_fini(&pass);
}

TestSuite(learned, .init = setup, .fini = teardown);

static struct dp_txn *
begin(void)
{
	struct dp_txn *txn = dp_txn_begin(pass.loop.dp);

	cr_assert_not_null(txn);
	return txn;
}

static void
caller_add(struct dp_txn *txn, enum dp_family family)
{
	struct dp_leg leg;
	struct dp_flow flow = fixture_flow(family, CALLER, &leg, 1);

	memset(flow.key.src, 0, sizeof(flow.key.src));
	flow.key.src_port = 0;
	flow.key.any_source = true;
	flow.key.vlan = TCI;
	flow.latch = DP_LATCH_FOLLOW;
	flow.latch_cookie = COOKIE;
	leg.dst_port = htons(OTHERS);
	cr_assert_eq(dp_txn_add(txn, &flow, &caller), 0);
}

/* What the way back is made of. */
struct way {
	struct dp_flow flow;
	struct dp_leg legs[LEGS];
	struct dp_stream stream;
};

/* `to` is the family of the caller. */
static void
way_fill(struct way *way, enum kind kind, enum dp_family family, enum dp_family to, bool signalled)
{
	static const struct dp_police ample = {.rate_bps = 1000000000, .burst_bytes = 1000000};
	const unsigned n = kind == MANY_LEGS ? LEGS : kind == TWO_LEGS || kind == SAMPLES ? 2 : 1;
	struct dp_flow *flow = &way->flow;
	struct dp_leg learned;

	*flow = fixture_flow(family, BACK, way->legs, n);
	fixture_flow(to, BACK, &learned, 1);
	learned.learned = COOKIE;
	learned.dst_port = signalled ? htons(SIGNALLED) : 0;
	for (unsigned i = 0; i < n; i++)
		way->legs[i].dst_port = htons(OTHERS);
	way->legs[0] = learned;
	if (kind == ACTS)
		flow->class_verdict[DP_CLASS_STUN] = DP_DROP;
	if (kind == POLICED)
		flow->police = ample;
	if (kind == SAMPLES)
		way->legs[1].one_in = 2;
	if (kind == STREAM) {
		way->stream = (struct dp_stream){
			.has_payload_type = 1, .payload_type = 96, .n_legs = 1, .legs = way->legs};
		flow->n_streams = 1;
		flow->streams = &way->stream;
		flow->n_legs = 0;
	}
}

static void
back_add(struct dp_txn *txn, const struct way *way)
{
	cr_assert_eq(dp_txn_add(txn, &way->flow, &back), 0);
}

/* The source of the caller; `n` is in its MAC. */
static void
call(enum dp_family family, bool moved, uint8_t n)
{
	struct pass_frame frame = pass_frame_of(family, CALLER, 1);
	struct pass_sent sent;

	frame.tci = TCI;
	frame.other_source = moved;
	frame.src_mac[5] = n;
	frame.dst_mac[5] = (uint8_t)(n + 1);
	pass_put(&pass, &frame);
	pass_round(&pass, 1);
	cr_assert(pass_take(&pass, &sent));
	cr_assert_eq(sent.dst_port, OTHERS);
}

/* One packet of the way back. Whether leg 0 sent a copy. */
static bool
answer(const struct way *way, struct pass_sent *copy)
{
	struct pass_frame frame = pass_frame_of((enum dp_family)way->flow.key.family, BACK, STAMP);
	struct pass_sent sent;
	bool found = false;

	frame.data_bytes = RTP_BYTES;
	pass_put(&pass, &frame);
	pass_round(&pass, 1);
	while (pass_take(&pass, &sent)) {
		if (sent.dst_port == OTHERS)
			continue;
		cr_assert_not(found, "one copy");
		found = true;
		*copy = sent;
	}
	return found;
}

static uint8_t
last_byte(const struct pass_sent *sent)
{
	return sent->dst[sent->family == DP_IPV4 ? 3 : 15];
}

/* The answer goes to the source with `n` in its MAC. */
static void
expect_answer(const struct way *way, bool moved, uint8_t n)
{
	struct pass_sent sent;

	cr_assert(answer(way, &sent));
	cr_expect_eq(sent.family, way->legs[0].family);
	cr_expect_eq(sent.dst_port, SRC_PORT);
	cr_expect_eq(last_byte(&sent), moved ? MOVED_BYTE : SOURCE_BYTE);
	cr_expect_eq(sent.dst_mac[5], n);
	cr_expect_eq(sent.src_mac[5], n + 1);
	cr_expect_eq(sent.tci, TCI);
	cr_expect_eq(sent.ttl, PASS_TTL - 1);
}

static void
expect_signalled(const struct way *way)
{
	struct pass_sent sent;

	cr_assert(answer(way, &sent));
	cr_expect_eq(sent.dst_port, SIGNALLED);
	cr_expect_eq(sent.tci, PASS_UNTAGGED);
}

/* What leg 0 of the way back has counted. */
static struct dp_leg_stats
leg_read(const struct way *way)
{
	struct dp_leg_stats legs[LEGS];
	struct dp_stream_stats stream;
	struct dp_flow_stats flow;
	int ret;

	if (way->flow.n_streams > 0)
		ret = dp_stream_stats_get(pass.loop.dp, back, 0, &stream, legs, 1);
	else
		ret = dp_flow_stats_get(pass.loop.dp, back, &flow, legs, way->flow.n_legs);
	cr_assert_eq(ret, 0);
	return legs[0];
}

static uint64_t
unknown_read(const struct way *way)
{
	return leg_read(way).drops[DP_DROP_peer_unknown - DP_COPY_DROP_FIRST];
}

static void
laws_check(void)
{
	struct dp_port_stats port;
	uint64_t drops = 0;

	cr_assert_eq(dp_port_stats_get(pass.loop.dp, 0, &port), 0);
	for (unsigned r = DP_COPY_DROP_FIRST; r < DP_DROP_COUNT; r++)
		drops += port.drops[r];
	cr_expect_eq(port.copies, port.tx_packets + drops);
}

/* Both flows in one transaction, a call of several sources, and an end. */
static void
call_play(enum kind kind, enum dp_family family, enum dp_family to, bool signalled)
{
	struct dp_latched forgotten;
	struct dp_txn *txn = begin();
	struct pass_sent sent;
	struct way way;

	way_fill(&way, kind, family, to, signalled);
	back_add(txn, &way);
	caller_add(txn, to);
	pass_commit(&pass, txn, NULL, NULL);
	for (unsigned i = 0; i < 2; i++) {
		if (signalled)
			expect_signalled(&way);
		else
			cr_expect_not(answer(&way, &sent));
		cr_expect_eq(unknown_read(&way), signalled ? 0 : 1 + i);
	}
	call(to, false, 1);
	expect_answer(&way, false, 1);
	call(to, true, 3);
	expect_answer(&way, true, 3);
	call(to, false, 5);
	expect_answer(&way, false, 5);
	cr_assert_eq(dp_flow_forget(pass.loop.dp, caller, &forgotten), 0);
	cr_expect_eq(forgotten.mac[5], 5);
	if (signalled)
		expect_signalled(&way);
	else
		cr_expect_not(answer(&way, &sent));
	call(to, true, 7);
	expect_answer(&way, true, 7);
	cr_expect_eq(leg_read(&way).copies, 7);
	laws_check();
	txn = begin();
	cr_assert_eq(dp_txn_remove(txn, back), 0);
	cr_assert_eq(dp_txn_remove(txn, caller), 0);
	pass_commit(&pass, txn, NULL, NULL);
}

Test(learned, answers_go_where_packets_come_from)
{
	static const enum dp_family families[] = {DP_IPV4, DP_IPV6};

	for (unsigned i = 0; i < N_KINDS * 8; i++)
		call_play((enum kind)(i / 8), families[i & 1], families[i >> 1 & 1], (i & 4) != 0);
}

/* What the frame was like by which it was learned is told. */
Test(learned, latch_tells_the_link_layer)
{
	struct dp_txn *txn = begin();
	struct dp_latched latched;
	uint64_t state;

	caller_add(txn, DP_IPV4);
	pass_commit(&pass, txn, NULL, NULL);
	cr_assert_eq(dp_latch_get(pass.loop.dp, COOKIE, &latched), 0);
	cr_expect_not(latched.valid);
	cr_expect_eq(latched.state, 0);
	call(DP_IPV4, false, 9);
	cr_assert_eq(dp_latch_get(pass.loop.dp, COOKIE, &latched), 0);
	cr_expect_eq(latched.valid, 1);
	cr_expect_eq(latched.mac[5], 9);
	cr_expect_eq(latched.port, 0);
	cr_expect_eq(latched.vlan, TCI);
	cr_expect_eq(latched.outer_vlan, 0);
	cr_expect_neq(latched.state, 0);
	state = latched.state;
	cr_assert_eq(dp_flow_forget(pass.loop.dp, caller, &latched), 0);
	cr_assert_eq(dp_latch_get(pass.loop.dp, COOKIE, &latched), 0);
	cr_expect_not(latched.valid);
	cr_expect_neq(latched.state, 0);
	cr_expect_neq(latched.state, state);
	state = latched.state;
	cr_assert_eq(dp_flow_forget(pass.loop.dp, caller, &latched), 0);
	cr_expect_eq(latched.state, state, "nothing to forget");
	cr_expect_eq(dp_latch_get(pass.loop.dp, COOKIE + 1, &latched), -ENOENT);
}

/* A group's MAC does not become a source. */
Test(learned, answer_to_a_multicast_frame_has_the_ports_mac)
{
	struct pass_frame frame = pass_frame_of(DP_IPV4, CALLER, 1);
	struct dp_txn *txn = begin();
	struct dp_port_info port;
	struct pass_sent sent;
	struct way way;

	way_fill(&way, PLAIN, DP_IPV4, DP_IPV4, false);
	back_add(txn, &way);
	caller_add(txn, DP_IPV4);
	pass_commit(&pass, txn, NULL, NULL);
	frame.tci = TCI;
	frame.dst_mac[0] = 1;
	pass_put(&pass, &frame);
	pass_round(&pass, 1);
	cr_assert(pass_take(&pass, &sent));
	cr_assert(answer(&way, &sent));
	cr_assert_eq(dp_port_info_get(pass.loop.dp, 0, &port), 0);
	cr_expect_arr_eq(sent.src_mac, port.mac, sizeof(port.mac));
}

/* The name of a latch is that of the flows and legs that will be there. */
Test(learned, latch_lives_while_a_flow_or_a_leg_has_it)
{
	struct dp_latched latched;
	struct dp_txn *txn = begin();
	struct way way;

	way_fill(&way, PLAIN, DP_IPV4, DP_IPV4, false);
	back_add(txn, &way);
	pass_commit(&pass, txn, NULL, NULL);
	cr_expect_eq(dp_latch_get(pass.loop.dp, COOKIE, &latched), 0, "the leg's");
	txn = begin();
	caller_add(txn, DP_IPV4);
	pass_commit(&pass, txn, NULL, NULL);
	call(DP_IPV4, false, 1);
	/* The flow goes and comes again: the leg has kept what it had learned. */
	txn = begin();
	cr_assert_eq(dp_txn_remove(txn, caller), 0);
	pass_commit(&pass, txn, NULL, NULL);
	expect_answer(&way, false, 1);
	txn = begin();
	caller_add(txn, DP_IPV4);
	pass_commit(&pass, txn, NULL, NULL);
	cr_assert_eq(dp_latch_get(pass.loop.dp, COOKIE, &latched), 0);
	cr_expect_eq(latched.moves, 1);
	/* A transaction that is aborted changes nothing. */
	txn = begin();
	cr_assert_eq(dp_txn_remove(txn, caller), 0);
	cr_assert_eq(dp_txn_remove(txn, back), 0);
	cr_expect_eq(dp_latch_get(pass.loop.dp, COOKIE, &latched), -ENOENT);
	caller_add(txn, DP_IPV4);
	cr_assert_eq(dp_latch_get(pass.loop.dp, COOKIE, &latched), 0);
	cr_expect_eq(latched.moves, 0);
	dp_txn_abort(txn);
	cr_assert_eq(dp_latch_get(pass.loop.dp, COOKIE, &latched), 0);
	cr_expect_eq(latched.moves, 1);
}

/* Without a leg that refers to it, the flow that comes anew learns anew. */
Test(learned, latch_of_a_flow_that_has_left_is_not_found_again)
{
	struct dp_latched latched;
	struct dp_txn *txn = begin();
	uint32_t former;

	caller_add(txn, DP_IPV4);
	pass_commit(&pass, txn, NULL, NULL);
	call(DP_IPV4, false, 1);
	former = caller;
	txn = begin();
	cr_assert_eq(dp_txn_remove(txn, former), 0);
	caller_add(txn, DP_IPV4);
	pass_commit(&pass, txn, NULL, NULL);
	cr_assert_eq(dp_latch_get(pass.loop.dp, COOKIE, &latched), 0);
	cr_expect_eq(latched.moves, 0);
	txn = begin();
	cr_assert_eq(dp_txn_remove(txn, caller), 0);
	pass_commit(&pass, txn, NULL, NULL);
	cr_expect_eq(dp_latch_get(pass.loop.dp, COOKIE, &latched), -ENOENT);
}

/* The fast form. */

#define HOP 2 /* next hop that control has found for what is learned */
#define HOP_BYTE 0x42 /* last byte of its MAC */
#define KNOWN_TCI 7

static const uint16_t same_legs[LEGS] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};

/* Legs up to the n-th know what the latch holds. */
static void
way_know(struct way *way, unsigned n)
{
	struct dp_latched latched;

	cr_assert_eq(dp_latch_get(pass.loop.dp, COOKIE, &latched), 0);
	cr_assert_eq(latched.valid, 1);
	for (unsigned i = 0; i < n; i++) {
		way->legs[i].known = (struct dp_learned){
			.state = latched.state,
			.dst_port = latched.src_port,
			.next_hop = HOP,
			.vlan = KNOWN_TCI,
		};
		memcpy(way->legs[i].known.dst, latched.src, sizeof(latched.src));
	}
}

static void
back_replace(const struct way *way, void (*between)(void *arg), void *arg)
{
	struct dp_txn *txn = begin();

	cr_assert_eq(dp_txn_replace(txn, back, &way->flow, same_legs, &back), 0);
	pass_commit(&pass, txn, between, arg);
}

static void
expect_known(const struct way *way, bool moved)
{
	struct pass_sent sent;

	cr_assert(answer(way, &sent));
	cr_expect_eq(sent.dst_port, SRC_PORT);
	cr_expect_eq(last_byte(&sent), moved ? MOVED_BYTE : SOURCE_BYTE);
	cr_expect_eq(sent.dst_mac[5], HOP_BYTE);
	cr_expect_eq(sent.tci, KNOWN_TCI);
}

static void
both_add(struct way *way, enum kind kind, enum dp_family family, enum dp_family to)
{
	const struct dp_next_hop hop = {.dst_mac[5] = HOP_BYTE, .mtu = 1500};
	struct dp_txn *txn = begin();

	cr_assert_eq(dp_next_hop_set(pass.loop.dp, HOP, &hop), 0);
	way_fill(way, kind, family, to, false);
	back_add(txn, way);
	caller_add(txn, to);
	pass_commit(&pass, txn, NULL, NULL);
}

/* Rewrites that the latch would make stale. */
static unsigned
n_users(void)
{
	const struct latch *latch = latch_table_find(&pass.loop.dp->legs.latches, COOKIE);

	return latch == NULL || latch->users == NULL ? 0 : latch->users->n;
}

static void
known_play(enum kind kind, enum dp_family family, enum dp_family to)
{
	struct dp_latched forgotten;
	struct dp_txn *txn;
	struct pass_sent sent;
	struct way way;

	both_add(&way, kind, family, to);
	call(to, false, 1);
	way_know(&way, 1);
	back_replace(&way, NULL, NULL);
	expect_known(&way, false);
	cr_expect_eq(n_users(), 1);
	call(to, true, 3);
	expect_answer(&way, true, 3);
	/* What control knows is not true any more. */
	back_replace(&way, NULL, NULL);
	expect_answer(&way, true, 3);
	cr_expect_eq(n_users(), 0);
	way_know(&way, 1);
	back_replace(&way, NULL, NULL);
	expect_known(&way, true);
	back_replace(&way, NULL, NULL);
	expect_known(&way, true);
	cr_expect_eq(n_users(), 1);
	cr_assert_eq(dp_flow_forget(pass.loop.dp, caller, &forgotten), 0);
	cr_expect_not(answer(&way, &sent));
	call(to, true, 5);
	expect_answer(&way, true, 5);
	cr_expect_eq(leg_read(&way).copies, 7, "kind %u: %lu", kind, leg_read(&way).copies);
	cr_expect_eq(unknown_read(&way), 1);
	laws_check();
	txn = begin();
	cr_assert_eq(dp_txn_remove(txn, back), 0);
	pass_commit(&pass, txn, NULL, NULL);
	cr_expect_eq(n_users(), 0);
	txn = begin();
	cr_assert_eq(dp_txn_remove(txn, caller), 0);
	pass_commit(&pass, txn, NULL, NULL);
}

Test(learned, known_source_is_sent_to_until_it_moves)
{
	static const enum dp_family families[] = {DP_IPV4, DP_IPV6};

	for (unsigned i = 0; i < N_KINDS * 4; i++)
		known_play((enum kind)(i / 4), families[i & 1], families[i >> 1 & 1]);
}

/* The latch moves between any two steps of a commit; each answer goes to its latest source. */
static void
call_between(void *arg)
{
	static uint8_t n;

	n = (uint8_t)((n + 2) & 0x3f);
	call(DP_IPV4, (n & 2) != 0, n);
	expect_answer(arg, (n & 2) != 0, n);
}

Test(learned, moves_during_a_commit_are_seen_at_once)
{
	for (unsigned i = 0; i < N_KINDS; i++) {
		struct dp_txn *txn;
		struct way way;

		both_add(&way, (enum kind)i, DP_IPV4, DP_IPV4);
		call_between(&way);
		way_know(&way, 1);
		back_replace(&way, call_between, &way);
		/* Of several flows. */
		way_know(&way, 1);
		txn = begin();
		cr_assert_eq(dp_txn_replace(txn, back, &way.flow, same_legs, &back), 0);
		cr_assert_eq(dp_txn_remove(txn, caller), 0);
		caller_add(txn, DP_IPV4);
		pass_commit(&pass, txn, call_between, &way);
		txn = begin();
		cr_assert_eq(dp_txn_remove(txn, back), 0);
		cr_assert_eq(dp_txn_remove(txn, caller), 0);
		pass_commit(&pass, txn, NULL, NULL);
	}
}

/* What is aborted was never told of moves, and what was there before goes on to be. */
Test(learned, aborted_version_is_no_user)
{
	struct dp_txn *txn;
	struct way way;

	both_add(&way, PLAIN, DP_IPV4, DP_IPV4);
	call(DP_IPV4, false, 1);
	way_know(&way, 1);
	back_replace(&way, NULL, NULL);
	txn = begin();
	cr_assert_eq(dp_txn_replace(txn, back, &way.flow, same_legs, &(uint32_t){0}), 0);
	cr_expect_eq(n_users(), 1);
	dp_txn_abort(txn);
	cr_expect_eq(n_users(), 1);
	expect_known(&way, false);
	call(DP_IPV4, true, 3);
	expect_answer(&way, true, 3);
}

/* More than the latch had room for at first; a leg that does not change keeps its slot. */
Test(learned, all_legs_of_a_latch_move_with_it)
{
	struct dp_leg_stats legs[LEGS];
	struct dp_flow_stats flow;
	struct pass_frame frame = pass_frame_of(DP_IPV4, BACK, STAMP);
	struct pass_sent sent;
	struct way way;

	both_add(&way, MANY_LEGS, DP_IPV4, DP_IPV4);
	for (unsigned i = 1; i < LEGS; i++)
		way.legs[i] = way.legs[0];
	call(DP_IPV4, false, 1);
	way_know(&way, LEGS);
	for (unsigned i = 0; i < 3; i++) {
		back_replace(&way, NULL, NULL);
		cr_expect_eq(n_users(), LEGS);
	}
	for (unsigned moved = 0; moved < 2; moved++) {
		unsigned n = 0;

		if (moved)
			call(DP_IPV4, true, 3);
		pass_put(&pass, &frame);
		pass_round(&pass, 1);
		for (; pass_take(&pass, &sent); n++) {
			cr_expect_eq(last_byte(&sent), moved ? MOVED_BYTE : SOURCE_BYTE);
			cr_expect_eq(sent.dst_mac[5], moved ? 3 : HOP_BYTE);
		}
		cr_expect_eq(n, LEGS);
	}
	cr_assert_eq(dp_flow_stats_get(pass.loop.dp, back, &flow, legs, LEGS), 0);
	for (unsigned i = 0; i < LEGS; i++)
		cr_expect_eq(legs[i].copies, 2);
	laws_check();
}
