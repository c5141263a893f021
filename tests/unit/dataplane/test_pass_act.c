/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What one pass does to runs of packets whose flows are policed, latched or translated, at every
 * place of the four that go together; and that counters go on when a flow becomes one of another
 * kind.
 */
#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <string.h>

#include "fixture.h"
#include "pass.h"

#define SMALL_DATA 10
#define LARGE_DATA 200
#define RATE_BPS 8000
#define FLOW 10
#define PLAIN_FLOW 11
#define LATCHED_FLOW 12
#define VLAN 77
#define DSCP 46
#define SEVEN_TTL 7

static struct pass pass;

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

TestSuite(pass_act, .init = setup, .fini = teardown);

static enum dp_family
other_family(enum dp_family family)
{
	return family == DP_IPV4 ? DP_IPV6 : DP_IPV4;
}

static uint16_t
datagram_bytes(enum dp_family family, uint16_t data_bytes)
{
	return (uint16_t)((family == DP_IPV4 ? 28 : 48) + data_bytes);
}

static struct dp_txn *
begin(void)
{
	struct dp_txn *txn = dp_txn_begin(pass.loop.dp);

	cr_assert_not_null(txn);
	return txn;
}

static uint32_t
flow_install(const struct dp_flow *flow)
{
	struct dp_txn *txn = begin();
	uint32_t handle;

	cr_assert_eq(dp_txn_add(txn, flow, &handle), 0);
	pass_commit(&pass, txn, NULL, NULL);
	return handle;
}

static void
flow_remove(uint32_t handle)
{
	struct dp_txn *txn = begin();

	cr_assert_eq(dp_txn_remove(txn, handle), 0);
	pass_commit(&pass, txn, NULL, NULL);
}

/*
 * Two lots of four packets of a flow, those of `mask` too large for what is in the bucket then, all
 * others just fitting. With `mixed`, packets of a plain flow and of the other family come between.
 */
static void
policed_check(enum dp_family family, unsigned mask, bool mixed)
{
	const unsigned n_small = 8 - (unsigned)__builtin_popcount(mask);
	const uint16_t small = datagram_bytes(family, SMALL_DATA);
	const uint16_t large = datagram_bytes(family, LARGE_DATA);
	struct dp_leg leg, plain_leg;
	struct dp_flow flow = fixture_flow(family, FLOW, &leg, 1);
	const struct dp_flow plain = fixture_flow(family, PLAIN_FLOW, &plain_leg, 1);
	struct dp_flow_stats stats;
	struct dp_leg_stats leg_stats;
	unsigned n = 0, next = 0;
	uint32_t handle, plain_handle;
	struct pass_sent sent;

	flow.police = (struct dp_police){.rate_bps = RATE_BPS, .burst_bytes = n_small * small};
	/* A burst is not 0, and smaller than the large one. */
	if (n_small == 0)
		flow.police.burst_bytes = 1;
	handle = flow_install(&flow);
	plain_handle = flow_install(&plain);
	for (unsigned i = 0; i < 8; i++) {
		struct pass_frame frame = pass_frame_of(family, FLOW, (uint16_t)i);

		frame.data_bytes = (mask >> i & 1) != 0 ? LARGE_DATA : SMALL_DATA;
		pass_put(&pass, &frame);
		n++;
		if (mixed) {
			frame = pass_frame_of(i % 3 == 0 ? other_family(family) : family,
				PLAIN_FLOW, (uint16_t)(100 + i));
			pass_put(&pass, &frame);
			n++;
		}
	}
	pass_round(&pass, n);
	while (pass_take(&pass, &sent)) {
		if (sent.id >= 100)
			continue;
		while ((mask >> next & 1) != 0)
			next++;
		cr_assert_eq(
			sent.id, next, "mask %#x: packet %u where %u was due", mask, sent.id, next);
		next++;
	}
	while (next < 8 && (mask >> next & 1) != 0)
		next++;
	cr_assert_eq(next, 8, "mask %#x: %u of 8", mask, next);
	cr_assert_eq(dp_flow_stats_get(pass.loop.dp, handle, &stats, &leg_stats, 1), 0);
	cr_expect_eq(stats.packets, 8);
	cr_expect_eq(stats.bytes, n_small * small + (8 - n_small) * large);
	cr_expect_eq(stats.forwarded, n_small);
	cr_expect_eq(stats.drops[DP_DROP_policed - DP_FLOW_DROP_FIRST], 8 - n_small);
	cr_expect_eq(leg_stats.copies, n_small);
	cr_expect_eq(leg_stats.bytes, n_small * small);
	flow_remove(handle);
	flow_remove(plain_handle);
}

/* The bucket has exactly what the small packets need, so a large one finds too little at any time
 * but the last, and it takes nothing. */
Test(pass_act, policer_refuses_any_of_eight)
{
	for (unsigned mask = 0; mask < 256; mask++) {
		/* Without a small packet that follows, a large one may be what fits. */
		if (8 - __builtin_popcount(mask) > 4)
			continue;
		policed_check(DP_IPV4, mask, false);
		policed_check(DP_IPV6, mask, false);
		policed_check(DP_IPV4, mask, true);
		policed_check(DP_IPV6, mask, true);
	}
}

/* What is wrong with one packet of a run of a translated flow. */
enum fault {
	FAULT_NONE,
	FAULT_TTL, /* expires */
	FAULT_LONG, /* for the next hop's MTU when it leaves */
	FAULT_NO_CHECKSUM, /* IPv4 alone: none, which is no fault; it is computed */
	FAULT_HEADER, /* is dropped before its flow is known */
	FAULT_PADDING, /* Ethernet padding, no fault */
	N_FAULTS,
};

struct translated {
	enum dp_family family;
	bool tag_in, tag_out, set_dscp, set_ttl;
	uint32_t handle;
	uint64_t packets, bytes, ttl_expired, too_long, sent_bytes; /* expected */
};

static uint32_t
translated_install(struct translated *t)
{
	struct dp_leg leg, foreign;
	struct dp_flow flow = fixture_flow(t->family, FLOW, &leg, 1);

	(void)fixture_flow(other_family(t->family), FLOW, &foreign, 1);
	leg = foreign;
	leg.next_hop = 1;
	leg.vlan = t->tag_out ? VLAN : 0;
	flow.key.vlan = t->tag_in ? VLAN : 0;
	if (t->set_dscp)
		leg.dscp = DSCP;
	if (t->set_ttl)
		leg.ttl = SEVEN_TTL;
	return flow_install(&flow);
}

/* The longest data that the leg may send is longer or shorter than what came. */
static uint16_t
longest_data(const struct translated *t)
{
	return (uint16_t)(PASS_MTU - datagram_bytes(other_family(t->family), 0));
}

static struct pass_frame
translated_frame(const struct translated *t, uint16_t id, enum fault fault)
{
	struct pass_frame frame = pass_frame_of(t->family, FLOW, id);

	frame.tci = t->tag_in ? VLAN : PASS_UNTAGGED;
	frame.tos = 0xb9; /* DSCP 46, ECN 01 */
	frame.data_bytes = (uint16_t)(id % 2 == 0 ? longest_data(t) : 2 + id);
	if (fault == FAULT_TTL)
		frame.ttl = 1;
	if (fault == FAULT_LONG)
		frame.data_bytes = (uint16_t)(longest_data(t) + 1);
	frame.no_checksum = fault == FAULT_NO_CHECKSUM && t->family == DP_IPV4;
	frame.wrong_ip_checksum = fault == FAULT_HEADER;
	frame.n_padding = fault == FAULT_PADDING ? 6 : 0;
	return frame;
}

/* A run of n, with the fault in the one at `place`. */
static void
translated_run(struct translated *t, unsigned n, unsigned place, enum fault fault)
{
	const enum dp_family out = other_family(t->family);
	struct pass_sent sent;

	for (unsigned i = 0; i < n; i++) {
		const struct pass_frame frame =
			translated_frame(t, (uint16_t)i, i == place ? fault : FAULT_NONE);

		pass_put(&pass, &frame);
	}
	pass_round(&pass, n);
	for (unsigned i = 0; i < n; i++) {
		const struct pass_frame frame =
			translated_frame(t, (uint16_t)i, i == place ? fault : FAULT_NONE);
		const uint16_t l3_bytes = datagram_bytes(out, frame.data_bytes);

		if (frame.wrong_ip_checksum)
			continue;
		t->packets++;
		t->bytes += datagram_bytes(t->family, frame.data_bytes);
		t->sent_bytes += l3_bytes;
		if (i == place && fault == FAULT_LONG) {
			t->too_long++;
			continue;
		}
		if (i == place && fault == FAULT_TTL && !t->set_ttl) {
			t->ttl_expired++;
			continue;
		}
		cr_assert(pass_take(&pass, &sent), "packet %u of %u is missing", i, n);
		cr_expect_eq(sent.id, i);
		cr_expect_eq(sent.family, out);
		cr_expect_eq(sent.tci, t->tag_out ? VLAN : PASS_UNTAGGED);
		cr_expect_eq(sent.l3_bytes, l3_bytes);
		cr_expect_eq(sent.ttl, t->set_ttl ? SEVEN_TTL : PASS_TTL - 1);
		cr_expect_eq(sent.tos, t->set_dscp ? DSCP << 2 | 1 : 0xb9);
		cr_expect_not(sent.no_checksum);
	}
	cr_assert_not(pass_take(&pass, &sent));
}

static void
translated_counts_check(const struct translated *t)
{
	struct dp_flow_stats stats;
	struct dp_leg_stats leg;

	cr_assert_eq(dp_flow_stats_get(pass.loop.dp, t->handle, &stats, &leg, 1), 0);
	cr_expect_eq(stats.packets, t->packets);
	cr_expect_eq(stats.bytes, t->bytes);
	cr_expect_eq(stats.forwarded, t->packets);
	cr_expect_eq(leg.copies, t->packets);
	cr_expect_eq(leg.bytes, t->sent_bytes);
	cr_expect_eq(leg.drops[DP_DROP_ttl_expired - DP_COPY_DROP_FIRST], t->ttl_expired);
	cr_expect_eq(leg.drops[DP_DROP_too_long - DP_COPY_DROP_FIRST], t->too_long);
}

Test(pass_act, translates_runs_of_any_length)
{
	for (unsigned kind = 0; kind < 32; kind++) {
		struct translated t = {
			.family = (kind & 1) != 0 ? DP_IPV4 : DP_IPV6,
			.tag_in = (kind & 2) != 0,
			.tag_out = (kind & 4) != 0,
			.set_dscp = (kind & 8) != 0,
			.set_ttl = (kind & 16) != 0,
		};

		t.handle = translated_install(&t);
		for (unsigned n = 1; n <= 9; n++) {
			for (unsigned fault = 0; fault < N_FAULTS; fault++) {
				for (unsigned place = 0; place < n; place++)
					translated_run(&t, n, place, (enum fault)fault);
			}
		}
		translated_counts_check(&t);
		flow_remove(t.handle);
	}
}

/* What a latch is to have come to, by its rule in words: one packet after the other. */
struct expected_latch {
	enum dp_latch mode;
	int source; /* 0 or 1; -1: none */
	unsigned moves;
};

static bool
expect_pass(struct expected_latch *latch, int source)
{
	if (latch->source == source)
		return true;
	if (latch->source >= 0 && latch->mode == DP_LATCH_FIRST)
		return false;
	latch->source = source;
	latch->moves++;
	return true;
}

#define N_LATCHED 2

static const uint32_t latched_flows[N_LATCHED] = {FLOW, LATCHED_FLOW};

/* Which of eight packets are from another source, for the second flow others than for the first. */
static bool
is_other_source(unsigned mask, unsigned flow, unsigned packet)
{
	return (mask >> (packet + 3 * flow) % 8 & 1) != 0;
}

/* Eight packets of each flow in one pass by turns, among ones of a plain flow. */
static void
latched_round(struct expected_latch latches[N_LATCHED], enum dp_family family, unsigned mask,
	unsigned n_forwarded[N_LATCHED])
{
	uint16_t due[8 * N_LATCHED];
	unsigned n = 0, at = 0;
	struct pass_sent sent;

	for (unsigned i = 0; i < 8; i++) {
		const struct pass_frame plain = pass_frame_of(family, PLAIN_FLOW, 100);

		for (unsigned f = 0; f < N_LATCHED; f++) {
			struct pass_frame frame = pass_frame_of(
				family, latched_flows[f], (uint16_t)(i * N_LATCHED + f));

			frame.other_source = is_other_source(mask, f, i);
			if (expect_pass(&latches[f], frame.other_source)) {
				due[n++] = frame.id;
				n_forwarded[f]++;
			}
			pass_put(&pass, &frame);
		}
		pass_put(&pass, &plain);
	}
	pass_round(&pass, 8 * (N_LATCHED + 1));
	while (pass_take(&pass, &sent)) {
		if (sent.id == 100)
			continue;
		cr_assert_lt(at, n, "mask %#x: packet %u is one too many", mask, sent.id);
		cr_assert_eq(sent.id, due[at], "mask %#x: packet %u where %u was due", mask,
			sent.id, due[at]);
		at++;
	}
	cr_assert_eq(at, n, "mask %#x: %u of %u", mask, at, n);
}

static void
latched_check(enum dp_latch mode, enum dp_family family, unsigned mask)
{
	struct expected_latch latches[N_LATCHED];
	struct dp_leg leg, plain_leg;
	const struct dp_flow plain = fixture_flow(family, PLAIN_FLOW, &plain_leg, 1);
	uint32_t handles[N_LATCHED], plain_handle = flow_install(&plain);
	unsigned n_forwarded[N_LATCHED] = {0};

	for (unsigned f = 0; f < N_LATCHED; f++) {
		struct dp_flow flow = fixture_flow(family, latched_flows[f], &leg, 1);

		memset(flow.key.src, 0, sizeof(flow.key.src));
		flow.key.src_port = 0;
		flow.key.any_source = true;
		flow.latch = (uint8_t)mode;
		flow.latch_cookie = f + 1;
		handles[f] = flow_install(&flow);
		latches[f] = (struct expected_latch){.mode = mode, .source = -1};
	}
	latched_round(latches, family, mask, n_forwarded);
	latched_round(latches, family, ~mask & 0xff, n_forwarded);
	for (unsigned f = 0; f < N_LATCHED; f++) {
		struct dp_latched latched;
		struct dp_flow_stats stats;
		struct dp_leg_stats leg_stats;

		cr_assert_eq(dp_flow_latched_get(pass.loop.dp, handles[f], &latched), 0);
		cr_expect_eq(latched.moves, latches[f].moves,
			"mask %#x: %u moves where %u were due", mask, latched.moves,
			latches[f].moves);
		cr_assert_eq(dp_flow_stats_get(pass.loop.dp, handles[f], &stats, &leg_stats, 1), 0);
		cr_expect_eq(stats.packets, 16);
		cr_expect_eq(stats.forwarded, n_forwarded[f]);
		cr_expect_eq(stats.drops[DP_DROP_source_refused - DP_FLOW_DROP_FIRST],
			16 - n_forwarded[f]);
		cr_expect_eq(leg_stats.copies, n_forwarded[f]);
		flow_remove(handles[f]);
	}
	flow_remove(plain_handle);
}

Test(pass_act, latch_judges_each_packet_in_its_turn)
{
	for (unsigned mask = 0; mask < 256; mask++) {
		latched_check(DP_LATCH_FIRST, DP_IPV4, mask);
		latched_check(DP_LATCH_FOLLOW, DP_IPV4, mask);
		latched_check(DP_LATCH_FIRST, DP_IPV6, mask);
		latched_check(DP_LATCH_FOLLOW, DP_IPV6, mask);
	}
}

/*
 * A flow that becomes one of another kind, each of which sends all its packets by leg 0.
 */

enum kind { PLAIN, POLICED, TRANSLATED, POLICED_TRANSLATED, TWO_LEGS, LEG_POLICED, N_KINDS };

#define LEGS_MAX 2
#define N_FLOWS 2 /* one of each family, so that a commit has several changes */

static struct dp_flow
flow_of(enum dp_family family, enum kind kind, struct dp_leg legs[LEGS_MAX])
{
	static const struct dp_police ample = {.rate_bps = 1000000000, .burst_bytes = 1000000000};
	struct dp_flow flow = fixture_flow(family, FLOW, legs, kind == TWO_LEGS ? 2 : 1);
	struct dp_leg foreign;

	(void)fixture_flow(other_family(family), FLOW, &foreign, 1);
	if (kind == TRANSLATED || kind == POLICED_TRANSLATED)
		legs[0] = foreign;
	if (kind == POLICED || kind == POLICED_TRANSLATED)
		flow.police = ample;
	if (kind == LEG_POLICED)
		legs[0].police = ample;
	legs[0].dst_port = htons((uint16_t)(1000 + kind));
	if (kind == TWO_LEGS)
		legs[1].dst_port = htons(1); /* the second copy of a packet */
	return flow;
}

/* Both flows on their way from one kind to another. */
struct passage {
	enum kind from, to;
	uint32_t handles[N_FLOWS];
	uint64_t packets, bytes[N_FLOWS]; /* that each has had */
	uint64_t leg_bytes[N_FLOWS];
	bool changed;
};

static enum dp_family
family_of(unsigned f)
{
	return f == 0 ? DP_IPV4 : DP_IPV6;
}

/* Eleven packets of each flow by turns; all meet the same version, and order is kept. */
static void
passage_round(void *arg)
{
	enum { N = 11 };
	struct passage *p = arg;
	unsigned n_sent[N_FLOWS] = {0};
	uint16_t stamps[N_FLOWS] = {0};
	struct pass_sent sent;

	for (unsigned i = 0; i < N * N_FLOWS; i++) {
		struct pass_frame frame = pass_frame_of(
			family_of(i % N_FLOWS), FLOW, (uint16_t)(i % N_FLOWS * 100 + i / N_FLOWS));

		frame.data_bytes = SMALL_DATA;
		pass_put(&pass, &frame);
	}
	pass_round(&pass, N * N_FLOWS);
	while (pass_take(&pass, &sent)) {
		const unsigned f = sent.id / 100;

		if (sent.dst_port == 1)
			continue;
		cr_assert_eq(sent.id % 100, n_sent[f], "in order");
		cr_assert(n_sent[f] == 0 || sent.dst_port == stamps[f], "a mixture");
		stamps[f] = sent.dst_port;
		n_sent[f]++;
		p->leg_bytes[f] += sent.l3_bytes;
		p->bytes[f] += datagram_bytes(family_of(f), SMALL_DATA);
	}
	p->packets += N;
	cr_assert_eq(n_sent[0], N);
	cr_assert_eq(n_sent[1], N);
	if (!p->changed && stamps[0] == 1000 + p->from && stamps[1] == 1000 + p->from)
		return;
	p->changed = true;
	cr_assert_eq(stamps[0], 1000 + p->to, "kind %u to %u", p->from, p->to);
	cr_assert_eq(stamps[1], 1000 + p->to, "kind %u to %u", p->from, p->to);
}

static void
passage_counts_check(const struct passage *p)
{
	for (unsigned f = 0; f < N_FLOWS; f++) {
		struct dp_leg_stats legs[LEGS_MAX];
		struct dp_flow_stats stats;

		cr_assert_eq(dp_flow_stats_get(pass.loop.dp, p->handles[f], &stats, legs,
				     p->to == TWO_LEGS ? 2 : 1),
			0);
		cr_expect_eq(stats.packets, p->packets, "kind %u to %u", p->from, p->to);
		cr_expect_eq(stats.bytes, p->bytes[f]);
		cr_expect_eq(stats.forwarded, p->packets);
		cr_expect_eq(legs[0].copies, p->packets, "kind %u to %u: %lu of %lu", p->from,
			p->to, legs[0].copies, p->packets);
		cr_expect_eq(legs[0].bytes, p->leg_bytes[f], "kind %u to %u", p->from, p->to);
	}
}

/* All kinds to all kinds. `both`: in one commit, with packets between its steps. */
static void
passages_check(bool both)
{
	static const uint16_t from[LEGS_MAX] = {0, DP_LEG_NEW};
	struct passage p = {.from = PLAIN, .to = PLAIN};
	struct dp_leg legs[LEGS_MAX];

	for (unsigned f = 0; f < N_FLOWS; f++) {
		const struct dp_flow flow = flow_of(family_of(f), PLAIN, legs);

		p.handles[f] = flow_install(&flow);
	}
	passage_round(&p);
	/* Each pair of kinds follows each other once. */
	for (unsigned i = 0; i < N_KINDS * N_KINDS * 2; i++) {
		struct dp_txn *txn = NULL;

		p.from = p.to;
		p.to = (enum kind)(i % 2 == 0 ? i / 2 / N_KINDS : i / 2 % N_KINDS);
		p.changed = p.from == p.to;
		for (unsigned f = 0; f < N_FLOWS; f++) {
			const struct dp_flow flow = flow_of(family_of(f), p.to, legs);

			if (f == 0 || !both)
				txn = begin();
			cr_assert_eq(
				dp_txn_replace(txn, p.handles[f], &flow, from, &p.handles[f]), 0);
			if (!both)
				pass_commit(&pass, txn, NULL, NULL);
		}
		if (both)
			pass_commit(&pass, txn, passage_round, &p);
		passage_round(&p);
		passage_counts_check(&p);
	}
	flow_remove(p.handles[0]);
	flow_remove(p.handles[1]);
}

Test(pass_act, counters_go_on_from_any_kind_of_flow_to_any_other)
{
	passages_check(false);
}

Test(pass_act, and_while_packets_come_between_the_steps_of_a_commit)
{
	passages_check(true);
}
