/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which flow the packets of one pass find, where families, tags and faults come by turns: tables of
 * listeners, of exact flows and of both, and every change from one to another while packets come.
 */
#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <string.h>

#include "fixture.h"
#include "pass.h"

/* What is installed, as bits; in both families. */
enum { EXACT = 1, LISTENER = 2, OTHER_LISTENER = 4, RULE = 8, N_TABLES = 16 };
#define N_KINDS 4 /* bits */

/* Flow numbers: what is at the first is matched exactly, by a listener or by the rule. */
#define HERE 10
#define ELSEWHERE 11

/* Packets of a pass: every kind at every place of four, and a rest. */
#define N_PACKETS 46

static struct pass pass;
static uint32_t handles[2][N_KINDS];

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

TestSuite(pass_match, .init = setup, .fini = teardown);

static uint16_t
stamp(unsigned bit)
{
	return (uint16_t)(1000 + bit);
}

/* The flow of one bit; a packet that it forwards has its stamp as destination port. */
static uint32_t
flow_add(struct dp_txn *txn, enum dp_family family, unsigned bit)
{
	const struct dp_rule rule = {
		.family = (uint8_t)family,
		.priority = 1,
		.port = DP_RULE_ANY,
		.vlan = DP_RULE_ANY,
		.outer_vlan = DP_RULE_ANY,
		.src_port_last = UINT16_MAX,
		.dst_port_last = UINT16_MAX,
	};
	struct dp_leg leg;
	struct dp_flow flow =
		fixture_flow(family, bit == OTHER_LISTENER ? ELSEWHERE : HERE, &leg, 1);
	uint32_t handle;

	leg.dst_port = htons(stamp(bit));
	flow.key.any_source = bit == LISTENER || bit == OTHER_LISTENER;
	if (flow.key.any_source) {
		memset(flow.key.src, 0, sizeof(flow.key.src));
		flow.key.src_port = 0;
	}
	if (bit == RULE)
		flow.rule = &rule;
	cr_assert_eq(dp_txn_add(txn, &flow, &handle), 0);
	return handle;
}

/* Fill a transaction that leads from one table to another. */
static void
tables_change(struct dp_txn *txn, enum dp_family family, unsigned from, unsigned to)
{
	for (unsigned kind = 0; kind < N_KINDS; kind++) {
		const unsigned bit = 1u << kind;
		uint32_t *handle = &handles[family == DP_IPV6][kind];

		if ((from & bit) != 0 && (to & bit) == 0)
			cr_assert_eq(dp_txn_remove(txn, *handle), 0);
		if ((from & bit) == 0 && (to & bit) != 0)
			*handle = flow_add(txn, family, bit);
	}
}

/* Packet `i` of a pass. */
static struct pass_frame
frame_at(unsigned i)
{
	/* Families alike for a while, then by turns. */
	const enum dp_family family = (i < 16 ? i / 8 : i) % 2 == 0 ? DP_IPV4 : DP_IPV6;
	struct pass_frame frame = pass_frame_of(family, HERE, (uint16_t)i);

	/* 5 has no factor in common with 4: each is at every place of four. */
	switch (i % 5) {
	case 1:
		frame.other_source = true;
		break;
	case 2:
		frame.martian = true;
		break;
	case 3:
		frame.flow = ELSEWHERE;
		frame.other_source = i % 2 == 0;
		break;
	default:
		frame.wrong_ip_checksum = i % 11 == 10;
		break;
	}
	return frame;
}

/* The stamp that it leaves with; 0: it is dropped. */
static uint16_t
expected_stamp(const struct pass_frame *frame, unsigned tables)
{
	unsigned found = 0;

	if (frame->wrong_ip_checksum || frame->martian)
		return 0;
	if (frame->flow == ELSEWHERE)
		found = tables & OTHER_LISTENER;
	else if (!frame->other_source && (tables & EXACT) != 0)
		found = EXACT;
	else
		found = tables & LISTENER;
	if (found == 0)
		found = tables & RULE;
	return found == 0 ? 0 : stamp(found);
}

/* A pass, all of whose packets meet the same tables: `from`, or `to` and then never `from` again.
 */
struct expectation {
	unsigned from, to;
	bool changed;
};

static bool
stamps_are(const uint16_t met[N_PACKETS], unsigned tables)
{
	for (unsigned i = 0; i < N_PACKETS; i++) {
		const struct pass_frame frame = frame_at(i);

		if (met[i] != expected_stamp(&frame, tables))
			return false;
	}
	return true;
}

static void
pass_check(void *arg)
{
	struct expectation *e = arg;
	uint16_t met[N_PACKETS] = {0};
	unsigned last[2] = {0};
	struct pass_sent sent;

	for (unsigned i = 0; i < N_PACKETS; i++) {
		const struct pass_frame frame = frame_at(i);

		pass_put(&pass, &frame);
	}
	pass_round(&pass, N_PACKETS);
	while (pass_take(&pass, &sent)) {
		unsigned *id = &last[sent.family == DP_IPV6];

		cr_assert_lt(sent.id, N_PACKETS);
		cr_assert(*id == 0 || sent.id > *id, "packet %u after %u", sent.id, *id);
		*id = sent.id;
		met[sent.id] = sent.dst_port;
	}
	if (!e->changed && stamps_are(met, e->from))
		return;
	e->changed = true;
	cr_assert(stamps_are(met, e->to), "from tables %#x to %#x", e->from, e->to);
}

static void
change_check(unsigned from, unsigned to)
{
	struct expectation e = {.from = from, .to = to};
	struct dp_txn *txn = dp_txn_begin(pass.loop.dp);

	cr_assert_not_null(txn);
	tables_change(txn, DP_IPV4, from, to);
	tables_change(txn, DP_IPV6, from, to);
	pass_commit(&pass, txn, pass_check, &e);
	e.changed = true;
	pass_check(&e);
}

/* All tables, and every change from one to another, seen as a whole after each step. */
Test(pass_match, listeners_exact_flows_and_rules_in_every_mixture)
{
	unsigned now = 0;

	for (unsigned from = 0; from < N_TABLES; from++) {
		for (unsigned to = 0; to < N_TABLES; to++) {
			if (now != from)
				change_check(now, from);
			change_check(from, to);
			now = to;
		}
	}
	change_check(now, 0);
	cr_expect_eq(
		dp_flow_count(pass.loop.dp, DP_IPV4) + dp_flow_count(pass.loop.dp, DP_IPV6), 0);
}

/* The same with one change at a time, which has no step in between, in one family alone. */
Test(pass_match, first_and_last_flow_of_a_kind)
{
	static const unsigned way[] = {0, LISTENER, LISTENER | EXACT, LISTENER,
		LISTENER | OTHER_LISTENER, LISTENER | OTHER_LISTENER | EXACT,
		OTHER_LISTENER | EXACT, EXACT, EXACT | LISTENER, LISTENER, LISTENER | RULE, RULE,
		RULE | EXACT, RULE, RULE | LISTENER, LISTENER, 0};

	for (unsigned i = 1; i < sizeof(way) / sizeof(way[0]); i++) {
		for (unsigned f = 0; f < 2; f++) {
			struct dp_txn *txn = dp_txn_begin(pass.loop.dp);

			cr_assert_not_null(txn);
			tables_change(txn, f == 0 ? DP_IPV4 : DP_IPV6, way[i - 1], way[i]);
			pass_commit(&pass, txn, NULL, NULL);
			for (unsigned n = 0; n < 8; n++) {
				const enum dp_family family = n % 2 == 0 ? DP_IPV4 : DP_IPV6;
				const unsigned tables =
					family == DP_IPV4 || f == 1 ? way[i] : way[i - 1];
				struct pass_frame frame = pass_frame_of(family, HERE, 1);
				struct pass_sent sent;
				uint16_t met = 0;

				frame.other_source = n / 2 % 2 == 1;
				frame.flow = n / 4 == 1 ? ELSEWHERE : HERE;
				pass_put(&pass, &frame);
				pass_round(&pass, 1);
				if (pass_take(&pass, &sent))
					met = sent.dst_port;
				cr_expect_eq(met, expected_stamp(&frame, tables),
					"step %u, packet %u", i, n);
			}
		}
	}
}

/* IEEE 802.1Q: a tag with id 0 gives a priority only, and its frame is untagged for all else. */
Test(pass_match, priority_tags_by_turns_with_untagged_frames)
{
	enum { UNTAGGED_FLOW, TAGGED_FLOW, N_FLOWS };
	struct dp_leg leg;
	uint32_t found[2][N_FLOWS];

	for (unsigned f = 0; f < 2; f++) {
		const enum dp_family family = f == 0 ? DP_IPV4 : DP_IPV6;
		struct dp_txn *txn = dp_txn_begin(pass.loop.dp);

		for (unsigned i = 0; i < N_FLOWS; i++) {
			struct dp_flow flow = fixture_flow(family, HERE, &leg, 1);

			flow.key.vlan = i == TAGGED_FLOW ? 5 : 0;
			leg.dst_port = htons((uint16_t)(1000 + i));
			cr_assert_eq(dp_txn_add(txn, &flow, &found[f][i]), 0);
		}
		pass_commit(&pass, txn, NULL, NULL);
	}
	/* Each packet of four has one of four tags: 256 mixtures in one family, then in two. */
	for (unsigned mix = 0; mix < 2 * 256; mix++) {
		static const int tcis[] = {PASS_UNTAGGED, 0, 0xe000, 0x6005};
		unsigned n = 0, n_expected = 0;
		struct pass_sent sent;

		for (unsigned i = 0; i < 8; i++) {
			const bool other = mix >= 256 && (i + mix) % 3 == 0;
			struct pass_frame frame =
				pass_frame_of(other ? DP_IPV6 : DP_IPV4, HERE, (uint16_t)i);

			frame.tci = tcis[mix >> 2 * (i % 4) & 3];
			pass_put(&pass, &frame);
		}
		pass_round(&pass, 8);
		for (; pass_take(&pass, &sent); n++) {
			const int tci = tcis[mix >> 2 * (sent.id % 4) & 3];

			cr_expect_eq(
				sent.dst_port, tci == 0x6005 ? 1001 : 1000, "mixture %#x", mix);
			cr_expect_eq(sent.tci, PASS_UNTAGGED);
			n_expected += sent.id;
		}
		cr_assert_eq(n, 8, "mixture %#x", mix);
		cr_assert_eq(n_expected, 28, "each once");
	}
}
