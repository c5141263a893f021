/* SPDX-License-Identifier: BSD-3-Clause */
/* What legs ask for, what stands behind an index, and what becomes of both when routes change. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fake_dp.h"
#include "fake_kernel.h"
#include "flow/next_hop.h"

static const uint8_t mac_a[6] = {2, 0, 0, 0, 0, 0xa};
static const uint8_t mac_b[6] = {2, 0, 0, 0, 0, 0xb};
static const uint8_t gateway_1[16] = {198, 51, 100, 1};
static const uint8_t gateway_2[16] = {198, 51, 100, 2};

static struct dp *dp;
static struct ports ports;
static struct next_hops *hops;
static unsigned n_called, n_lost, n_taken, n_left;

static void
reported(void *arg, unsigned index, enum next_hop_change change)
{
	(void)arg, (void)index;
	n_called++;
	n_lost += change == NEXT_HOP_WAS_LOST;
	n_taken += change == NEXT_HOP_TOOK_BACKUP;
	n_left += change == NEXT_HOP_LEFT_BACKUP;
}

static void
setup(void)
{
	dp = fake_dp_reset();
	fake_kernel_reset();
	ports_init(&ports, dp);
	hops = next_hops_create(dp, &ports, fake_net(), NULL, NULL, NULL);
	next_hops_observe(hops, reported, NULL);
	n_called = n_lost = n_taken = n_left = 0;
}

static void
teardown(void)
{
	next_hops_destroy(hops);
}

TestSuite(next_hops, .init = setup, .fini = teardown);

/* By p1 to 198.51.100.<last>. */
static struct flow_leg
leg_to(uint8_t last)
{
	return (struct flow_leg){
		.port = "p1", .dp = {.family = 4, .dst = {198, 51, 100, last}, .dst_port = 5004}};
}

static struct flow_leg
leg_static(const char *port, const uint8_t mac[6])
{
	struct flow_leg leg = {.hop = FLOW_HOP_MAC,
		.dp = {.family = 4, .dst = {198, 51, 100, 9}, .dst_port = 5004}};

	strcpy(leg.port, port);
	memcpy(leg.mac, mac, sizeof(leg.mac));
	return leg;
}

static unsigned
ref(const struct flow_leg *leg)
{
	int index = next_hops_ref(hops, leg);

	cr_assert_geq(index, 0, "%s", strerror(-index));
	return (unsigned)index;
}

static unsigned
get(uint8_t last)
{
	const struct flow_leg leg = leg_to(last);

	return ref(&leg);
}

static void
put(uint8_t last, unsigned index, bool seen)
{
	const struct flow_leg leg = leg_to(last);

	next_hops_unref(hops, &leg, index, seen);
}

/* The kernel reports that 198.51.100.<last> has this MAC address, or none. */
static void
neighbour(uint8_t last, const uint8_t *mac)
{
	const struct neigh_key key = {
		.address = {198, 51, 100, last}, .ifindex = ports.info[1].ifindex, .family = 4};

	next_hops_neighbour_changed(hops, &key, mac, mac ? 0 : -EHOSTUNREACH);
}

static void
routes_changed(const struct net_prefix *prefix)
{
	next_hops_routes_changed(hops, prefix);
	while (hop_moves_run(hops))
		;
}

static void
expect_mac(unsigned index, const uint8_t *mac)
{
	cr_expect_eq(dp->next_hops[index].mtu, mac ? 1500 : 0, "index %u", index);
	if (mac)
		cr_expect_arr_eq(dp->next_hops[index].dst_mac, mac, 6);
}

Test(next_hops, written_whole)
{
	const unsigned index = get(9);
	const struct dp_next_hop expected = {
		.dst_mac = {2, 0, 0, 0, 1, 9},
		.src_mac = {2, 0, 0, 0, 0, 0xa1},
		.port = 1,
		.mtu = 1500,
	};

	cr_expect_arr_eq(&dp->next_hops[index], &expected, sizeof(expected));
	cr_expect_eq(fake_net()->n_kept, 1);
}

/* The fake kernel resolves a VLAN's leg to an interface of index 100 more than the port's. */
Test(next_hops, vlan_interface_has_mac_and_mtu)
{
	struct link_vlan vlans[] = {
		{.ifindex = 110, .mtu = 600, .mac = {2, 0, 0, 0, 9, 1}},
		{.ifindex = 111, .mtu = 1400, .mac = {2, 0, 0, 0, 9, 2}},
	};
	struct flow_leg leg = leg_to(9);
	const struct dp_next_hop *next_hop;
	unsigned index;

	fake_net()->vlans = (struct link_vlans){.loaded = true, .n = 2, .vlan = vlans};
	leg.dp.vlan = 7;
	index = ref(&leg);
	next_hop = &dp->next_hops[index];
	cr_expect_eq(next_hop->mtu, 1400);
	cr_expect_arr_eq(next_hop->src_mac, vlans[1].mac, 6);
	cr_expect_eq(dp->next_hops[get(9)].mtu, 1500, "an untagged leg has the port's");

	vlans[1].mtu = 9000;
	vlans[1].mac[5] = 3;
	next_hops_vlans_changed(hops);
	cr_expect_eq(next_hop->mtu, 1500, "no more than the port's");
	cr_expect_arr_eq(next_hop->src_mac, vlans[1].mac, 6);
	next_hops_port_changed(hops, 1);
	cr_expect_arr_eq(next_hop->src_mac, vlans[1].mac, 6);
	fake_net()->vlans.n = 0;
	next_hops_port_changed(hops, 1);
	cr_expect_arr_eq(next_hop->src_mac, ports.info[1].mac, 6, "unknown: the port's");
}

Test(next_hops, shared_and_counted)
{
	const struct flow_leg fixed = leg_static("p1", mac_a);
	struct flow_leg leg = leg_to(9);
	const unsigned index = get(9), tenth = get(10);

	cr_expect_eq(get(9), index);
	cr_expect_eq(fake_net()->n_aims, 2, "resolved once");
	cr_expect_eq(fake_net()->n_kept, 2);
	cr_expect_neq(tenth, index);
	leg.dp.vlan = 5;
	cr_expect_neq(ref(&leg), index, "VLAN");
	leg = leg_to(9);
	strcpy(leg.port, "p0");
	ports.info[0].ifindex = ports.info[1].ifindex;
	cr_expect_neq(ref(&leg), index, "port");
	cr_expect_neq(ref(&fixed), index);
	leg = leg_to(77);
	leg.hop = FLOW_HOP_GATEWAY;
	memcpy(leg.next_hop, (uint8_t[]){198, 51, 100, 9}, 4);
	cr_expect_eq(ref(&leg), index, "the same neighbour by its name");
	cr_expect_eq(fake_net()->n_kept, 3, "static ones are not the kernel's");
	put(9, index, false);
	put(9, index, false);
	cr_expect_eq(fake_net()->n_kept, 3);
	next_hops_unref(hops, &leg, index, false);
	cr_expect_eq(fake_net()->n_kept, 3, "the other port has it");
	put(10, get(10), false);
	put(10, tenth, false);
	cr_expect_eq(fake_net()->n_kept, 2);
}

/* An IPv4 and an IPv6 group (RFC 1112, 6.4; RFC 2464, 7). */
Test(next_hops, multicast_needs_no_neighbour)
{
	struct flow_leg leg = {
		.port = "p1", .dp = {.family = 4, .dst = {239, 255, 1, 2}, .dst_port = 5004}};

	expect_mac(ref(&leg), (uint8_t[]){0x01, 0x00, 0x5e, 0x7f, 1, 2});
	leg.dp.family = 6;
	memcpy(leg.dp.dst, (uint8_t[16]){0xff, 5, [12] = 1, 2, 3, 4}, 16);
	expect_mac(ref(&leg), (uint8_t[]){0x33, 0x33, 1, 2, 3, 4});
	cr_expect_eq(fake_net()->n_aims, 0);
}

/* The next hop of a leg that has no destination only names a port. */
Test(next_hops, no_destination_needs_no_route)
{
	struct flow_leg leg = {.port = "p1", .dp = {.family = 4}};
	const unsigned index = ref(&leg);

	cr_expect_eq(dp->next_hops[index].port, 1);
	cr_expect_eq(ref(&leg), index);
	cr_expect_eq(fake_net()->n_aims, 0);
	next_hops_unref(hops, &leg, index, false);
	next_hops_unref(hops, &leg, index, false);
}

Test(next_hops, index_waits_for_grace)
{
	const struct flow_leg a = leg_static("p2", mac_a), b = leg_static("p2", mac_b);
	const unsigned index = ref(&a);
	unsigned other;

	next_hops_unref(hops, &a, index, true);
	other = ref(&b);
	cr_expect_neq(other, index, "a worker may still hold a packet for it");
	next_hops_unref(hops, &b, other, false);
	next_hops_reclaim(hops);
	cr_expect_eq(ref(&b), index);
}

Test(next_hops, neighbour_moves_and_is_lost)
{
	const unsigned index = get(9);
	struct next_hop_info info;

	neighbour(9, mac_b);
	expect_mac(index, mac_b);
	cr_expect_eq(n_called, 0);
	neighbour(9, NULL);
	expect_mac(index, NULL);
	cr_expect_eq(n_lost, 1);
	next_hops_info_get(hops, index, &info);
	cr_expect_eq(info.state, NEXT_HOP_PENDING);
	cr_expect_eq(info.error, -EHOSTUNREACH);
	neighbour(9, mac_a);
	expect_mac(index, mac_a);
	cr_expect_eq(n_called, 2);
	next_hops_info_get(hops, index, &info);
	cr_expect_eq(info.state, NEXT_HOP_RESOLVED);
	cr_expect_arr_eq(info.mac, mac_a, 6);
	cr_expect_eq(info.address[3], 9);
	cr_expect_eq(info.ifindex, ports.info[1].ifindex);
}

static void
expect_reason(const struct flow_leg *leg, const char *says)
{
	char reason[HOP_REASON_MAX];

	next_hops_reason(hops, leg, reason);
	cr_expect_not_null(strstr(reason, says), "%s", reason);
}

Test(next_hops, pending_until_the_neighbour_answers)
{
	const struct flow_leg leg = leg_to(200);
	const unsigned index = get(200);
	struct next_hop_info info;

	expect_mac(index, NULL);
	next_hops_info_get(hops, index, &info);
	cr_expect_eq(info.state, NEXT_HOP_PENDING);
	cr_expect_eq(info.family, 4);
	expect_reason(&leg, "neighbour 198.51.100.200 on ");
	expect_reason(&leg, "has not answered yet");
	neighbour(200, NULL);
	expect_reason(&leg, "does not answer");
	neighbour(200, mac_a);
	expect_mac(index, mac_a);
	cr_expect_eq(n_called, 1);
}

static int
route_all_by_9(const struct hop_request *request, struct hop_paths *paths)
{
	(void)request;
	memcpy(paths->path[0].neighbour.address, (uint8_t[4]){198, 51, 100, 9}, 4);
	return 0;
}

Test(next_hops, pending_until_there_is_a_route)
{
	struct flow_leg vlan = leg_to(250), leg = leg_to(250);
	const unsigned index = get(250);
	struct next_hop_info info;

	cr_expect_eq(get(251), index, "without a way one index will do");
	expect_mac(index, NULL);
	next_hops_info_get(hops, index, &info);
	cr_expect_eq(info.state, NEXT_HOP_PENDING);
	cr_expect_eq(info.family, 0);
	expect_reason(&leg, "no route to 198.51.100.250 out of ");
	vlan.dp.vlan = 7;
	cr_expect_neq(ref(&vlan), index);
	fake_net()->route = route_all_by_9;
	routes_changed(NULL);
	expect_mac(index, (uint8_t[]){2, 0, 0, 0, 1, 9});
	cr_expect_eq(next_hops_stale_all(hops), 0, "all went together");
	cr_expect_eq(n_called, 2);
}

static uint8_t gateway_low, gateway_high; /* of addresses below 128, and of those above */

static int
route_by_gateways(const struct hop_request *request, struct hop_paths *paths)
{
	const uint8_t last = request->to[3] < 128 ? gateway_low : gateway_high;

	memcpy(paths->path[0].neighbour.address, gateway_1, 4);
	paths->path[0].neighbour.address[3] = last;
	return last ? 0 : -ENETUNREACH;
}

Test(next_hops, all_behind_a_gateway_move_with_it)
{
	unsigned index;

	fake_net()->route = route_by_gateways;
	gateway_low = gateway_high = 1;
	index = get(20);
	cr_expect_eq(get(130), index);
	expect_mac(index, (uint8_t[]){2, 0, 0, 0, 1, 1});
	gateway_low = gateway_high = 2;
	routes_changed(NULL);
	expect_mac(index, (uint8_t[]){2, 0, 0, 0, 1, 2});
	cr_expect_eq(next_hops_stale_all(hops), 0);
	cr_expect_eq(fake_net()->n_kept, 1, "the one before is forgotten");
	gateway_low = gateway_high = 0;
	routes_changed(NULL);
	expect_mac(index, NULL);
	cr_expect_eq(n_lost, 1);
	cr_expect_eq(fake_net()->n_kept, 0);
	cr_expect_eq(memcmp(gateway_2, gateway_1, 3), 0);
}

/* The fake kernel's neighbour of that octet on p0. */
static struct flow_leg
leg_backed(uint8_t last)
{
	struct flow_leg leg = leg_to(last);

	strcpy(leg.backup_port, "p0");
	leg.backup_next_hop[0] = 192;
	leg.backup_next_hop[3] = 77;
	return leg;
}

static void
link_set(unsigned port, bool down)
{
	dp->down[port] = down;
	next_hops_port_changed(hops, port);
}

static void
hold_pass(void)
{
	usleep((NEXT_HOP_HOLD_MS + 1) * 1000);
}

Test(next_hops, backup_while_the_link_is_down)
{
	const struct flow_leg leg = leg_backed(9);
	struct next_hop_info info;
	const unsigned index = ref(&leg), plain = get(9);

	cr_expect_neq(index, plain, "legs with and without a backup");
	cr_expect_eq(ref(&leg), index);
	cr_expect_eq(dp->next_hops[index].port, 1);
	link_set(1, true);
	cr_expect_eq(dp->next_hops[index].port, 0);
	cr_expect_eq(dp->next_hops[index].dst_mac[5], 77);
	cr_expect_eq(dp->next_hops[plain].port, 1);
	cr_expect_eq(next_hops_port(hops, index), 0);
	next_hops_info_get(hops, index, &info);
	cr_expect_eq(info.state, NEXT_HOP_BACKUP);
	cr_expect_eq(n_taken, 1, "one event for all legs");
	expect_reason(&leg, "the link of port p1 is down");
	/* A link that is up for a moment only. */
	link_set(1, false);
	cr_expect_eq(dp->next_hops[index].port, 0);
	expect_reason(&leg, "the leg's own next hop is well again, and used when it has been for "
			    "1000 ms");
	link_set(1, true);
	link_set(1, false);
	hold_pass();
	next_hops_port_changed(hops, 1);
	cr_expect_eq(dp->next_hops[index].port, 1);
	cr_expect_eq(n_left, 1);
	expect_reason(&leg, "");
	/* Without a backup that is well, nothing changes. */
	link_set(0, true);
	link_set(1, true);
	cr_expect_eq(dp->next_hops[index].port, 1);
	link_set(0, false);
	cr_expect_eq(dp->next_hops[index].port, 0, "as the backup is well again");
	/* The own way is taken at once when the backup is lost. */
	link_set(1, false);
	link_set(0, true);
	cr_expect_eq(dp->next_hops[index].port, 1);
	cr_expect_eq(n_lost, 0);
	next_hops_unref(hops, &leg, index, false);
	next_hops_unref(hops, &leg, index, false);
	put(9, plain, false);
	cr_expect_eq(next_hops_left(hops), DP_NEXT_HOPS_MAX);
	cr_expect_eq(fake_net()->n_kept, 0);
}

Test(next_hops, backup_while_the_neighbour_is_lost)
{
	const struct flow_leg leg = leg_backed(9), waits = leg_backed(200);
	const struct neigh_key key = {
		.address = {192, 0, 0, 77}, .ifindex = ports.info[0].ifindex, .family = 4};
	const unsigned index = ref(&leg), waiting = ref(&waits);

	cr_expect_eq(dp->next_hops[waiting].port, 1, "it has the time to answer");
	neighbour(200, NULL);
	cr_expect_eq(dp->next_hops[waiting].port, 0);
	neighbour(9, NULL);
	cr_expect_eq(dp->next_hops[index].port, 0);
	next_hops_neighbour_changed(hops, &key, mac_b, 0);
	cr_expect_arr_eq(dp->next_hops[index].dst_mac, mac_b, 6, "it follows the backup");
	next_hops_neighbour_changed(hops, &key, NULL, -EHOSTUNREACH);
	cr_expect_eq(dp->next_hops[index].mtu, 0, "neither is there");
	cr_expect_eq(n_lost, 3, "the two, and the backup itself");
	neighbour(9, mac_a);
	expect_mac(index, mac_a);
	next_hops_unref(hops, &leg, index, false);
	next_hops_unref(hops, &waits, waiting, false);
	cr_expect_eq(next_hops_left(hops), DP_NEXT_HOPS_MAX);
}

/* A round of routes finds none for the leg, and another router for its backup. */
static bool has_route;

static int
route_backup_by_9(const struct hop_request *request, struct hop_paths *paths)
{
	if (request->port == 1)
		return has_route ? 0 : -ENETUNREACH;
	paths->path[0].neighbour.address[3] = has_route ? 8 : 9;
	return 0;
}

Test(next_hops, backup_while_there_is_no_route)
{
	struct flow_leg leg = leg_backed(20);
	unsigned index;

	memset(leg.backup_next_hop, 0, sizeof(leg.backup_next_hop));
	fake_net()->route = route_backup_by_9;
	has_route = true;
	index = ref(&leg);
	cr_expect_eq(dp->next_hops[index].dst_mac[5], 20);
	has_route = false;
	routes_changed(NULL);
	cr_expect_eq(dp->next_hops[index].port, 0);
	cr_expect_eq(dp->next_hops[index].dst_mac[5], 9);
	cr_expect_eq(next_hops_stale_all(hops), 0);
	cr_expect_eq(fake_net()->n_kept, 1);
	next_hops_unref(hops, &leg, index, false);
	cr_expect_eq(next_hops_left(hops), DP_NEXT_HOPS_MAX);
	cr_expect_eq(fake_net()->n_kept, 0);
}

static uint32_t mtu_low, mtu_high; /* of the routes to 198.51.100.0/25 and to the rest */

static int
route_with_mtu(const struct hop_request *request, struct hop_paths *paths)
{
	memcpy(paths->path[0].neighbour.address, gateway_1, 4);
	paths->mtu = request->to[3] < 128 ? mtu_low : mtu_high;
	return 0;
}

/* Legs by one router on routes with other MTUs have indexes of their own, all with its address. */
Test(next_hops, mtu_of_the_route)
{
	struct flow_leg high = leg_to(130);
	struct next_hop_info info;
	unsigned index, moved;

	fake_net()->route = route_with_mtu;
	mtu_low = 1000;
	mtu_high = 9000;
	index = get(20);
	cr_expect_eq(get(21), index);
	cr_expect_eq(dp->next_hops[index].mtu, 1000);
	next_hops_info_get(hops, index, &info);
	cr_expect_eq(info.mtu, 1000);
	cr_expect(info.mtu_of_route);
	moved = ref(&high);
	cr_expect_neq(moved, index);
	expect_mac(moved, (uint8_t[]){2, 0, 0, 0, 1, 1});
	next_hops_info_get(hops, moved, &info);
	cr_expect_not(info.mtu_of_route, "the port's is less");
	neighbour(1, mac_a);
	cr_expect_arr_eq(dp->next_hops[index].dst_mac, mac_a, 6);
	cr_expect_arr_eq(dp->next_hops[moved].dst_mac, mac_a, 6);
	neighbour(1, NULL);
	cr_expect_eq(dp->next_hops[index].mtu, 0);
	neighbour(1, mac_a);
	/* All of a slot: one write. */
	mtu_low = 600;
	routes_changed(NULL);
	cr_expect_eq(next_hops_stale_all(hops), 0);
	cr_expect_eq(dp->next_hops[index].mtu, 600);
	/* More than 16 bits are no limit. */
	mtu_low = 70000;
	routes_changed(NULL);
	cr_expect_eq(dp->next_hops[index].mtu, 1500);
	mtu_high = 0;
	routes_changed(NULL);
	cr_expect_eq(dp->next_hops[moved].mtu, 1500);
}

/* By .1 for source 192.0.2.1 without a DSCP, by .2 for any other. */
static int
route_by_source(const struct hop_request *request, struct hop_paths *paths)
{
	const bool first = request->from[3] == 1 && request->dscp == 0 && request->mark == 0;

	memcpy(paths->path[0].neighbour.address, first ? gateway_1 : gateway_2, 4);
	return 0;
}

Test(next_hops, by_source_dscp_and_mark)
{
	struct flow_leg first = leg_to(20), second, marked, fwmarked;
	unsigned index;

	first.dp.dscp = DP_DSCP_KEEP;
	first.dp.src[3] = 1;
	fwmarked = marked = second = first;
	fwmarked.mark = 7;
	second.dp.src[3] = 2;
	marked.dp.dscp = 4;
	fake_net()->route = route_by_source;
	index = ref(&first);
	expect_mac(index, (uint8_t[]){2, 0, 0, 0, 1, 1});
	expect_mac(ref(&second), (uint8_t[]){2, 0, 0, 0, 1, 2});
	cr_expect_eq(ref(&marked), ref(&second), "the neighbour is the same one");
	cr_expect_eq(ref(&fwmarked), ref(&second));
	cr_expect_eq(fake_net()->n_aims, 4);
	for (unsigned i = 0; i < 1000; i++)
		cr_expect_eq(ref(&first), index);
	cr_expect_eq(fake_net()->n_aims, 4, "they share the answer");
	/* Sources and marks do not matter to a next hop that the operator named. */
	first.hop = second.hop = FLOW_HOP_GATEWAY;
	first.next_hop[0] = second.next_hop[0] = 9;
	ref(&first);
	ref(&second);
	cr_expect_eq(fake_net()->n_aims, 5);
}

static unsigned n_gateways; /* of one route: 198.51.100.1 and so on */

static int
route_by_several(const struct hop_request *request, struct hop_paths *paths)
{
	(void)request;
	paths->n = n_gateways;
	for (unsigned i = 0; i < n_gateways; i++) {
		paths->path[i] = paths->path[0];
		memcpy(paths->path[i].neighbour.address, gateway_1, 4);
		paths->path[i].neighbour.address[3] = (uint8_t)(1 + i);
	}
	return 0;
}

#define N_LEGS 200

static struct flow_leg
leg_from(unsigned i)
{
	struct flow_leg leg = leg_to(20);

	leg.dp.src_port = (uint16_t)(1000 + i);
	return leg;
}

/* Legs that do not hold the index that they ought to take it; how many, and what all have then. */
static unsigned
legs_follow(unsigned index[N_LEGS], unsigned by_gateway[4])
{
	unsigned moved = 0;

	memset(by_gateway, 0, 4 * sizeof(by_gateway[0]));
	for (unsigned i = 0; i < N_LEGS; i++) {
		const struct flow_leg leg = leg_from(i);
		const unsigned now = next_hops_index(hops, &leg, index[i]);

		if (now != index[i]) {
			next_hops_updated(hops, &leg, index[i]);
			index[i] = now;
			moved++;
		}
		by_gateway[dp->next_hops[now].dst_mac[5]]++;
	}
	cr_expect_eq(next_hops_stale_all(hops), 0);
	return moved;
}

Test(next_hops, several_paths)
{
	unsigned index[N_LEGS], first[4], now[4];

	fake_net()->route = route_by_several;
	n_gateways = 3;
	for (unsigned i = 0; i < N_LEGS; i++) {
		const struct flow_leg leg = leg_from(i);

		index[i] = ref(&leg);
	}
	cr_expect_eq(fake_net()->n_aims, 1, "they share the answer");
	cr_expect_eq(legs_follow(index, first), 0);
	cr_expect(first[1] > 40 && first[2] > 40 && first[3] > 40, "%u %u %u", first[1], first[2],
		first[3]);
	/* The third one goes: its own legs are spread over the others. */
	n_gateways = 2;
	routes_changed(NULL);
	cr_expect_eq(legs_follow(index, now), first[3]);
	cr_expect(now[1] > first[1] && now[2] > first[2] && now[3] == 0);
	/* It is back, and so are they. */
	n_gateways = 3;
	routes_changed(NULL);
	cr_expect_eq(legs_follow(index, now), first[3]);
	cr_expect_arr_eq(now, first, sizeof(now));
	/* The second one does not answer any more. */
	neighbour(2, NULL);
	while (hop_moves_run(hops))
		;
	cr_expect_eq(legs_follow(index, now), first[2]);
	cr_expect_eq(now[2], 0);
	cr_expect_eq(fake_net()->n_kept, 3, "it is still waited for");
	neighbour(2, (uint8_t[]){2, 0, 0, 0, 1, 2});
	while (hop_moves_run(hops))
		;
	cr_expect_eq(legs_follow(index, now), first[2]);
	cr_expect_arr_eq(now, first, sizeof(now));
	/* One path only; then no leg at all. */
	n_gateways = 1;
	routes_changed(NULL);
	legs_follow(index, now);
	cr_expect_eq(now[1], N_LEGS);
	cr_expect_eq(fake_net()->n_kept, 1);
	n_gateways = 2;
	routes_changed(NULL);
	legs_follow(index, now);
	for (unsigned i = 0; i < N_LEGS; i++) {
		const struct flow_leg leg = leg_from(i);

		next_hops_unref(hops, &leg, index[i], true);
	}
	cr_expect_eq(fake_net()->n_kept, 0);
}

Test(next_hops, legs_that_diverge_get_another_index)
{
	const struct flow_leg leg = leg_to(130);
	unsigned index, other;

	fake_net()->route = route_by_gateways;
	gateway_low = gateway_high = 1;
	index = get(20);
	get(130);
	get(130);
	gateway_high = 2;
	routes_changed(NULL);
	cr_expect_eq(next_hops_stale_all(hops), 2, "two legs hold the old one");
	other = next_hops_index(hops, &leg, index);
	cr_expect_neq(other, index);
	expect_mac(index, (uint8_t[]){2, 0, 0, 0, 1, 1});
	expect_mac(other, (uint8_t[]){2, 0, 0, 0, 1, 2});
	next_hops_updated(hops, &leg, index);
	cr_expect_eq(next_hops_stale_all(hops), 1);
	put(130, index, true);
	cr_expect_eq(next_hops_stale_all(hops), 0);
	put(130, other, true);
	put(20, index, true);
	cr_expect_eq(fake_net()->n_kept, 0);
}

/* There, away again before all legs have followed, and back: none is counted wrongly. */
Test(next_hops, there_and_back_again)
{
	const struct flow_leg leg = leg_to(130);
	unsigned index, third;

	fake_net()->route = route_by_gateways;
	gateway_low = gateway_high = 1;
	index = get(20);
	get(130);
	gateway_high = 2;
	routes_changed(NULL);
	gateway_high = 1;
	routes_changed(NULL);
	third = next_hops_index(hops, &leg, index);
	cr_expect_neq(third, index, "the leg is away there");
	expect_mac(third, (uint8_t[]){2, 0, 0, 0, 1, 1});
	cr_expect_eq(next_hops_stale_all(hops), 1);
	next_hops_updated(hops, &leg, index);
	cr_expect_eq(next_hops_stale_all(hops), 0);
	put(130, third, true);
	put(20, index, true);
	cr_expect_eq(fake_net()->n_kept, 0);
	cr_expect_eq(dp->next_hops[index].port, 1);
}

Test(next_hops, only_affected_routes_are_looked_up_again)
{
	const struct net_prefix upper = {.address = {198, 51, 100, 128}, .bits = 25, .family = 4};
	const struct net_prefix other = {.address = {198, 51, 100, 128}, .bits = 25, .family = 6};

	get(20);
	get(130);
	fake_net()->n_aims = 0;
	routes_changed(&upper);
	cr_expect_eq(fake_net()->n_aims, 1);
	routes_changed(&other);
	cr_expect_eq(fake_net()->n_aims, 1);
	for (unsigned i = 0; i < 2 * HOP_PREFIXES_MAX; i++)
		next_hops_routes_changed(hops, &upper);
	routes_changed(NULL);
	cr_expect_eq(fake_net()->n_aims, 3, "one round for all");
}

Test(next_hops, changes_of_others_are_ignored)
{
	const unsigned index = get(9);
	const struct dp_next_hop before = dp->next_hops[index];
	struct neigh_key key = {
		.address = {198, 51, 100, 9}, .ifindex = ports.info[0].ifindex, .family = 4};

	neighbour(10, mac_b);
	next_hops_neighbour_changed(hops, &key, mac_b, 0);
	key.ifindex = ports.info[1].ifindex;
	key.family = 6;
	next_hops_neighbour_changed(hops, &key, NULL, -EHOSTUNREACH);
	cr_expect_arr_eq(&dp->next_hops[index], &before, sizeof(before));
}

Test(next_hops, two_ports_on_one_interface)
{
	struct flow_leg leg = leg_to(9);
	const unsigned first = get(9);
	unsigned second;

	strcpy(leg.port, "p0");
	ports.info[0].ifindex = ports.info[1].ifindex;
	second = ref(&leg);
	neighbour(9, mac_b);
	cr_expect_arr_eq(dp->next_hops[first].dst_mac, mac_b, 6);
	cr_expect_arr_eq(dp->next_hops[second].dst_mac, mac_b, 6);
}

Test(next_hops, table_full)
{
	struct flow_leg leg = leg_static("p0", mac_a), last;
	const struct flow_leg routed = leg_to(9), backed = leg_backed(9);

	for (unsigned i = 0; i < DP_NEXT_HOPS_MAX; i++) {
		if (i + 1 == DP_NEXT_HOPS_MAX) {
			cr_expect_eq(next_hops_ref(hops, &backed), -ENOSPC, "it needs two");
			cr_expect_eq(next_hops_left(hops), 1);
			cr_expect_eq(fake_net()->n_kept, 0);
		}
		memcpy(leg.mac + 2, &i, sizeof(i));
		ref(&leg);
	}
	last = leg_static("p0", mac_b);
	cr_expect_eq(next_hops_ref(hops, &last), -ENOSPC);
	cr_expect_geq(next_hops_ref(hops, &leg), 0, "one that is there is shared");
	cr_expect_eq(next_hops_ref(hops, &routed), -ENOSPC);
	cr_expect_eq(fake_net()->n_kept, 0);
}

Test(next_hops, refusal_takes_nothing)
{
	const struct flow_leg leg = leg_to(9);

	dp->fail_next_hop = -EINVAL;
	cr_expect_eq(next_hops_ref(hops, &leg), -EINVAL);
	cr_expect_eq(fake_net()->n_kept, 0);
	dp->fail_next_hop = 0;
	fake_net()->fail_keep = -ENOMEM;
	cr_expect_eq(next_hops_ref(hops, &leg), -ENOMEM);
	fake_net()->fail_keep = 0;
	put(9, get(9), false);
	cr_expect_eq(fake_net()->n_kept, 0);
}
