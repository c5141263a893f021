/* SPDX-License-Identifier: BSD-3-Clause */
/* Legs that send to the source that another flow has learned, and follow it. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "flow/flow_codec.h"
#include "room.h"

static struct room room;

static void
setup(void)
{
	room_init(&room);
}

static void
teardown(void)
{
	room_fini(&room);
}

TestSuite(learned, .init = setup, .fini = teardown);

/* A listener at 192.0.2.1 that latches, with one leg from 198.51.100.1. */
static struct flow_spec *
side(const char *id, int port, const char *leg)
{
	struct flow_spec *spec;
	struct fault fault;
	char text[512];

	snprintf(text, sizeof(text),
		"{'id':'%s','match':{'port':'p0','dst':'192.0.2.1','dst_port':%d},"
		"'latch':'follow','legs':[{'port':'p1','src':'198.51.100.1','src_port':6000,%s}]}",
		id, port, leg);
	spec = flow_spec_of_text(text, &fault);
	cr_assert_not_null(spec, "%s", fault.message);
	return spec;
}

#define TO_9 "'dst':'198.51.100.9','dst_port':5004"

static void
installed(struct flow_spec *a, struct flow_spec *b)
{
	struct flow_spec *specs[] = {a, b};
	struct fault fault;

	cr_assert_eq(
		room_install(&room, specs, 2, &fault), 0, "%s: %s", fault.pointer, fault.message);
}

static struct flow *
flow(const char *id)
{
	return flow_db_find(&room.flows.db, id);
}

static const struct dp_leg *
leg(const char *id)
{
	return &room.dp->flows[flow(id)->handle].legs[0];
}

/* A worker learns 203.0.113.<last> from a frame that came by p1. */
static void
learns(const char *id, uint8_t last, uint64_t state)
{
	struct dp_latched *latched = &room.dp->flows[flow(id)->handle].latched;

	*latched = (struct dp_latched){
		.src = {203, 0, 113, last},
		.src_port = htons(7000),
		.valid = 1,
		.moves = latched->moves + 1,
		.state = state,
		.mac = {2, 0, 0, 0, 7, last},
		.port = 1,
		.vlan = 0,
	};
	flows_source_moved(&room.flows, flow(id));
}

static void
refreshed(unsigned expected_ms)
{
	cr_expect_eq(flows_refresh(&room.flows), expected_ms);
}

static void
expect_known(const char *id, uint8_t last, uint64_t state)
{
	const struct dp_learned *known = &leg(id)->known;

	cr_expect_eq(known->state, state);
	if (state == 0)
		return;
	cr_expect_eq(known->dst[3], last);
	cr_expect_eq(known->dst_port, htons(7000));
	cr_expect_eq(room.dp->next_hops[known->next_hop].dst_mac[5], last);
	cr_expect_eq(room.dp->next_hops[known->next_hop].port, 1);
}

Test(learned, flows_refer_to_each_other)
{
	installed(side("a", 1, "'learned':'b'"), side("b", 2, "'learned':'a'," TO_9));
	cr_expect_eq(leg("a")->learned, flow("b")->sequence);
	cr_expect_eq(leg("b")->learned, flow("a")->sequence);
	cr_expect_eq(room.dp->flows[flow("a")->handle].flow.latch_cookie, flow("a")->sequence);
	cr_expect_eq(leg("a")->dst_port, 0);
	cr_expect_eq(leg("b")->dst_port, htons(5004));
	expect_known("a", 0, 0);
	room_expect(&room, 2, 1);
}

Test(learned, legs_follow_the_source)
{
	installed(side("a", 1, TO_9), side("b", 2, "'learned':'a'"));
	refreshed(0);
	learns("a", 20, 5);
	refreshed(50);
	expect_known("b", 20, 5);
	cr_expect_eq(room.dp->flows[flow("b")->handle].flow.latch_cookie, flow("b")->sequence);
	room_expect(&room, 2, 2);
	refreshed(0);
	learns("a", 21, 6);
	learns("a", 22, 7);
	refreshed(50);
	expect_known("b", 22, 7);
	room_expect(&room, 2, 2);
	/* Forgotten: nothing is known. */
	room.dp->flows[flow("a")->handle].latched.valid = 0;
	room.dp->flows[flow("a")->handle].latched.state = 8;
	flows_source_moved(&room.flows, flow("a"));
	refreshed(50);
	expect_known("b", 0, 0);
	room_expect(&room, 2, 1);
}

/* As long as the neighbour does not answer, the leg is left to the worker. */
Test(learned, next_hop_is_resolved_later)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 1, 210};
	struct neigh_key neighbour = {.ifindex = 11, .family = 4, .address = {203, 0, 113, 210}};

	installed(side("a", 1, TO_9), side("b", 2, "'learned':'a'"));
	learns("a", 210, 5);
	refreshed(50);
	expect_known("b", 0, 0);
	cr_expect(leg_source_waits(&flow("b")->sources[0]));
	room_expect(&room, 2, 2);
	refreshed(50);
	fake_net()->observer.neighbour(fake_net()->observer.arg, &neighbour, mac, 0);
	refreshed(50);
	expect_known("b", 210, 5);
	refreshed(0);
}

#define N_WAITING 999

static unsigned
n_waiting(void)
{
	const struct flow *each;
	unsigned n = 0;

	TAILQ_FOREACH (each, &room.flows.waiting, refresh)
		n++;
	return n;
}

/* However many wait for one neighbour, a slice looks at as many legs as it may write, no more. */
Test(learned, many_wait_for_a_neighbour)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 1, 210};
	struct neigh_key neighbour = {.ifindex = 11, .family = 4, .address = {203, 0, 113, 210}};
	struct flow_spec *specs[1 + N_WAITING];
	struct fault fault;
	unsigned i, ms;
	char id[16];

	room.dp->capacity = 2 * N_WAITING;
	specs[0] = side("a", 1, TO_9);
	for (i = 1; i <= N_WAITING; i++) {
		snprintf(id, sizeof(id), "b%u", i);
		specs[i] = side(id, 1 + (int)i, "'learned':'a'");
	}
	cr_assert_eq(room_install(&room, specs, 1 + N_WAITING, &fault), 0, "%s", fault.message);
	learns("a", 210, 5);
	for (i = 0; i < 10 && flows_refresh(&room.flows) == 2; i++)
		;
	refreshed(6); /* some were not looked at */
	cr_assert_eq(n_waiting(), N_WAITING);
	fake_net()->observer.neighbour(fake_net()->observer.arg, &neighbour, mac, 0);
	refreshed(2);
	cr_expect_eq(n_waiting(), N_WAITING - 911, "a flow with a leg counts 9 of 8192");
	for (i = 0; i < 10 && (ms = flows_refresh(&room.flows)) != 0; i++)
		;
	cr_expect_eq(ms, 0);
	for (i = 1; i <= N_WAITING; i++) {
		snprintf(id, sizeof(id), "b%u", i);
		expect_known(id, 210, 5);
	}
}

Test(learned, version_of_a_flow_knows_the_source)
{
	struct flow_spec *b;
	struct fault fault;

	installed(side("a", 1, TO_9), side("b", 2, "'learned':'a'"));
	learns("a", 20, 5);
	b = side("b", 2, "'dscp':9,'learned':'a'");
	cr_assert_eq(room_replace(&room, &b, 1, &fault), 0, "%s", fault.message);
	expect_known("b", 20, 5);
	cr_expect_eq(leg("b")->dscp, 9);
	refreshed(0);
	room_expect(&room, 2, 2);
	b = side("b", 2, "'dst':'198.51.100.10','dst_port':5004");
	cr_assert_eq(room_replace(&room, &b, 1, &fault), 0, "%s", fault.message);
	room_expect(&room, 2, 2);
	cr_expect_null(flow("b")->sources);
}

/* A change whose transaction is open is not disturbed. */
Test(learned, another_transaction_is_open)
{
	installed(side("a", 1, TO_9), side("b", 2, "'learned':'a'"));
	learns("a", 20, 5);
	room.dp->fail_begin = true;
	refreshed(10);
	expect_known("b", 0, 0);
	room.dp->fail_begin = false;
	room.dp->fail_add = -12;
	refreshed(50);
	expect_known("b", 0, 0);
	room_expect(&room, 2, 1);
	room.dp->fail_add = 0;
	refreshed(50);
	expect_known("b", 20, 5);
	room_expect(&room, 2, 2);
}

/* One flow needs more room than there is: the others of its batch get theirs. */
Test(learned, no_room_for_one)
{
	struct flow_spec *specs[] = {side("a", 1, TO_9), side("b", 2, "'learned':'a'"),
		side("c", 3, "'learned':'a'"), side("d", 4, "'learned':'a'"),
		side("e", 5, "'learned':'a'")};
	struct fault fault;

	cr_assert_eq(
		room_install(&room, specs, 5, &fault), 0, "%s: %s", fault.pointer, fault.message);
	learns("a", 20, 5);
	room.dp->no_room_for = flow("c")->sequence;
	refreshed(50);
	expect_known("b", 20, 5);
	expect_known("c", 0, 0);
	expect_known("d", 20, 5);
	expect_known("e", 20, 5);
	room.dp->no_room_for = 0;
	refreshed(50);
	expect_known("c", 20, 5);
}

/* Observers are told of what a commit has done with a flow before it has another version. */
Test(learned, a_flow_is_part_of_a_commit)
{
	struct change_item item = {0};

	installed(side("a", 1, TO_9), side("b", 2, "'learned':'a'"));
	flow("b")->item = &item;
	learns("a", 20, 5);
	refreshed(50);
	expect_known("b", 0, 0);
	flow("b")->item = NULL;
	refreshed(50);
	expect_known("b", 20, 5);
	room_expect(&room, 2, 2);
}

static void
unread(void *arg, size_t i, const struct flow_spec *spec, const struct dp_flow_stats *stats,
	const struct dp_leg_stats *legs)
{
	(void)arg;
	(void)i;
	(void)spec;
	(void)stats;
	(void)legs;
}

Test(learned, removed_with_those_that_refer)
{
	static const char *const a[] = {"a"}, *const both[] = {"a", "b"};
	struct flow_spec *open;
	struct fault fault;

	installed(side("a", 1, TO_9), side("b", 2, "'learned':'a'"));
	learns("a", 20, 5);
	cr_expect_eq(room_remove(&room, a, 1, unread, NULL, &fault), -1);
	cr_expect_eq(fault.code, FAULT_CONFLICT);
	cr_expect_str_eq(fault.pointer, "/ids/0");
	cr_expect_not_null(strstr(fault.message, "flow b "), "%s", fault.message);
	open = side("a", 1, TO_9);
	open->dp.latch = DP_LATCH_OPEN;
	cr_expect_eq(room_replace(&room, &open, 1, &fault), -1);
	cr_expect_str_eq(fault.pointer, "/flows/0/latch");
	room_expect(&room, 2, 1);
	/* The source moved, but the flow that is to be told goes before. */
	cr_assert_eq(room_remove(&room, both, 2, unread, NULL, &fault), 0, "%s", fault.message);
	refreshed(0);
	room_expect(&room, 0, 0);
}

Test(learned, refused_before_anything_changes)
{
	struct flow_spec *b = side("b", 2, "'learned':'a'");
	struct fault fault;

	cr_expect_eq(room_install(&room, &b, 1, &fault), -1);
	cr_expect_eq(fault.code, FAULT_NOT_FOUND);
	cr_expect_str_eq(fault.pointer, "/flows/0/legs/0/learned");
	room_expect(&room, 0, 0);
}

/* On a port without a kernel interface, the next hop is who sent the frame. */
Test(learned, port_without_neighbours)
{
	installed(side("a", 1, TO_9), side("b", 2, "'learned':'a'"));
	learns("a", 20, 5);
	room.dp->flows[flow("a")->handle].latched.port = 2;
	refreshed(50);
	cr_expect_eq(leg("b")->known.state, 5);
	cr_expect_eq(room.dp->next_hops[leg("b")->known.next_hop].dst_mac[4], 7);
	cr_expect_eq(room.dp->next_hops[leg("b")->known.next_hop].port, 2);
}

/* A source may have UDP port 0 (RFC 768), and has a next hop all the same. */
Test(learned, source_without_port)
{
	installed(side("a", 1, TO_9), side("b", 2, "'learned':'a'"));
	learns("a", 20, 5);
	room.dp->flows[flow("a")->handle].latched.src_port = 0;
	refreshed(50);
	cr_expect_eq(leg("b")->known.state, 5);
	cr_expect_eq(room.dp->next_hops[leg("b")->known.next_hop].dst_mac[5], 20);
}
