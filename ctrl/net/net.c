/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests go over one socket, notifications come over another. A change of links, addresses or
 * rules may concern any route. The interface that a leg leaves by is found from its VLANs, outer
 * one first, then the neighbour by the route out of that interface.
 */
#include "net/net.h"

#include <errno.h>
#include <netinet/in.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/timer.h"

#define NEIGHBOUR_STEPS 6
#define NEIGHBOUR_RETRY_MS 1000
#define POLLS_AT_ONCE 64 /* before others of the event loop have their turn */
#define POLLS_PAUSE_MS 5 /* before the next so many */

/* Waiting before the next poll; each step is a queue, so that it is in order by itself. */
static const unsigned step_ms[NEIGHBOUR_STEPS] = {
	0, NEIGHBOUR_RETRY_MS, 2000, 4000, 8000, NEIGHBOUR_PERIOD_MS};

struct neighbour {
	struct neigh_key key; /* first: what the tree is ordered by */
	unsigned refs;
	unsigned step; /* the queue that it waits in */
	uint64_t due_ms;
	TAILQ_ENTRY(neighbour) link;
	int error; /* what was reported: 0 = mac is good; else as neighbour_ref() has it */
	uint8_t mac[6];
};

struct net {
	struct net_observer observer;
	struct netlink netlink;
	struct netlink_watch watch;
	struct link_vlans vlans; /* until a link changes */
	void *neighbours; /* tree of struct neighbour, tsearch(3) */
	TAILQ_HEAD(, neighbour) queues[NEIGHBOUR_STEPS]; /* each in the order of due_ms */
	struct timer timer;
	uint64_t due_ms; /* when the timer runs out; UINT64_MAX: it does not run */
};

/*
 * The neighbours in use. The kernel's table (ARP, Neighbour Discovery) does all resolution, with
 * the states of RFC 4861, 7.3.2. The data plane sends past the kernel, which never sees their use
 * and would let them age: a timer has it confirm them. One that does not answer is polled less and
 * less often.
 *
 * A notification only says "read again": the truth is read from the kernel's table each time. So
 * notifications that arrive late, twice or not at all cannot leave a wrong MAC address behind.
 *
 * A neighbour that the kernel merely forgot (flushed, collected) is not reported as unreachable:
 * its address most likely still holds, and media goes on while the kernel resolves it again. Only a
 * kernel that got no answer, or cannot resolve, makes it unreachable.
 */

static uint64_t
clock_ms(void)
{
	return clock_read_ns(CLOCK_MONOTONIC) / 1000000;
}

/* Have the timer go off no later than in that many ms. */
static void
due_set(struct net *net, uint64_t now_ms, uint64_t in_ms)
{
	if (in_ms == UINT64_MAX || net->due_ms <= now_ms + in_ms)
		return;
	net->due_ms = now_ms + in_ms;
	timer_arm(&net->timer, in_ms * NS_PER_MS);
}

static void
timer_due(void *arg)
{
	struct net *net = arg;
	const uint64_t now_ms = clock_ms();
	uint64_t next_ms;

	net->due_ms = UINT64_MAX;
	next_ms = neighbours_poll(net, now_ms, POLLS_AT_ONCE);
	due_set(net, now_ms, next_ms < POLLS_PAUSE_MS ? POLLS_PAUSE_MS : next_ms);
}

static int
neighbour_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct neigh_key));
}

static struct neighbour *
neighbour_find(const struct net *net, const struct neigh_key *key)
{
	struct neighbour *const *node = tfind(key, &net->neighbours, neighbour_compare);

	return node ? *node : NULL;
}

static void
neighbour_queue(struct net *net, struct neighbour *neighbour, unsigned step, uint64_t now_ms)
{
	neighbour->step = step;
	neighbour->due_ms = now_ms + step_ms[step];
	TAILQ_INSERT_TAIL(&net->queues[step], neighbour, link);
}

static void
neighbour_requeue(struct net *net, struct neighbour *neighbour, unsigned step, uint64_t now_ms)
{
	TAILQ_REMOVE(&net->queues[neighbour->step], neighbour, link);
	neighbour_queue(net, neighbour, step, now_ms);
}

/* With what the kernel knows now; one that it does not know is resolved by the next poll. */
static struct neighbour *
neighbour_create(struct net *net, const struct neigh_key *key)
{
	struct neighbour *neighbour = calloc(1, sizeof(*neighbour));
	struct neigh neigh;
	int ret;

	if (!neighbour)
		return NULL;
	neighbour->key = *key;
	if (!tsearch(neighbour, &net->neighbours, neighbour_compare)) {
		free(neighbour);
		return NULL;
	}
	ret = neigh_get(&net->netlink, key, &neigh);
	neighbour->error = ret < 0 ? ret : -EINPROGRESS;
	if (ret == 0 && neigh_is_usable(&neigh)) {
		neighbour->error = 0;
		memcpy(neighbour->mac, neigh.mac, sizeof(neighbour->mac));
	}
	neighbour_queue(net, neighbour, 0, clock_ms());
	return neighbour;
}

int
neighbour_ref(struct net *net, const struct neigh_key *key, uint8_t mac[6])
{
	struct neighbour *neighbour = neighbour_find(net, key);

	if (!neighbour)
		neighbour = neighbour_create(net, key);
	if (!neighbour)
		return -ENOMEM;
	neighbour->refs++;
	due_set(net, clock_ms(), 0);
	memcpy(mac, neighbour->mac, sizeof(neighbour->mac));
	return neighbour->error;
}

void
neighbour_unref(struct net *net, const struct neigh_key *key)
{
	struct neighbour *neighbour = neighbour_find(net, key);

	if (!neighbour || --neighbour->refs > 0)
		return;
	TAILQ_REMOVE(&net->queues[neighbour->step], neighbour, link);
	tdelete(neighbour, &net->neighbours, neighbour_compare);
	free(neighbour);
}

int
neighbour_resolve(struct net *net, const struct neigh_key *key)
{
	return neigh_kick(&net->netlink, key);
}

static void
neighbour_report(const struct net *net, struct neighbour *neighbour, const uint8_t *mac, int error)
{
	if (neighbour->error == error &&
		(!mac || memcmp(neighbour->mac, mac, sizeof(neighbour->mac)) == 0))
		return;
	neighbour->error = error;
	if (mac)
		memcpy(neighbour->mac, mac, sizeof(neighbour->mac));
	net->observer.neighbour(net->observer.arg, &neighbour->key, mac, error);
}

/* Read the entry and report; with `confirm` have the kernel resolve what is stale or failed. */
static void
neighbour_poll(struct net *net, struct neighbour *neighbour, bool confirm)
{
	struct neigh neigh;
	int ret = neigh_get(&net->netlink, &neighbour->key, &neigh);

	if (ret == 0 && neigh_is_usable(&neigh))
		neighbour_report(net, neighbour, neigh.mac, 0);
	else if (ret < 0 || neigh.state & NUD_FAILED)
		neighbour_report(net, neighbour, NULL, ret < 0 ? ret : -EHOSTUNREACH);
	if (ret < 0 || !neigh_wants_kick(&neigh))
		return;
	if (!confirm && neigh.state != NUD_NONE)
		return;
	ret = neigh_kick(&net->netlink, &neighbour->key);
	/* Without CAP_NET_ADMIN a MAC address that the kernel has is good all the same. */
	if (ret < 0 && (ret != -EPERM || neighbour->error != 0))
		neighbour_report(net, neighbour, NULL, ret);
}

/* A notification about a neighbour: read the kernel's table and report what is new. */
static void
neighbour_event(struct net *net, const struct nlmsghdr *message)
{
	const uint64_t now_ms = clock_ms();
	struct neighbour *neighbour;
	bool was_reachable;
	struct neigh neigh;

	if (!neigh_parse(message, &neigh))
		return;
	neighbour = neighbour_find(net, &neigh.key);
	if (!neighbour)
		return;
	was_reachable = neighbour->error == 0;
	neighbour_poll(net, neighbour, false);
	if (was_reachable != (neighbour->error == 0))
		neighbour_requeue(net, neighbour, was_reachable ? 1 : NEIGHBOUR_STEPS - 1, now_ms);
	due_set(net, now_ms, NEIGHBOUR_RETRY_MS);
}

/* Poll those on an interface that are not reachable (0: all of any) as soon as may be. */
static void
neighbours_hurry(struct net *net, unsigned ifindex)
{
	const uint64_t now_ms = clock_ms();
	struct neighbour *neighbour, *next;

	for (unsigned step = 1; step < NEIGHBOUR_STEPS; step++) {
		for (neighbour = TAILQ_FIRST(&net->queues[step]); neighbour; neighbour = next) {
			next = TAILQ_NEXT(neighbour, link);
			if (!ifindex ||
				(neighbour->key.ifindex == ifindex && neighbour->error != 0))
				neighbour_requeue(net, neighbour, 0, now_ms);
		}
	}
	due_set(net, now_ms, 0);
}

uint64_t
neighbours_poll(struct net *net, uint64_t now_ms, unsigned max)
{
	uint64_t next_ms = UINT64_MAX;

	for (unsigned step = 0; step < NEIGHBOUR_STEPS; step++) {
		struct neighbour *neighbour;

		while ((neighbour = TAILQ_FIRST(&net->queues[step])) &&
			neighbour->due_ms <= now_ms) {
			const bool last = step + 1 == NEIGHBOUR_STEPS;

			if (max-- == 0)
				return 0;
			neighbour_poll(net, neighbour, true);
			/* One that is there has its period; another waits longer each time. */
			neighbour_requeue(net, neighbour,
				neighbour->error == 0 || last ? NEIGHBOUR_STEPS - 1 : step + 1,
				now_ms);
		}
		if (neighbour && neighbour->due_ms - now_ms < next_ms)
			next_ms = neighbour->due_ms - now_ms;
	}
	return next_ms;
}

static void
routes_report(struct net *net, const struct net_prefix *prefix)
{
	net->observer.routes(net->observer.arg, prefix);
}

/* When a link comes up, unreachable neighbours behind it are polled at once. */
static void
link_event(struct net *net, const struct nlmsghdr *message)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*link))
		return;
	link_vlans_fini(&net->vlans);
	if (message->nlmsg_type == RTM_NEWLINK && link->ifi_flags & IFF_RUNNING)
		neighbours_hurry(net, (unsigned)link->ifi_index);
	net->observer.link(net->observer.arg, (unsigned)link->ifi_index);
	routes_report(net, NULL);
}

static void
route_event(struct net *net, const struct nlmsghdr *message)
{
	const struct rtmsg *body = mnl_nlmsg_get_payload(message);
	struct net_prefix prefix = {0};
	const struct nlattr *dst;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*body) || body->rtm_flags & RTM_F_CLONED)
		return;
	prefix.family = address_from_af(body->rtm_family);
	prefix.bits = body->rtm_dst_len;
	if (prefix.family == 0)
		return;
	dst = netlink_attribute(message, sizeof(*body), RTA_DST, address_size(prefix.family));
	if (dst)
		memcpy(prefix.address, mnl_attr_get_payload(dst), address_size(prefix.family));
	routes_report(net, &prefix);
}

static void
message_event(void *arg, const struct nlmsghdr *message)
{
	struct net *net = arg;

	switch (message->nlmsg_type) {
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		neighbour_event(net, message);
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
	neighbours_hurry(net, 0);
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
	net->due_ms = UINT64_MAX;
	for (unsigned step = 0; step < NEIGHBOUR_STEPS; step++)
		TAILQ_INIT(&net->queues[step]);
	timer_init(&net->timer, base, timer_due, net);
	ret = netlink_open(&net->netlink);
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
	tdestroy(net->neighbours, free);
	timer_disarm(&net->timer);
	link_vlans_fini(&net->vlans);
	netlink_watch_close(&net->watch);
	netlink_close(&net->netlink);
	free(net);
}

/*
 * Routes. The kernel is asked for the entry of its table that the packet matches (RTM_F_FIB_MATCH),
 * which has all paths of the route. Without that flag, and given an output interface, it chooses
 * the first path, and IPv4 takes a destination that no route covers for on-link.
 */
struct route {
	const struct hop_request *asked;
	struct hop_paths *paths; /* those out of the interface that was asked for */
	uint8_t type; /* RTN_UNICAST and the like; 0 = no answer */
	bool is_object; /* a next-hop object by its number only */
};

/* The next hop of a path; it stays the destination when that is on the link. */
static int
gateway_read(const struct nlattr *attribute, void *arg)
{
	const uint16_t type = mnl_attr_get_type(attribute);
	const size_t size = mnl_attr_get_payload_len(attribute);
	const void *payload = mnl_attr_get_payload(attribute);
	struct neigh_key *neighbour = arg;

	if (type == RTA_GATEWAY && size == address_size(neighbour->family)) {
		memcpy(neighbour->address, payload, size);
	} else if (type == RTA_VIA && size == sizeof(struct rtvia) + address_size(6)) {
		/* Of the other family: an IPv4 route by an IPv6 next hop, RFC 8950. */
		neighbour->family = 6;
		memcpy(neighbour->address, ((const struct rtvia *)payload)->rtvia_addr,
			address_size(6));
	}
	return MNL_CB_OK;
}

static void
path_add(
	struct route *route, unsigned ifindex, uint32_t weight, const void *attributes, size_t size)
{
	const struct hop_request *asked = route->asked;
	struct hop_paths *paths = route->paths;
	struct hop_path *path = &paths->path[paths->n];

	if (ifindex != asked->ifindex || paths->n == HOP_PATHS_MAX)
		return;
	*path = (struct hop_path){.weight = weight};
	path->neighbour.ifindex = ifindex;
	path->neighbour.family = asked->family;
	memcpy(path->neighbour.address, asked->to, sizeof(path->neighbour.address));
	mnl_attr_parse_payload(attributes, size, gateway_read, &path->neighbour);
	paths->n++;
}

static void
multipath_read(struct route *route, const struct nlattr *attribute)
{
	struct rtnexthop *hop = mnl_attr_get_payload(attribute);
	int left = mnl_attr_get_payload_len(attribute);

	for (; RTNH_OK(hop, left); hop = RTNH_NEXT(hop)) {
		left -= (int)RTNH_ALIGN(hop->rtnh_len);
		if (!(hop->rtnh_flags & RTNH_F_DEAD))
			path_add(route, (unsigned)hop->rtnh_ifindex, hop->rtnh_hops + 1u,
				RTNH_DATA(hop), hop->rtnh_len - RTNH_LENGTH(0));
	}
}

static int
mtu_read(const struct nlattr *metric, void *arg)
{
	uint32_t *mtu = arg;

	if (mnl_attr_get_type(metric) == RTAX_MTU &&
		mnl_attr_get_payload_len(metric) == sizeof(*mtu))
		*mtu = mnl_attr_get_u32(metric);
	return MNL_CB_OK;
}

static int
route_answer(const struct nlmsghdr *message, void *arg)
{
	const struct rtmsg *body = mnl_nlmsg_get_payload(message);
	const struct nlattr *oif, *multipath, *metrics;
	struct route *route = arg;

	if (message->nlmsg_type != RTM_NEWROUTE ||
		mnl_nlmsg_get_payload_len(message) < sizeof(*body))
		return MNL_CB_OK;
	route->type = body->rtm_type;
	oif = netlink_attribute(message, sizeof(*body), RTA_OIF, sizeof(uint32_t));
	multipath = netlink_attribute(message, sizeof(*body), RTA_MULTIPATH, 0);
	metrics = netlink_attribute(message, sizeof(*body), RTA_METRICS, 0);
	if (metrics)
		mnl_attr_parse_nested(metrics, mtu_read, &route->paths->mtu);
	if (multipath)
		multipath_read(route, multipath);
	else if (oif)
		path_add(route, mnl_attr_get_u32(oif), 1,
			mnl_nlmsg_get_payload_offset(message, sizeof(*body)),
			mnl_nlmsg_get_payload_len(message) - MNL_ALIGN(sizeof(*body)));
	else
		route->is_object = netlink_attribute(message, sizeof(*body), RTA_NH_ID, 0) != NULL;
	return MNL_CB_OK;
}

/* The route for a packet as asked, with that source (NULL: without one). 0 or a negative errno. */
static int
route_get(struct netlink *netlink, const uint8_t *from, unsigned flags, struct route *route)
{
	char buffer[NETLINK_BYTES];
	struct nlmsghdr *message = netlink_begin(buffer, RTM_GETROUTE, 0, sizeof(struct rtmsg));
	struct rtmsg *body = mnl_nlmsg_get_payload(message);
	const struct hop_request *asked = route->asked;
	const size_t bytes = address_size(asked->family);

	route->paths->n = 0;
	route->paths->mtu = 0;
	route->type = 0;
	route->is_object = false;
	body->rtm_family = address_to_af(asked->family);
	body->rtm_dst_len = (uint8_t)(8 * bytes);
	body->rtm_tos = (uint8_t)(asked->dscp << 2);
	body->rtm_flags = flags;
	mnl_attr_put(message, RTA_DST, bytes, asked->to);
	if (from) {
		body->rtm_src_len = (uint8_t)(8 * bytes);
		mnl_attr_put(message, RTA_SRC, bytes, from);
	}
	mnl_attr_put_u32(message, RTA_OIF, asked->ifindex);
	if (asked->mark)
		mnl_attr_put_u32(message, RTA_MARK, asked->mark);
	mnl_attr_put_u8(message, RTA_IP_PROTO, IPPROTO_UDP);
	return netlink_request(netlink, message, route_answer, route);
}

/* With net.ipv4.nexthop_compat_mode=0 the table's entry says no more than a number. */
static int
route_find(struct netlink *netlink, const uint8_t *from, struct route *route)
{
	const int ret = route_get(netlink, from, RTM_F_FIB_MATCH, route);

	return ret == 0 && route->is_object ? route_get(netlink, from, 0, route) : ret;
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
 * The paths of the route for the packet. The kernel does not answer for an IPv4 source that is no
 * address of the host: -EINVAL, or -ENETUNREACH in newer kernels. (That there is no route is
 * another error, -EHOSTUNREACH.) For IPv6 a source makes the interface a mere preference, so that
 * the answer may be a route out of another one. Both are asked again without the source. 0 or an
 * error as route_resolve() has it.
 */
static int
route_follow(struct netlink *netlink, const struct hop_request *asked, struct hop_paths *paths)
{
	const bool has_source = !address_is_void(asked->family, asked->from);
	struct route route = {.asked = asked, .paths = paths};
	int ret = route_find(netlink, has_source ? asked->from : NULL, &route);

	if (has_source && (asked->family == 4 ? ret == -EINVAL || ret == -ENETUNREACH
					      : ret == 0 && paths->n == 0))
		ret = route_find(netlink, NULL, &route);
	if (ret == 0 && (route.type == RTN_LOCAL || route.type == RTN_BROADCAST ||
				route.type == RTN_ANYCAST))
		ret = -EADDRNOTAVAIL;
	else if (ret == 0 && (route.type != RTN_UNICAST || paths->n == 0))
		ret = -ENETUNREACH;
	if (ret < 0)
		paths->n = 0;
	return route_refusal(ret);
}

/* Step from the interface to that of one of the request's VLANs on it. */
static int
vlan_step(struct net *net, uint32_t *ifindex, uint16_t tpid, uint16_t id)
{
	const struct link_vlan *vlan;
	int ret;

	if (id == 0)
		return 0;
	ret = link_vlans_load(&net->netlink, &net->vlans);
	vlan = link_vlan_on(&net->vlans, *ifindex, tpid, id);
	*ifindex = vlan ? vlan->ifindex : 0;
	return ret == 0 && !vlan ? -ENETUNREACH : ret;
}

const struct link_vlans *
net_vlans(struct net *net)
{
	link_vlans_load(&net->netlink, &net->vlans);
	return &net->vlans;
}

static int
vlans_step(struct net *net, uint32_t *ifindex, uint16_t outer_vlan, uint16_t vlan)
{
	const int ret = vlan_step(net, ifindex, ETH_P_8021AD, outer_vlan);

	return ret < 0 ? ret : vlan_step(net, ifindex, ETH_P_8021Q, vlan);
}

int
net_interface(struct net *net, unsigned ifindex, uint16_t outer_vlan, uint16_t vlan)
{
	uint32_t at = ifindex;
	const int ret = vlans_step(net, &at, outer_vlan, vlan);

	return ret < 0 ? ret : (int)at;
}

/* Of these there is no neighbour, whatever the routes say. */
static bool
destination_is_none(const struct hop_request *request)
{
	static const uint8_t broadcast[4] = {255, 255, 255, 255};

	return address_is_void(request->family, request->to) ||
	       address_kind(request->family, request->to) == ADDRESS_MULTICAST ||
	       (request->family == 4 && memcmp(request->to, broadcast, sizeof(broadcast)) == 0);
}

int
route_resolve(struct net *net, const struct hop_request *request, struct hop_paths *paths)
{
	struct hop_request asked = *request;
	int ret;

	paths->ifindex = request->ifindex;
	paths->mtu = 0;
	paths->n = 0;
	if (destination_is_none(request))
		return -EADDRNOTAVAIL;
	ret = vlans_step(net, &asked.ifindex, request->outer_vlan, request->vlan);
	paths->ifindex = asked.ifindex;
	if (ret == 0 && request->has_gateway)
		path_add(&(struct route){.asked = &asked, .paths = paths}, asked.ifindex, 1, NULL,
			0);
	else if (ret == 0)
		ret = route_follow(&net->netlink, &asked, paths);
	return ret == -ENETUNREACH && interface_is_gone(request->ifindex) ? -ENODEV : ret;
}
