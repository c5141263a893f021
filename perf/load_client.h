/* SPDX-License-Identifier: BSD-3-Clause */
/* A client of the control socket that costs little: requests go out as texts made before. */
#ifndef PERF_LOAD_CLIENT_H
#define PERF_LOAD_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

struct load_client {
	int fd;
	char *reply; /* the line that is coming in */
	size_t n_reply;
	size_t room;
};

struct load_text {
	char *text; /* with its line feed */
	size_t bytes;
};

/* Connect. 0, or -1 after a message on standard error, as in all that follows. */
int load_client_init(struct load_client *client, const char *socket_path);
void load_client_fini(struct load_client *client);

int load_client_send(struct load_client *client, const struct load_text *request);

/*
 * Read what there is, at least a byte. 1: a reply is whole (client->reply, terminated, until the
 * next call), and it is no error; 0: it is not whole yet.
 */
int load_client_receive(struct load_client *client);

/* Send, and wait for the reply. */
int load_client_call(struct load_client *client, const struct load_text *request);

#endif
