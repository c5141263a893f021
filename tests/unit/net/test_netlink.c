/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading rtnetlink messages: byte by byte what the kernel says, and what it might say. */
#include <arpa/inet.h>
#include <string.h>

#include <criterion/criterion.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "net/netlink.h"

static const uint8_t v4[] = {192, 0, 2, 7};
static const uint8_t mac[] = {2, 0, 0, 0, 0, 7};

/* Long enough for every message here, aligned as netlink wants it. */
static char buffer[NETLINK_BYTES] __attribute__((aligned(8)));

static struct nlmsghdr *
neigh_begin(uint16_t type, uint8_t af, uint16_t state, uint8_t flags)
{
	struct nlmsghdr *message;
	struct ndmsg *body;

	memset(buffer, 0, sizeof(buffer));
	message = netlink_begin(buffer, type, 0, sizeof(*body));
	body = mnl_nlmsg_get_payload(message);
	body->ndm_family = af;
	body->ndm_ifindex = 12;
	body->ndm_state = state;
	body->ndm_flags = flags;
	return message;
}

static struct nlmsghdr *
neigh_v4(uint16_t type, uint16_t state, uint8_t flags)
{
	struct nlmsghdr *message = neigh_begin(type, AF_INET, state, flags);

	mnl_attr_put(message, NDA_DST, sizeof(v4), v4);
	mnl_attr_put(message, NDA_LLADDR, sizeof(mac), mac);
	return message;
}

Test(neigh, parse)
{
	const struct neigh_key key = {.address = {192, 0, 2, 7}, .ifindex = 12, .family = 4};
	struct neigh neigh;

	cr_assert(neigh_parse(neigh_v4(RTM_NEWNEIGH, NUD_STALE, 0), &neigh));
	cr_expect_eq(memcmp(&neigh.key, &key, sizeof(key)), 0);
	cr_expect_eq(memcmp(neigh.mac, mac, sizeof(mac)), 0);
	cr_expect(neigh.has_mac);
	cr_expect_eq(neigh.state, NUD_STALE);
}

Test(neigh, deleted_has_no_state)
{
	struct neigh neigh;

	cr_assert(neigh_parse(neigh_v4(RTM_DELNEIGH, NUD_REACHABLE, 0), &neigh));
	cr_expect_not(neigh_is_usable(&neigh));
	cr_expect(neigh_wants_kick(&neigh));
}

Test(neigh, not_a_neighbour)
{
	struct nlmsghdr *message;
	struct neigh neigh;

	cr_expect_not(neigh_parse(neigh_v4(RTM_NEWNEIGH, NUD_REACHABLE, NTF_PROXY), &neigh));
	cr_expect_not(neigh_parse(neigh_v4(RTM_NEWROUTE, NUD_REACHABLE, 0), &neigh));
	cr_expect_not(neigh_parse(neigh_begin(RTM_NEWNEIGH, AF_BRIDGE, NUD_REACHABLE, 0), &neigh));
	message = netlink_begin(buffer, RTM_NEWNEIGH, 0, sizeof(struct ndmsg) - 4);
	cr_expect_not(neigh_parse(message, &neigh), "body cut short");
}

Test(neigh, attributes_of_wrong_size_are_not_taken)
{
	struct nlmsghdr *message = neigh_begin(RTM_NEWNEIGH, AF_INET, NUD_REACHABLE, 0);
	uint8_t infiniband[20] = {1};
	uint8_t zeros[ADDRESS_BYTES] = {0};
	struct neigh neigh;

	mnl_attr_put(message, NDA_DST, sizeof(infiniband), infiniband);
	mnl_attr_put(message, NDA_LLADDR, sizeof(infiniband), infiniband);
	cr_assert(neigh_parse(message, &neigh));
	cr_expect_not(neigh.has_mac);
	cr_expect_not(neigh_is_usable(&neigh));
	cr_expect_eq(memcmp(neigh.key.address, zeros, sizeof(zeros)), 0);
}

Test(neigh, states)
{
	static const struct {
		uint16_t state;
		bool usable;
		bool kick;
	} cases[] = {
		{NUD_NONE, false, true},
		{NUD_INCOMPLETE, false, false},
		{NUD_REACHABLE, true, false},
		{NUD_STALE, true, true},
		{NUD_DELAY, true, false},
		{NUD_PROBE, true, false},
		{NUD_FAILED, false, true},
		{NUD_NOARP, true, false},
		{NUD_PERMANENT, true, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct neigh neigh = {.state = cases[i].state, .has_mac = true};

		cr_expect_eq(neigh_is_usable(&neigh), cases[i].usable, "%#x", cases[i].state);
		cr_expect_eq(neigh_wants_kick(&neigh), cases[i].kick, "%#x", cases[i].state);
	}
}

struct vlan_case {
	const char *what;
	const char *kind;
	uint16_t protocol; /* 0 = absent */
	uint16_t id; /* 0 = absent */
	bool orphan; /* no IFLA_LINK */
	bool foreign; /* parent in another namespace */
	bool expected;
};

static struct nlmsghdr *
vlan_message(const struct vlan_case *vlan_case)
{
	struct nlmsghdr *message;
	struct ifinfomsg *body;
	struct nlattr *info;
	struct nlattr *data;

	memset(buffer, 0, sizeof(buffer));
	message = netlink_begin(buffer, RTM_NEWLINK, 0, sizeof(*body));
	body = mnl_nlmsg_get_payload(message);
	body->ifi_index = 30;
	mnl_attr_put_strz(message, IFLA_IFNAME, "port.7");
	mnl_attr_put_u32(message, IFLA_MTU, 1400);
	mnl_attr_put(message, IFLA_ADDRESS, sizeof(mac), mac);
	if (!vlan_case->orphan)
		mnl_attr_put_u32(message, IFLA_LINK, 12);
	if (vlan_case->foreign)
		mnl_attr_put_u32(message, IFLA_LINK_NETNSID, 1);
	info = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_strz(message, IFLA_INFO_KIND, vlan_case->kind);
	data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
	if (vlan_case->protocol)
		mnl_attr_put_u16(message, IFLA_VLAN_PROTOCOL, htons(vlan_case->protocol));
	if (vlan_case->id)
		mnl_attr_put_u16(message, IFLA_VLAN_ID, vlan_case->id);
	mnl_attr_nest_end(message, data);
	mnl_attr_nest_end(message, info);
	return message;
}

Test(link, vlan_parse)
{
	static const struct vlan_case cases[] = {
		{"802.1Q", "vlan", ETH_P_8021Q, 7, false, false, true},
		{"no protocol given", "vlan", 0, 7, false, false, true},
		{"802.1ad", "vlan", ETH_P_8021AD, 7, false, false, true},
		{"not a VLAN", "macvlan", ETH_P_8021Q, 7, false, false, false},
		{"no id", "vlan", ETH_P_8021Q, 0, false, false, false},
		{"no parent", "vlan", ETH_P_8021Q, 7, true, false, false},
		{"parent elsewhere", "vlan", ETH_P_8021Q, 7, false, true, false},
	};
	struct link_vlan vlan;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool found = link_vlan_parse(vlan_message(&cases[i]), &vlan);

		cr_expect_eq(found, cases[i].expected, "%s", cases[i].what);
		if (!found)
			continue;
		cr_expect_eq(vlan.ifindex, 30);
		cr_expect_eq(vlan.parent, 12);
		cr_expect_eq(vlan.id, 7);
		cr_expect_eq(vlan.mtu, 1400);
		cr_expect_arr_eq(vlan.mac, mac, sizeof(mac));
		cr_expect_eq(vlan.tpid, cases[i].protocol ? cases[i].protocol : ETH_P_8021Q, "%s",
			cases[i].what);
	}
}

Test(link, ordinary_link_is_no_vlan)
{
	struct nlmsghdr *message;
	struct link_vlan vlan;

	memset(buffer, 0, sizeof(buffer));
	message = netlink_begin(buffer, RTM_NEWLINK, 0, sizeof(struct ifinfomsg));
	cr_expect_not(link_vlan_parse(message, &vlan));
	mnl_attr_put_u32(message, IFLA_LINK, 12);
	cr_expect_not(link_vlan_parse(message, &vlan));
	message->nlmsg_type = RTM_DELLINK;
	cr_expect_not(link_vlan_parse(message, &vlan));
}

Test(link, vlan_find)
{
	struct link_vlan list[] = {
		{.ifindex = 30, .parent = 12, .tpid = ETH_P_8021Q, .id = 7},
		{.ifindex = 31, .parent = 13, .tpid = ETH_P_8021Q, .id = 7},
		{.ifindex = 32, .parent = 12, .tpid = ETH_P_8021Q, .id = 8},
		{.ifindex = 33, .parent = 12, .tpid = ETH_P_8021AD, .id = 7},
	};
	const struct link_vlans vlans = {.loaded = true, .n = 4, .vlan = list};

	cr_expect_eq(link_vlan_on(&vlans, 12, ETH_P_8021Q, 7), &list[0]);
	cr_expect_eq(link_vlan_on(&vlans, 13, ETH_P_8021Q, 7), &list[1]);
	cr_expect_eq(link_vlan_on(&vlans, 12, ETH_P_8021Q, 8), &list[2]);
	cr_expect_eq(link_vlan_on(&vlans, 12, ETH_P_8021AD, 7), &list[3]);
	cr_expect_null(link_vlan_on(&vlans, 12, ETH_P_8021AD, 8));
	cr_expect_null(link_vlan_on(&vlans, 13, ETH_P_8021Q, 8));
	cr_expect_null(link_vlan_on(&vlans, 14, ETH_P_8021Q, 7));
	for (size_t i = 0; i < vlans.n; i++)
		cr_expect_eq(link_vlan_find(&vlans, list[i].ifindex), &list[i]);
	cr_expect_null(link_vlan_find(&vlans, 12));
	cr_expect_null(link_vlan_find(&vlans, 34));
	cr_expect_null(link_vlan_find(&(struct link_vlans){.loaded = true}, 30));
}
