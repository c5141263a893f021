/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON-RPC 2.0 over sluiced's Unix stream socket, or TLS, one JSON text a line, one call at a time.
 * The connection is made by the first call and kept; after a failure the next call makes a new one.
 */
#ifndef CTRL_CLI_CLIENT_H
#define CTRL_CLI_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <jansson.h>

/* Where to, and who we are. Texts are borrowed. */
struct remote_target {
	const char *endpoint; /* "host:port", "192.0.2.1:7878", "[2001:db8::1]:7878"; NULL: none */
	const char *certificate; /* PEM files */
	const char *key;
	const char *ca;
};

/* Values are sluicectl's exit codes, see enum cli_exit. */
enum client_status {
	CLIENT_REFUSED = 1, /* an error object came back */
	CLIENT_WRONG = 2, /* one that says that the request itself is wrong */
	CLIENT_UNREACHABLE = 3, /* no connection */
	CLIENT_BROKEN = 4, /* time-out, lost connection, or not a reply to the call */
};

struct client_error {
	enum client_status status;
	char name[32]; /* of the refusal: "NOT_FOUND"; "" otherwise */
	char pointer[256]; /* of the refusal: the part of the parameters at fault */
	char message[768]; /* of the refusal: its sentence alone */
	char text[1024]; /* for people, without the program's name */
};

struct progress;

struct client {
	const char *path; /* of the socket; borrowed; the endpoint when that is remote */
	struct remote_target target; /* its endpoint NULL: the socket */
	struct bio_st *wire; /* the connection; NULL: none */
	char reason[128]; /* why it has ended, for people; "": unknown */
	unsigned timeout_ms; /* for one call, connecting included */
	bool verbatim; /* replies are data for programs; else their texts are made safe to show */
	struct progress *progress; /* shown while a reply is waited for; NULL: disabled */
	json_int_t last_id;
	char *buffer; /* bytes received, not yet taken */
	size_t length;
	size_t searched; /* of them, without a line's end */
	size_t room;
};

void client_init(struct client *client, const char *path, unsigned timeout_ms);
void client_fini(struct client *client);

/*
 * Call `method`. The reference to params is taken over. Returns a new reference to the result,
 * always an object; or NULL with *error filled.
 */
json_t *client_call(
	struct client *client, const char *method, json_t *params, struct client_error *error);

/* Fill *error with a status and a printf-style text, made safe to be shown. Always returns -1. */
int client_error_set(struct client_error *error, enum client_status status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * The result, an object, of the reply to call `id`, as a new reference; or NULL with *error set:
 * CLIENT_REFUSED and "NAME at POINTER: message", or CLIENT_BROKEN.
 */
json_t *reply_result(json_t *reply, json_int_t id, struct client_error *error);

/*
 * Make all strings and names in a message what text_escape() makes of them: what peers and the
 * kernel wrote reaches a terminal by no view. Names that are the same then become one.
 */
void reply_make_safe(json_t *message);

#endif
