/* SPDX-License-Identifier: BSD-3-Clause */
#include "rpc/listener.h"

#include <stdlib.h>

#include <event2/listener.h>

/* How long to leave the socket alone when the process has no descriptors left. */
static const struct timeval pause_time = {.tv_usec = 200000};

struct listener {
	struct evconnlistener *socket;
	struct event *resume; /* after a pause */
	listener_fn accepted;
	void *arg;
};

static void
on_accept(struct evconnlistener *socket, evutil_socket_t fd, struct sockaddr *address,
	int address_bytes, void *arg)
{
	const struct listener *listener = arg;

	(void)socket;
	(void)address;
	(void)address_bytes;
	listener->accepted(listener->arg, fd);
}

static void
on_accept_error(struct evconnlistener *socket, void *arg)
{
	struct listener *listener = arg;

	evconnlistener_disable(socket);
	evtimer_add(listener->resume, &pause_time);
}

static void
on_resume(evutil_socket_t fd, short what, void *arg)
{
	const struct listener *listener = arg;

	(void)fd;
	(void)what;
	evconnlistener_enable(listener->socket);
}

struct listener *
listener_create(struct event_base *base, int listening_fd, listener_fn accepted, void *arg)
{
	struct listener *listener = calloc(1, sizeof(*listener));

	if (!listener)
		return NULL;
	listener->accepted = accepted;
	listener->arg = arg;
	listener->resume = evtimer_new(base, on_resume, listener);
	if (listener->resume)
		listener->socket = evconnlistener_new(base, on_accept, listener,
			LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, listening_fd);
	if (!listener->socket) {
		listener_destroy(listener);
		return NULL;
	}
	evconnlistener_set_error_cb(listener->socket, on_accept_error);
	return listener;
}

void
listener_destroy(struct listener *listener)
{
	if (!listener)
		return;
	if (listener->socket)
		evconnlistener_free(listener->socket);
	if (listener->resume)
		event_free(listener->resume);
	free(listener);
}
