/* SPDX-License-Identifier: BSD-3-Clause */
/* The neighbour that a live kernel names for a hop, and everything that leaves it without one. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "namespace.h"
#include "net/net.h"

static struct event_base *base;
static struct net *net;
static pid_t peer;
static unsigned port;

static void
neighbour_ignore(void *arg, unsigned ifindex, uint8_t family, const uint8_t address[16],
	const uint8_t *mac, int error)
{
	(void)arg, (void)ifindex, (void)family, (void)address, (void)mac, (void)error;
}

static void
routes_ignore(void *arg, const struct net_prefix *prefix)
{
	(void)arg, (void)prefix;
}

static void
link_ignore(void *arg, unsigned ifindex)
{
	(void)arg, (void)ifindex;
}

static const struct net_observer observer = {
	.neighbour = neighbour_ignore, .routes = routes_ignore, .link = link_ignore};

static void
setup(void)
{
	struct fault fault = {0};

	namespace_enter();
	peer = peer_start();
	port = peer_link(peer);
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

/* Ask, with all that the kernel has told taken in: a link that is new is known by then. */
static int
aim(struct net_hop *hop)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
	route_resolve(net, hop);
	return hop->error;
}

/* One hop that must end with this error; `dst` says which one failed. */
static struct net_hop
expect_hop(const char *dst, int error)
{
	struct net_hop hop = hop_to(dst);

	cr_expect_eq(aim(&hop), error, "%s: %d", dst, hop.error);
	return hop;
}

static void
expect_neighbour(const struct net_hop *hop, const char *neighbour)
{
	uint8_t address[16];

	address_parse(neighbour, address);
	cr_expect_eq(hop->out_ifindex, port);
	cr_expect_eq(memcmp(hop->address, address, sizeof(address)), 0, "not %s", neighbour);
}

TestSuite(aim, .init = setup, .fini = teardown);

Test(aim, on_link)
{
	struct net_hop hop = expect_hop("192.0.2.2", 0);

	expect_neighbour(&hop, "192.0.2.2");
	hop = expect_hop("2001:db8::2", 0);
	expect_neighbour(&hop, "2001:db8::2");
}

Test(aim, through_a_gateway)
{
	struct net_hop hop;

	shell("ip route add 198.51.100.0/24 via 192.0.2.2");
	shell("ip route add 2001:db8:9::/48 via 2001:db8::2");
	hop = expect_hop("198.51.100.5", 0);
	expect_neighbour(&hop, "192.0.2.2");
	hop = expect_hop("2001:db8:9::5", 0);
	expect_neighbour(&hop, "2001:db8::2");
}

Test(aim, gateway_named_by_the_operator)
{
	struct net_hop hop = hop_to("203.0.113.5");

	shell("ip route add unreachable 203.0.113.0/24");
	hop.has_gateway = true;
	address_parse("192.0.2.2", hop.gateway);
	cr_assert_eq(aim(&hop), 0);
	expect_neighbour(&hop, "192.0.2.2");
}

Test(aim, no_route)
{
	expect_hop("203.0.113.5", -ENETUNREACH);
	expect_hop("2001:db8:9::5", -ENETUNREACH);
	expect_hop("127.0.0.1", -ENETUNREACH);
	expect_hop("::1", -ENETUNREACH);
}

Test(aim, default_route)
{
	struct net_hop hop;

	shell("ip route add default via 192.0.2.2");
	hop = expect_hop("203.0.113.5", 0);
	expect_neighbour(&hop, "192.0.2.2");
}

Test(aim, route_by_another_interface)
{
	shell("ip link add second type veth peer name second_wire && ip link set second_wire up && "
	      "ip link set second up && ip addr add 198.51.100.1/24 dev second && "
	      "ip addr add 2001:db8:9::1/64 dev second nodad");
	expect_hop("198.51.100.5", -ENETUNREACH);
	expect_hop("2001:db8:9::5", -ENETUNREACH);
}

Test(aim, unreachable_and_forbidden_routes)
{
	shell("ip route add unreachable 198.51.100.0/26");
	shell("ip route add blackhole 198.51.100.64/26");
	shell("ip route add prohibit 198.51.100.128/26");
	shell("ip -6 route add unreachable 2001:db8:a::/48");
	shell("ip -6 route add blackhole 2001:db8:b::/48");
	shell("ip -6 route add prohibit 2001:db8:c::/48");
	expect_hop("198.51.100.1", -ENETUNREACH);
	expect_hop("198.51.100.65", -ENETUNREACH);
	expect_hop("198.51.100.129", -ENETUNREACH);
	expect_hop("2001:db8:a::1", -ENETUNREACH);
	expect_hop("2001:db8:b::1", -ENETUNREACH);
	expect_hop("2001:db8:c::1", -ENETUNREACH);
}

Test(aim, interface_down)
{
	shell("ip link set port down");
	expect_hop("192.0.2.2", -ENETUNREACH);
	expect_hop("2001:db8::2", -ENETUNREACH);
}

Test(aim, no_neighbour_is_meant)
{
	static const char *const destinations[] = {
		"255.255.255.255", "192.0.2.255", "0.0.0.0", "192.0.2.1", "::", "2001:db8::1"};

	for (size_t i = 0; i < sizeof(destinations) / sizeof(destinations[0]); i++)
		expect_hop(destinations[i], -EADDRNOTAVAIL);
}

Test(aim, vlan_without_interface)
{
	struct net_hop hop = hop_to("192.0.2.2");

	hop.vlan = 7;
	cr_expect_eq(aim(&hop), -ENETUNREACH);
	cr_expect_eq(hop.out_ifindex, 0);
}

/* On a kernel without 802.1Q there is only the absence to see; test_netlink.c has the rest. */
Test(aim, vlan_interface)
{
	struct net_hop hop = hop_to("198.51.100.2");

	hop.vlan = 7;
	if (system("ip link add link port name port.7 type vlan id 7 2>/dev/null") != 0) {
		cr_expect_eq(aim(&hop), -ENETUNREACH);
		return;
	}
	shell("ip addr add 198.51.100.1/24 dev port.7 && ip link set port.7 up");
	cr_assert_eq(aim(&hop), 0, "%d", hop.error);
	cr_expect_eq(hop.out_ifindex, if_nametoindex("port.7"));
	hop.vlan = 8;
	cr_expect_eq(aim(&hop), -ENETUNREACH);
}

/* The 802.1ad interface, and the 802.1Q one upon it; without the outer tag there is none. */
Test(aim, vlan_inside_vlan)
{
	struct net_hop hop = hop_to("198.51.100.2");

	hop.vlan = 7;
	hop.outer_vlan = 300;
	if (system("ip link add link port name port.300 type vlan protocol 802.1ad id 300 "
		   "2>/dev/null") != 0) {
		cr_expect_eq(aim(&hop), -ENETUNREACH);
		return;
	}
	shell("ip link set port.300 up");
	cr_expect_eq(aim(&hop), -ENETUNREACH, "no inner one yet");
	cr_expect_eq(hop.out_ifindex, 0);
	shell("ip link add link port.300 name port.300.7 type vlan id 7");
	shell("ip addr add 198.51.100.1/24 dev port.300.7 && ip link set port.300.7 up");
	cr_assert_eq(aim(&hop), 0, "%d", hop.error);
	cr_expect_eq(hop.out_ifindex, if_nametoindex("port.300.7"));
	hop.outer_vlan = 0;
	cr_expect_eq(aim(&hop), -ENETUNREACH);
}
