/* SPDX-License-Identifier: BSD-3-Clause */
/* The order in which ports are given, and what quarantine, holds and conflicts do to it. */
#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "flow/pool.h"

#define QUARANTINE_S 60

static uint64_t now_ns = 1000 * NS_PER_S; /* the clock of all tests */
static struct pools *pools;
static struct fault fault;

static struct pool_config configs[] = {
	{.name = "voice",
		.family = 4,
		.n_addresses = 1,
		.addresses = {{192, 0, 2, 1}},
		.first = 20000,
		.last = 20003,
		.quarantine_s = QUARANTINE_S},
	{.name = "rtp",
		.family = 4,
		.n_addresses = 2,
		.addresses = {{192, 0, 2, 1}, {192, 0, 2, 2}},
		.first = 30000,
		.last = 30003,
		.pairs = true,
		.quarantine_s = QUARANTINE_S},
	{.name = "six",
		.family = 6,
		.n_addresses = 1,
		.addresses = {{0x20, 0x01, 0x0d, 0xb8, [15] = 1}},
		.first = 1024,
		.last = 65535},
};

static void
setup(void)
{
	pools = pools_create(configs, 3);
	cr_assert_not_null(pools);
}

static void
teardown(void)
{
	pools_destroy(pools);
}

TestSuite(pool, .init = setup, .fini = teardown);

static struct pool_place
place(const char *address, unsigned port)
{
	struct pool_place made = {.port = htons((uint16_t)port)};

	made.family = address_parse(address, made.address);
	return made;
}

/* The port that is given, 0: none. */
static unsigned
take(const char *pool, const char *owner)
{
	struct pool_place given = {0};

	if (pools_take(pools, pool, owner, now_ns, &given, &fault) < 0)
		return 0;
	return ntohs(given.port);
}

static void
release(const char *address, unsigned port, bool given, bool used)
{
	const struct pool_place at = place(address, port);

	pools_release(pools, &at, given, used, now_ns);
}

static int
reserve(const char *pool, const char *owner, unsigned port)
{
	const struct pool_place at = place("192.0.2.1", port);

	return pools_reserve(pools, pool, owner, false, &at, &fault);
}

static struct pool_usage
usage(unsigned i)
{
	struct pool_usage found;

	pools_usage_get(pools, i, now_ns, &found);
	cr_expect_eq(found.given + found.named + found.quarantined + found.free, found.size);
	return found;
}

Test(pool, gives_the_least_recently_released_first)
{
	cr_expect_eq(take("voice", "a"), 20000);
	cr_expect_eq(take("voice", "b"), 20001);
	release("192.0.2.1", 20001, true, true);
	now_ns += 1;
	release("192.0.2.1", 20000, true, true);
	now_ns += QUARANTINE_S * NS_PER_S;
	cr_expect_eq(take("voice", "c"), 20002);
	cr_expect_eq(take("voice", "d"), 20003);
	cr_expect_eq(take("voice", "e"), 20001);
	cr_expect_eq(take("voice", "f"), 20000);
}

Test(pool, is_not_given_before_its_quarantine_is_over)
{
	unsigned i;

	for (i = 0; i < 4; i++)
		cr_expect_eq(take("voice", "a"), 20000 + i);
	release("192.0.2.1", 20002, true, true);
	cr_expect_eq(usage(0).quarantined, 1);
	now_ns += QUARANTINE_S * NS_PER_S - 1;
	cr_expect_eq(take("voice", "b"), 0);
	now_ns += 1;
	cr_expect_eq(usage(0).free, 1);
	cr_expect_eq(take("voice", "b"), 20002);
}

Test(pool, says_how_it_is_exhausted)
{
	unsigned i;

	cr_assert_eq(reserve(NULL, "fixed", 20003), 0);
	for (i = 0; i < 3; i++)
		cr_expect_eq(take("voice", "a"), 20000 + i);
	release("192.0.2.1", 20000, true, true);
	now_ns += 18 * NS_PER_S;
	cr_expect_eq(take("voice", "b"), 0);
	cr_expect_eq(fault.code, FAULT_NO_ROOM);
	cr_expect_str_eq(fault.message,
		"found no free port in pool voice: of its 4 ports 2 are given out, 1 are used by "
		"flows that name them, and 1 are in quarantine, the first of them for another 42 "
		"s; remove flows, or enlarge the pool");
}

Test(pool, what_was_never_used_is_given_next)
{
	cr_expect_eq(take("voice", "a"), 20000);
	cr_expect_eq(take("voice", "b"), 20001);
	release("192.0.2.1", 20001, true, false);
	release("192.0.2.1", 20000, true, false);
	cr_expect_eq(usage(0).free, 4);
	cr_expect_eq(take("voice", "c"), 20000);
	cr_expect_eq(take("voice", "d"), 20001);
}

Test(pool, what_was_named_in_quarantine_returns_to_it)
{
	cr_expect_eq(take("voice", "a"), 20000);
	release("192.0.2.1", 20000, true, true);
	cr_expect_eq(reserve("voice", "a", 20000), 0);
	cr_expect_eq(usage(0).quarantined, 0);
	now_ns += NS_PER_S;
	release("192.0.2.1", 20000, true, false);
	cr_expect_eq(usage(0).quarantined, 1);
	now_ns += (QUARANTINE_S - 1) * NS_PER_S;
	cr_expect_eq(usage(0).quarantined, 0);
}

Test(pool, is_free_when_no_hold_is_left)
{
	cr_expect_eq(take("voice", "a"), 20000);
	cr_expect_eq(reserve("voice", "a", 20000), 0, "a version of the flow");
	release("192.0.2.1", 20000, true, true);
	cr_expect_eq(usage(0).given, 1);
	release("192.0.2.1", 20000, true, false);
	cr_expect_eq(usage(0).quarantined, 1, "it was used before");
}

Test(pool, a_named_port_is_not_given)
{
	cr_expect_eq(reserve(NULL, "x", 20000), 0);
	cr_expect_eq(reserve(NULL, "y", 20000), 0, "another source at the same port");
	cr_expect_eq(usage(0).named, 1);
	cr_expect_eq(take("voice", "a"), 20001);
	release("192.0.2.1", 20000, false, true);
	cr_expect_eq(usage(0).named, 1);
	release("192.0.2.1", 20000, false, true);
	cr_expect_eq(usage(0).quarantined, 1);
	cr_expect_eq(reserve(NULL, "z", 19999), 0, "in no pool");
	cr_expect_eq(reserve(NULL, "z", 20004), 0, "in no pool");
	release("192.0.2.1", 19999, false, true);
	cr_expect_eq(usage(0).given, 1);
}

Test(pool, a_given_port_is_refused_to_others)
{
	cr_expect_eq(take("voice", "a"), 20000);
	cr_expect_eq(reserve(NULL, "b", 20000), -1);
	cr_expect_eq(fault.code, FAULT_CONFLICT);
	cr_expect(strstr(fault.message, "port 20000 of 192.0.2.1, which pool voice has given to a"),
		"%s", fault.message);
	cr_expect_eq(reserve("voice", "b", 20000), -1);
	cr_expect_eq(reserve(NULL, "a", 20000), 0, "the flow itself, without the pool from now on");
	release("192.0.2.1", 20000, true, true);
	cr_expect_eq(usage(0).named, 1);
	cr_expect_eq(reserve("voice", "b", 20000), -1);
	cr_expect(
		strstr(fault.message, "which flow a uses without pool voice"), "%s", fault.message);
	cr_expect_eq(reserve("voice", "a", 20000), 0);
	cr_expect_eq(usage(0).given, 1);
}

Test(pool, what_leaves_can_be_named_by_the_same_change)
{
	const struct pool_place at = place("192.0.2.1", 20000);

	cr_expect_eq(take("voice", "a"), 20000);
	pools_leave(pools, &at);
	cr_expect_eq(reserve("voice", "b", 20000), 0);
	cr_expect_eq(reserve("voice", "a", 20000), -1, "it is the other's");
	/* It is not committed. */
	pools_stay(pools, &at, "a");
	pools_release(pools, &at, true, false, now_ns);
	cr_expect_eq(reserve("voice", "b", 20000), -1);
	cr_expect_eq(reserve("voice", "a", 20000), 0);
	pools_release(pools, &at, true, false, now_ns);
	/* It is. */
	pools_leave(pools, &at);
	cr_expect_eq(reserve("voice", "b", 20000), 0);
	pools_left(pools, &at, true, now_ns);
	cr_expect_eq(reserve(NULL, "a", 20000), -1);
	cr_expect_eq(usage(0).given, 1);
	release("192.0.2.1", 20000, true, true);
	cr_expect_eq(usage(0).quarantined, 1);
}

Test(pool, restores_what_the_configuration_does_not_allow)
{
	const struct pool_place at = place("192.0.2.1", 30001), out = place("192.0.2.9", 1);

	/* Two flows had one port each before the pool had pairs. */
	cr_expect_eq(reserve("rtp", "a", 30000), 0);
	cr_expect_eq(reserve("rtp", "b", 30001), -1);
	cr_expect_eq(pools_reserve(pools, "rtp", "b", true, &at, &fault), 0);
	cr_expect_eq(usage(1).given, 1);
	release("192.0.2.1", 30000, true, true);
	cr_expect_eq(usage(1).given, 1);
	release("192.0.2.1", 30001, true, true);
	cr_expect_eq(usage(1).quarantined, 1);
	cr_expect_eq(pools_reserve(pools, "rtp", "c", true, &out, &fault), 0);
	cr_expect_eq(pools_reserve(pools, "gone", "c", true, &at, &fault), 0);
	cr_expect_eq(usage(1).given, 1);
}

Test(pool, pairs_are_given_by_turns_of_the_addresses)
{
	static const uint8_t last[] = {1, 2, 1, 2};
	struct pool_place given;
	unsigned i;

	for (i = 0; i < 4; i++) {
		memset(&given, 0, sizeof(given));
		cr_assert_eq(pools_take(pools, "rtp", "a", now_ns, &given, &fault), 0);
		cr_expect_eq(given.address[3], last[i]);
		cr_expect_eq(ntohs(given.port), 30000 + i / 2 * 2);
	}
	memset(&given, 0, sizeof(given));
	cr_expect_eq(pools_take(pools, "rtp", "a", now_ns, &given, &fault), -1);
	cr_expect(strstr(fault.message, "no free pair in pool rtp: of its 4 pairs 4"), "%s",
		fault.message);
	cr_expect_eq(reserve(NULL, "b", 30001), -1, "the odd port is of the pair");
}

/* A rollback that is aborted had a port whose quarantine ends after that of others. */
Test(pool, a_quarantine_that_goes_on_does_not_delay_others)
{
	cr_assert_eq(take("voice", "a"), 20000);
	cr_assert_eq(take("voice", "b"), 20001);
	release("192.0.2.1", 20000, true, true);
	now_ns += QUARANTINE_S * NS_PER_S / 2;
	release("192.0.2.1", 20001, true, true);
	cr_assert_eq(reserve("voice", "b", 20001), 0);
	release("192.0.2.1", 20001, true, false);
	cr_expect_eq(usage(0).quarantined, 2);
	now_ns += QUARANTINE_S * NS_PER_S / 2;
	cr_expect_eq(usage(0).quarantined, 1);
}

Test(pool, gives_at_an_address_and_the_port_of_before_if_it_is_free)
{
	struct pool_place wanted = place("192.0.2.2", 0);

	cr_expect_eq(pools_take(pools, "rtp", "a", now_ns, &wanted, &fault), 0);
	cr_expect_eq(wanted.address[3], 2);
	cr_expect_eq(ntohs(wanted.port), 30000);
	wanted = place("192.0.2.2", 30002);
	cr_expect_eq(pools_take(pools, "rtp", "b", now_ns, &wanted, &fault), 0);
	cr_expect_eq(ntohs(wanted.port), 30002);
	wanted = place("192.0.2.2", 30000);
	cr_expect_eq(pools_take(pools, "rtp", "c", now_ns, &wanted, &fault), -1);
	cr_expect(strstr(fault.message, "in pool rtp at 192.0.2.2"), "%s", fault.message);
	wanted = place("192.0.2.3", 0);
	cr_expect_eq(pools_take(pools, "rtp", "c", now_ns, &wanted, &fault), -1);
	cr_expect_eq(fault.code, FAULT_NOT_FOUND);
	cr_expect_eq(take("none", "c"), 0);
	cr_expect_eq(fault.code, FAULT_NOT_FOUND);
}

/* Of an earlier run: what is left of the quarantine, then the order of the releases. */
Test(pool, knows_what_was_released_before_a_restart)
{
	const struct pool_place rtcp = place("192.0.2.1", 30001), outside = place("192.0.2.1", 7);
	char text[POOL_PLACE_TEXT_MAX];

	cr_assert(pools_format(pools, &rtcp, text));
	cr_expect_str_eq(text, "192.0.2.1 30000");
	cr_expect_not(pools_format(pools, &outside, text));
	cr_expect_not(pools_format(NULL, &rtcp, text));
	now_ns = 20 * NS_PER_S; /* the machine has just begun */
	pools_released(pools, "192.0.2.1 20001", 2 * QUARANTINE_S * NS_PER_S, now_ns);
	pools_released(pools, "192.0.2.1 20002", 50 * NS_PER_S, now_ns);
	cr_expect(pools_released(pools, "192.0.2.1 20000", 0, now_ns));
	cr_expect_not(pools_released(pools, "192.0.2.9 20000", 0, now_ns));
	cr_expect_not(pools_released(pools, "192.0.2.1 7", 0, now_ns));
	cr_expect_not(pools_released(pools, "no place", 0, now_ns));
	cr_expect_not(pools_released(NULL, "192.0.2.1 20000", 0, now_ns));
	pools_released(pools, "2001:db8::1 1024", NS_PER_S, now_ns);
	cr_expect_eq(usage(0).quarantined, 2);
	cr_expect_eq(take("voice", "a"), 20003);
	cr_expect_eq(take("voice", "b"), 20001);
	cr_expect_eq(take("voice", "c"), 0);
	now_ns += 10 * NS_PER_S;
	cr_expect_eq(take("voice", "c"), 20002);
	cr_expect_eq(take("voice", "d"), 0);
	now_ns += 50 * NS_PER_S - 1;
	cr_expect_eq(take("voice", "d"), 0);
	now_ns += 1;
	cr_expect_eq(take("voice", "d"), 20000);
	cr_expect_eq(take("six", "e"), 1025, "without a quarantine the last one all the same");
}

/* A flow that was stored has its port, whatever is known of an earlier release. */
Test(pool, restores_what_was_released_before)
{
	const struct pool_place at = place("192.0.2.1", 20000);

	pools_released(pools, "192.0.2.1 20000", NS_PER_S, now_ns);
	cr_expect_eq(pools_reserve(pools, "voice", "a", true, &at, &fault), 0);
	cr_expect_eq(usage(0).given, 1);
	cr_expect_eq(usage(0).quarantined, 0);
	pools_released(pools, "192.0.2.1 20000", 0, now_ns);
	cr_expect_eq(usage(0).given, 1);
}

Test(pool, is_of_its_family_only)
{
	struct pool_place six = place("2001:db8::1", 20000);

	cr_expect_eq(pools_reserve(pools, NULL, "a", false, &six, &fault), 0);
	cr_expect_eq(usage(0).named, 0);
	cr_expect_eq(usage(2).named, 1);
	cr_expect_eq(usage(2).size, 64512);
}

Test(pool, without_quarantine_all_are_given_in_turn)
{
	unsigned i;

	for (i = 0; i < 3 * 64512u; i++) {
		cr_assert_eq(take("six", "a"), 1024 + i % 64512);
		release("2001:db8::1", 1024 + i % 64512, true, true);
	}
	cr_expect_eq(usage(2).given, 0);
}
