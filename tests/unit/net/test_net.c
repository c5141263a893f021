/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * On a live kernel: what is reported of neighbours in use when its table changes, what is kept
 * fresh, the neighbour of a hop, and everything that leaves it without one.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <linux/neighbour.h>

#include "base/addr.h"
#include "base/clock.h"
#include "namespace.h"
#include "net/net.h"

#define LOOP_MS 150
#define REPORTS_MAX 64

static const uint8_t peer_mac[6] = {2, 0, 0, 0, 0, 2};
static const uint8_t other_mac[6] = {2, 0, 0, 0, 0, 3};

struct report {
	struct neigh_key key;
	bool reachable;
	int error;
	uint8_t mac[6];
};

static struct event_base *base;
static struct net *net;
static struct report reports[REPORTS_MAX];
static unsigned n_reports;
static pid_t peer;
static unsigned port;
static struct neigh_key peer_key; /* on that port */

static void
changed_record(void *arg, const struct neigh_key *key, const uint8_t *mac, int error)
{
	struct report *report = &reports[n_reports];

	cr_assert_eq(arg, &base);
	cr_assert_lt(n_reports, REPORTS_MAX);
	n_reports++;
	report->key = *key;
	report->reachable = mac;
	report->error = error;
	if (mac)
		memcpy(report->mac, mac, sizeof(report->mac));
}

static unsigned n_route_changes;
static struct net_prefix last_prefix; /* bits 255: anything */

static void
routes_record(void *arg, const struct net_prefix *prefix)
{
	cr_assert_eq(arg, &base);
	n_route_changes++;
	last_prefix = prefix ? *prefix : (struct net_prefix){.bits = 255};
}

static unsigned last_link;

static void
link_record(void *arg, unsigned ifindex)
{
	cr_assert_eq(arg, &base);
	last_link = ifindex;
}

static const struct net_observer observer = {
	.neighbour = changed_record, .routes = routes_record, .link = link_record, .arg = &base};

static void
setup(void)
{
	struct fault fault = {0};

	namespace_enter();
	peer = peer_start();
	port = peer_link(peer);
	peer_key = (struct neigh_key){.address = {192, 0, 2, 2}, .ifindex = port, .family = 4};
	base = event_base_new();
	net = net_create(base, &observer, &fault);
	cr_assert_not_null(net, "%s", fault.message);
}

static void
teardown(void)
{
	net_destroy(net);
	event_base_free(base);
}

static void
loop_run(unsigned ms)
{
	const struct timeval limit = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};

	n_reports = 0;
	event_base_loopexit(base, &limit);
	event_base_dispatch(base);
}

/* The last report is about the peer and says that it is, or is not, at this MAC address. */
static void
expect_last(const uint8_t *mac)
{
	const struct report *last = &reports[n_reports - 1];

	cr_assert_gt(n_reports, 0, "nothing was reported");
	cr_expect_eq(memcmp(&last->key, &peer_key, sizeof(peer_key)), 0);
	cr_expect_eq(last->reachable, mac != NULL);
	if (mac)
		cr_expect_eq(memcmp(last->mac, mac, sizeof(last->mac)), 0);
}

/* Keep the peer and see it reported for the first time. */
static void
ref_peer(void)
{
	uint8_t mac[6];

	cr_assert_eq(neighbour_ref(net, &peer_key, mac), -EINPROGRESS);
	loop_run(LOOP_MS);
	expect_last(peer_mac);
}

TestSuite(neighbour, .init = setup, .fini = teardown);

/* A neighbour that the kernel does not have is resolved once it is referenced. */
Test(neighbour, unknown_is_resolved_and_reported_once)
{
	ref_peer();
	cr_expect_eq(n_reports, 1);
	loop_run(LOOP_MS);
	cr_expect_eq(n_reports, 0);
}

Test(neighbour, known_has_its_address_immediately)
{
	uint8_t mac[6];

	shell("ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev port nud permanent");
	cr_expect_eq(neighbour_ref(net, &peer_key, mac), 0);
	cr_expect_arr_eq(mac, peer_mac, sizeof(mac));
	loop_run(LOOP_MS);
	cr_expect_eq(n_reports, 0);
	shell("ip neigh show 192.0.2.2 dev port | grep -q PERMANENT");
}

Test(neighbour, moved)
{
	ref_peer();
	shell("ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:03 dev port nud reachable");
	loop_run(LOOP_MS);
	cr_expect_eq(n_reports, 1);
	expect_last(other_mac);
}

Test(neighbour, ipv6)
{
	const struct neigh_key key = {
		.address = {0x20, 0x01, 0x0d, 0xb8, [15] = 2}, .ifindex = port, .family = 6};
	uint8_t mac[6];

	cr_assert_eq(neighbour_ref(net, &key, mac), -EINPROGRESS);
	loop_run(LOOP_MS);
	cr_assert_eq(n_reports, 1);
	cr_expect_eq(memcmp(&reports[0].key, &key, sizeof(key)), 0);
	cr_expect_eq(memcmp(reports[0].mac, peer_mac, sizeof(peer_mac)), 0);
}

Test(neighbour, deleted_is_resolved_again_and_not_reported)
{
	ref_peer();
	shell("ip neigh del 192.0.2.2 dev port");
	loop_run(LOOP_MS);
	cr_expect_eq(n_reports, 0);
	shell("ip neigh show 192.0.2.2 dev port | grep -q 02:00:00:00:00:02");
}

Test(neighbour, failed_is_reported_and_back_again)
{
	ref_peer();
	shell("ip neigh change 192.0.2.2 dev port nud failed");
	loop_run(LOOP_MS);
	cr_expect_eq(n_reports, 1);
	expect_last(NULL);
	shell("ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:02 dev port nud reachable");
	loop_run(LOOP_MS);
	cr_expect_eq(n_reports, 1);
	expect_last(peer_mac);
}

Test(neighbour, link_down_and_up)
{
	ref_peer();
	shell("ip ntable change name arp_cache dev port retrans 100 mcast_probes 2");
	shell("ip link set port down");
	loop_run(1000);
	expect_last(NULL);
	cr_expect_eq(last_link, port);
	shell("ip ntable change name arp_cache dev port retrans 1000 mcast_probes 3");
	shell("ip link set port up");
	loop_run(2500);
	expect_last(peer_mac);
}

Test(neighbour, link_gone)
{
	ref_peer();
	shell("ip link del port");
	loop_run(LOOP_MS);
	cr_expect_eq(n_reports, 1);
	expect_last(NULL);
}

Test(neighbour, others_are_not_reported)
{
	ref_peer();
	shell("ip neigh replace 192.0.2.3 lladdr 02:00:00:00:00:03 dev port nud reachable");
	shell("ip link add second type veth peer name second_wire && ip link set second up && "
	      "ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:03 dev second nud reachable");
	loop_run(LOOP_MS);
	cr_expect_eq(n_reports, 0);
}

Test(neighbour, counted)
{
	uint8_t mac[6];

	ref_peer();
	cr_assert_eq(neighbour_ref(net, &peer_key, mac), 0);
	neighbour_unref(net, &peer_key);
	shell("ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:03 dev port nud reachable");
	loop_run(LOOP_MS);
	expect_last(other_mac);
	neighbour_unref(net, &peer_key);
	shell("ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:02 dev port nud reachable");
	loop_run(LOOP_MS);
	cr_expect_eq(n_reports, 0);
	neighbour_unref(net, &peer_key);
}

/* No host has that address: it is reported, and retried less and less often. */
Test(neighbour, silent_is_reported_and_retried)
{
	const struct neigh_key key = {.address = {192, 0, 2, 77}, .ifindex = port, .family = 4};
	uint8_t mac[6];

	shell("ip ntable change name arp_cache dev port retrans 100 mcast_probes 1");
	cr_expect_eq(neighbour_ref(net, &key, mac), -EINPROGRESS);
	loop_run(1800);
	cr_assert_geq(n_reports, 1);
	cr_expect_eq(reports[0].error, -EHOSTUNREACH);
	peer_shell(peer, "ip addr add 192.0.2.77/24 dev wire");
	loop_run(4500);
	cr_assert_eq(n_reports, 1);
	cr_expect(reports[0].reachable);
}

/* Changes of routes, links and addresses are reported with the destinations they may affect. */
Test(neighbour, routes_are_reported)
{
	static const char *const anything[] = {
		"ip addr add 203.0.113.1/24 dev port",
		"ip link add second type veth peer name second_wire",
		"ip link set port down",
		"ip rule add to 203.0.113.0/24 table 77",
		"ip nexthop add id 7 blackhole",
	};

	loop_run(LOOP_MS);
	shell("ip route add 198.51.100.0/25 via 192.0.2.2");
	loop_run(LOOP_MS);
	cr_expect_eq(last_prefix.family, 4);
	cr_expect_eq(last_prefix.bits, 25);
	cr_expect_arr_eq(last_prefix.address, ((uint8_t[16]){198, 51, 100}), 16);
	shell("ip route replace 2001:db8:9::/48 via 2001:db8::2");
	loop_run(LOOP_MS);
	cr_expect_eq(last_prefix.family, 6);
	cr_expect_eq(last_prefix.bits, 48);
	n_route_changes = 0;
	shell("ip route add default via 192.0.2.2");
	loop_run(LOOP_MS);
	cr_expect_eq(n_route_changes, 1);
	cr_expect_eq(last_prefix.bits, 0);
	for (size_t i = 0; i < sizeof(anything) / sizeof(anything[0]); i++) {
		n_route_changes = 0;
		shell("%s", anything[i]);
		loop_run(LOOP_MS);
		cr_expect_gt(n_route_changes, 0, "%s", anything[i]);
	}
}

/* The notification socket overflows before the change that matters: it is found all the same. */
Test(neighbour, lost_events)
{
	ref_peer();
	shell("for i in $(seq 1500); do "
	      "echo neigh replace 192.0.2.9 lladdr 02:00:00:00:01:0$((i %% 10)) dev port; "
	      "done | ip -batch -");
	shell("ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:03 dev port nud reachable");
	loop_run(LOOP_MS);
	cr_expect_eq(n_reports, 1);
	expect_last(other_mac);
}

/* What the timer does to one neighbour: it confirms what is stale and has failed, nothing else. */
Test(neighbour, confirmation)
{
	static const struct {
		const char *set;
		uint16_t expected;
	} cases[] = {
		{"lladdr 02:00:00:00:00:02 nud stale", NUD_DELAY | NUD_PROBE | NUD_REACHABLE},
		{"lladdr 02:00:00:00:00:02 nud reachable", NUD_REACHABLE},
		{"lladdr 02:00:00:00:00:02 nud permanent", NUD_PERMANENT},
		{"lladdr 02:00:00:00:00:02 nud noarp", NUD_NOARP},
		{"nud failed", NUD_INCOMPLETE | NUD_REACHABLE},
	};
	const uint64_t start_ms = clock_read_ns(CLOCK_MONOTONIC) / 1000000;
	struct netlink netlink;
	struct neigh neigh;
	uint8_t mac[6];

	cr_assert_eq(netlink_open(&netlink), 0);
	cr_assert_eq(neighbour_ref(net, &peer_key, mac), -EINPROGRESS);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		shell("ip neigh replace 192.0.2.2 dev port %s", cases[i].set);
		cr_expect_gt(neighbours_poll(net, start_ms + (i + 1) * NEIGHBOUR_PERIOD_MS, 1), 0,
			"one was due");
		cr_assert_eq(neigh_get(&netlink, &peer_key, &neigh), 0);
		cr_expect(
			neigh.state & cases[i].expected, "%s: now %#x", cases[i].set, neigh.state);
	}
	netlink_close(&netlink);
}

/* Resolve when all notifications have been read, so that a new link is known. */
static struct neigh_key
expect_hop(const struct hop_request *request, int error)
{
	struct hop_paths paths;
	char to[ADDRESS_TEXT_MAX];

	event_base_loop(base, EVLOOP_NONBLOCK);
	address_format(request->family, request->to, to);
	cr_expect_eq(route_resolve(net, request, &paths), error, "%s", to);
	cr_expect_eq(paths.n, error == 0, "%s", to);
	return error == 0 ? paths.path[0].neighbour : (struct neigh_key){.ifindex = paths.ifindex};
}

static struct neigh_key
expect_route(const char *to, int error)
{
	struct hop_request request = {.ifindex = port};

	request.family = address_parse(to, request.to);
	return expect_hop(&request, error);
}

static void
expect_neighbour(const char *to, const char *expected)
{
	struct neigh_key key = {.ifindex = port}, found = expect_route(to, 0);

	key.family = address_parse(expected, key.address);
	cr_expect_eq(memcmp(&found, &key, sizeof(key)), 0, "%s: not %s", to, expected);
}

TestSuite(route, .init = setup, .fini = teardown);

Test(route, on_link)
{
	expect_neighbour("192.0.2.2", "192.0.2.2");
	expect_neighbour("2001:db8::2", "2001:db8::2");
}

Test(route, through_a_gateway)
{
	shell("ip route add 198.51.100.0/24 via 192.0.2.2");
	shell("ip route add 2001:db8:9::/48 via 2001:db8::2");
	expect_neighbour("198.51.100.5", "192.0.2.2");
	expect_neighbour("2001:db8:9::5", "2001:db8::2");
}

Test(route, gateway_named_by_the_operator)
{
	struct hop_request request = {
		.ifindex = port, .family = 4, .has_gateway = 1, .to = {203, 0, 113, 5}};
	struct neigh_key neighbour;

	shell("ip route add unreachable 203.0.113.0/24");
	neighbour = expect_hop(&request, 0);
	cr_expect_eq(neighbour.ifindex, port);
	cr_expect_arr_eq(neighbour.address, request.to, sizeof(request.to));
}

Test(route, no_route)
{
	expect_route("203.0.113.5", -ENETUNREACH);
	expect_route("2001:db8:9::5", -ENETUNREACH);
	expect_route("127.0.0.1", -ENETUNREACH);
	expect_route("::1", -ENETUNREACH);
}

Test(route, default_route)
{
	shell("ip route add default via 192.0.2.2");
	expect_neighbour("203.0.113.5", "192.0.2.2");
}

static struct hop_paths
paths_of(const char *from, const char *to, uint8_t dscp)
{
	struct hop_request request = {.ifindex = port, .dscp = dscp};
	struct hop_paths paths;

	address_parse(from, request.from);
	request.family = address_parse(to, request.to);
	event_base_loop(base, EVLOOP_NONBLOCK);
	cr_assert_eq(route_resolve(net, &request, &paths), 0, "%s from %s", to, from);
	return paths;
}

/* Of a route with one path. */
static void
expect_by(const char *from, const char *to, uint8_t dscp, const char *expected)
{
	const struct hop_paths paths = paths_of(from, to, dscp);
	struct neigh_key key = {.ifindex = port};

	key.family = address_parse(expected, key.address);
	cr_expect_eq(paths.n, 1);
	cr_expect_eq(memcmp(&paths.path[0].neighbour, &key, sizeof(key)), 0, "%s from %s: not %s",
		to, from, expected);
}

/* The last rule is for what a source that is no address of the host is not looked for in. */
Test(route, policy_rules)
{
	shell("ip addr add 192.0.2.3/24 dev port && ip addr add 2001:db8::3/64 dev port nodad");
	shell("ip route add default via 192.0.2.2 && ip -6 route add default via 2001:db8::2");
	shell("ip route add default via 192.0.2.7 table 7 && "
	      "ip -6 route add default via 2001:db8::7 dev port table 7");
	shell("ip rule add from 192.0.2.3 lookup 7 && ip -6 rule add from 2001:db8::3 lookup 7");
	expect_by("192.0.2.3", "198.51.100.5", 0, "192.0.2.7");
	expect_by("192.0.2.1", "198.51.100.5", 0, "192.0.2.2");
	expect_by("2001:db8::3", "2001:db8:9::5", 0, "2001:db8::7");
	expect_by("2001:db8::1", "2001:db8:9::5", 0, "2001:db8::2");
	shell("ip rule add tos 0x10 lookup 7 && ip rule add from 198.18.0.1 lookup 7 && "
	      "ip -6 rule add from 2001:db8:f::1 lookup 7");
	expect_by("192.0.2.1", "198.51.100.5", 4, "192.0.2.7");
	expect_by("198.18.0.1", "198.51.100.5", 0, "192.0.2.2");
	expect_by("2001:db8:f::1", "2001:db8:9::5", 0, "2001:db8::7");
	shell("ip rule add ipproto udp to 198.51.100.0/24 lookup 7");
	expect_by("192.0.2.1", "198.51.100.5", 0, "192.0.2.7");
}

Test(route, rule_by_mark)
{
	struct hop_request request = {.ifindex = port, .family = 4, .mark = 7};

	shell("ip route add 198.51.100.0/24 via 192.0.2.2 && ip -6 route add 2001:db8:9::/48 via "
	      "2001:db8::2");
	shell("ip route add default via 192.0.2.3 table 77 && ip rule add fwmark 7 lookup 77");
	shell("ip -6 route add default via 2001:db8::3 table 77 && ip -6 rule add fwmark 7/0xff "
	      "lookup 77");
	expect_by("192.0.2.1", "198.51.100.5", 0, "192.0.2.2");
	expect_by("2001:db8::1", "2001:db8:9::5", 0, "2001:db8::2");
	address_parse("198.51.100.5", request.to);
	cr_expect_eq(expect_hop(&request, 0).address[3], 3);
	request.mark = 8;
	cr_expect_eq(expect_hop(&request, 0).address[3], 2);
	request.family = address_parse("2001:db8:9::5", request.to);
	cr_expect_eq(expect_hop(&request, 0).address[15], 2);
	request.mark = 0x107;
	cr_expect_eq(expect_hop(&request, 0).address[15], 3);
}

Test(route, for_one_source_only)
{
	shell("ip -6 route add 2001:db8:9::/48 from 2001:db8::1 via fe80::2 dev port");
	expect_by("2001:db8::1", "2001:db8:9::5", 0, "fe80::2");
	expect_route("2001:db8:9::5", -ENETUNREACH);
}

/* A rule that leads out of another interface does not hide the route out of the port. */
Test(route, rule_by_another_interface)
{
	shell("ip link add second type veth peer name second_wire && ip link set second_wire up && "
	      "ip link set second up && ip addr add 198.51.100.1/24 dev second && "
	      "ip addr add 2001:db8:9::1/64 dev second nodad");
	shell("ip route add default via 192.0.2.2 && ip -6 route add default via 2001:db8::2");
	shell("ip route add default via 198.51.100.7 table 7 && "
	      "ip -6 route add default via 2001:db8:9::7 table 7");
	shell("ip rule add from 192.0.2.1 lookup 7 && ip -6 rule add from 2001:db8::1 lookup 7");
	expect_by("192.0.2.1", "203.0.113.5", 0, "192.0.2.2");
	expect_by("2001:db8::1", "2001:db8:a::5", 0, "2001:db8::2");
}

Test(route, ipv6_gateway_of_ipv4)
{
	shell("ip route add 198.51.100.0/24 via inet6 fe80::2 dev port");
	expect_by("192.0.2.1", "198.51.100.5", 0, "fe80::2");
}

/* With the gateways in the answer, and with no more than the object's number. */
Test(route, next_hop_objects)
{
	shell("ip nexthop add id 1 via 192.0.2.2 dev port && "
	      "ip nexthop add id 2 via fe80::2 dev port && ip nexthop add id 3 group 2 && "
	      "ip nexthop add id 4 blackhole");
	shell("ip route add 198.51.100.0/25 nhid 1 && ip route add 198.51.100.128/25 nhid 3 && "
	      "ip -6 route add 2001:db8:9::/48 nhid 3 && ip route add 203.0.113.0/24 nhid 4");
	for (unsigned compatible = 0; compatible < 2; compatible++) {
		shell("echo %u >/proc/sys/net/ipv4/nexthop_compat_mode", compatible);
		expect_by("192.0.2.1", "198.51.100.5", 0, "192.0.2.2");
		expect_by("192.0.2.1", "198.51.100.130", 0, "fe80::2");
		expect_by("2001:db8::1", "2001:db8:9::5", 0, "fe80::2");
		expect_route("203.0.113.5", -ENETUNREACH);
	}
}

/* Those out of other interfaces are not among them. */
Test(route, several_paths)
{
	struct hop_paths paths;

	shell("ip link add second type veth peer name second_wire && ip link set second_wire up && "
	      "ip link set second up && ip addr add 198.51.100.1/24 dev second && "
	      "ip addr add 2001:db8:9::1/64 dev second nodad");
	shell("ip route add 203.0.113.0/24 nexthop via 198.51.100.7 nexthop via 192.0.2.7 weight 3 "
	      "nexthop via inet6 fe80::2 dev port");
	shell("ip -6 route add 2001:db8:a::/48 nexthop via 2001:db8:9::7 "
	      "nexthop via 2001:db8::7 nexthop via 2001:db8::8 weight 2");
	paths = paths_of("192.0.2.1", "203.0.113.5", 0);
	cr_assert_eq(paths.n, 2);
	cr_expect_arr_eq(paths.path[0].neighbour.address, ((uint8_t[16]){192, 0, 2, 7}), 16);
	cr_expect_eq(paths.path[0].weight, 3);
	cr_expect_eq(paths.path[1].neighbour.family, 6);
	cr_expect_eq(paths.path[1].weight, 1);
	paths = paths_of("2001:db8::1", "2001:db8:a::5", 0);
	cr_assert_eq(paths.n, 2);
	cr_expect_eq(paths.path[0].neighbour.address[15] + paths.path[1].neighbour.address[15], 15);
	cr_expect_eq(paths.path[0].weight + paths.path[1].weight, 3);
}

Test(route, mtu_of_the_route)
{
	struct hop_request named = {
		.ifindex = port, .family = 4, .has_gateway = 1, .to = {198, 51, 100, 5}};
	struct hop_paths paths;

	shell("ip route add 198.51.100.0/25 via 192.0.2.2 mtu 1000");
	shell("ip route add 198.51.100.128/25 via 192.0.2.2 mtu lock 900");
	shell("ip -6 route add 2001:db8:9::/48 via 2001:db8::2 mtu 1300");
	shell("ip route add 203.0.113.0/24 mtu 1200 nexthop via 192.0.2.7 nexthop via 192.0.2.8");
	cr_expect_eq(paths_of("192.0.2.1", "198.51.100.5", 0).mtu, 1000);
	cr_expect_eq(paths_of("192.0.2.1", "198.51.100.130", 0).mtu, 900);
	cr_expect_eq(paths_of("2001:db8::1", "2001:db8:9::5", 0).mtu, 1300);
	paths = paths_of("192.0.2.1", "203.0.113.5", 0);
	cr_expect_eq(paths.n, 2);
	cr_expect_eq(paths.mtu, 1200);
	cr_expect_eq(paths_of("192.0.2.1", "192.0.2.9", 0).mtu, 0);
	cr_assert_eq(route_resolve(net, &named, &paths), 0);
	cr_expect_eq(paths.mtu, 0);
}

Test(route, route_by_another_interface)
{
	shell("ip link add second type veth peer name second_wire && ip link set second_wire up && "
	      "ip link set second up && ip addr add 198.51.100.1/24 dev second && "
	      "ip addr add 2001:db8:9::1/64 dev second nodad");
	expect_route("198.51.100.5", -ENETUNREACH);
	expect_route("2001:db8:9::5", -ENETUNREACH);
}

Test(route, unreachable_and_forbidden_routes)
{
	shell("ip route add unreachable 198.51.100.0/26");
	shell("ip route add blackhole 198.51.100.64/26");
	shell("ip route add prohibit 198.51.100.128/26");
	shell("ip -6 route add unreachable 2001:db8:a::/48");
	shell("ip -6 route add blackhole 2001:db8:b::/48");
	shell("ip -6 route add prohibit 2001:db8:c::/48");
	expect_route("198.51.100.1", -ENETUNREACH);
	expect_route("198.51.100.65", -ENETUNREACH);
	expect_route("198.51.100.129", -ENETUNREACH);
	expect_route("2001:db8:a::1", -ENETUNREACH);
	expect_route("2001:db8:b::1", -ENETUNREACH);
	expect_route("2001:db8:c::1", -ENETUNREACH);
}

Test(route, interface_down)
{
	shell("ip link set port down");
	expect_route("192.0.2.2", -ENETUNREACH);
	expect_route("2001:db8::2", -ENETUNREACH);
}

Test(route, no_neighbour_is_meant)
{
	static const char *const destinations[] = {
		"255.255.255.255", "192.0.2.255", "0.0.0.0", "192.0.2.1", "::", "2001:db8::1"};

	for (size_t i = 0; i < sizeof(destinations) / sizeof(destinations[0]); i++)
		expect_route(destinations[i], -EADDRNOTAVAIL);
}

Test(route, vlan_without_interface)
{
	const struct hop_request request = {
		.ifindex = port, .family = 4, .vlan = 7, .to = {192, 0, 2, 2}};

	cr_expect_eq(expect_hop(&request, -ENETUNREACH).ifindex, 0);
}

/* On a kernel without 802.1Q there is only the absence to see; test_netlink.c has the rest. */
Test(route, vlan_interface)
{
	struct hop_request request = {
		.ifindex = port, .family = 4, .vlan = 7, .to = {198, 51, 100, 2}};

	if (system("ip link add link port name port.7 type vlan id 7 2>/dev/null") != 0) {
		expect_hop(&request, -ENETUNREACH);
		return;
	}
	shell("ip addr add 198.51.100.1/24 dev port.7 && ip link set port.7 up");
	cr_expect_eq(expect_hop(&request, 0).ifindex, if_nametoindex("port.7"));
	request.vlan = 8;
	expect_hop(&request, -ENETUNREACH);
}

/* The 802.1ad interface, and the 802.1Q one on it; without the outer tag there is none. */
Test(route, vlan_inside_vlan)
{
	struct hop_request request = {.ifindex = port,
		.family = 4,
		.vlan = 7,
		.outer_vlan = 300,
		.to = {198, 51, 100, 2}};

	if (system("ip link add link port name port.300 type vlan protocol 802.1ad id 300 "
		   "2>/dev/null") != 0) {
		expect_hop(&request, -ENETUNREACH);
		return;
	}
	shell("ip link set port.300 up");
	cr_expect_eq(expect_hop(&request, -ENETUNREACH).ifindex, 0, "no inner one yet");
	shell("ip link add link port.300 name port.300.7 type vlan id 7");
	shell("ip addr add 198.51.100.1/24 dev port.300.7 && ip link set port.300.7 up");
	cr_expect_eq(expect_hop(&request, 0).ifindex, if_nametoindex("port.300.7"));
	request.outer_vlan = 0;
	expect_hop(&request, -ENETUNREACH);
}
