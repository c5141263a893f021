/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Wires the room together: a socket for questions, a socket for notifications, and the neighbours
 * in use with a timer that keeps these from going stale. The data plane sends past the kernel, so
 * the kernel never sees their use and would let them age.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/if.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

#include "net/aim.h"
#include "net/kept.h"
#include "net/netlink.h"
#include "net/watch.h"

#define KEPT_AT_ONCE 64 /* neighbours looked at before others of the loop have their turn */
#define KEPT_PAUSE_MS 5 /* before the next so many */

struct net {
	struct net_observer observer;
	struct request request;
	struct watch watch;
	struct link_vlans vlans; /* until a link changes */
	struct kept_set kept;
	struct event *on_due; /* a neighbour is to be looked at */
	uint64_t due_ms; /* UINT64_MAX: the timer does not run */
};

static uint64_t
clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Have the timer go off no later than in that many ms. */
static void
due_set(struct net *net, uint64_t now_ms, uint64_t in_ms)
{
	const struct timeval delay = {
		.tv_sec = (time_t)(in_ms / 1000), .tv_usec = (suseconds_t)(in_ms % 1000 * 1000)};

	if (in_ms == UINT64_MAX || net->due_ms <= now_ms + in_ms)
		return;
	net->due_ms = now_ms + in_ms;
	event_add(net->on_due, &delay);
}

static void
kept_due(evutil_socket_t fd, short what, void *arg)
{
	struct net *net = arg;
	const uint64_t now_ms = clock_ms();
	uint64_t next_ms;

	(void)fd;
	(void)what;
	net->due_ms = UINT64_MAX;
	next_ms = kept_run(&net->kept, now_ms, KEPT_AT_ONCE);
	due_set(net, now_ms, next_ms < KEPT_PAUSE_MS ? KEPT_PAUSE_MS : next_ms);
}

static void
kept_hurry_now(struct net *net, unsigned ifindex)
{
	const uint64_t now_ms = clock_ms();

	kept_hurry(&net->kept, ifindex, now_ms);
	due_set(net, now_ms, 0);
}

static void
routes_changed(struct net *net, const struct net_prefix *prefix)
{
	net->observer.routes(net->observer.arg, prefix);
}

/* A link that came up: ask at once for those behind it that were given up. */
static void
link_event(struct net *net, const struct nlmsghdr *message)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*link))
		return;
	link_vlans_fini(&net->vlans);
	if (message->nlmsg_type == RTM_NEWLINK && link->ifi_flags & IFF_RUNNING)
		kept_hurry_now(net, (unsigned)link->ifi_index);
	net->observer.link(net->observer.arg, (unsigned)link->ifi_index);
	routes_changed(net, NULL);
}

static int
destination_attribute(const struct nlattr *attribute, void *arg)
{
	struct net_prefix *prefix = arg;

	if (mnl_attr_get_type(attribute) == RTA_DST &&
		mnl_attr_get_payload_len(attribute) == address_size(prefix->family))
		memcpy(prefix->address, mnl_attr_get_payload(attribute),
			address_size(prefix->family));
	return MNL_CB_OK;
}

static void
route_event(struct net *net, const struct nlmsghdr *message)
{
	const struct rtmsg *body = mnl_nlmsg_get_payload(message);
	struct net_prefix prefix = {0};

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*body) || body->rtm_flags & RTM_F_CLONED)
		return;
	prefix.family = address_from_af(body->rtm_family);
	prefix.bits = body->rtm_dst_len;
	if (prefix.family == 0)
		return;
	mnl_attr_parse(message, sizeof(*body), destination_attribute, &prefix);
	routes_changed(net, &prefix);
}

static void
neighbour_event(struct net *net, const struct nlmsghdr *message)
{
	const uint64_t now_ms = clock_ms();
	struct neigh neigh;
	struct kept *kept;

	if (!neigh_parse(message, &neigh))
		return;
	kept = kept_find(&net->kept, &neigh.key);
	if (!kept)
		return;
	kept_refresh(&net->kept, kept, now_ms);
	due_set(net, now_ms, KEPT_RETRY_MS);
}

static void
message_take(void *arg, const struct nlmsghdr *message)
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
		routes_changed(net, NULL);
	}
}

static void
messages_lost(void *arg)
{
	struct net *net = arg;

	link_vlans_fini(&net->vlans);
	kept_hurry_now(net, 0);
	net->observer.link(net->observer.arg, 0);
	routes_changed(net, NULL);
}

static int
net_open(struct net *net, struct event_base *base)
{
	int ret = request_open(&net->request);

	if (ret < 0)
		return ret;
	net->on_due = event_new(base, -1, 0, kept_due, net);
	if (!net->on_due)
		return -ENOMEM;
	net->watch = (struct watch){.message = message_take, .lost = messages_lost, .arg = net};
	return watch_open(&net->watch, base);
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
	net->due_ms = UINT64_MAX;
	kept_init(&net->kept, &net->request, &net->observer);
	ret = net_open(net, base);
	if (ret == 0)
		return net;
	fault_set(fault, FAULT_INTERNAL, "", "netlink: cannot watch the kernel's tables: %s",
		strerror(-ret));
	net_destroy(net);
	return NULL;
}

void
net_aim(struct net *net, struct net_hop *hop)
{
	hop_aim(&net->request, &net->vlans, hop);
}

int
net_keep(struct net *net, unsigned ifindex, uint8_t family, const uint8_t address[16],
	uint8_t mac[6])
{
	const uint64_t now_ms = clock_ms();
	struct neigh_key key;
	struct kept *kept;

	neigh_key_init(&key, ifindex, family, address);
	kept = kept_add(&net->kept, &key, now_ms);
	if (!kept)
		return -ENOMEM;
	due_set(net, now_ms, 0);
	memcpy(mac, kept->mac, sizeof(kept->mac));
	return kept->error;
}

void
net_forget(struct net *net, unsigned ifindex, uint8_t family, const uint8_t address[16])
{
	struct neigh_key key;

	neigh_key_init(&key, ifindex, family, address);
	kept_remove(&net->kept, &key);
}

void
net_destroy(struct net *net)
{
	if (!net)
		return;
	kept_fini(&net->kept);
	link_vlans_fini(&net->vlans);
	watch_close(&net->watch);
	if (net->on_due)
		event_free(net->on_due);
	request_close(&net->request);
	free(net);
}
