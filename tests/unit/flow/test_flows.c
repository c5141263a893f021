/* SPDX-License-Identifier: BSD-3-Clause */
/* Flows follow when routes part those who shared a next hop. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "flow/next_hop.h"
#include "room.h"

static struct room room;
static uint8_t gateway_high; /* of addresses from 128 on; those below have .1 */

static int
route(const struct hop_request *request, struct hop_paths *paths)
{
	const uint8_t last = request->to[3] < 128 ? 1 : gateway_high;

	memcpy(paths->path[0].neighbour.address, (uint8_t[4]){198, 51, 100, last}, 4);
	return 0;
}

static void
setup(void)
{
	room_init(&room);
	fake_net()->route = route;
	gateway_high = 1;
}

static void
teardown(void)
{
	room_fini(&room);
}

TestSuite(hop_repoint, .init = setup, .fini = teardown);

static struct flow *
installed(const char *id, int port, int last)
{
	struct flow_spec *spec = flow_spec_made(id, port, last);
	struct fault fault;

	cr_assert_eq(room_install(&room, &spec, 1, &fault), 0, "%s", fault.message);
	return flow_db_find(&room.flows.db, id);
}

static void
gateway_change(uint8_t gateway)
{
	gateway_high = gateway;
	fake_net()->observer.routes(fake_net()->observer.arg, NULL);
	while (hop_moves_run(room.flows.hops))
		;
}

static void
expect_by(const struct flow *flow, uint8_t last)
{
	const struct dp_next_hop *hop = &room.dp->next_hops[flow->hops[0]];

	cr_expect_eq(hop->dst_mac[5], last, "flow %s", flow->spec->id);
	cr_expect_eq(room.dp->flows[flow->handle].legs[0].next_hop, flow->hops[0]);
}

Test(hop_repoint, only_legs_that_diverge)
{
	struct flow *low = installed("low", 1, 20), *high = installed("high", 2, 130);
	const uint32_t handle = low->handle;
	const unsigned n_commits = room.dp->n_commits;

	cr_expect_eq(low->hops[0], high->hops[0], "one gateway");
	cr_expect_eq(flows_repoint(&room.flows), 0, "nothing to do");
	gateway_change(2);
	expect_by(high, 1);
	cr_expect_eq(flows_repoint(&room.flows), 0, "done in one slice");
	cr_expect_eq(room.dp->n_commits, n_commits + 1);
	expect_by(low, 1);
	expect_by(high, 2);
	cr_expect_eq(low->handle, handle);
	cr_expect_eq(next_hops_stale_all(room.flows.hops), 0);
	room_expect(&room, 2, 2);
	gateway_change(1);
	cr_expect_eq(flows_repoint(&room.flows), 0);
	expect_by(high, 1);
	room_expect(&room, 2, 1);
}

Test(hop_repoint, many_in_slices)
{
	enum { N = 600 };
	struct flow *flows[N];
	unsigned slices = 1;

	room.dp->capacity = FAKE_FLOWS_MAX;
	installed("low", 1, 20);
	for (int i = 0; i < N; i++) {
		char id[16];

		snprintf(id, sizeof(id), "f%d", i);
		flows[i] = installed(id, 10 + i, 130);
	}
	gateway_change(2);
	cr_expect_eq(next_hops_stale_all(room.flows.hops), N);
	while (flows_repoint(&room.flows) > 0)
		slices++;
	cr_expect_gt(slices, 2);
	for (int i = 0; i < N; i++)
		expect_by(flows[i], 2);
}

Test(hop_repoint, waits_for_other_transactions_and_for_room)
{
	struct flow *high;
	struct dp_txn *txn;

	installed("low", 1, 20);
	high = installed("high", 2, 130);
	gateway_change(2);
	room.dp->fail_begin = true;
	cr_expect_gt(flows_repoint(&room.flows), 0);
	room.dp->fail_begin = false;
	txn = dp_txn_begin(room.dp);
	cr_assert_not_null(txn);
	dp_txn_abort(txn);
	room.dp->fail_add = -ENOSPC;
	cr_expect_gt(flows_repoint(&room.flows), 0);
	expect_by(high, 1);
	cr_expect_eq(next_hops_stale_all(room.flows.hops), 1);
	room.dp->fail_add = 0;
	cr_expect_eq(flows_repoint(&room.flows), 0);
	expect_by(high, 2);
	room_expect(&room, 2, 2);
}

/* As of a NIC that replaces another: the kernel has no interface to report it of. */
Test(hop_repoint, flows_send_from_the_new_mac_address_of_a_port)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 1, 0x99};
	const struct flow *flow = installed("a", 5004, 10);
	const struct dp_next_hop *hop = &room.dp->next_hops[flow->hops[0]];

	memcpy(room.dp->ports[hop->port].mac, mac, sizeof(mac));
	cr_expect_arr_neq(hop->src_mac, mac, sizeof(mac));
	flows_port_changed(&room.flows, hop->port);
	cr_expect_arr_eq(hop->src_mac, mac, sizeof(mac));
}

/* Each look may read all of the kernel's interfaces, of which a burst changes one by one. */
Test(links, memberships_are_looked_at_once_a_burst)
{
	struct event_base *base = event_base_new();
	struct flow_spec *spec;
	struct fault fault;
	unsigned n_before;

	room_init_on(&room, base);
	event_base_loop(base, EVLOOP_ONCE); /* what is due at the start */
	spec = flow_spec_of_text(
		"{'id':'g','match':{'port':'p0','dst':'239.1.1.1','dst_port':5004},"
		"'action':'drop'}",
		&fault);
	cr_assert_not_null(spec, "%s", fault.message);
	cr_assert_eq(room_install(&room, &spec, 1, &fault), 0, "%s", fault.message);
	n_before = fake_net()->n_interfaces;
	for (unsigned i = 0; i < 3; i++)
		fake_net()->observer.link(fake_net()->observer.arg, 50 + i);
	cr_expect_eq(fake_net()->n_interfaces, n_before);
	event_base_loop(base, EVLOOP_ONCE);
	cr_expect_eq(fake_net()->n_interfaces, n_before + 1);
	room_fini(&room);
	event_base_free(base);
}
