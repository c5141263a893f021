/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/watch.h"

#include <errno.h>
#include <sys/socket.h>

#include <linux/rtnetlink.h>

#define EVENT_BYTES 8192
#define EVENTS_PER_WAKE 64 /* receptions before others of the loop have their turn */
#define SOCKET_BYTES (1 << 20) /* beyond it events are lost, and everything is asked again */

static const int groups[] = {
	RTNLGRP_LINK,
	RTNLGRP_NEIGH,
	RTNLGRP_IPV4_IFADDR,
	RTNLGRP_IPV6_IFADDR,
	RTNLGRP_IPV4_ROUTE,
	RTNLGRP_IPV6_ROUTE,
	RTNLGRP_IPV4_RULE,
	RTNLGRP_IPV6_RULE,
	RTNLGRP_NEXTHOP,
};

static int
message_take(const struct nlmsghdr *message, void *arg)
{
	const struct watch *watch = arg;

	watch->message(watch->arg, message);
	return MNL_CB_OK;
}

static void
events_read(evutil_socket_t fd, short what, void *arg)
{
	struct watch *watch = arg;
	char buffer[EVENT_BYTES];

	(void)fd;
	(void)what;
	for (unsigned i = 0; i < EVENTS_PER_WAKE; i++) {
		ssize_t bytes = mnl_socket_recvfrom(watch->socket, buffer, sizeof(buffer));

		if (bytes > 0)
			mnl_cb_run(buffer, (size_t)bytes, 0, 0, message_take, watch);
		else if (bytes < 0 && errno == ENOBUFS)
			watch->lost(watch->arg);
		else
			return;
	}
}

/* RTNLGRP_NEXTHOP is above what a mask of groups can hold, so each is joined by itself. */
static int
groups_join(struct mnl_socket *socket)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		int group = groups[i];

		if (mnl_socket_setsockopt(socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) <
			0)
			return -errno;
	}
	return 0;
}

static int
socket_open(struct watch *watch)
{
	const int bytes = SOCKET_BYTES;

	watch->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!watch->socket || mnl_socket_bind(watch->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	/* Less of it costs no more than asking again when events are lost. */
	(void)setsockopt(mnl_socket_get_fd(watch->socket), SOL_SOCKET, SO_RCVBUFFORCE, &bytes,
		sizeof(bytes));
	return groups_join(watch->socket);
}

int
watch_open(struct watch *watch, struct event_base *base)
{
	int ret = socket_open(watch);

	if (ret == 0) {
		watch->readable = event_new(base, mnl_socket_get_fd(watch->socket),
			EV_READ | EV_PERSIST, events_read, watch);
		if (!watch->readable)
			ret = -ENOMEM;
		else if (event_add(watch->readable, NULL) < 0)
			ret = -EIO;
	}
	if (ret < 0)
		watch_close(watch);
	return ret;
}

void
watch_close(struct watch *watch)
{
	if (watch->readable)
		event_free(watch->readable);
	if (watch->socket)
		mnl_socket_close(watch->socket);
	watch->readable = NULL;
	watch->socket = NULL;
}
