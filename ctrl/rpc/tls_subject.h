/* SPDX-License-Identifier: BSD-3-Clause */
/* Whom a certificate is about, and the role that the configuration gives that one. */
#ifndef CTRL_RPC_TLS_SUBJECT_H
#define CTRL_RPC_TLS_SUBJECT_H

#include <openssl/x509.h>

#include "config/access.h"

/*
 * The holder of a certificate that was verified: named after its common name, or an alternative
 * name when it has none; role by the first entry that fits, ROLE_NONE when none does.
 */
void tls_subject_read(X509 *certificate, const struct tls_config *config, struct actor *actor);

#endif
