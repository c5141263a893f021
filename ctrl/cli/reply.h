/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The envelope of a JSON-RPC 2.0 reply (its section 5): take the result out, or say in one line
 * what the daemon refused. No I/O.
 */
#ifndef CTRL_CLI_REPLY_H
#define CTRL_CLI_REPLY_H

#include <jansson.h>

#include "cli/client.h"

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
