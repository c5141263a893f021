/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel is asked over one socket and heard over another. A change of links, addresses or rules
 * may concern any route. The interface that a leg leaves by is found from its VLANs, outer one
 * first, then the neighbour by the route out of that interface.
 */
#include "net/net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

#include "base/addr.h"
#include "net/neighbour.h"
#include "net/netlink.h"

struct net {
	struct net_observer observer;
	struct netlink netlink;
	struct netlink_watch watch;
	struct link_vlans vlans; /* until a link changes */
	struct neighbour_cache neighbours;
};

static void
routes_report(struct net *net, const struct net_prefix *prefix)
{
	net->observer.routes(net->observer.arg, prefix);
}

/* When a link comes up, unreachable neighbours behind it are asked for at once. */
static void
link_event(struct net *net, const struct nlmsghdr *message)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*link))
		return;
	link_vlans_fini(&net->vlans);
	if (message->nlmsg_type == RTM_NEWLINK && link->ifi_flags & IFF_RUNNING)
		neighbour_cache_hurry(&net->neighbours, (unsigned)link->ifi_index);
	net->observer.link(net->observer.arg, (unsigned)link->ifi_index);
	routes_report(net, NULL);
}

static void
route_event(struct net *net, const struct nlmsghdr *message)
{
	const struct rtmsg *body = mnl_nlmsg_get_payload(message);
	struct net_prefix prefix = {0};
	struct nlattr *attribute;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*body) || body->rtm_flags & RTM_F_CLONED)
		return;
	prefix.family = address_from_af(body->rtm_family);
	prefix.bits = body->rtm_dst_len;
	if (prefix.family == 0)
		return;
	mnl_attr_for_each (attribute, message, sizeof(*body)) {
		if (mnl_attr_get_type(attribute) == RTA_DST &&
			mnl_attr_get_payload_len(attribute) == address_size(prefix.family))
			memcpy(prefix.address, mnl_attr_get_payload(attribute),
				address_size(prefix.family));
	}
	routes_report(net, &prefix);
}

static void
message_event(void *arg, const struct nlmsghdr *message)
{
	struct net *net = arg;

	switch (message->nlmsg_type) {
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		neighbour_cache_notify(&net->neighbours, message);
		return;
	case RTM_NEWLINK:
	case RTM_DELLINK:
		link_event(net, message);
		return;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		route_event(net, message);
		return;
	default: /* an address, a rule, a next-hop object */
		routes_report(net, NULL);
	}
}

static void
messages_lost(void *arg)
{
	struct net *net = arg;

	link_vlans_fini(&net->vlans);
	neighbour_cache_hurry(&net->neighbours, 0);
	net->observer.link(net->observer.arg, 0);
	routes_report(net, NULL);
}

struct net *
net_create(struct event_base *base, const struct net_observer *observer, struct fault *fault)
{
	struct net *net = calloc(1, sizeof(*net));
	int ret;

	if (!net) {
		fault_set(fault, FAULT_INTERNAL, "", "netlink: %s", strerror(ENOMEM));
		return NULL;
	}
	net->observer = *observer;
	net->watch =
		(struct netlink_watch){.message = message_event, .lost = messages_lost, .arg = net};
	ret = netlink_open(&net->netlink);
	if (ret == 0)
		ret = neighbour_cache_init(
			&net->neighbours, &net->netlink, base, observer->neighbour, observer->arg);
	if (ret == 0)
		ret = netlink_watch_open(&net->watch, base);
	if (ret == 0)
		return net;
	fault_set(fault, FAULT_INTERNAL, "", "netlink: cannot watch the kernel's tables: %s",
		strerror(-ret));
	net_destroy(net);
	return NULL;
}

void
net_destroy(struct net *net)
{
	if (!net)
		return;
	neighbour_cache_fini(&net->neighbours);
	link_vlans_fini(&net->vlans);
	netlink_watch_close(&net->watch);
	netlink_close(&net->netlink);
	free(net);
}

int
neighbour_ref(struct net *net, unsigned ifindex, uint8_t family, const uint8_t address[16],
	uint8_t mac[6])
{
	struct neigh_key key;

	neigh_key_init(&key, ifindex, family, address);
	return neighbour_cache_ref(&net->neighbours, &key, mac);
}

void
neighbour_unref(struct net *net, unsigned ifindex, uint8_t family, const uint8_t address[16])
{
	struct neigh_key key;

	neigh_key_init(&key, ifindex, family, address);
	neighbour_cache_unref(&net->neighbours, &key);
}

/*
 * Routes: one question to the routing table, two for IPv4 destinations that come back as on-link:
 * given an output interface, IPv4 takes a destination that no route covers for on-link as well, and
 * only the question for the matching table entry (RTM_F_FIB_MATCH) tells the two apart.
 */
struct route {
	uint8_t type; /* RTN_UNICAST and the like; 0 = no answer */
	unsigned ifindex;
	bool has_gateway;
	bool foreign_gateway; /* of the other family (RFC 8950) */
	uint8_t gateway[ADDRESS_BYTES];
	size_t address_size;
};

static int
route_answer(const struct nlmsghdr *message, void *arg)
{
	const struct rtmsg *body = mnl_nlmsg_get_payload(message);
	struct route *route = arg;
	struct nlattr *attribute;

	if (message->nlmsg_type != RTM_NEWROUTE ||
		mnl_nlmsg_get_payload_len(message) < sizeof(*body))
		return MNL_CB_OK;
	route->type = body->rtm_type;
	mnl_attr_for_each (attribute, message, sizeof(*body)) {
		switch (mnl_attr_get_type(attribute)) {
		case RTA_OIF:
			if (mnl_attr_validate(attribute, MNL_TYPE_U32) == 0)
				route->ifindex = mnl_attr_get_u32(attribute);
			break;
		case RTA_GATEWAY:
			if (mnl_attr_get_payload_len(attribute) != route->address_size)
				break;
			memcpy(route->gateway, mnl_attr_get_payload(attribute),
				route->address_size);
			route->has_gateway = true;
			break;
		case RTA_VIA:
			route->foreign_gateway = true;
			break;
		}
	}
	return MNL_CB_OK;
}

static int
route_get(struct netlink *netlink, unsigned ifindex, uint8_t family,
	const uint8_t dst[ADDRESS_BYTES], unsigned flags, struct route *route)
{
	char buffer[NETLINK_BYTES];
	struct nlmsghdr *message = netlink_begin(buffer, RTM_GETROUTE, 0, sizeof(struct rtmsg));
	struct rtmsg *body = mnl_nlmsg_get_payload(message);

	memset(route, 0, sizeof(*route));
	route->address_size = address_size(family);
	body->rtm_family = address_to_af(family);
	body->rtm_dst_len = (uint8_t)(8 * address_size(family));
	body->rtm_flags = flags;
	mnl_attr_put(message, RTA_DST, address_size(family), dst);
	mnl_attr_put_u32(message, RTA_OIF, ifindex);
	return netlink_ask(netlink, message, route_answer, route);
}

/* The errors by which the kernel says that there is no such route, or a link is down. */
static int
route_refusal(int error)
{
	switch (error) {
	case -EHOSTUNREACH:
	case -ENETDOWN:
	case -ENODEV:
	case -ENXIO:
	case -EACCES:
	case -EINVAL:
		return -ENETUNREACH;
	default:
		return error;
	}
}

/*
 * The neighbour towards `dst` out of `ifindex`: the gateway of the route, or dst itself when that
 * is on the link. 0 or an error as route_resolve() has it.
 */
static int
route_next_hop(struct netlink *netlink, unsigned ifindex, uint8_t family,
	const uint8_t dst[ADDRESS_BYTES], uint8_t next_hop[ADDRESS_BYTES])
{
	struct route matched;
	struct route route;
	int ret = route_get(netlink, ifindex, family, dst, 0, &route);

	if (ret < 0)
		return route_refusal(ret);
	if (route.type == RTN_LOCAL || route.type == RTN_BROADCAST || route.type == RTN_ANYCAST)
		return -EADDRNOTAVAIL;
	/* A VRF answers for all its interfaces, whichever was asked for. */
	if (route.type != RTN_UNICAST || route.ifindex != ifindex || route.foreign_gateway)
		return -ENETUNREACH;
	memset(next_hop, 0, ADDRESS_BYTES);
	if (route.has_gateway) {
		memcpy(next_hop, route.gateway, address_size(family));
		return 0;
	}
	memcpy(next_hop, dst, address_size(family));
	if (family == 6)
		return 0;
	ret = route_get(netlink, ifindex, family, dst, RTM_F_FIB_MATCH, &matched);
	return route_refusal(ret);
}

/* Step from hop->out_ifindex to the interface of one of its tags on it. */
static int
tag_step(struct net *net, struct net_hop *hop, uint16_t tpid, uint16_t id)
{
	const int ifindex =
		id ? link_vlan_find(&net->netlink, &net->vlans, hop->out_ifindex, tpid, id)
		   : (int)hop->out_ifindex;

	hop->out_ifindex = ifindex > 0 ? (unsigned)ifindex : 0;
	if (ifindex < 0)
		return ifindex;
	return ifindex == 0 ? -ENETUNREACH : 0;
}

void
route_resolve(struct net *net, struct net_hop *hop)
{
	const uint8_t *dst = hop->has_gateway ? hop->gateway : hop->dst;

	hop->out_ifindex = hop->ifindex;
	memset(hop->address, 0, sizeof(hop->address));
	memcpy(hop->address, dst, address_size(hop->family));
	if (address_is_void(hop->family, dst) ||
		address_kind(hop->family, dst) == ADDRESS_MULTICAST) {
		hop->error = -EADDRNOTAVAIL;
		return;
	}
	hop->error = tag_step(net, hop, ETH_P_8021AD, hop->outer_vlan);
	if (hop->error == 0)
		hop->error = tag_step(net, hop, ETH_P_8021Q, hop->vlan);
	if (hop->error == 0 && !hop->has_gateway)
		hop->error = route_next_hop(
			&net->netlink, hop->out_ifindex, hop->family, hop->dst, hop->address);
	if (hop->error == -ENETUNREACH && interface_is_gone(hop->ifindex))
		hop->error = -ENODEV;
}
