/* SPDX-License-Identifier: BSD-3-Clause */
/* The files of the TLS listener, made into an OpenSSL context. */
#ifndef CTRL_RPC_TLS_CONTEXT_H
#define CTRL_RPC_TLS_CONTEXT_H

#include <openssl/ssl.h>

#include "config/access.h"

/*
 * A context for servers: TLS 1.2 or later, a client must come with a certificate of the
 * authorities. NULL with *fault set, its pointer and message naming the field of the configuration.
 */
SSL_CTX *tls_context_create(const struct tls_config *config, struct fault *fault);

/* The reason of the last failure of OpenSSL on this thread, and forget it. Static storage. */
const char *tls_reason(void);

#endif
