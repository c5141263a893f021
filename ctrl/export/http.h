/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The HTTP or HTTPS server of metrics: GET and HEAD of /metrics, by libmicrohttpd, from within the
 * event loop of control. An exposition is made as fast as its client reads it, a millisecond at a
 * time.
 */
#ifndef CTRL_EXPORT_HTTP_H
#define CTRL_EXPORT_HTTP_H

#include <event2/event.h>

#include "export/metrics.h"

#define HTTP_CONNECTIONS_MAX 32 /* more wait until one is closed */
#define HTTP_CONNECTIONS_ADDRESS 8 /* of one address; more are closed at once */
#define HTTP_REQUEST_S \
	30 /* that a connection may take for a request, idle time before included \
	    */
#define HTTP_TOKEN_MIN 16 /* characters */
#define HTTP_TOKEN_MAX 256

struct http;

/*
 * Listen where the configuration in `source` says. base and source are borrowed and must outlive
 * it. NULL: *fault says why. All functions: control thread.
 */
struct http *http_create(
	struct event_base *base, const struct metrics_source *source, struct fault *fault);

/*
 * Read token and certificates again, and close all connections. -1 with *fault set: what is in use
 * stays, as a rule. NULL is allowed.
 */
int http_reload(struct http *http, struct fault *fault);

/* Close all connections. NULL is allowed. */
void http_destroy(struct http *http);

#endif
