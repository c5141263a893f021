/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Wires the room together: a socket for questions, a socket for notifications that the event loop
 * watches, a timer that keeps neighbours in use from going stale, and the set of these. The data
 * plane sends past the kernel, so the kernel never sees their use and would let them age.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if.h>
#include <linux/rtnetlink.h>

#include "net/kept.h"
#include "net/netlink.h"
#include "net/resolve.h"

#define KEEP_PERIOD_S 15 /* half of the kernel's shortest default time to staleness */
#define EVENT_BYTES 8192
#define EVENTS_PER_WAKE 64 /* receptions before others of the loop have their turn */

struct net {
	struct request request;
	struct mnl_socket *events;
	struct event *on_events;
	struct event *on_period;
	struct event *on_kept; /* something new is kept */
	struct kept_set kept;
};

static bool
kept_is_new(const struct kept *kept, void *arg)
{
	(void)arg;
	return kept->told == KEPT_NOTHING;
}

static bool
kept_is_waiting_on(const struct kept *kept, void *arg)
{
	const unsigned *ifindex = arg;

	return kept->key.ifindex == *ifindex && kept->told != KEPT_REACHABLE;
}

/* A link that came up: ask at once for those behind it that were given up. */
static void
link_event(struct net *net, const struct nlmsghdr *message)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
	unsigned ifindex;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*link) || !(link->ifi_flags & IFF_RUNNING))
		return;
	ifindex = (unsigned)link->ifi_index;
	kept_refresh_all(&net->kept, kept_is_waiting_on, &ifindex);
}

static int
event_take(const struct nlmsghdr *message, void *arg)
{
	struct net *net = arg;
	struct neigh neigh;
	struct kept *kept;

	if (message->nlmsg_type == RTM_NEWLINK)
		link_event(net, message);
	if (!neigh_parse(message, &neigh))
		return MNL_CB_OK;
	kept = kept_find(&net->kept, &neigh.key);
	if (kept)
		kept_refresh(&net->kept, kept, false);
	return MNL_CB_OK;
}

static void
events_read(evutil_socket_t fd, short what, void *arg)
{
	struct net *net = arg;
	char buffer[EVENT_BYTES];

	(void)fd;
	(void)what;
	for (unsigned i = 0; i < EVENTS_PER_WAKE; i++) {
		ssize_t bytes = mnl_socket_recvfrom(net->events, buffer, sizeof(buffer));

		if (bytes > 0)
			mnl_cb_run(buffer, (size_t)bytes, 0, 0, event_take, net);
		else if (bytes < 0 && errno == ENOBUFS)
			kept_refresh_all(&net->kept, NULL, NULL); /* events were lost */
		else
			return;
	}
}

static void
period_passed(evutil_socket_t fd, short what, void *arg)
{
	struct net *net = arg;

	(void)fd;
	(void)what;
	kept_refresh_all(&net->kept, NULL, NULL);
}

static void
new_kept(evutil_socket_t fd, short what, void *arg)
{
	struct net *net = arg;

	(void)fd;
	(void)what;
	kept_refresh_all(&net->kept, kept_is_new, NULL);
}

static int
events_open(struct net *net)
{
	net->events = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!net->events ||
		mnl_socket_bind(net->events, RTMGRP_NEIGH | RTMGRP_LINK, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	return 0;
}

static int
events_watch(struct net *net, struct event_base *base)
{
	const struct timeval period = {.tv_sec = KEEP_PERIOD_S};

	net->on_events = event_new(
		base, mnl_socket_get_fd(net->events), EV_READ | EV_PERSIST, events_read, net);
	net->on_period = event_new(base, -1, EV_PERSIST, period_passed, net);
	net->on_kept = event_new(base, -1, 0, new_kept, net);
	if (!net->on_events || !net->on_period || !net->on_kept)
		return -ENOMEM;
	if (event_add(net->on_events, NULL) < 0 || event_add(net->on_period, &period) < 0)
		return -EIO;
	return 0;
}

struct net *
net_create(struct event_base *base, net_changed_fn changed, void *arg, struct fault *fault)
{
	struct net *net = calloc(1, sizeof(*net));
	int ret;

	if (!net) {
		fault_set(fault, FAULT_INTERNAL, "", "netlink: %s", strerror(ENOMEM));
		return NULL;
	}
	net->kept = (struct kept_set){.request = &net->request, .changed = changed, .arg = arg};
	ret = request_open(&net->request);
	if (ret == 0)
		ret = events_open(net);
	if (ret == 0)
		ret = events_watch(net, base);
	if (ret == 0)
		return net;
	fault_set(fault, FAULT_INTERNAL, "", "netlink: cannot watch the kernel's tables: %s",
		strerror(-ret));
	net_destroy(net);
	return NULL;
}

int
net_resolve(struct net *net, struct net_hop *hops, size_t n, unsigned timeout_ms)
{
	return resolve_hops(&net->request, hops, n, timeout_ms);
}

int
net_keep(struct net *net, unsigned ifindex, uint8_t family, const uint8_t address[16])
{
	struct neigh_key key;

	if (address_is_multicast(family, address))
		return 0;
	neigh_key_init(&key, ifindex, family, address);
	if (!kept_add(&net->kept, &key))
		return -ENOMEM;
	event_active(net->on_kept, 0, 0);
	return 0;
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
	if (net->on_kept)
		event_free(net->on_kept);
	if (net->on_period)
		event_free(net->on_period);
	if (net->on_events)
		event_free(net->on_events);
	if (net->events)
		mnl_socket_close(net->events);
	request_close(&net->request);
	free(net);
}
