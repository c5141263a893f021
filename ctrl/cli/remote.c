/* SPDX-License-Identifier: BSD-3-Clause */
/* See remote.h. Every refusal names the option whose file is wrong. */
#include "cli/remote.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#define HOST_MAX 254 /* characters of a name, RFC 1035 section 2.3.4 */

struct remote {
	int fd;
	SSL_CTX *context;
	SSL *ssl;
	char reason[128]; /* why it has gone; "": unknown */
};

/* What an attempt to connect knows. */
struct attempt {
	struct remote *remote;
	const struct remote_target *target;
	int64_t deadline_ms;
	char host[HOST_MAX];
	const char *port;
	char *why;
	size_t why_size;
};

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int attempt_fail(struct attempt *attempt, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int
attempt_fail(struct attempt *attempt, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(attempt->why, attempt->why_size, format, args);
	va_end(args);
	return -1;
}

static const char *
ssl_reason(void)
{
	unsigned long error = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(error);

	if (!reason && ERR_SYSTEM_ERROR(error))
		reason = strerror(ERR_GET_REASON(error));
	ERR_clear_error();
	return reason ? reason : "the connection broke off";
}

/* The alert that the far end has ended the connection with; NULL: it is none. */
static const char *
alert_name(unsigned long error)
{
	const char *reason = ERR_reason_error_string(error);

	if (ERR_GET_LIB(error) != ERR_LIB_SSL || ERR_GET_REASON(error) < SSL_AD_REASON_OFFSET)
		return NULL;
	reason = reason ? strstr(reason, "alert ") : NULL;
	return reason ? reason + strlen("alert ") : NULL;
}

/* Whether an alert is about the certificate that we have shown, RFC 8446 section 6.2. */
static bool
alert_is_about_us(unsigned long error)
{
	switch (ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET) {
	case SSL_AD_BAD_CERTIFICATE:
	case SSL_AD_UNSUPPORTED_CERTIFICATE:
	case SSL_AD_CERTIFICATE_REVOKED:
	case SSL_AD_CERTIFICATE_EXPIRED:
	case SSL_AD_CERTIFICATE_UNKNOWN:
	case SSL_AD_UNKNOWN_CA:
	case SSL_AD_ACCESS_DENIED:
	case SSL_AD_CERTIFICATE_REQUIRED:
		return true;
	default:
		return false;
	}
}

/* Keep the first alert that the far end has sent; it is gone from the queue of errors then. */
static void
alert_keep(struct remote *remote)
{
	const unsigned long error = ERR_peek_last_error();
	const char *name = alert_name(error);

	if (name && !remote->reason[0])
		snprintf(remote->reason, sizeof(remote->reason), "%s (alert: %s)",
			alert_is_about_us(error) ? "it refused the certificate of --cert"
						 : "it ended TLS",
			name);
	ERR_clear_error();
}

static int
endpoint_split(struct attempt *attempt)
{
	const char *text = attempt->target->endpoint;
	const char *colon = strrchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : 0;

	if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
		text++;
		length -= 2;
	}
	if (!length || length >= sizeof(attempt->host) || !colon[1])
		return attempt_fail(attempt, "expected HOST:PORT, as box.example:7878 or "
					     "[2001:db8::1]:7878");
	memcpy(attempt->host, text, length);
	attempt->host[length] = '\0';
	attempt->port = colon + 1;
	return 0;
}

/* Make a context of the three files. */
static int
context_make(struct attempt *attempt)
{
	const struct remote_target *target = attempt->target;
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	attempt->remote->context = context;
	if (!context)
		return attempt_fail(attempt, "%s", ssl_reason());
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(
		context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (SSL_CTX_use_certificate_chain_file(context, target->certificate) != 1)
		return attempt_fail(attempt, "--cert %s: %s", target->certificate, ssl_reason());
	if (SSL_CTX_use_PrivateKey_file(context, target->key, SSL_FILETYPE_PEM) != 1 ||
		SSL_CTX_check_private_key(context) != 1)
		return attempt_fail(attempt, "--key %s: %s", target->key, ssl_reason());
	if (SSL_CTX_load_verify_file(context, target->ca) != 1)
		return attempt_fail(attempt, "--ca %s: %s", target->ca, ssl_reason());
	return 0;
}

static int
attempt_wait(struct attempt *attempt, short events)
{
	struct pollfd pollfd = {.fd = attempt->remote->fd, .events = events};
	int64_t left_ms = attempt->deadline_ms - now_ms();

	if (left_ms > 0 && poll(&pollfd, 1, (int)left_ms) > 0)
		return 0;
	return attempt_fail(attempt, "no answer in time (--timeout)");
}

static int
address_try(struct attempt *attempt, const struct addrinfo *address)
{
	struct remote *remote = attempt->remote;
	const int yes = 1;
	int error = 0;
	socklen_t bytes = sizeof(error);

	remote->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (remote->fd < 0)
		return attempt_fail(attempt, "%s", strerror(errno));
	setsockopt(remote->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (connect(remote->fd, address->ai_addr, address->ai_addrlen) < 0 && errno != EINPROGRESS)
		error = errno;
	else if (attempt_wait(attempt, POLLOUT) < 0)
		return -1;
	else
		getsockopt(remote->fd, SOL_SOCKET, SO_ERROR, &error, &bytes);
	return error ? attempt_fail(attempt, "%s", strerror(error)) : 0;
}

static int
tcp_connect(struct attempt *attempt)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	struct addrinfo *found;
	int rc = getaddrinfo(attempt->host, attempt->port, &hints, &found);

	if (rc != 0)
		return attempt_fail(attempt, "%s", gai_strerror(rc));
	rc = -1;
	for (const struct addrinfo *address = found; address && rc < 0;
		address = address->ai_next) {
		rc = address_try(attempt, address);
		if (rc < 0 && attempt->remote->fd >= 0) {
			close(attempt->remote->fd);
			attempt->remote->fd = -1;
		}
	}
	freeaddrinfo(found);
	return rc;
}

/* Whose certificate we want to see. */
static int
name_expect(struct attempt *attempt)
{
	SSL *ssl = attempt->remote->ssl;

	if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), attempt->host) == 1)
		return 0;
	ERR_clear_error();
	if (SSL_set1_host(ssl, attempt->host) == 1 &&
		SSL_set_tlsext_host_name(ssl, attempt->host) == 1)
		return 0;
	return attempt_fail(attempt, "%s", ssl_reason());
}

static int
handshake_failed(struct attempt *attempt)
{
	long verified = SSL_get_verify_result(attempt->remote->ssl);

	if (verified != X509_V_OK)
		return attempt_fail(attempt, "its certificate is not accepted: %s (--ca)",
			X509_verify_cert_error_string(verified));
	if (alert_name(ERR_peek_last_error())) {
		alert_keep(attempt->remote);
		return attempt_fail(attempt, "%s", attempt->remote->reason);
	}
	return attempt_fail(attempt, "TLS: %s", ssl_reason());
}

static int
tls_connect(struct attempt *attempt)
{
	SSL *ssl = SSL_new(attempt->remote->context);

	attempt->remote->ssl = ssl;
	if (!ssl || SSL_set_fd(ssl, attempt->remote->fd) != 1)
		return attempt_fail(attempt, "%s", ssl_reason());
	if (name_expect(attempt) < 0)
		return -1;
	for (;;) {
		int rc = SSL_connect(ssl);
		int error = SSL_get_error(ssl, rc);

		if (rc == 1)
			return 0;
		if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
			return handshake_failed(attempt);
		if (attempt_wait(attempt, error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT) < 0)
			return -1;
	}
}

struct remote *
remote_open(const struct remote_target *target, unsigned timeout_ms, char *why, size_t why_size)
{
	struct remote *remote = calloc(1, sizeof(*remote));
	struct attempt attempt = {.remote = remote,
		.target = target,
		.deadline_ms = now_ms() + timeout_ms,
		.why = why,
		.why_size = why_size};

	if (!remote) {
		attempt_fail(&attempt, "no memory");
		return NULL;
	}
	remote->fd = -1;
	/* A far end that goes away must not end us. Standard output is checked by main(). */
	signal(SIGPIPE, SIG_IGN);
	if (endpoint_split(&attempt) == 0 && context_make(&attempt) == 0 &&
		tcp_connect(&attempt) == 0 && tls_connect(&attempt) == 0)
		return remote;
	remote_close(remote);
	return NULL;
}

void
remote_close(struct remote *remote)
{
	if (!remote)
		return;
	SSL_free(remote->ssl);
	SSL_CTX_free(remote->context);
	if (remote->fd >= 0)
		close(remote->fd);
	free(remote);
}

int
remote_fd(const struct remote *remote)
{
	return remote->fd;
}

bool
remote_readable(struct remote *remote)
{
	char byte;
	int rc = SSL_peek(remote->ssl, &byte, 1);
	int error = SSL_get_error(remote->ssl, rc);

	alert_keep(remote);
	/* The end of the stream and errors are for remote_read() to find, too. */
	return rc > 0 || error != SSL_ERROR_WANT_READ;
}

const char *
remote_reason(const struct remote *remote)
{
	return remote->reason;
}

/* 0: wait; -1: the connection has gone. */
static ssize_t
result_of(struct remote *remote, int rc)
{
	int error = SSL_get_error(remote->ssl, rc);

	alert_keep(remote);
	if (rc > 0)
		return rc;
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

ssize_t
remote_write(struct remote *remote, const void *bytes, size_t length)
{
	return result_of(remote,
		SSL_write(remote->ssl, bytes, length > INT32_MAX ? INT32_MAX : (int)length));
}

ssize_t
remote_read(struct remote *remote, void *bytes, size_t room)
{
	return result_of(
		remote, SSL_read(remote->ssl, bytes, room > INT32_MAX ? INT32_MAX : (int)room));
}
