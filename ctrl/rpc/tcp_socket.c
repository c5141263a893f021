/* SPDX-License-Identifier: BSD-3-Clause */
#include "rpc/tcp_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 128
#define KEEPALIVE_IDLE_S 60
#define KEEPALIVE_PROBE_S 20
#define KEEPALIVE_PROBES 3

union address {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
};

/* Host and port apart, brackets taken off. -1: it is not of that form. */
static int
text_split(const char *text, char *host, size_t host_size, uint16_t *port)
{
	const char *colon = strrchr(text, ':');
	size_t bytes = colon ? (size_t)(colon - text) : 0;
	char *end;
	unsigned long number;

	if (!colon || colon[1] < '0' || colon[1] > '9')
		return -1;
	number = strtoul(colon + 1, &end, 10);
	if (*end || number > UINT16_MAX)
		return -1;
	*port = (uint16_t)number;
	if (bytes >= 2 && text[0] == '[' && text[bytes - 1] == ']') {
		text++;
		bytes -= 2;
	}
	if (!bytes || bytes >= host_size)
		return -1;
	memcpy(host, text, bytes);
	host[bytes] = '\0';
	return 0;
}

/* Returns the length of the address, 0: it is none. */
static socklen_t
address_read(const char *text, union address *address)
{
	char host[INET6_ADDRSTRLEN];
	uint16_t port;

	memset(address, 0, sizeof(*address));
	if (text_split(text, host, sizeof(host), &port) < 0)
		return 0;
	if (text[0] != '[' && inet_pton(AF_INET, host, &address->ipv4.sin_addr) == 1) {
		address->ipv4.sin_family = AF_INET;
		address->ipv4.sin_port = htons(port);
		return sizeof(address->ipv4);
	}
	if (text[0] != '[' || inet_pton(AF_INET6, host, &address->ipv6.sin6_addr) != 1)
		return 0;
	address->ipv6.sin6_family = AF_INET6;
	address->ipv6.sin6_port = htons(port);
	return sizeof(address->ipv6);
}

int
tcp_socket_listen(const char *text, struct fault *fault)
{
	const int yes = 1;
	union address address;
	socklen_t bytes = address_read(text, &address);
	int error;
	int fd;

	if (!bytes)
		return fault_set(fault, FAULT_INVALID_VALUE, "/tls/listen",
			"/tls/listen: found %s, expected ADDRESS:PORT, as 192.0.2.1:7878 or "
			"[2001:db8::1]:7878",
			text);
	fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		/* Connections of an earlier process that linger are no reason not to start. */
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
		if (bind(fd, &address.any, bytes) == 0 && listen(fd, BACKLOG) == 0)
			return fd;
	}
	error = errno;
	if (fd >= 0)
		close(fd);
	return fault_set(fault, error == EADDRINUSE ? FAULT_CONFLICT : FAULT_INVALID_VALUE,
		"/tls/listen", "/tls/listen: cannot listen at %s: %s", text, strerror(error));
}

void
tcp_socket_tune(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{IPPROTO_TCP, TCP_NODELAY, 1},
		{SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
		{IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_PROBE_S},
		{IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES},
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		setsockopt(fd, options[i].level, options[i].name, &options[i].value,
			sizeof(options[i].value));
}

void
tcp_socket_peer(int fd, char *text, size_t size)
{
	union address address;
	socklen_t bytes = sizeof(address);
	char host[INET6_ADDRSTRLEN];

	snprintf(text, size, "?");
	if (getpeername(fd, &address.any, &bytes) < 0)
		return;
	if (address.any.sa_family == AF_INET &&
		inet_ntop(AF_INET, &address.ipv4.sin_addr, host, sizeof(host)))
		snprintf(text, size, "%s:%u", host, ntohs(address.ipv4.sin_port));
	else if (address.any.sa_family == AF_INET6 &&
		 inet_ntop(AF_INET6, &address.ipv6.sin6_addr, host, sizeof(host)))
		snprintf(text, size, "[%s]:%u", host, ntohs(address.ipv6.sin6_port));
}
