/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One question to the routing table, two for IPv4 destinations that come back as on-link: given an
 * output interface, IPv4 takes a destination that no route covers for on-link as well, and only
 * the question for the matching table entry (RTM_F_FIB_MATCH) tells the two apart.
 */
#include <errno.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include "net/route.h"

struct route {
	uint8_t type; /* RTN_UNICAST and the like; 0 = no answer */
	unsigned ifindex;
	bool has_gateway;
	bool foreign_gateway; /* of the other family (RFC 8950) */
	uint8_t gateway[ADDRESS_BYTES];
	size_t address_size;
};

static int
route_attribute(const struct nlattr *attribute, void *arg)
{
	struct route *route = arg;

	switch (mnl_attr_get_type(attribute)) {
	case RTA_OIF:
		if (mnl_attr_validate(attribute, MNL_TYPE_U32) == 0)
			route->ifindex = mnl_attr_get_u32(attribute);
		break;
	case RTA_GATEWAY:
		if (mnl_attr_get_payload_len(attribute) != route->address_size)
			break;
		memcpy(route->gateway, mnl_attr_get_payload(attribute), route->address_size);
		route->has_gateway = true;
		break;
	case RTA_VIA:
		route->foreign_gateway = true;
		break;
	}
	return MNL_CB_OK;
}

static int
route_answer(const struct nlmsghdr *message, void *arg)
{
	const struct rtmsg *body = mnl_nlmsg_get_payload(message);
	struct route *route = arg;

	if (message->nlmsg_type != RTM_NEWROUTE ||
		mnl_nlmsg_get_payload_len(message) < sizeof(*body))
		return MNL_CB_OK;
	route->type = body->rtm_type;
	mnl_attr_parse(message, sizeof(*body), route_attribute, route);
	return MNL_CB_OK;
}

static int
route_get(struct request *request, unsigned ifindex, uint8_t family,
	const uint8_t dst[ADDRESS_BYTES], unsigned flags, struct route *route)
{
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *message = request_begin(buffer, RTM_GETROUTE, 0, sizeof(struct rtmsg));
	struct rtmsg *body = mnl_nlmsg_get_payload(message);

	memset(route, 0, sizeof(*route));
	route->address_size = address_size(family);
	body->rtm_family = address_to_af(family);
	body->rtm_dst_len = (uint8_t)(8 * address_size(family));
	body->rtm_flags = flags;
	mnl_attr_put(message, RTA_DST, address_size(family), dst);
	mnl_attr_put_u32(message, RTA_OIF, ifindex);
	return request_ask(request, message, route_answer, route);
}

/* The words the kernel has for "not that way": no route, link down, a route that forbids it. */
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

int
route_next_hop(struct request *request, unsigned ifindex, uint8_t family,
	const uint8_t dst[ADDRESS_BYTES], uint8_t next_hop[ADDRESS_BYTES])
{
	struct route matched;
	struct route route;
	int ret = route_get(request, ifindex, family, dst, 0, &route);

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
	ret = route_get(request, ifindex, family, dst, RTM_F_FIB_MATCH, &matched);
	return route_refusal(ret);
}
