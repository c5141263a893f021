/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One rtnetlink socket for questions and answers, apart from the one for notifications: there an
 * answer could be lost in a flood, here nothing arrives but what was asked for.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "net/request.h"

#define ANSWER_WAIT_MS 1000
#define ANSWER_BYTES 32768 /* the kernel fills dump answers up to this */

int
request_open(struct request *request)
{
	int ret;

	memset(request, 0, sizeof(*request));
	request->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!request->socket)
		return -errno;
	if (mnl_socket_bind(request->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		ret = -errno;
		request_close(request);
		return ret;
	}
	request->port_id = mnl_socket_get_portid(request->socket);
	return 0;
}

void
request_close(struct request *request)
{
	if (request->socket)
		mnl_socket_close(request->socket);
	request->socket = NULL;
}

struct nlmsghdr *
request_begin(char buffer[REQUEST_BYTES], uint16_t type, uint16_t flags, size_t body_size)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

	if ((flags & NLM_F_DUMP) != NLM_F_DUMP)
		flags |= NLM_F_ACK;
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	mnl_nlmsg_put_extra_header(message, body_size);
	return message;
}

/* Returns >0 when more is to come, 0 when the answer is complete, or a negative errno. */
static int
answer_receive(struct request *request, unsigned sequence, mnl_cb_t answer, void *arg)
{
	struct pollfd ready = {.fd = mnl_socket_get_fd(request->socket), .events = POLLIN};
	char buffer[ANSWER_BYTES];
	ssize_t bytes;
	int ret;

	ret = poll(&ready, 1, ANSWER_WAIT_MS);
	if (ret < 0 && errno == EINTR)
		return 1;
	if (ret <= 0)
		return ret < 0 ? -errno : -ETIMEDOUT;
	bytes = mnl_socket_recvfrom(request->socket, buffer, sizeof(buffer));
	if (bytes < 0)
		return errno == EAGAIN || errno == EINTR ? 1 : -errno;
	ret = mnl_cb_run(buffer, (size_t)bytes, sequence, request->port_id, answer, arg);
	if (ret >= 0)
		return ret;
	/* Left over from a question that was given up. */
	return errno == EPROTO ? 1 : -errno;
}

int
request_ask(struct request *request, struct nlmsghdr *message, mnl_cb_t answer, void *arg)
{
	unsigned sequence = ++request->sequence;
	int ret;

	message->nlmsg_seq = sequence;
	if (mnl_socket_sendto(request->socket, message, message->nlmsg_len) < 0)
		return -errno;
	do {
		ret = answer_receive(request, sequence, answer, arg);
	} while (ret > 0);
	return ret;
}
