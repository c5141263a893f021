/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TLS: mutual certificates, handshakes with a time limit, and then a stream like that
 * of a local client. What fails before its handshake is complete never becomes a connection.
 */
#ifndef CTRL_RPC_TLS_H
#define CTRL_RPC_TLS_H

#include <sys/socket.h>

#include <event2/bufferevent.h>

#include "base/fault.h"
#include "config/config.h"

#define TLS_HANDSHAKES_MAX 64 /* at a time; of more, the oldest is closed */
#define TLS_HANDSHAKE_MS 10000 /* that one may take */

struct tls;

/* A client has shown who it is; stream is the callee's from now on. */
typedef void (*tls_client_fn)(void *arg, struct bufferevent *stream, const struct actor *actor);

/*
 * Handshakes in base's loop; base and config are borrowed. Failed ones are logged, a few a minute
 * at most. NULL: *fault says why, naming the field of the configuration. All functions of
 * this header: control thread.
 */
struct tls *tls_create(struct event_base *base, const struct tls_config *config,
	tls_client_fn client, void *arg, struct fault *fault);

/* Begin the handshake of a connection that was accepted; takes fd over. */
void tls_accept(struct tls *tls, int fd);

/* Close the connections whose handshake is not complete. NULL is allowed. */
void tls_destroy(struct tls *tls);

/*
 * Read the files again, for new connections. -1 with *fault set when one is not in order: then the
 * old ones stay. NULL is allowed.
 */
int tls_reload(struct tls *tls, struct fault *fault);

/* Send close_notify, before the stream is freed, if it is one of TLS. */
void tls_goodbye(struct bufferevent *stream);

#endif
