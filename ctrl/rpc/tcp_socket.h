/* SPDX-License-Identifier: BSD-3-Clause */
/* A listening TCP socket at an address that people write. */
#ifndef CTRL_RPC_TCP_SOCKET_H
#define CTRL_RPC_TCP_SOCKET_H

#include <stddef.h>

#include "base/fault.h"

/*
 * Listen at "192.0.2.1:7878" or "[2001:db8::1]:7878", not blocking, closed on exec. Returns the
 * descriptor, for the caller to close, or -1 with *fault set.
 */
int tcp_socket_listen(const char *text, struct fault *fault);

/* For a connection that was taken in: no delay of small replies, and a dead peer is noticed. */
void tcp_socket_tune(int fd);

/* The address and port of the peer, as 192.0.2.1:7878 or [2001:db8::1]:7878; "?" if unknown. */
void tcp_socket_peer(int fd, char *text, size_t size);

#endif
