/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel's notifications of links, addresses, routes, rules, next-hop objects and neighbours,
 * read by the event loop some at a time. Control thread.
 */
#ifndef CTRL_NET_WATCH_H
#define CTRL_NET_WATCH_H

#include <event2/event.h>
#include <libmnl/libmnl.h>

struct watch {
	struct mnl_socket *socket;
	struct event *readable;
	void (*message)(void *arg, const struct nlmsghdr *message);
	void (*lost)(void *arg); /* more came than the socket holds: anything may have changed */
	void *arg;
};

/* message, lost and arg are set. 0 or a negative errno, and then nothing is left open. */
int watch_open(struct watch *watch, struct event_base *base);

/* What is not open is ignored. */
void watch_close(struct watch *watch);

#endif
