/* SPDX-License-Identifier: BSD-3-Clause */
/* Next hops from a live kernel: a port, a peer that answers, and everything that goes wrong. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <criterion/criterion.h>

#include "namespace.h"
#include "net/netlink.h"

#define WAIT_MS 2000

static const uint8_t peer_mac[6] = {2, 0, 0, 0, 0, 2};

static struct event_base *base;
static struct net *net;
static pid_t peer;
static unsigned port;

static void
changed_ignore(
	void *arg, unsigned ifindex, uint8_t family, const uint8_t address[16], const uint8_t *mac)
{
	(void)arg, (void)ifindex, (void)family, (void)address, (void)mac;
}

static void
setup(void)
{
	struct fault fault = {0};

	namespace_enter();
	peer = peer_start();
	port = peer_link(peer);
	base = event_base_new();
	net = net_create(base, changed_ignore, NULL, &fault);
	cr_assert_not_null(net, "%s", fault.message);
}

static void
teardown(void)
{
	net_destroy(net);
	event_base_free(base);
}

static void
address_parse(const char *text, uint8_t address[16])
{
	memset(address, 0, 16);
	cr_assert_eq(inet_pton(strchr(text, ':') ? AF_INET6 : AF_INET, text, address), 1);
}

static struct net_hop
hop_to(const char *dst)
{
	struct net_hop hop = {.ifindex = port, .family = strchr(dst, ':') ? 6 : 4};

	address_parse(dst, hop.dst);
	return hop;
}

/* One hop that must end with this error; `dst` says which one failed. */
static struct net_hop
expect_hop(const char *dst, int error, unsigned timeout_ms)
{
	struct net_hop hop = hop_to(dst);

	cr_expect_eq(net_resolve(net, &hop, 1, timeout_ms), error, "%s: %d", dst, hop.error);
	cr_expect_eq(hop.error, error, "%s: %d", dst, hop.error);
	return hop;
}

static void
expect_neighbour(const struct net_hop *hop, const char *neighbour)
{
	uint8_t address[16];

	address_parse(neighbour, address);
	cr_expect_eq(hop->out_ifindex, port);
	cr_expect_eq(memcmp(hop->address, address, sizeof(address)), 0, "not %s", neighbour);
	cr_expect_eq(memcmp(hop->mac, peer_mac, sizeof(peer_mac)), 0, "%s: wrong MAC", neighbour);
}

static int64_t
clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

TestSuite(resolve, .init = setup, .fini = teardown);

Test(resolve, on_link)
{
	struct net_hop hop = expect_hop("192.0.2.2", 0, WAIT_MS);

	expect_neighbour(&hop, "192.0.2.2");
	hop = expect_hop("2001:db8::2", 0, WAIT_MS);
	expect_neighbour(&hop, "2001:db8::2");
}

Test(resolve, known_neighbour_needs_no_wait)
{
	struct net_hop hop;

	shell("ip neigh add 192.0.2.66 lladdr 02:00:00:00:00:02 dev port nud permanent");
	shell("ip neigh add 192.0.2.67 lladdr 02:00:00:00:00:02 dev port nud stale");
	hop = expect_hop("192.0.2.66", 0, 0);
	expect_neighbour(&hop, "192.0.2.66");
	hop = expect_hop("192.0.2.67", 0, 0);
	expect_neighbour(&hop, "192.0.2.67");
	shell("ip neigh show 192.0.2.66 dev port | grep -q PERMANENT");
}

Test(resolve, through_a_gateway)
{
	struct net_hop hop;

	shell("ip route add 198.51.100.0/24 via 192.0.2.2");
	shell("ip route add 2001:db8:9::/48 via 2001:db8::2");
	hop = expect_hop("198.51.100.5", 0, WAIT_MS);
	expect_neighbour(&hop, "192.0.2.2");
	hop = expect_hop("2001:db8:9::5", 0, WAIT_MS);
	expect_neighbour(&hop, "2001:db8::2");
}

Test(resolve, gateway_named_by_the_operator)
{
	struct net_hop hop = hop_to("203.0.113.5");

	shell("ip route add unreachable 203.0.113.0/24");
	hop.has_gateway = true;
	address_parse("192.0.2.2", hop.gateway);
	cr_assert_eq(net_resolve(net, &hop, 1, WAIT_MS), 0);
	expect_neighbour(&hop, "192.0.2.2");
}

Test(resolve, no_route)
{
	expect_hop("203.0.113.5", -ENETUNREACH, WAIT_MS);
	expect_hop("2001:db8:9::5", -ENETUNREACH, WAIT_MS);
	expect_hop("127.0.0.1", -ENETUNREACH, WAIT_MS);
	expect_hop("::1", -ENETUNREACH, WAIT_MS);
}

Test(resolve, default_route)
{
	struct net_hop hop;

	shell("ip route add default via 192.0.2.2");
	hop = expect_hop("203.0.113.5", 0, WAIT_MS);
	expect_neighbour(&hop, "192.0.2.2");
}

Test(resolve, route_by_another_interface)
{
	shell("ip link add second type veth peer name second_wire && ip link set second_wire up && "
	      "ip link set second up && ip addr add 198.51.100.1/24 dev second && "
	      "ip addr add 2001:db8:9::1/64 dev second nodad");
	expect_hop("198.51.100.5", -ENETUNREACH, WAIT_MS);
	expect_hop("2001:db8:9::5", -ENETUNREACH, WAIT_MS);
}

Test(resolve, unreachable_and_forbidden_routes)
{
	shell("ip route add unreachable 198.51.100.0/26");
	shell("ip route add blackhole 198.51.100.64/26");
	shell("ip route add prohibit 198.51.100.128/26");
	shell("ip -6 route add unreachable 2001:db8:a::/48");
	shell("ip -6 route add blackhole 2001:db8:b::/48");
	shell("ip -6 route add prohibit 2001:db8:c::/48");
	expect_hop("198.51.100.1", -ENETUNREACH, WAIT_MS);
	expect_hop("198.51.100.65", -ENETUNREACH, WAIT_MS);
	expect_hop("198.51.100.129", -ENETUNREACH, WAIT_MS);
	expect_hop("2001:db8:a::1", -ENETUNREACH, WAIT_MS);
	expect_hop("2001:db8:b::1", -ENETUNREACH, WAIT_MS);
	expect_hop("2001:db8:c::1", -ENETUNREACH, WAIT_MS);
}

Test(resolve, nobody_answers)
{
	int64_t begin_ms = clock_ms();

	expect_hop("192.0.2.77", -EHOSTUNREACH, 300);
	expect_hop("2001:db8::77", -EHOSTUNREACH, 300);
	cr_expect_lt(clock_ms() - begin_ms, 1500);
	cr_expect_geq(clock_ms() - begin_ms, 590);
}

/* The kernel gives up first, and then there is nothing to wait for any more. */
Test(resolve, kernel_gives_up)
{
	int64_t begin_ms = clock_ms();

	shell("ip ntable change name arp_cache dev port retrans 100 mcast_probes 2");
	expect_hop("192.0.2.77", -EHOSTUNREACH, 10000);
	cr_expect_lt(clock_ms() - begin_ms, 3000);
}

/* Failed once is not failed for ever. */
Test(resolve, failed_neighbour_is_asked_again)
{
	struct net_hop hop;

	shell("ip neigh add 192.0.2.2 dev port nud failed");
	hop = expect_hop("192.0.2.2", 0, WAIT_MS);
	expect_neighbour(&hop, "192.0.2.2");
}

Test(resolve, interface_down)
{
	shell("ip link set port down");
	expect_hop("192.0.2.2", -ENETUNREACH, WAIT_MS);
	expect_hop("2001:db8::2", -ENETUNREACH, WAIT_MS);
}

Test(resolve, no_neighbour_is_meant)
{
	static const char *const destinations[] = {
		"255.255.255.255", "192.0.2.255", "0.0.0.0", "192.0.2.1", "::", "2001:db8::1"};

	for (size_t i = 0; i < sizeof(destinations) / sizeof(destinations[0]); i++)
		expect_hop(destinations[i], -EADDRNOTAVAIL, WAIT_MS);
}

Test(resolve, multicast)
{
	static const uint8_t mac4[6] = {0x01, 0x00, 0x5e, 0x7c, 0x82, 0x09};
	static const uint8_t mac6[6] = {0x33, 0x33, 0x12, 0x34, 0x56, 0x78};
	struct net_hop hop = expect_hop("233.252.130.9", 0, 0);

	cr_expect_eq(memcmp(hop.mac, mac4, sizeof(mac4)), 0);
	hop = expect_hop("ff3e::1234:5678", 0, 0);
	cr_expect_eq(memcmp(hop.mac, mac6, sizeof(mac6)), 0);
	cr_expect_eq(hop.out_ifindex, port);
	/* The tag is the data plane's to write: no kernel interface is asked for. */
	hop.vlan = 7;
	cr_expect_eq(net_resolve(net, &hop, 1, 0), 0);
}

Test(resolve, vlan_without_interface)
{
	struct net_hop hop = hop_to("192.0.2.2");

	hop.vlan = 7;
	cr_expect_eq(net_resolve(net, &hop, 1, WAIT_MS), -ENETUNREACH);
	cr_expect_eq(hop.out_ifindex, 0);
}

/* On a kernel without 802.1Q there is only the absence to see; test_messages.c has the rest. */
Test(resolve, vlan_interface)
{
	struct net_hop hop = hop_to("198.51.100.2");

	hop.vlan = 7;
	if (system("ip link add link port name port.7 type vlan id 7 2>/dev/null") != 0) {
		cr_expect_eq(net_resolve(net, &hop, 1, WAIT_MS), -ENETUNREACH);
		return;
	}
	peer_shell(peer, "ip link add link wire name wire.7 type vlan id 7");
	shell("ip addr add 198.51.100.1/24 dev port.7 && ip link set port.7 up");
	peer_shell(peer, "ip addr add 198.51.100.2/24 dev wire.7");
	peer_shell(peer, "ip link set wire.7 up");
	cr_assert_eq(net_resolve(net, &hop, 1, WAIT_MS), 0, "%d", hop.error);
	cr_expect_eq(hop.out_ifindex, if_nametoindex("port.7"));
	cr_expect_eq(memcmp(hop.mac, peer_mac, sizeof(peer_mac)), 0);
	hop.vlan = 8;
	cr_expect_eq(net_resolve(net, &hop, 1, WAIT_MS), -ENETUNREACH);
}

/* The 802.1ad interface, and the 802.1Q one upon it; without the outer tag there is none. */
Test(resolve, vlan_inside_vlan)
{
	struct net_hop hop = hop_to("198.51.100.2");

	hop.vlan = 7;
	hop.outer_vlan = 300;
	if (system("ip link add link port name port.300 type vlan protocol 802.1ad id 300 "
		   "2>/dev/null") != 0) {
		cr_expect_eq(net_resolve(net, &hop, 1, WAIT_MS), -ENETUNREACH);
		return;
	}
	shell("ip link set port.300 up");
	cr_expect_eq(net_resolve(net, &hop, 1, WAIT_MS), -ENETUNREACH, "no inner one yet");
	cr_expect_eq(hop.out_ifindex, 0);
	shell("ip link add link port.300 name port.300.7 type vlan id 7");
	shell("ip addr add 198.51.100.1/24 dev port.300.7 && ip link set port.300.7 up");
	peer_shell(peer, "ip link add link wire name wire.300 type vlan protocol 802.1ad id 300");
	peer_shell(peer, "ip link set wire.300 up");
	peer_shell(peer, "ip link add link wire.300 name wire.300.7 type vlan id 7");
	peer_shell(peer, "ip addr add 198.51.100.2/24 dev wire.300.7");
	peer_shell(peer, "ip link set wire.300.7 up");
	cr_assert_eq(net_resolve(net, &hop, 1, WAIT_MS), 0, "%d", hop.error);
	cr_expect_eq(hop.out_ifindex, if_nametoindex("port.300.7"));
	cr_expect_eq(memcmp(hop.mac, peer_mac, sizeof(peer_mac)), 0);
	hop.outer_vlan = 0;
	cr_expect_eq(net_resolve(net, &hop, 1, WAIT_MS), -ENETUNREACH);
}

/* All are waited for together, and one that fails does not fail the others. */
Test(resolve, many_at_once)
{
	enum { N = 40, DEAD = 17 };
	struct net_hop hops[N];
	char text[32];
	int64_t begin_ms = clock_ms();

	for (int i = 0; i < N; i++) {
		snprintf(text, sizeof(text), "192.0.2.%d", 100 + i);
		if (i != DEAD)
			peer_shell(peer, "ip addr add %s/24 dev wire", text);
		hops[i] = hop_to(text);
	}
	begin_ms = clock_ms();
	cr_expect_eq(net_resolve(net, hops, N, 500), -EHOSTUNREACH);
	cr_expect_lt(clock_ms() - begin_ms, 1500);
	for (int i = 0; i < N; i++)
		cr_expect_eq(hops[i].error, i == DEAD ? -EHOSTUNREACH : 0, "hop %d", i);
	cr_expect_eq(memcmp(hops[N - 1].mac, peer_mac, sizeof(peer_mac)), 0);
}

Test(resolve, nothing_to_do)
{
	cr_expect_eq(net_resolve(net, NULL, 0, WAIT_MS), 0);
}
