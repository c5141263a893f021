/* SPDX-License-Identifier: BSD-3-Clause */
/* A load on the control socket of a running sluiced; figures as JSON. perf/control runs it. */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/figures.h"

#define HOSTS 254u /* of a documentation network, RFC 5737 */
#define PORTS 64000u
#define PORT_FIRST 1024u

/* Flows have numbers below; one more is free. */
#define FLOWS_MAX 16000000u
#define GET_FLOW FLOWS_MAX /* read beside a large transaction: none of its numbers */
#define SHOWN_BYTES 400 /* of a reply that is an error */

static const char usage[] =
	"usage: control-load --socket PATH [--flows N] [--batch N] [--clients N] [--keep]\n"
	"                    [--relays] [--first N]\n"
	"       control-load --socket PATH --large [--flows N] [--batch N] [--get-every US]\n"
	"\n"
	"Installs N flows in batches over some connections and, unless they are to be\n"
	"kept, removes them; or puts them all into one transaction and commits it while\n"
	"another connection reads a flow every US microseconds. The flows go from port p0\n"
	"to port p1. With --relays they are relays between these ports. They are numbered\n"
	"from 0, or from the number given by --first.\n";

static const struct option long_options[] = {
	{"socket", required_argument, NULL, 's'},
	{"flows", required_argument, NULL, 'f'},
	{"batch", required_argument, NULL, 'b'},
	{"clients", required_argument, NULL, 'c'},
	{"get-every", required_argument, NULL, 'g'},
	{"first", required_argument, NULL, 'n'},
	{"keep", no_argument, NULL, 'k'},
	{"relays", no_argument, NULL, 'r'},
	{"large", no_argument, NULL, 'l'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

struct options {
	const char *socket_path;
	unsigned flows; /* in all */
	unsigned first; /* number of the first one */
	unsigned batch; /* of a request */
	unsigned clients; /* connections at once */
	unsigned get_interval_us; /* between two reads beside a large transaction */
	bool keep;
	bool large;
	bool relays; /* instead of flows */
};

struct client {
	int fd;
	FILE *in; /* of fd */
	char *reply; /* the last one, a line */
	size_t room;
	uint64_t sent_ns;
};

struct request {
	char *text; /* with its line feed */
	size_t bytes;
};

static void __attribute__((noreturn)) die(const char *what, const char *why)
{
	fprintf(stderr, "control-load: %s: %s\n", what, why);
	exit(1);
}

/* The flows of a media relay: a caller's address and port to one of ours, out by the other port. */
static void
flow_write(FILE *out, unsigned n)
{
	const unsigned host = 1 + n % HOSTS, port = PORT_FIRST + n / HOSTS % PORTS;
	const unsigned ours = PORT_FIRST + n % PORTS;

	fprintf(out,
		"{\"id\":\"call-%u\",\"match\":{\"port\":\"p0\",\"src\":\"198.51.100.%u\","
		"\"src_port\":%u,\"dst\":\"192.0.2.1\",\"dst_port\":%u},\"legs\":[{\"port\":\"p1\","
		"\"src\":\"192.0.2.2\",\"src_port\":%u,\"dst\":\"203.0.113.%u\",\"dst_port\":%u,"
		"\"mac\":\"02:00:5e:00:53:01\"}]}",
		n, host, port, ours, ours, host, port);
}

/* A call of which no address but ours is known. */
static void
relay_write(FILE *out, unsigned n)
{
	const unsigned host = 1 + n / PORTS, port = PORT_FIRST + n % PORTS;

	fprintf(out,
		"{\"id\":\"call-%u\",\"a\":{\"port\":\"p0\",\"local\":\"192.0.2.%u\","
		"\"local_port\":%u},\"b\":{\"port\":\"p1\",\"local\":\"203.0.113.%u\","
		"\"local_port\":%u}}",
		n, host, port, host, port);
}

static void
id_write(FILE *out, unsigned n)
{
	fprintf(out, "\"call-%u\"", n);
}

typedef void (*write_fn)(FILE *out, unsigned n);

/*
 * A request of `method` whose params are `head` and then, as `member`, a list of the flows numbered
 * from `first`, or of their ids. Without a member `head` is all of them. To be freed.
 */
static struct request
request_make(const char *method, const char *head, const char *member, unsigned first, unsigned n,
	write_fn write)
{
	struct request request;
	FILE *out = open_memstream(&request.text, &request.bytes);

	if (!out)
		die("request", strerror(errno));
	fprintf(out, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":{%s", method,
		head);
	if (member)
		fprintf(out, "%s\"%s\":[", *head ? "," : "", member);
	for (unsigned i = 0; i < n; i++) {
		if (i)
			fputc(',', out);
		write(out, first + i);
	}
	fprintf(out, "%s}}\n", member ? "]" : "");
	if (ferror(out) || fclose(out) != 0)
		die("request", strerror(errno));
	return request;
}

static struct client
client_connect(const char *socket_path)
{
	struct client client = {.reply = NULL};
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(socket_path) >= sizeof(address.sun_path))
		die(socket_path, "too long for a socket's path");
	strcpy(address.sun_path, socket_path);
	client.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client.fd < 0 ||
		connect(client.fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
		!(client.in = fdopen(client.fd, "r")))
		die(socket_path, strerror(errno));
	return client;
}

static void
client_close(struct client *client)
{
	fclose(client->in);
	free(client->reply);
}

static void
client_send(struct client *client, const struct request *request)
{
	size_t sent = 0;

	client->sent_ns = now_ns();
	while (sent < request->bytes) {
		ssize_t n =
			send(client->fd, request->text + sent, request->bytes - sent, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			die("send", strerror(errno));
		sent += n > 0 ? (size_t)n : 0;
	}
}

/* Wait for the reply: client->reply. */
static void
client_receive(struct client *client)
{
	static const char error[] = "{\"jsonrpc\":\"2.0\",\"error\"";

	if (getline(&client->reply, &client->room, client->in) < 0)
		die("receive", ferror(client->in) ? strerror(errno) : "the connection was closed");
	/* The members of a reply come in this order, so its beginning says whether it is one. */
	if (strncmp(client->reply, error, sizeof(error) - 1) == 0) {
		fprintf(stderr, "control-load: %.*s\n", SHOWN_BYTES, client->reply);
		exit(1);
	}
}

/* Send, and wait for the reply. */
static void
client_call(struct client *client, const struct request *request)
{
	client_send(client, request);
	client_receive(client);
}

/* The same for a request that is made for it. */
static void
client_call_once(struct client *client, struct request request)
{
	client_call(client, &request);
	free(request.text);
}

/* All requests, over several connections at once, each with one under way. */
static void
requests_run(const struct request *requests, unsigned n, struct client *clients, unsigned n_clients,
	struct latency *latency)
{
	struct pollfd *polls = calloc(n_clients, sizeof(*polls));
	unsigned n_sent = 0;

	if (!polls)
		die("clients", "no memory");
	for (unsigned c = 0; c < n_clients; c++)
		polls[c] = (struct pollfd){.fd = -1, .events = POLLIN};
	for (unsigned c = 0; c < n_clients && n_sent < n; c++) {
		polls[c].fd = clients[c].fd;
		client_send(&clients[c], &requests[n_sent++]);
	}
	for (unsigned n_done = 0; n_done < n;) {
		if (poll(polls, n_clients, -1) < 0)
			die("poll", strerror(errno));
		for (unsigned c = 0; c < n_clients; c++) {
			if (!polls[c].revents)
				continue;
			client_receive(&clients[c]);
			latency_add(latency, now_ns() - clients[c].sent_ns);
			n_done++;
			if (n_sent < n)
				client_send(&clients[c], &requests[n_sent++]);
			else
				polls[c].fd = -1;
		}
	}
	free(polls);
}

/*
 * One phase, measured: {"flows_per_second", "seconds", latencies of a request}. All requests are
 * made before the clock starts, as the client may share a CPU with the server.
 */
static json_t *
phase_run(const struct options *o, struct client *clients, write_fn write, const char *method,
	const char *member)
{
	const unsigned n = (o->flows + o->batch - 1) / o->batch;
	struct request *requests = calloc(n, sizeof(*requests));
	struct latency latency = {0};
	uint64_t start_ns;
	double seconds;
	json_t *result;

	if (!requests)
		die("requests", "no memory");
	for (unsigned i = 0, first = 0; i < n; i++, first += o->batch) {
		const unsigned left = o->flows - first;

		requests[i] = request_make(method, "", member, o->first + first,
			left < o->batch ? left : o->batch, write);
	}
	start_ns = now_ns();
	requests_run(requests, n, clients, o->clients, &latency);
	seconds = (double)(now_ns() - start_ns) / 1e9;
	result = json_pack("{s:f, s:f, s:o}", "seconds", seconds, "flows_per_second",
		o->flows / seconds, "requests", latency_json(&latency));
	for (unsigned i = 0; i < n; i++)
		free(requests[i].text);
	free(requests);
	latency_fini(&latency);
	return result;
}

/* Install all flows in batches, then remove them unless they are to be kept. The figures. */
static json_t *
batches_run(const struct options *o)
{
	struct client *clients = calloc(o->clients, sizeof(*clients));
	json_t *installed, *removed = NULL;

	if (!clients)
		die("clients", "no memory");
	for (unsigned c = 0; c < o->clients; c++)
		clients[c] = client_connect(o->socket_path);
	installed = o->relays ? phase_run(o, clients, relay_write, "relay.add", "relays")
			      : phase_run(o, clients, flow_write, "flow.install", "flows");
	if (!o->keep)
		removed = phase_run(
			o, clients, id_write, o->relays ? "relay.remove" : "flow.remove", "ids");
	for (unsigned c = 0; c < o->clients; c++)
		client_close(&clients[c]);
	free(clients);
	return json_pack("{s:o, s:o*}", "install", installed, "remove", removed);
}

enum phase { PHASE_PUT, PHASE_COMMIT, PHASE_DONE };

struct reader {
	unsigned interval_us;
	struct client client;
	struct request request;
	struct latency latency[PHASE_DONE];
	atomic_int phase;
};

/*
 * Reads are due at fixed times, and a read's latency counts from when it was due: a server that
 * keeps one read waiting keeps all those waiting that would have come meanwhile, and they are
 * counted. A read belongs to the phase in which it was due.
 */
static void *
reader_run(void *arg)
{
	struct reader *reader = arg;
	uint64_t due_ns = now_ns();
	int phase;

	while ((phase = atomic_load(&reader->phase)) != PHASE_DONE) {
		struct timespec due;

		client_call(&reader->client, &reader->request);
		latency_add(&reader->latency[phase], now_ns() - due_ns);
		due_ns += reader->interval_us * UINT64_C(1000);
		due = (struct timespec){.tv_sec = (time_t)(due_ns / 1000000000),
			.tv_nsec = (long)(due_ns % 1000000000)};
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) != 0)
			;
	}
	return NULL;
}

/* Put all flows into one transaction and commit it: {"put_seconds", "commit_seconds", ...} */
static json_t *
transaction_run(const struct options *o, struct client *client, atomic_int *phase)
{
	const uint64_t start_ns = now_ns();
	double put, commit;
	const char *name;
	json_t *reply;
	char txn[32];

	client_call_once(client, request_make("txn.begin", "", NULL, 0, 0, NULL));
	reply = json_loads(client->reply, 0, NULL);
	if (json_unpack(reply, "{s:{s:s}}", "result", "txn", &name) != 0)
		die("txn.begin", "names no transaction");
	snprintf(txn, sizeof(txn), "\"txn\":\"%s\"", name);
	json_decref(reply);
	for (unsigned first = 0; first < o->flows; first += o->batch) {
		const unsigned left = o->flows - first, n = left < o->batch ? left : o->batch;

		client_call_once(
			client, request_make("txn.put", txn, "install", first, n, flow_write));
	}
	put = (double)(now_ns() - start_ns) / 1e9;
	atomic_store(phase, PHASE_COMMIT);
	client_call_once(client, request_make("txn.commit", txn, NULL, 0, 0, NULL));
	commit = (double)(now_ns() - start_ns) / 1e9 - put;
	return json_pack("{s:f, s:f, s:f}", "put_seconds", put, "commit_seconds", commit,
		"flows_per_second", o->flows / (put + commit));
}

/* One large transaction while another client reads a flow that it installed. The figures. */
static json_t *
large_run(const struct options *o)
{
	struct client client = client_connect(o->socket_path);
	struct reader reader = {
		.interval_us = o->get_interval_us,
		.client = client_connect(o->socket_path),
	};
	pthread_t thread;
	char id[32];
	json_t *result;

	snprintf(id, sizeof(id), "\"id\":\"call-%u\"", GET_FLOW);
	reader.request = request_make("flow.get", id, NULL, 0, 0, NULL);
	client_call_once(
		&reader.client, request_make("flow.install", "", "flows", GET_FLOW, 1, flow_write));
	if (pthread_create(&thread, NULL, reader_run, &reader) != 0)
		die("thread", "cannot be made");
	result = transaction_run(o, &client, &reader.phase);
	atomic_store(&reader.phase, PHASE_DONE);
	pthread_join(thread, NULL);
	json_object_set_new(result, "get_while_put", latency_json(&reader.latency[PHASE_PUT]));
	json_object_set_new(
		result, "get_while_commit", latency_json(&reader.latency[PHASE_COMMIT]));
	latency_fini(&reader.latency[PHASE_PUT]);
	latency_fini(&reader.latency[PHASE_COMMIT]);
	free(reader.request.text);
	client_close(&reader.client);
	client_close(&client);
	return result;
}

/* An option's number; 0 when it is none, which no option takes. */
static unsigned
number_of(const char *text)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	return *end == '\0' && number <= FLOWS_MAX ? (unsigned)number : 0;
}

static void
help(FILE *out, int code)
{
	fputs(usage, out);
	exit(code);
}

static struct options
options_parse(int argc, char **argv)
{
	struct options o = {
		.flows = 100000, .batch = 10000, .clients = 1, .get_interval_us = 10000};
	unsigned *const numbers[] = {['f'] = &o.flows,
		['b'] = &o.batch,
		['c'] = &o.clients,
		['g'] = &o.get_interval_us,
		['n'] = &o.first};
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (option == 's')
			o.socket_path = optarg;
		else if (option == 'k')
			o.keep = true;
		else if (option == 'l')
			o.large = true;
		else if (option == 'r')
			o.relays = true;
		else if (option == 'h')
			help(stdout, 0);
		else if (option == '?')
			help(stderr, 2);
		else
			*numbers[option] = number_of(optarg);
	}
	if (optind < argc || !o.socket_path || !o.flows || !o.batch || !o.clients ||
		!o.get_interval_us)
		help(stderr, 2);
	return o;
}

int
main(int argc, char **argv)
{
	const struct options options = options_parse(argc, argv);
	json_t *result = options.large ? large_run(&options) : batches_run(&options);

	json_object_set_new(result, "flows", json_integer(options.flows));
	json_object_set_new(result, "batch", json_integer(options.batch));
	json_object_set_new(result, "clients", json_integer(options.large ? 2 : options.clients));
	json_dumpf(result, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(result);
	return 0;
}
