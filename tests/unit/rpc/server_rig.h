/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The real socket, server and clients in one thread: the loop is turned while a client waits.
 * Methods: echo (viewer), big (viewer; BIG_BYTES of text), later (admin; defers).
 */
#ifndef TESTS_RPC_SERVER_RIG_H
#define TESTS_RPC_SERVER_RIG_H

#include <stdbool.h>

#include "rpc/server.h"

#define PATIENCE_MS 3000
#define QUIET_MS 30 /* how long to listen for what should not come */
#define BIG_BYTES 100000

struct server_rig {
	char path[64]; /* of the socket */
	struct event_base *base;
	struct rpc_service *service;
	struct rpc_server *server;
	unsigned n_calls; /* of all methods */
	struct rpc_call *waiting; /* the last call of later */
};

extern const struct rpc_limits server_rig_limits; /* 200 bytes, depth 6, 3 connections */

struct server_rig *rig(void);

/* Another server of the rig's service, over Unix sockets only. */
struct rpc_server *server_rig_listen(
	const char *path, const struct rpc_limits *limits, struct fault *fault);

void server_rig_setup(void);
void server_rig_teardown(void);
void loop_turn(void);

int client_open(void);
void client_say(int fd, const char *text);

/* Turn the loop until fd is readable or has hung up, or for so long. */
bool client_wait(int fd, int patience_ms);

/* The next line without its line feed; "" at the end of the stream. Valid until the next. */
const char *client_line(int fd);

/* The next line must have that text in it. */
void line_has(int fd, const char *text);

/* Send an echo request and see its answer. */
void echo_works(int fd);

/* Read what has come, turning the loop, until so many lines have been seen. */
unsigned lines_drain(int fd, unsigned n_lines);

#endif
