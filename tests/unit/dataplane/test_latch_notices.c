/* SPDX-License-Identifier: BSD-3-Clause */
/* How control is told of a source that has moved: once until it reads it, and never in vain. */
#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>

#include "dp_private.h"
#include "fixture.h"
#include "latch.h"
#include "pass.h"

#define FLOW 10
#define COOKIE UINT64_C(0x123456789abcdef0)
#define NAMED_MAX 8

static struct pass pass;
static uint32_t handle;
static uint64_t named[NAMED_MAX];
static unsigned n_named;
static bool lost;

static struct dp_txn *
begin(void)
{
	struct dp_txn *txn = dp_txn_begin(pass.loop.dp);

	cr_assert_not_null(txn);
	return txn;
}

/* A listener that follows each packet. */
static struct dp_flow
listener(struct dp_leg *leg, uint64_t cookie)
{
	struct dp_flow flow = fixture_flow(DP_IPV4, FLOW, leg, 1);

	memset(flow.key.src, 0, sizeof(flow.key.src));
	flow.key.src_port = 0;
	flow.key.any_source = true;
	flow.latch = DP_LATCH_FOLLOW;
	flow.latch_cookie = cookie;
	return flow;
}

static void
listener_add(struct dp_txn *txn, uint64_t cookie)
{
	struct dp_leg leg;
	const struct dp_flow flow = listener(&leg, cookie);

	cr_assert_eq(dp_txn_add(txn, &flow, &handle), 0);
}

static void
setup(void)
{
	struct dp_txn *txn;

	pass_init(&pass);
	txn = begin();
	listener_add(txn, COOKIE);
	pass_commit(&pass, txn, NULL, NULL);
}

static void
teardown(void)
{
	pass_fini(&pass);
}

TestSuite(latch_notices, .init = setup, .fini = teardown);

static void
packet(bool other_source)
{
	struct pass_frame frame = pass_frame_of(DP_IPV4, FLOW, 1);
	struct pass_sent sent;

	frame.other_source = other_source;
	pass_put(&pass, &frame);
	pass_round(&pass, 1);
	cr_assert(pass_take(&pass, &sent));
}

static void
name_note(void *arg, uint64_t cookie)
{
	cr_assert_null(arg);
	cr_assert_lt(n_named, NAMED_MAX);
	named[n_named++] = cookie;
}

/* Flows that are named now. */
static unsigned
notices_poll(void)
{
	n_named = 0;
	cr_expect_eq(dp_latch_poll(pass.loop.dp, NAMED_MAX, name_note, NULL, &lost), n_named);
	return n_named;
}

static uint32_t
moves_read(void)
{
	struct dp_latched latched;

	cr_assert_eq(dp_flow_latched_get(pass.loop.dp, handle, &latched), 0);
	return latched.moves;
}

Test(latch_notices, a_move_is_told_and_other_packets_are_not)
{
	packet(false);
	cr_expect_eq(notices_poll(), 1);
	cr_expect_eq(named[0], COOKIE);
	cr_expect_not(lost);
	cr_expect_eq(moves_read(), 1);
	packet(false);
	cr_expect_eq(notices_poll(), 0);
	packet(true);
	cr_expect_eq(notices_poll(), 1);
}

Test(latch_notices, once_until_it_is_read)
{
	for (unsigned i = 0; i < 10; i++)
		packet(i % 2 != 0);
	cr_expect_eq(notices_poll(), 1);
	packet(false);
	cr_expect_eq(notices_poll(), 0, "it is still to be read");
	cr_expect_eq(moves_read(), 11);
	packet(true);
	cr_expect_eq(notices_poll(), 1);
	cr_expect_eq(moves_read(), 12);
}

/* Read for another purpose while the notice is on its way. */
Test(latch_notices, reading_it_loses_no_notice)
{
	packet(false);
	cr_expect_eq(moves_read(), 1);
	packet(true);
	cr_expect_geq(notices_poll(), 1);
	cr_expect_eq(named[0], COOKIE);
}

Test(latch_notices, without_room_control_is_told_to_look)
{
	struct lcore *lc = pass.loop.dp->workers[0];
	unsigned n = 0, n_lost = 0;

	while (rte_ring_sp_enqueue(lc->latch_ring, NULL) == 0)
		n++;
	cr_expect_eq(n, LATCH_RING);
	packet(false);
	for (n_named = NAMED_MAX; n_named == NAMED_MAX;) {
		notices_poll();
		n -= n_named;
		n_lost += lost;
		cr_expect_eq(n_lost, 1, "at once, and once");
		for (unsigned i = 0; i < n_named; i++)
			cr_assert_eq(named[i], 0);
	}
	cr_expect_eq(n, 0);
	cr_expect_eq(moves_read(), 1);
	packet(true);
	cr_expect_eq(notices_poll(), 1);
	cr_expect_not(lost);
	cr_expect_eq(moves_read(), 2);
}

/* A version keeps the latch and its cookie. */
Test(latch_notices, replaced_flow_keeps_its_name)
{
	const uint16_t from = 0;
	struct dp_txn *txn;
	struct dp_leg leg;
	struct dp_flow flow;

	packet(false);
	txn = begin();
	flow = listener(&leg, 0);
	cr_assert_eq(dp_txn_replace(txn, handle, &flow, &from, &handle), 0);
	pass_commit(&pass, txn, NULL, NULL);
	cr_expect_eq(notices_poll(), 1);
	cr_expect_eq(named[0], COOKIE);
	cr_expect_eq(moves_read(), 1);
	packet(true);
	cr_expect_eq(notices_poll(), 1);
	cr_expect_eq(named[0], COOKIE);
}

/* The next flow with its handle and match has another name. */
Test(latch_notices, removed_flow_is_named_as_itself)
{
	const uint32_t former = handle;
	struct dp_latched latched;
	struct dp_txn *txn;

	packet(false);
	txn = begin();
	cr_assert_eq(dp_txn_remove(txn, handle), 0);
	pass_commit(&pass, txn, NULL, NULL);
	cr_expect_eq(dp_flow_latched_get(pass.loop.dp, former, &latched), -ENOENT);
	txn = begin();
	listener_add(txn, 7);
	pass_commit(&pass, txn, NULL, NULL);
	packet(false);
	cr_expect_eq(notices_poll(), 2);
	cr_expect_eq(named[0], COOKIE);
	cr_expect_eq(named[1], 7);
	cr_expect_eq(moves_read(), 1);
}
