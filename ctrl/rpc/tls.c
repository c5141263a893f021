/* SPDX-License-Identifier: BSD-3-Clause */
/* A handshake is a stream with a time limit; when it is done the stream is handed on. */
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

struct handshake {
	TAILQ_ENTRY(handshake) link;
	struct tls *tls;
	struct bufferevent *stream;
	struct event *timer;
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
	char text[256];
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
	free(handshake);
}

static void
on_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct handshake *handshake = arg;

	(void)fd;
	(void)what;
	tls_warn(handshake->tls, "tls: a handshake took longer than %d s", TLS_HANDSHAKE_MS / 1000);
	handshake_free(handshake);
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
	X509_free(certificate);
	handshake->stream = NULL;
	handshake_free(handshake);
	bufferevent_disable(stream, EV_READ);
	bufferevent_setcb(stream, NULL, NULL, NULL, NULL);
	tls->client(tls->arg, stream, &actor);
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
	tls_warn(handshake->tls, "tls: a handshake failed: %s",
		reason ? reason : "the client hung up");
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
		tls_warn(tls, "tls: more than %d handshakes at a time", TLS_HANDSHAKES_MAX);
		handshake_free(TAILQ_FIRST(&tls->handshakes));
	}
	handshake = calloc(1, sizeof(*handshake));
	if (!handshake) {
		close(fd);
		return;
	}
	handshake->tls = tls;
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
