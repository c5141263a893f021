/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The TLS listener: mutual certificates, handshakes with a time limit, and then a stream like that
 * of a local client. What fails before its handshake is complete never becomes a connection.
 */
#ifndef CTRL_RPC_TLS_H
#define CTRL_RPC_TLS_H

#include <stddef.h>

#include <event2/bufferevent.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/fault.h"
#include "config/access.h"
#include "rpc/audit.h"

/*
 * A context for servers: TLS 1.2 or later, a client must come with a certificate of the
 * authorities. NULL with *fault set, its pointer and message naming the field of the configuration.
 */
SSL_CTX *tls_context_create(const struct tls_config *config, struct fault *fault);

#define TLS_HANDSHAKES_MAX 64 /* at a time; of more, the oldest is hung up on */
#define TLS_HANDSHAKE_MS 10000 /* that one may take */

struct tls;

/* A client has shown who it is; stream is the callee's from now on. */
typedef void (*tls_client_fn)(void *arg, struct bufferevent *stream, const struct actor *actor);

/*
 * Listen as the configuration says, from within base's loop; base and config are borrowed. Failed
 * handshakes are told by warn, a few a minute at most. NULL: *fault says why, naming the field of
 * the configuration. All functions of this header: control thread.
 */
struct tls *tls_create(struct event_base *base, const struct tls_config *config,
	tls_client_fn client, void *arg, audit_warn_fn warn, void *warn_arg, struct fault *fault);

/* Hang up on those that are still shaking hands, and listen no more. NULL is allowed. */
void tls_destroy(struct tls *tls);

/*
 * Read the files anew, for connections that come from now on. -1 with *fault set when one is not
 * in order: then the old ones stay. NULL is allowed.
 */
int tls_reload(struct tls *tls, struct fault *fault);

/* Tell the peer that nothing more comes, before its stream is freed. */
void tls_goodbye(struct bufferevent *stream);

#endif
