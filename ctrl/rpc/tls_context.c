/* SPDX-License-Identifier: BSD-3-Clause */
/* Each file is read by itself first, so that the message names the one that is wrong. */
#include "rpc/tls_context.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/err.h>

/* Suites of TLS 1.2 with forward secrecy and authenticated encryption; 1.3 has no others. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

const char *
tls_reason(void)
{
	unsigned long error = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(error);

	if (!reason && ERR_SYSTEM_ERROR(error))
		reason = strerror(ERR_GET_REASON(error));
	ERR_clear_error();
	return reason ? reason : "no reason given";
}

static int
refuse(struct fault *fault, const char *field, const char *path, const char *why)
{
	return fault_set(fault, FAULT_INVALID_VALUE, field, "%s: %s: %s", field, path, why);
}

static int
certificate_load(SSL_CTX *context, const struct tls_config *config, struct fault *fault)
{
	if (SSL_CTX_use_certificate_chain_file(context, config->certificate) == 1)
		return 0;
	return refuse(fault, "/tls/certificate", config->certificate, tls_reason());
}

/* A key that everybody may read is nobody's. */
static int
key_load(SSL_CTX *context, const struct tls_config *config, struct fault *fault)
{
	const char *path = config->key;
	struct stat found;

	if (stat(path, &found) < 0)
		return refuse(fault, "/tls/key", path, strerror(errno));
	if (found.st_mode & (S_IROTH | S_IWOTH))
		return refuse(fault, "/tls/key", path,
			"anybody may read or write it, expected mode 0600 or 0640");
	if (SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM) != 1)
		return refuse(fault, "/tls/key", path, tls_reason());
	if (SSL_CTX_check_private_key(context) != 1)
		return refuse(fault, "/tls/key", path, "it is not the key of /tls/certificate");
	return 0;
}

static int
ca_load(SSL_CTX *context, const struct tls_config *config, struct fault *fault)
{
	STACK_OF(X509_NAME) * names;

	if (SSL_CTX_load_verify_file(context, config->ca) != 1)
		return refuse(fault, "/tls/ca", config->ca, tls_reason());
	names = SSL_load_client_CA_file(config->ca);
	if (!names)
		return refuse(fault, "/tls/ca", config->ca, tls_reason());
	SSL_CTX_set_client_CA_list(context, names);
	return 0;
}

SSL_CTX *
tls_context_create(const struct tls_config *config, struct fault *fault)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	if (!context) {
		fault_set(fault, FAULT_NO_ROOM, "/tls", "/tls: %s", tls_reason());
		return NULL;
	}
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_cipher_list(context, CIPHERS);
	SSL_CTX_set_options(context,
		SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	/* A role may have been taken away since: every connection shows its certificate anew. */
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(context, 0);
	SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
	/* Idle connections hold no buffers. */
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	if (certificate_load(context, config, fault) == 0 &&
		key_load(context, config, fault) == 0 && ca_load(context, config, fault) == 0)
		return context;
	SSL_CTX_free(context);
	return NULL;
}
