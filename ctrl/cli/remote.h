/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The way to a sluiced on another host: TCP with TLS, and a certificate on both sides. The far
 * end's certificate must be of the authority given, and for the name or address that was asked for.
 */
#ifndef CTRL_CLI_REMOTE_H
#define CTRL_CLI_REMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Where to, and who we are. Texts are borrowed. */
struct remote_target {
	const char *endpoint; /* "host:port", "192.0.2.1:7878", "[2001:db8::1]:7878"; NULL: none */
	const char *certificate; /* PEM files */
	const char *key;
	const char *ca;
};

struct remote;

/*
 * Connect within timeout_ms. On failure NULL, with a sentence in why that says what is wrong and
 * what to do about it.
 */
struct remote *remote_open(
	const struct remote_target *target, unsigned timeout_ms, char *why, size_t why_size);

/* NULL is allowed. */
void remote_close(struct remote *remote);

int remote_fd(const struct remote *remote); /* to poll; it does not block */

/* Has something been received that remote_read() would give at once? */
bool remote_readable(struct remote *remote);

/* Why the connection has gone, for people; "" when that is not known, or it has not. */
const char *remote_reason(const struct remote *remote);

/* Bytes written or read; 0: wait and try again; -1: the connection has gone. */
ssize_t remote_write(struct remote *remote, const void *bytes, size_t length);
ssize_t remote_read(struct remote *remote, void *bytes, size_t room);

#endif
