/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Each file is read by itself first, so that the message names the one that is wrong.
 *
 * Names are compared byte by byte. One with a zero byte in it fits nothing, and neither does the
 * common name of a subject that has several: who signs such things may mean anything by them.
 *
 * A handshake is a stream with a time limit; when it is done the stream is handed on. When it fails
 * the client is to read why: closing a socket that has input makes the kernel send a reset, which
 * overtakes the alert, so that the input is passed over until the client hangs up.
 */
#include "rpc/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/timer.h"
#include "schema/yaml.h"

#define KEEPALIVE_IDLE_S 60
#define KEEPALIVE_PROBE_S 20
#define KEEPALIVE_PROBES 3

/* For a connection that was taken in: no delay of small replies, and a dead peer is noticed. */
static void
tcp_socket_tune(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{IPPROTO_TCP, TCP_NODELAY, 1},
		{SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
		{IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_PROBE_S},
		{IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES},
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		setsockopt(fd, options[i].level, options[i].name, &options[i].value,
			sizeof(options[i].value));
}

/* The address and port of the peer, as 192.0.2.1:7878 or [2001:db8::1]:7878; "?" if unknown. */
static void
tcp_socket_peer(int fd, char *text, size_t size)
{
	struct sockaddr_storage address;
	struct sockaddr *peer = (struct sockaddr *)&address;
	socklen_t bytes = sizeof(address);
	char host[INET6_ADDRSTRLEN + IF_NAMESIZE], port[8];

	if (getpeername(fd, peer, &bytes) < 0 ||
		getnameinfo(peer, bytes, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		snprintf(text, size, "?");
	else
		snprintf(text, size, peer->sa_family == AF_INET ? "%s:%s" : "[%s]:%s", host, port);
}

/* Suites of TLS 1.2 with forward secrecy and authenticated encryption; 1.3 has no others. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

/* The reason of the last failure of OpenSSL on this thread, which is cleared. Static storage. */
static const char *
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

/* Whether it is a file that can be read, which OpenSSL would wait for if it were a FIFO. */
static int
file_check(const char *field, const char *path, struct fault *fault)
{
	struct fault why;
	FILE *file = input_open(path, &why);

	if (!file)
		return fault_set(fault, FAULT_INVALID_VALUE, field, "%s: %s", field, why.message);
	fclose(file);
	return 0;
}

static int
key_load(SSL_CTX *context, const struct tls_config *config, struct fault *fault)
{
	const char *path = config->key;
	struct stat found;

	if (stat(path, &found) < 0)
		return refuse(fault, "/tls/key", path, strerror(errno));
	if (found.st_mode & (S_IROTH | S_IWOTH))
		return refuse(fault, "/tls/key", path,
			"any user may read or write it, expected mode 0600 or 0640");
	if (SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM) != 1)
		return refuse(fault, "/tls/key", path, tls_reason());
	if (SSL_CTX_check_private_key(context) != 1)
		return refuse(fault, "/tls/key", path, "it is not the key of /tls/certificate");
	return 0;
}

/*
 * A context for servers: TLS 1.2 or later, a client must come with a certificate of the
 * authorities. NULL with *fault set, its pointer and message naming the field of the configuration.
 */
static SSL_CTX *
tls_context_create(const struct tls_config *config, struct fault *fault)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	STACK_OF(X509_NAME) * names;

	if (!context)
		return fault_null(fault, FAULT_NO_ROOM, "/tls", "/tls: %s", tls_reason());
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_cipher_list(context, CIPHERS);
	SSL_CTX_set_options(context,
		SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	/* A role may have been taken away since: every connection shows its certificate again. */
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(context, 0);
	SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
	/* Idle connections hold no buffers. */
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	if (file_check("/tls/certificate", config->certificate, fault) < 0 ||
		file_check("/tls/key", config->key, fault) < 0 ||
		file_check("/tls/ca", config->ca, fault) < 0) {
		SSL_CTX_free(context);
		return NULL;
	}
	if (SSL_CTX_use_certificate_chain_file(context, config->certificate) != 1) {
		refuse(fault, "/tls/certificate", config->certificate, tls_reason());
	} else if (key_load(context, config, fault) == 0) {
		names = SSL_CTX_load_verify_file(context, config->ca) == 1
				? SSL_load_client_CA_file(config->ca)
				: NULL;
		if (names) {
			SSL_CTX_set_client_CA_list(context, names);
			return context;
		}
		refuse(fault, "/tls/ca", config->ca, tls_reason());
	}
	SSL_CTX_free(context);
	return NULL;
}

/* A name in UTF-8 with a prefix, or "" when it has none that is fit to be compared. */
static void
text_copy(const char *prefix, const ASN1_STRING *string, char *text, size_t size)
{
	unsigned char *bytes = NULL;
	int length = ASN1_STRING_to_UTF8(&bytes, string);

	text[0] = '\0';
	if (length > 0 && !memchr(bytes, 0, (size_t)length) &&
		strlen(prefix) + (size_t)length < size)
		snprintf(text, size, "%s%.*s", prefix, length, (const char *)bytes);
	OPENSSL_free(bytes);
}

static void
common_name_read(X509 *certificate, char *text, size_t size)
{
	X509_NAME *subject = X509_get_subject_name(certificate);
	int i = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

	text[0] = '\0';
	if (i >= 0 && X509_NAME_get_index_by_NID(subject, NID_commonName, i) < 0)
		text_copy(
			"", X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i)), text, size);
}

static void
alternative_name_read(const GENERAL_NAME *name, char *text, size_t size)
{
	text[0] = '\0';
	if (name->type == GEN_DNS)
		text_copy("DNS:", name->d.dNSName, text, size);
	else if (name->type == GEN_EMAIL)
		text_copy("email:", name->d.rfc822Name, text, size);
	else if (name->type == GEN_URI)
		text_copy("URI:", name->d.uniformResourceIdentifier, text, size);
}

static bool
alternative_name_has(const GENERAL_NAMES *names, const char *text)
{
	char found[ACCESS_SUBJECT_MAX];

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		alternative_name_read(sk_GENERAL_NAME_value(names, i), found, sizeof(found));
		if (strcmp(found, text) == 0)
			return true;
	}
	return false;
}

static enum role
subject_role(const char *common, const GENERAL_NAMES *names, const struct tls_config *config)
{
	for (unsigned i = 0; i < config->n_subjects; i++) {
		const struct tls_subject *subject = &config->subjects[i];

		if (subject->alternative ? alternative_name_has(names, subject->name)
					 : strcmp(subject->name, common) == 0)
			return subject->role;
	}
	return ROLE_NONE;
}

/*
 * The holder of a certificate that was verified: named after its common name, or an alternative
 * name when it has none; role by the first entry that fits, ROLE_NONE when none does.
 */
static void
tls_subject_read(X509 *certificate, const struct tls_config *config, struct actor *actor)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	char common[ACCESS_SUBJECT_MAX];
	char shown[ACCESS_SUBJECT_MAX];

	common_name_read(certificate, common, sizeof(common));
	snprintf(shown, sizeof(shown), "%s", common);
	if (!shown[0] && sk_GENERAL_NAME_num(names) > 0)
		alternative_name_read(sk_GENERAL_NAME_value(names, 0), shown, sizeof(shown));
	if (!shown[0])
		snprintf(shown, sizeof(shown), "a certificate without a name");
	*actor = (struct actor){.uid = UINT32_MAX,
		.gid = UINT32_MAX,
		.via = "tls",
		.role = (uint8_t)subject_role(common, names, config)};
	snprintf(actor->name, sizeof(actor->name), "%.*s", ACTOR_NAME_MAX - 1, shown);
	GENERAL_NAMES_free(names);
}

#define WARNINGS_A_MINUTE 10
#define SUBJECT_MAX 128 /* characters of it to log */
#define REFUSED_S 2 /* that a client has for reading why */

struct handshake {
	TAILQ_ENTRY(handshake) link;
	struct tls *tls;
	struct bufferevent *stream; /* NULL: it has failed */
	struct timer timer;
	struct event *refused; /* input of a client that has been refused; NULL: none has */
	char address[ACTOR_ADDRESS_MAX];
	char subject[SUBJECT_MAX]; /* of a certificate that was not accepted; "": none */
};

struct tls {
	struct event_base *base;
	const struct tls_config *config;
	SSL_CTX *context;
	tls_client_fn client;
	void *arg;
	time_t minute; /* that warnings are counted in */
	unsigned n_warnings;
	unsigned n_handshakes;
	TAILQ_HEAD(, handshake) handshakes; /* oldest first */
};

/* Whether one more warning may be logged: any peer can cause some. */
static bool
may_warn(struct tls *tls)
{
	const time_t minute = (time_t)(clock_read_ns(CLOCK_MONOTONIC) / (60 * NS_PER_S));

	if (minute != tls->minute) {
		tls->minute = minute;
		tls->n_warnings = 0;
	}
	if (tls->n_warnings++ == WARNINGS_A_MINUTE)
		log_line("warning: tls: further warnings are suppressed for up to a minute");
	return tls->n_warnings <= WARNINGS_A_MINUTE;
}

static void
handshake_free(struct handshake *handshake)
{
	TAILQ_REMOVE(&handshake->tls->handshakes, handshake, link);
	handshake->tls->n_handshakes--;
	timer_disarm(&handshake->timer);
	if (handshake->stream)
		bufferevent_free(handshake->stream);
	if (handshake->refused) {
		close(event_get_fd(handshake->refused));
		event_free(handshake->refused);
	}
	free(handshake);
}

static void
on_timeout(void *arg)
{
	struct handshake *handshake = arg;

	if (handshake->stream && may_warn(handshake->tls))
		log_line("warning: tls: %s: the handshake took longer than %d s",
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
		if (may_warn(tls))
			log_line("warning: tls: %s: the certificate %s has no role, see tls.roles",
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
	int fd = dup(bufferevent_getfd(handshake->stream));

	bufferevent_free(handshake->stream);
	handshake->stream = NULL;
	if (fd >= 0)
		handshake->refused = event_new(handshake->tls->base, fd, EV_READ | EV_PERSIST,
			on_refused_input, handshake);
	if (fd >= 0 && !handshake->refused)
		close(fd);
	if (!handshake->refused || shutdown(fd, SHUT_WR) < 0 ||
		event_add(handshake->refused, NULL) < 0)
		handshake_free(handshake);
	else
		timer_arm(&handshake->timer, REFUSED_S * NS_PER_S);
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
	if (may_warn(handshake->tls))
		log_line("warning: tls: %s: the handshake failed: %s%s%s", handshake->address,
			handshake->subject[0] ? handshake->subject : "",
			handshake->subject[0] ? ": " : "",
			reason ? reason : "the client closed the connection");
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

void
tls_accept(struct tls *tls, int fd)
{
	struct handshake *handshake;

	tcp_socket_tune(fd);
	if (tls->n_handshakes == TLS_HANDSHAKES_MAX) {
		if (may_warn(tls))
			log_line("warning: tls: more than %d concurrent handshakes, closing the "
				 "connection of %s",
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
	timer_init(&handshake->timer, tls->base, on_timeout, handshake);
	timer_arm(&handshake->timer, TLS_HANDSHAKE_MS * (NS_PER_S / 1000));
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
	void *arg, struct fault *fault)
{
	struct tls *tls = calloc(1, sizeof(*tls));

	if (!tls)
		return fault_null(fault, FAULT_NO_ROOM, "/tls", "no memory for the TLS listener");
	*tls = (struct tls){.base = base, .config = config, .client = client, .arg = arg};
	TAILQ_INIT(&tls->handshakes);
	tls->context = tls_context_create(config, fault);
	if (tls->context)
		return tls;
	free(tls);
	return NULL;
}

void
tls_destroy(struct tls *tls)
{
	if (!tls)
		return;
	while (!TAILQ_EMPTY(&tls->handshakes))
		handshake_free(TAILQ_FIRST(&tls->handshakes));
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
