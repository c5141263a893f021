/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A handshake is a stream with a time limit; when it is done the stream is handed on. When it fails
 * the client is to read why: closing a socket that has input makes the kernel send a reset, which
 * overtakes the alert, so that the input is passed over until the client hangs up.
 */
#include "rpc/tls.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "rpc/listener.h"
#include "rpc/tcp_socket.h"
#include "rpc/tls_context.h"
#include "rpc/tls_subject.h"

#define WARNINGS_A_MINUTE 10
#define SUBJECT_MAX 128 /* characters of it to tell */
#define REFUSED_S 2 /* that a client has for reading why */

struct handshake {
	TAILQ_ENTRY(handshake) link;
	struct tls *tls;
	struct bufferevent *stream; /* NULL: it has failed */
	struct event *timer;
	struct event *refused; /* input of a client that has been refused; NULL: none has */
	char address[ACTOR_ADDRESS_MAX];
	char subject[SUBJECT_MAX]; /* of a certificate that was not accepted; "": none */
};

struct tls {
	struct event_base *base;
	const struct tls_config *config;
	SSL_CTX *context;
	struct listener *listener;
	tls_client_fn client;
	void *arg;
	audit_warn_fn warn;
	void *warn_arg;
	time_t minute; /* that warnings are counted in */
	unsigned n_warnings;
	unsigned n_handshakes;
	TAILQ_HEAD(, handshake) handshakes; /* oldest first */
};

static void tls_warn(struct tls *tls, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Anybody who reaches the port can make us say something: say it a few times a minute. */
static void
tls_warn(struct tls *tls, const char *format, ...)
{
	struct timespec now;
	char text[512];
	va_list args;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec / 60 != tls->minute) {
		tls->minute = now.tv_sec / 60;
		tls->n_warnings = 0;
	}
	if (++tls->n_warnings > WARNINGS_A_MINUTE)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	tls->warn(tls->warn_arg, text);
	if (tls->n_warnings == WARNINGS_A_MINUTE)
		tls->warn(tls->warn_arg, "tls: more of the kind are not told for up to a minute");
}

/* Forget the handshake; its stream is freed, or the caller has taken it out. */
static void
handshake_free(struct handshake *handshake)
{
	TAILQ_REMOVE(&handshake->tls->handshakes, handshake, link);
	handshake->tls->n_handshakes--;
	if (handshake->timer)
		event_free(handshake->timer);
	if (handshake->stream)
		bufferevent_free(handshake->stream);
	if (handshake->refused) {
		close(event_get_fd(handshake->refused));
		event_free(handshake->refused);
	}
	free(handshake);
}

static void
on_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct handshake *handshake = arg;

	(void)fd;
	(void)what;
	if (handshake->stream)
		tls_warn(handshake->tls, "tls: %s: the handshake took longer than %d s",
			handshake->address, TLS_HANDSHAKE_MS / 1000);
	handshake_free(handshake);
}

/* A subject as RFC 2253 has it, where what is no plain character is escaped. */
static void
subject_write(X509 *certificate, char subject[SUBJECT_MAX])
{
	BIO *text = BIO_new(BIO_s_mem());
	int bytes = 0;

	if (text && X509_NAME_print_ex(
			    text, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0)
		bytes = BIO_read(text, subject, SUBJECT_MAX - 1);
	subject[bytes > 0 ? bytes : 0] = '\0';
	BIO_free(text);
}

/* Remember whose certificate it is that is not accepted. */
static int
on_verified(int is_valid, X509_STORE_CTX *context)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct handshake *handshake = SSL_get_app_data(ssl);

	if (!is_valid && handshake)
		subject_write(X509_STORE_CTX_get0_cert(context), handshake->subject);
	return is_valid;
}

static void
handshake_done(struct handshake *handshake)
{
	SSL *ssl = bufferevent_openssl_get_ssl(handshake->stream);
	X509 *certificate = SSL_get1_peer_certificate(ssl);
	struct bufferevent *stream = handshake->stream;
	struct tls *tls = handshake->tls;
	struct actor actor;

	if (!certificate || SSL_get_verify_result(ssl) != X509_V_OK) {
		X509_free(certificate);
		handshake_free(handshake);
		return;
	}
	tls_subject_read(certificate, tls->config, &actor);
	snprintf(actor.address, sizeof(actor.address), "%s", handshake->address);
	if (actor.role == ROLE_NONE) {
		subject_write(certificate, handshake->subject);
		tls_warn(tls, "tls: %s: the certificate %s has no role, see tls.roles",
			actor.address, handshake->subject);
	}
	X509_free(certificate);
	SSL_set_app_data(ssl, NULL);
	handshake->stream = NULL;
	handshake_free(handshake);
	bufferevent_disable(stream, EV_READ);
	bufferevent_setcb(stream, NULL, NULL, NULL, NULL);
	tls->client(tls->arg, stream, &actor);
}

/* Pass over what a client sends that has been refused, until it hangs up. */
static void
on_refused_input(evutil_socket_t fd, short what, void *arg)
{
	char bytes[4096];
	ssize_t n = read(fd, bytes, sizeof(bytes));

	(void)what;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		handshake_free(arg);
}

/* The alert has been sent: let the client read it. */
static void
handshake_refuse(struct handshake *handshake)
{
	static const struct timeval patience = {.tv_sec = REFUSED_S};
	int fd = dup(bufferevent_getfd(handshake->stream));

	bufferevent_free(handshake->stream);
	handshake->stream = NULL;
	if (fd >= 0)
		handshake->refused = event_new(handshake->tls->base, fd, EV_READ | EV_PERSIST,
			on_refused_input, handshake);
	if (fd >= 0 && !handshake->refused)
		close(fd);
	if (!handshake->refused || shutdown(fd, SHUT_WR) < 0 ||
		event_add(handshake->refused, NULL) < 0 ||
		evtimer_add(handshake->timer, &patience) < 0)
		handshake_free(handshake);
}

static void
handshake_failed(struct handshake *handshake)
{
	unsigned long error = bufferevent_get_openssl_error(handshake->stream);
	SSL *ssl = bufferevent_openssl_get_ssl(handshake->stream);
	const char *reason = error ? ERR_reason_error_string(error) : NULL;
	long verified = SSL_get_verify_result(ssl);

	if (verified != X509_V_OK)
		reason = X509_verify_cert_error_string(verified);
	tls_warn(handshake->tls, "tls: %s: the handshake failed: %s%s%s", handshake->address,
		handshake->subject[0] ? handshake->subject : "", handshake->subject[0] ? ": " : "",
		reason ? reason : "the client hung up");
	if (reason)
		handshake_refuse(handshake);
	else
		handshake_free(handshake);
}

static void
on_event(struct bufferevent *stream, short what, void *arg)
{
	(void)stream;
	if (what & BEV_EVENT_CONNECTED)
		handshake_done(arg);
	else
		handshake_failed(arg);
}

/* A stream that owns fd; NULL: no memory, fd is still the caller's. */
static struct bufferevent *
stream_create(const struct tls *tls, int fd)
{
	SSL *ssl = SSL_new(tls->context);
	struct bufferevent *stream;

	if (!ssl)
		return NULL;
	stream = bufferevent_openssl_socket_new(
		tls->base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	if (!stream) {
		SSL_free(ssl);
		return NULL;
	}
	bufferevent_openssl_set_allow_dirty_shutdown(stream, 1);
	return stream;
}

static void
on_accept(void *arg, int fd)
{
	static const struct timeval patience = {.tv_sec = TLS_HANDSHAKE_MS / 1000};
	struct tls *tls = arg;
	struct handshake *handshake;

	tcp_socket_tune(fd);
	if (tls->n_handshakes == TLS_HANDSHAKES_MAX) {
		tls_warn(tls, "tls: more than %d handshakes at a time, %s is hung up on",
			TLS_HANDSHAKES_MAX, TAILQ_FIRST(&tls->handshakes)->address);
		handshake_free(TAILQ_FIRST(&tls->handshakes));
	}
	handshake = calloc(1, sizeof(*handshake));
	if (!handshake) {
		close(fd);
		return;
	}
	handshake->tls = tls;
	tcp_socket_peer(fd, handshake->address, sizeof(handshake->address));
	TAILQ_INSERT_TAIL(&tls->handshakes, handshake, link);
	tls->n_handshakes++;
	handshake->timer = evtimer_new(tls->base, on_timeout, handshake);
	if (handshake->timer && evtimer_add(handshake->timer, &patience) == 0)
		handshake->stream = stream_create(tls, fd);
	if (!handshake->stream) {
		close(fd);
		handshake_free(handshake);
		return;
	}
	SSL_set_app_data(bufferevent_openssl_get_ssl(handshake->stream), handshake);
	SSL_set_verify(bufferevent_openssl_get_ssl(handshake->stream),
		SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, on_verified);
	bufferevent_setcb(handshake->stream, NULL, NULL, on_event, handshake);
	bufferevent_enable(handshake->stream, EV_READ | EV_WRITE);
}

struct tls *
tls_create(struct event_base *base, const struct tls_config *config, tls_client_fn client,
	void *arg, audit_warn_fn warn, void *warn_arg, struct fault *fault)
{
	struct tls *tls = calloc(1, sizeof(*tls));
	int fd;

	if (!tls) {
		fault_set(fault, FAULT_NO_ROOM, "/tls", "no memory for the TLS listener");
		return NULL;
	}
	*tls = (struct tls){.base = base,
		.config = config,
		.client = client,
		.arg = arg,
		.warn = warn,
		.warn_arg = warn_arg};
	TAILQ_INIT(&tls->handshakes);
	tls->context = tls_context_create(config, fault);
	if (!tls->context)
		goto err;
	fd = tcp_socket_listen(config->listen, fault);
	if (fd < 0)
		goto err;
	tls->listener = listener_create(base, fd, on_accept, tls);
	if (tls->listener)
		return tls;
	close(fd);
	fault_set(fault, FAULT_NO_ROOM, "/tls", "no memory for the TLS listener");
err:
	tls_destroy(tls);
	return NULL;
}

void
tls_destroy(struct tls *tls)
{
	if (!tls)
		return;
	while (!TAILQ_EMPTY(&tls->handshakes))
		handshake_free(TAILQ_FIRST(&tls->handshakes));
	listener_destroy(tls->listener);
	SSL_CTX_free(tls->context);
	free(tls);
}

int
tls_reload(struct tls *tls, struct fault *fault)
{
	SSL_CTX *context = tls ? tls_context_create(tls->config, fault) : NULL;

	if (!tls)
		return 0;
	if (!context)
		return -1;
	SSL_CTX_free(tls->context);
	tls->context = context;
	return 0;
}

void
tls_goodbye(struct bufferevent *stream)
{
	SSL *ssl = bufferevent_openssl_get_ssl(stream);

	if (ssl)
		SSL_shutdown(ssl);
	ERR_clear_error();
}
