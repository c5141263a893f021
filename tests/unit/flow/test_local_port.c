/* SPDX-License-Identifier: BSD-3-Clause */
/* Flows that are given their local port by a pool, through all that can become of a change. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../store/rig.h"
#include "base/clock.h"
#include "flow/commit.h"
#include "flow/flow_codec.h"
#include "flow/plan.h"
#include "flow/restore.h"
#include "room.h"

static struct room room;
static struct fault fault;
static bool planned;

static const struct pool_config configs[] = {
	{.name = "voice",
		.family = 4,
		.n_addresses = 1,
		.addresses = {{192, 0, 2, 1}},
		.first = 20000,
		.last = 20007,
		.pairs = true,
		.quarantine_s = 60},
	{.name = "six",
		.family = 6,
		.n_addresses = 1,
		.addresses = {{0x20, 0x01, 0x0d, 0xb8, [15] = 1}},
		.first = 9000,
		.last = 9001,
		.quarantine_s = 60},
	{.name = "digits",
		.family = 4,
		.n_addresses = 1,
		.addresses = {{192, 0, 2, 2}},
		.first = 9998,
		.last = 10001},
};

static void
setup(void)
{
	room_init(&room);
	commits_destroy(room.flows.commits);
	room.flows.pools = pools_create(configs, sizeof(configs) / sizeof(configs[0]));
	room.flows.commits = commits_create(&room.flows, NULL, NULL, 0);
	cr_assert_not_null(room.flows.commits);
	memset(&fault, 0, sizeof(fault));
}

static void
teardown(void)
{
	room_fini(&room);
	pools_destroy(room.flows.pools);
}

TestSuite(local_port, .init = setup, .fini = teardown);

#define LEG \
	"'legs': [{'port': 'p1', 'src': '198.51.100.1', 'src_port': 6000," \
	" 'dst': '198.51.100.20', 'dst_port': 5004}]"

static struct flow_spec *
spec(const char *id, const char *match)
{
	char text[512];
	struct flow_spec *made;

	snprintf(text, sizeof(text), "{'id': '%s', 'match': {'port': 'p0', %s}, " LEG "}", id,
		match);
	made = flow_spec_of_text(text, &fault);
	cr_assert_not_null(made, "%s: %s", fault.pointer, fault.message);
	return made;
}

/* The port of an installed flow, 0: it is not there. */
static unsigned
port_of(const char *id)
{
	const struct flow *flow = flow_db_find(&room.flows.db, id);

	return flow ? ntohs(flow->spec->match.key.dst_port) : 0;
}

static int
put(enum op_kind op, const char *id, const char *match)
{
	struct flow_spec *specs[1] = {spec(id, match)};

	return op == OP_REPLACE ? room_replace(&room, specs, 1, &fault)
				: room_install(&room, specs, 1, &fault);
}

static void
flow_removed(void *arg, size_t i, const struct flow_spec *old, const struct dp_flow_stats *stats,
	const struct dp_leg_stats *legs)
{
	(void)arg;
	(void)i;
	(void)old;
	(void)stats;
	(void)legs;
}

static void
leg_left(void *arg, size_t i, const char *id, const struct dp_leg_stats *stats)
{
	(void)arg;
	(void)i;
	(void)id;
	(void)stats;
}

static int
removed(const char *id)
{
	return room_remove(&room, &id, 1, flow_removed, NULL, &fault);
}

static void
done(void *arg, struct change *change, const struct fault *why)
{
	int *rc = arg;

	*rc = why ? -1 : 0;
	if (why)
		fault = *why;
	if (!why && change->plans) {
		planned = true;
		cr_expect_eq(change->plan->n, 1);
		cr_expect(strstr(change->plan->entries[0].after, "\"dst_port\":20000"), "%s",
			change->plan->entries[0].after);
	}
}

/* Flows that are all that is declared; or put as they were, as a rollback does. */
static int
set(bool declared, struct flow_spec *const *specs, size_t n)
{
	int rc = 1;
	struct change *change = change_create(NULL, "test", NULL, done, &rc);

	change->generation.declared = declared;
	change->generation.returns = declared ? STORE_RETURN_NONE : STORE_RETURN_TO;
	for (size_t i = 0; i < n; i++) {
		specs[i]->declared = declared;
		item_put_spec(change, OP_SET, specs[i], "flows");
	}
	commits_submit(room.flows.commits, change);
	return rc;
}

static void
usage_expect(unsigned given, unsigned named, unsigned quarantined)
{
	struct pool_usage usage;

	pools_usage_get(room.flows.pools, 0, clock_read_ns(CLOCK_MONOTONIC), &usage);
	cr_expect_eq(usage.given, given, "%u given, expected %u", usage.given, given);
	cr_expect_eq(usage.named, named, "%u named, expected %u", usage.named, named);
	cr_expect_eq(usage.quarantined, quarantined, "%u quarantined, expected %u",
		usage.quarantined, quarantined);
}

Test(local_port, is_given_and_stored)
{
	const struct flow *flow;
	char *text;

	cr_assert_eq(put(OP_INSTALL, "a", "'pool': 'voice'"), 0, "%s", fault.message);
	flow = flow_db_find(&room.flows.db, "a");
	text = flow_text_encode(flow->spec, NULL);
	cr_expect(strstr(text, "\"match\":{\"port\":\"p0\",\"vlan\":0,\"dst\":\"192.0.2.1\","
			       "\"dst_port\":20000,\"pool\":\"voice\"}"),
		"%s", text);
	free(text);
	usage_expect(1, 0, 0);
	cr_assert_eq(removed("a"), 0);
	usage_expect(0, 0, 1);
	cr_assert_eq(put(OP_INSTALL, "b", "'pool': 'voice', 'dst': '192.0.2.1'"), 0);
	cr_expect_eq(port_of("b"), 20002);
	room_expect(&room, 1, 1);
}

Test(local_port, stays_with_every_version_of_the_flow)
{
	const char *legs[] = {"leg-1"};
	struct flow_leg leg;

	cr_assert_eq(put(OP_INSTALL, "a", "'pool': 'voice'"), 0);
	cr_assert_eq(put(OP_REPLACE, "a", "'pool': 'voice'"), 0, "%s", fault.message);
	cr_assert_eq(put(OP_REPLACE, "a", "'pool': 'voice', 'dst': '192.0.2.1', 'dst_port': 20000"),
		0, "%s", fault.message);
	leg = flow_db_find(&room.flows.db, "a")->spec->legs[0];
	leg.id[0] = '\0';
	leg.dp.dst_port = htons(77);
	cr_assert_eq(room_join(&room, "a", &leg, 1, &fault), 0, "%s", fault.message);
	cr_assert_eq(room_leave(&room, "a", legs, 1, leg_left, NULL, &fault), 0);
	cr_assert_eq(room_admin(&room, "a", NULL, true, &fault), 0);
	cr_expect_eq(port_of("a"), 20000);
	usage_expect(1, 0, 0);
	cr_assert_eq(put(OP_REPLACE, "a", "'dst': '192.0.2.1', 'dst_port': 20000"), 0);
	usage_expect(0, 1, 0);
	cr_assert_eq(put(OP_REPLACE, "a", "'pool': 'voice', 'dst': '192.0.2.1', 'dst_port': 20000"),
		0, "%s", fault.message);
	usage_expect(1, 0, 0);
	cr_assert_eq(put(OP_REPLACE, "a", "'pool': 'six'"), -1);
	cr_assert_eq(removed("a"), 0);
	usage_expect(0, 0, 1);
}

Test(local_port, rtcp_has_the_odd_one)
{
	struct flow_spec *specs[2] = {spec("call", "'pool': 'voice'"),
		spec("call-rtcp", "'pool': 'voice', 'rtcp_of': 'call'")};

	cr_assert_eq(room_install(&room, specs, 2, &fault), 0, "%s", fault.message);
	cr_expect_eq(port_of("call"), 20000);
	cr_expect_eq(port_of("call-rtcp"), 20001);
	usage_expect(1, 0, 0);
	cr_expect_eq(put(OP_INSTALL, "x", "'dst': '192.0.2.1', 'dst_port': 20001"), -1);
	cr_expect_eq(put(OP_INSTALL, "x", "'pool': 'voice', 'rtcp_of': 'call'"), -1);
	cr_expect_eq(fault.code, FAULT_CONFLICT);
	cr_assert_eq(removed("call"), 0);
	usage_expect(1, 0, 0);
	cr_assert_eq(removed("call-rtcp"), 0);
	usage_expect(0, 0, 1);
}

static void
refused(const char *match, enum fault_code code, const char *pointer, const char *words)
{
	char whole[64];

	snprintf(whole, sizeof(whole), "/flows/0%s", pointer);
	cr_expect_eq(put(OP_INSTALL, "x", match), -1);
	cr_expect_eq(fault.code, code, "%s: %s", match, fault.message);
	cr_expect_str_eq(fault.pointer, whole, "%s: %s", match, fault.message);
	cr_expect(strstr(fault.message, words), "%s: %s", match, fault.message);
}

Test(local_port, refusals_name_the_field_and_leave_nothing)
{
	cr_assert_eq(put(OP_INSTALL, "a", "'pool': 'voice'"), 0);
	cr_assert_eq(put(OP_INSTALL, "b", "'dst': '192.0.2.1', 'dst_port': 20003"), 0);
	refused("'pool': 'none'", FAULT_NOT_FOUND, "/match/pool", "found none");
	refused("'pool': 'none', 'dst': '192.0.2.1', 'dst_port': 1", FAULT_NOT_FOUND, "/match/pool",
		"found none");
	refused("'pool': 'voice', 'dst': '192.0.2.2'", FAULT_NOT_FOUND, "/match/dst",
		"found 192.0.2.2, expected an address of pool voice");
	refused("'pool': 'voice', 'dst': '192.0.2.1', 'dst_port': 20008", FAULT_INVALID_VALUE,
		"/match/dst_port", "expected one of pool voice: 20000 to 20007");
	refused("'pool': 'voice', 'src': '2001:db8::9', 'src_port': 5", FAULT_INVALID_VALUE,
		"/match/pool", "found pool voice of IPv4, expected one of IPv6");
	refused("'pool': 'voice', 'dst': '192.0.2.2', 'dst_port': 20000", FAULT_NOT_FOUND,
		"/match/dst", "found 192.0.2.2, expected an address of pool voice");
	refused("'dst': '192.0.2.1', 'dst_port': 20000", FAULT_CONFLICT, "/match/dst_port",
		"which pool voice has given to a");
	refused("'pool': 'voice', 'dst': '192.0.2.1', 'dst_port': 20002", FAULT_CONFLICT,
		"/match/dst_port", "which flow b uses without pool voice");
	refused("'pool': 'voice', 'rtcp_of': 'b'", FAULT_NOT_FOUND, "/match/rtcp_of",
		"found b, expected the id of a flow that has a pair of pool voice");
	refused("'pool': 'six', 'rtcp_of': 'a'", FAULT_INVALID_VALUE, "/match/rtcp_of",
		"single ports");
	usage_expect(1, 1, 0);
	room_expect(&room, 2, 1);
}

Test(local_port, exhaustion_names_the_pool)
{
	char id[8];
	unsigned i;

	for (i = 0; i < 3; i++) {
		snprintf(id, sizeof(id), "f%u", i);
		cr_assert_eq(put(OP_INSTALL, id, "'pool': 'voice'"), 0);
	}
	cr_assert_eq(removed("f1"), 0);
	cr_assert_eq(put(OP_INSTALL, "last", "'pool': 'voice'"), 0);
	refused("'pool': 'voice'", FAULT_NO_ROOM, "/match/pool",
		"found no free pair in pool voice: of its 4 pairs 3 are given out, 0 are used by "
		"flows that name them, and 1 are in quarantine, the first of them for another ");
	room_expect(&room, 3, 1);
}

Test(local_port, of_a_refused_change_is_given_next)
{
	struct flow_spec *specs[2] = {
		spec("a", "'pool': 'voice'"), spec("b", "'dst': '192.0.2.1', 'dst_port': 20000")};

	cr_assert_eq(room_install(&room, specs, 2, &fault), -1);
	cr_expect_str_eq(fault.pointer, "/flows/1/match/dst_port");
	usage_expect(0, 0, 0);
	cr_assert_eq(put(OP_INSTALL, "c", "'pool': 'voice'"), 0);
	cr_expect_eq(port_of("c"), 20000);
}

Test(local_port, of_a_plan_is_given_to_its_commit)
{
	int rc = 1;
	struct change *change = change_create(NULL, "test", NULL, done, &rc);

	change->plans = change->keep = true;
	change->plan_limit = 10;
	item_put_spec(change, OP_INSTALL, spec("a", "'pool': 'voice'"), "flows");
	commits_submit(room.flows.commits, change);
	cr_assert_eq(rc, 0, "%s", fault.message);
	cr_expect(planned);
	usage_expect(0, 0, 0);
	/* Another flow is faster. */
	cr_assert_eq(put(OP_INSTALL, "b", "'pool': 'voice'"), 0);
	cr_expect_eq(port_of("b"), 20000);
	change->plans = change->keep = false;
	commits_submit(room.flows.commits, change);
	cr_assert_eq(rc, 0, "%s", fault.message);
	cr_expect_eq(port_of("a"), 20002);
	usage_expect(2, 0, 0);
}

Test(local_port, of_a_declaration_stays_and_named_ones_come_first)
{
	struct flow_spec *specs[3] = {spec("a", "'pool': 'voice'"),
		spec("b", "'dst': '192.0.2.1', 'dst_port': 20000"), spec("c", "'pool': 'voice'")};

	cr_assert_eq(set(true, specs, 3), 0, "%s", fault.message);
	cr_expect_eq(port_of("a"), 20002);
	cr_expect_eq(port_of("b"), 20000);
	cr_expect_eq(port_of("c"), 20004);
	usage_expect(2, 1, 0);
	/* Again, but without b; a moves to the port of b, and c stays. */
	specs[0] = spec("a", "'pool': 'voice', 'dst': '192.0.2.1', 'dst_port': 20000");
	specs[1] = spec("c", "'pool': 'voice'");
	cr_assert_eq(set(true, specs, 2), 0, "%s", fault.message);
	cr_expect_eq(port_of("a"), 20000);
	cr_expect_eq(port_of("b"), 0);
	cr_expect_eq(port_of("c"), 20004);
	usage_expect(2, 0, 1);
}

/* RTCP follows, and may stand before the flow of RTP. */
Test(local_port, of_rtcp_moves_with_the_pair)
{
	struct flow_spec *specs[2] = {spec("call-rtcp", "'pool': 'voice', 'rtcp_of': 'call'"),
		spec("call", "'pool': 'voice'")};

	cr_assert_eq(set(true, specs, 2), 0, "%s", fault.message);
	cr_expect_eq(port_of("call-rtcp"), 20001);
	specs[0] = spec("call-rtcp", "'pool': 'voice', 'rtcp_of': 'call'");
	specs[1] = spec("call", "'pool': 'voice', 'dst': '192.0.2.1', 'dst_port': 20004");
	cr_assert_eq(set(true, specs, 2), 0, "%s", fault.message);
	cr_expect_eq(port_of("call"), 20004);
	cr_expect_eq(port_of("call-rtcp"), 20005);
	usage_expect(1, 0, 1);
	specs[0] = spec("call-rtcp", "'pool': 'voice', 'rtcp_of': 'call'");
	specs[1] = spec("call", "'pool': 'voice'");
	cr_assert_eq(set(true, specs, 2), 0, "%s", fault.message);
	cr_expect_eq(port_of("call-rtcp"), 20005);
	usage_expect(1, 0, 1);
}

/* A rollback brings a flow back at its port, which another has by now that leaves. */
Test(local_port, changes_hands_in_one_change)
{
	struct flow_spec *specs[1];
	int rc = 1;
	struct change *change;

	cr_assert_eq(put(OP_INSTALL, "new", "'pool': 'voice'"), 0);
	cr_expect_eq(port_of("new"), 20000);
	/* Without the removal it is refused. */
	specs[0] = spec("old", "'pool': 'voice', 'dst': '192.0.2.1', 'dst_port': 20000");
	cr_assert_eq(set(false, specs, 1), -1);
	cr_expect_eq(fault.code, FAULT_CONFLICT);
	usage_expect(1, 0, 0);
	/* It fails behind that point: all is as before. */
	change = change_create(NULL, "test", NULL, done, &rc);
	change->generation.returns = STORE_RETURN_TO;
	item_put_spec(change, OP_SET,
		spec("old", "'pool': 'voice', 'dst': '192.0.2.1', 'dst_port': 20000"), "flows");
	item_put(change, OP_REMOVE, "new", 0, "flows");
	room.dp->fail_prepare = -ENOMEM;
	commits_submit(room.flows.commits, change);
	cr_assert_eq(rc, -1);
	room.dp->fail_prepare = 0;
	cr_expect_eq(port_of("new"), 20000);
	usage_expect(1, 0, 0);
	cr_expect_eq(put(OP_INSTALL, "x", "'dst': '192.0.2.1', 'dst_port': 20000"), -1);
	cr_expect(strstr(fault.message, "has given to new"), "%s", fault.message);
	change = change_create(NULL, "test", NULL, done, &rc);
	change->generation.returns = STORE_RETURN_TO;
	item_put_spec(change, OP_SET,
		spec("old", "'pool': 'voice', 'dst': '192.0.2.1', 'dst_port': 20000"), "flows");
	item_put(change, OP_REMOVE, "new", 0, "flows");
	commits_submit(room.flows.commits, change);
	cr_assert_eq(rc, 0, "%s", fault.message);
	cr_expect_eq(port_of("new"), 0);
	cr_expect_eq(port_of("old"), 20000);
	usage_expect(1, 0, 0);
	cr_assert_eq(removed("old"), 0);
	usage_expect(0, 0, 1);
}

/* Four declared flows have all that the pool has; the next declaration has one of them no more. */
static int
one_for_another(const char *pool)
{
	char id[8], match[32];
	struct flow_spec *specs[4];

	snprintf(match, sizeof(match), "'pool': '%s'", pool);
	for (unsigned i = 0; i < 4; i++) {
		snprintf(id, sizeof(id), "f%u", i);
		specs[i] = spec(id, match);
	}
	cr_assert_eq(set(true, specs, 4), 0, "%s", fault.message);
	specs[0] = spec("other", match);
	for (unsigned i = 1; i < 4; i++) {
		snprintf(id, sizeof(id), "f%u", i);
		specs[i] = spec(id, match);
	}
	return set(true, specs, 4);
}

Test(local_port, of_a_full_pool_is_in_quarantine_when_it_is_released)
{
	cr_assert_eq(one_for_another("voice"), -1);
	cr_expect_eq(fault.code, FAULT_NO_ROOM);
	cr_expect_not_null(strstr(fault.message,
				   "of its 4 pairs 4 are given out, 0 are used by flows that name "
				   "them, and 0 are in quarantine; this change releases 1, which "
				   "then is in quarantine for 60 s; add flows after that, or"),
		"%s", fault.message);
	usage_expect(4, 0, 0);
	cr_expect_eq(port_of("f0"), 20000);
	cr_expect_eq(put(OP_INSTALL, "x", "'pool': 'voice'"), -1);
	cr_expect_not_null(strstr(fault.message, "and 0 are in quarantine; remove flows"), "%s",
		fault.message);
}

Test(local_port, without_quarantine_is_given_in_the_change_that_releases_it)
{
	cr_assert_eq(one_for_another("digits"), 0, "%s", fault.message);
	cr_expect_eq(port_of("f0"), 0);
	cr_expect_eq(port_of("other"), 9998);
	cr_expect_eq(put(OP_INSTALL, "x", "'pool': 'digits'"), -1);
	cr_assert_eq(removed("other"), 0);
	cr_assert_eq(put(OP_INSTALL, "x", "'pool': 'digits'"), 0, "%s", fault.message);
	cr_expect_eq(port_of("x"), 9998);
}

/* It is the flow's again that had it before. */
Test(local_port, without_quarantine_stays_if_the_change_is_refused)
{
	struct flow_spec *specs[4];
	char id[8];

	cr_assert_eq(one_for_another("digits"), 0, "%s", fault.message);
	for (unsigned i = 0; i < 4; i++) {
		snprintf(id, sizeof(id), "n%u", i);
		specs[i] = spec(id, "'pool': 'digits'");
	}
	room.dp->fail_prepare = -ENOMEM;
	cr_assert_eq(set(true, specs, 4), -1);
	room.dp->fail_prepare = 0;
	cr_expect_eq(port_of("other"), 9998);
	cr_expect_eq(put(OP_INSTALL, "x", "'dst': '192.0.2.2', 'dst_port': 9998"), -1);
	cr_expect_not_null(strstr(fault.message, "has given to other"), "%s", fault.message);
	cr_expect_eq(put(OP_INSTALL, "x", "'pool': 'digits'"), -1);
	room_expect(&room, 4, 1);
}

/* What was stored runs again, though its pool is gone or has other ports now. */
Test(local_port, is_restored_whatever_the_pools_are)
{
	static const char *const matches[] = {
		"'pool': 'gone', 'dst': '192.0.2.9', 'dst_port': 7",
		"'pool': 'voice', 'dst': '192.0.2.1', 'dst_port': 20010",
		"'pool': 'voice', 'dst': '192.0.2.1', 'dst_port': 20004",
		"'pool': 'voice', 'dst': '192.0.2.1', 'dst_port': 20005",
		"'dst': '192.0.2.1', 'dst_port': 20000",
	};
	int rc = 1;
	struct change *change = change_create(NULL, "restore", NULL, done, &rc);
	char id[8];
	size_t i;

	change->restores = change->partial = true;
	for (i = 0; i < 5; i++) {
		snprintf(id, sizeof(id), "f%zu", i);
		item_put_spec(change, OP_INSTALL, spec(id, matches[i]), "flows");
	}
	commits_submit(room.flows.commits, change);
	cr_assert_eq(rc, 0, "%s", fault.message);
	room_expect(&room, 5, 1);
	usage_expect(1, 1, 0);
	cr_assert_eq(put(OP_INSTALL, "n", "'pool': 'voice'"), 0);
	cr_expect_eq(port_of("n"), 20002);
	cr_assert_eq(room_admin(&room, "f0", NULL, true, &fault), 0, "%s", fault.message);
	cr_assert_eq(room_admin(&room, "f3", NULL, true, &fault), 0, "%s", fault.message);
	cr_assert_eq(removed("f2"), 0);
	usage_expect(2, 1, 0);
	cr_assert_eq(removed("f3"), 0);
	usage_expect(1, 1, 1);
}

/* With a store, as sluiced does it at a start. */
static struct rig rig;

static void
start(void)
{
	struct restored restored;

	room_init(&room);
	room.flows.pools = pools_create(configs, sizeof(configs) / sizeof(configs[0]));
	rig_open(&rig);
	commits_destroy(room.flows.commits);
	room.flows.commits =
		commits_create(&room.flows, rig.store, rig.base, rig.report.generation);
	cr_assert_eq(restore_flows(&room.flows, rig.store, &restored, &fault), 0);
}

static void
stop(void)
{
	rig_close(&rig);
	room_fini(&room);
	pools_destroy(room.flows.pools);
}

static void
restart(void)
{
	stop();
	start();
}

/* `match` NULL: the flow is removed. */
static void
change(enum op_kind op, const char *id, const char *match)
{
	int rc = 1;
	struct change *made = change_create(NULL, "test", NULL, done, &rc);

	if (match)
		item_put_spec(made, op, spec(id, match), NULL);
	else
		item_put(made, op, id, 0, NULL);
	commits_submit(room.flows.commits, made);
	commits_finish(room.flows.commits);
	cr_assert_eq(rc, 0, "%s", fault.message);
}

static void
restart_setup(void)
{
	rig_init(&rig);
	start();
}

static void
restart_teardown(void)
{
	stop();
	rig_fini(&rig);
}

TestSuite(restart, .init = restart_setup, .fini = restart_teardown);

Test(restart, does_not_end_a_quarantine)
{
	change(OP_INSTALL, "stays", "'pool': 'voice'");
	change(OP_INSTALL, "call", "'pool': 'voice'");
	change(OP_INSTALL, "rtcp", "'pool': 'voice', 'rtcp_of': 'call'");
	change(OP_INSTALL, "moves", "'pool': 'voice'");
	cr_expect_eq(port_of("rtcp"), 20003);
	change(OP_REMOVE, "rtcp", NULL);
	change(OP_REMOVE, "call", NULL);
	change(OP_SET, "moves", "'dst': '192.0.2.1', 'dst_port': 7");
	usage_expect(1, 0, 2);
	restart();
	usage_expect(1, 0, 2);
	change(OP_INSTALL, "next", "'pool': 'voice'");
	cr_expect_eq(port_of("next"), 20006);
	restart();
	usage_expect(2, 0, 2);
	cr_expect_eq(port_of("next"), 20006);
}

/* Also of what one change releases. */
Test(restart, keeps_the_order_of_releases)
{
	static const char *const order[] = {"f1", "f3", "f0", "f2"};
	static const unsigned ports[] = {9999, 10001, 9998, 10000};
	struct change *removal;
	char id[8];
	int rc = 1;

	for (unsigned i = 0; i < 4; i++) {
		snprintf(id, sizeof(id), "f%u", i);
		change(OP_INSTALL, id, "'pool': 'digits'");
	}
	removal = change_create(NULL, "test", NULL, done, &rc);
	for (unsigned i = 0; i < 4; i++)
		item_put(removal, OP_REMOVE, order[i], 0, "ids");
	commits_submit(room.flows.commits, removal);
	commits_finish(room.flows.commits);
	cr_assert_eq(rc, 0, "%s", fault.message);
	restart();
	for (unsigned i = 0; i < 4; i++) {
		snprintf(id, sizeof(id), "g%u", i);
		change(OP_INSTALL, id, "'pool': 'digits'");
		cr_expect_eq(port_of(id), ports[i], "%u, expected %u", port_of(id), ports[i]);
	}
}

/* Those of a pool that is not configured any more, a day after the release. */
Test(restart, forgets_ports_of_no_pool)
{
	const uint64_t today_ns = clock_read_ns(CLOCK_REALTIME);
	const uint64_t long_ago_ns = today_ns - (POOL_QUARANTINE_S_MAX + 1) * NS_PER_S;
	struct store_batch *batch = store_batch_create();
	struct store_released released;
	struct store_cursor *cursor;

	store_batch_released(batch, "192.0.2.9 6000", long_ago_ns);
	store_batch_released(batch, "192.0.2.1 20002", long_ago_ns);
	store_batch_released(batch, "192.0.2.9 6001", today_ns);
	cr_assert(rig_submit(&rig, batch));
	restart();
	restart();
	cursor = store_released_open(rig.store, &fault);
	cr_assert_eq(store_released_next(cursor, &released, &fault), 1);
	cr_expect_str_eq(released.place, "192.0.2.1 20002");
	cr_assert_eq(store_released_next(cursor, &released, &fault), 1);
	cr_expect_str_eq(released.place, "192.0.2.9 6001");
	cr_expect_eq(store_released_next(cursor, &released, &fault), 0);
	store_cursor_close(cursor);
}

/* A version that has the port as well releases nothing. */
Test(restart, knows_of_no_port_that_a_flow_has)
{
	struct store_released released;
	struct store_cursor *cursor;

	change(OP_INSTALL, "call", "'pool': 'voice'");
	change(OP_REPLACE, "call", "'pool': 'voice'");
	change(OP_SET, "call", "'dst': '192.0.2.1', 'dst_port': 20000");
	change(OP_INSTALL, "outside", "'dst': '192.0.2.1', 'dst_port': 7");
	change(OP_REMOVE, "outside", NULL);
	cursor = store_released_open(rig.store, &fault);
	cr_expect_eq(store_released_next(cursor, &released, &fault), 0);
	store_cursor_close(cursor);
}
