/* SPDX-License-Identifier: BSD-3-Clause */
#include "load_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ROOM_FIRST 65536
#define SHOWN_BYTES 400 /* of a reply that is an error */

static int
refuse(const char *what, const char *why)
{
	fprintf(stderr, "control-load: %s: %s\n", what, why);
	return -1;
}

int
load_client_init(struct load_client *client, const char *socket_path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memset(client, 0, sizeof(*client));
	client->fd = -1;
	if (strlen(socket_path) >= sizeof(address.sun_path))
		return refuse(socket_path, "too long for a socket's path");
	strcpy(address.sun_path, socket_path);
	client->reply = malloc(ROOM_FIRST);
	client->room = ROOM_FIRST;
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!client->reply || client->fd < 0)
		return refuse("socket", strerror(errno));
	if (connect(client->fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return refuse(socket_path, strerror(errno));
	return 0;
}

void
load_client_fini(struct load_client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	free(client->reply);
}

int
load_client_send(struct load_client *client, const struct load_text *request)
{
	size_t sent = 0;

	client->n_reply = 0;
	while (sent < request->bytes) {
		ssize_t n =
			send(client->fd, request->text + sent, request->bytes - sent, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return refuse("send", strerror(errno));
		sent += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int
room_make(struct load_client *client)
{
	char *reply;

	if (client->n_reply < client->room)
		return 0;
	reply = realloc(client->reply, client->room * 2);
	if (!reply)
		return refuse("reply", strerror(errno));
	client->reply = reply;
	client->room *= 2;
	return 0;
}

/* The members of a reply come in this order, so a look at its beginning tells. */
static int
reply_check(const struct load_client *client)
{
	static const char error[] = "{\"jsonrpc\":\"2.0\",\"error\"";

	if (strncmp(client->reply, error, sizeof(error) - 1) != 0)
		return 1;
	fprintf(stderr, "control-load: %.*s\n", SHOWN_BYTES, client->reply);
	return -1;
}

int
load_client_receive(struct load_client *client)
{
	ssize_t n;

	if (room_make(client) < 0)
		return -1;
	n = recv(client->fd, client->reply + client->n_reply, client->room - client->n_reply, 0);
	if (n < 0 && errno == EINTR)
		return 0;
	if (n <= 0)
		return refuse("receive", n ? strerror(errno) : "the connection was closed");
	client->n_reply += (size_t)n;
	if (client->reply[client->n_reply - 1] != '\n')
		return 0;
	client->reply[client->n_reply - 1] = '\0';
	return reply_check(client);
}

int
load_client_call(struct load_client *client, const struct load_text *request)
{
	int rc;

	if (load_client_send(client, request) < 0)
		return -1;
	do {
		rc = load_client_receive(client);
	} while (rc == 0);
	return rc < 0 ? -1 : 0;
}
