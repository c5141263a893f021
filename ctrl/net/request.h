/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Asking the kernel over rtnetlink and getting its answer at once. The kernel has answered by the
 * time the question is sent, so this does not block the control thread. Control thread only.
 */
#ifndef CTRL_NET_REQUEST_H
#define CTRL_NET_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include <libmnl/libmnl.h>

struct request {
	struct mnl_socket *socket;
	unsigned port_id;
	unsigned sequence;
};

/* 0 or a negative errno, and then there is nothing to close. */
int request_open(struct request *request);
void request_close(struct request *request);

/*
 * Begin a message in `buffer` with a body of `body_size` zero bytes. NLM_F_REQUEST is added to
 * `flags`, and NLM_F_ACK unless it is a dump. The result points into the buffer.
 */
#define REQUEST_BYTES 512
struct nlmsghdr *request_begin(
	char buffer[REQUEST_BYTES], uint16_t type, uint16_t flags, size_t body_size);

/*
 * Send the message and hand each answer to `answer` (NULL: none is expected), which returns
 * MNL_CB_OK. Returns 0, or the kernel's refusal as a negative errno.
 */
int request_ask(struct request *request, struct nlmsghdr *message, mnl_cb_t answer, void *arg);

#endif
