/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Resolution in three steps: name the neighbour of each hop, look it up, and for those that the
 * kernel does not know yet kick it and wait for what it finds. The waiting is done on a socket of
 * its own: notifications of the event loop stay there for it to read, so no callback runs inside
 * an installation. The socket joins the group before the table is read for the second time, so
 * nothing falls between reading and listening.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include <linux/if_ether.h>
#include <linux/rtnetlink.h>

#include "net/link.h"
#include "net/neigh.h"
#include "net/resolve.h"
#include "net/route.h"

#define PENDING (-EINPROGRESS) /* error of a hop while it is being worked on */
#define EVENT_BYTES 8192

struct resolution {
	struct request *request;
	struct net_hop *hops;
	size_t n;
};

/* Step from hop->out_ifindex to the interface of one of its tags upon it. */
static int
tag_step(struct request *request, struct link_vlans *vlans, struct net_hop *hop, uint16_t tpid,
	uint16_t id)
{
	const int ifindex = id ? link_vlan_find(request, vlans, hop->out_ifindex, tpid, id)
			       : (int)hop->out_ifindex;

	hop->out_ifindex = ifindex > 0 ? (unsigned)ifindex : 0;
	if (ifindex < 0)
		return ifindex;
	return ifindex == 0 ? -ENETUNREACH : 0;
}

/* Settle which neighbour the hop means. Multicast is settled for good: RFC 1112, RFC 2464. */
static int
hop_aim(struct request *request, struct link_vlans *vlans, struct net_hop *hop)
{
	const uint8_t *dst = hop->has_gateway ? hop->gateway : hop->dst;
	int ret;

	hop->out_ifindex = hop->ifindex;
	memset(hop->address, 0, sizeof(hop->address));
	memcpy(hop->address, dst, address_size(hop->family));
	if (address_is_void(hop->family, hop->dst) || address_is_void(hop->family, dst))
		return -EADDRNOTAVAIL;
	if (address_is_multicast(hop->family, dst)) {
		address_multicast_mac(hop->family, dst, hop->mac);
		return 0;
	}
	ret = tag_step(request, vlans, hop, ETH_P_8021AD, hop->outer_vlan);
	if (ret == 0)
		ret = tag_step(request, vlans, hop, ETH_P_8021Q, hop->vlan);
	if (ret == 0 && !hop->has_gateway)
		ret = route_next_hop(
			request, hop->out_ifindex, hop->family, hop->dst, hop->address);
	return ret < 0 ? ret : PENDING;
}

/* What the neighbour's state means for the hop. A failure counts only once it was kicked. */
static void
hop_settle(struct net_hop *hop, const struct neigh *neigh, bool kicked)
{
	if (neigh_is_usable(neigh)) {
		memcpy(hop->mac, neigh->mac, sizeof(hop->mac));
		hop->error = 0;
	} else if (kicked && neigh_is_failed(neigh)) {
		hop->error = -EHOSTUNREACH;
	}
}

static void
hop_look(struct request *request, struct net_hop *hop, bool kick)
{
	struct neigh_key key;
	struct neigh neigh;
	int ret;

	neigh_key_init(&key, hop->out_ifindex, hop->family, hop->address);
	ret = neigh_get(request, &key, &neigh);
	if (ret == 0)
		hop_settle(hop, &neigh, false);
	if (ret == 0 && kick && hop->error == PENDING && neigh_wants_kick(&neigh))
		ret = neigh_kick(request, &key);
	if (ret < 0)
		hop->error = ret == -ENETDOWN || ret == -ENODEV ? -ENETUNREACH : ret;
}

/* Look at all that are pending; returns how many still are. */
static size_t
pending_look(const struct resolution *resolution, bool kick)
{
	size_t pending = 0;

	for (size_t i = 0; i < resolution->n; i++) {
		struct net_hop *hop = &resolution->hops[i];

		if (hop->error == PENDING)
			hop_look(resolution->request, hop, kick);
		pending += hop->error == PENDING;
	}
	return pending;
}

static int
pending_event(const struct nlmsghdr *message, void *arg)
{
	const struct resolution *resolution = arg;
	struct neigh neigh;

	if (!neigh_parse(message, &neigh))
		return MNL_CB_OK;
	for (size_t i = 0; i < resolution->n; i++) {
		struct net_hop *hop = &resolution->hops[i];

		if (hop->error == PENDING && hop->out_ifindex == neigh.key.ifindex &&
			hop->family == neigh.key.family &&
			memcmp(hop->address, neigh.key.address, sizeof(hop->address)) == 0)
			hop_settle(hop, &neigh, true);
	}
	return MNL_CB_OK;
}

static bool
pending_any(const struct resolution *resolution)
{
	for (size_t i = 0; i < resolution->n; i++) {
		if (resolution->hops[i].error == PENDING)
			return true;
	}
	return false;
}

static int64_t
clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Take in events until nothing is pending or the deadline has come. */
static void
pending_wait(struct resolution *resolution, struct mnl_socket *events, int64_t deadline_ms)
{
	struct pollfd ready = {.fd = mnl_socket_get_fd(events), .events = POLLIN};
	char buffer[EVENT_BYTES];

	while (pending_any(resolution)) {
		int64_t left_ms = deadline_ms - clock_ms();
		ssize_t bytes;

		if (left_ms <= 0 || poll(&ready, 1, (int)left_ms) == 0)
			return;
		bytes = mnl_socket_recvfrom(events, buffer, sizeof(buffer));
		if (bytes > 0)
			mnl_cb_run(buffer, (size_t)bytes, 0, 0, pending_event, resolution);
		else if (bytes < 0 && errno == ENOBUFS)
			pending_look(resolution, false); /* events were lost: read the table */
	}
}

/* Kick what is pending and wait for it. */
static int
pending_resolve(struct resolution *resolution, int64_t deadline_ms)
{
	struct mnl_socket *events = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int ret = 0;

	if (!events || mnl_socket_bind(events, RTMGRP_NEIGH, MNL_SOCKET_AUTOPID) < 0)
		ret = -errno;
	else if (pending_look(resolution, true) > 0)
		pending_wait(resolution, events, deadline_ms);
	if (events)
		mnl_socket_close(events);
	return ret;
}

int
resolve_hops(struct request *request, struct net_hop *hops, size_t n, unsigned timeout_ms)
{
	struct resolution resolution = {.request = request, .hops = hops, .n = n};
	int64_t deadline_ms = clock_ms() + timeout_ms;
	struct link_vlans vlans = {0};
	int first = 0;
	int ret = 0;

	for (size_t i = 0; i < n; i++)
		hops[i].error = hop_aim(request, &vlans, &hops[i]);
	link_vlans_fini(&vlans);
	if (pending_look(&resolution, false) > 0)
		ret = pending_resolve(&resolution, deadline_ms);
	for (size_t i = 0; i < n; i++) {
		if (hops[i].error == PENDING)
			hops[i].error = ret < 0 ? ret : -EHOSTUNREACH;
		if (first == 0)
			first = hops[i].error;
	}
	return first;
}
