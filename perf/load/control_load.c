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
#define ROOM_FIRST 65536
#define SHOWN_BYTES 400 /* of a reply that is an error */

static const char usage[] =
	"usage: control-load --socket PATH [--flows N] [--batch N] [--clients N] [--keep]\n"
	"       control-load --socket PATH --large [--flows N] [--batch N] [--get-every US]\n"
	"\n"
	"Installs N flows in batches over some connections and, unless they are to be\n"
	"kept, removes them; or puts them all into one transaction and commits it while\n"
	"another connection reads a flow every US microseconds. The flows go from port p0\n"
	"to port p1.\n";

static const struct option long_options[] = {
	{"socket", required_argument, NULL, 's'},
	{"flows", required_argument, NULL, 'f'},
	{"batch", required_argument, NULL, 'b'},
	{"clients", required_argument, NULL, 'c'},
	{"get-every", required_argument, NULL, 'g'},
	{"keep", no_argument, NULL, 'k'},
	{"large", no_argument, NULL, 'l'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

struct options {
	const char *socket_path;
	unsigned flows; /* in all */
	unsigned batch; /* of a request */
	unsigned clients; /* connections at once */
	unsigned get_interval_us; /* between two reads beside a large transaction */
	bool keep;
	bool large;
};

typedef void (*write_fn)(FILE *out, unsigned n);

struct client {
	int fd;
	char *reply; /* the line that is coming in */
	size_t n_reply;
	size_t room;
};

struct request {
	char *text; /* with its line feed */
	size_t bytes;
};

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

static void
id_write(FILE *out, unsigned n)
{
	fprintf(out, "\"call-%u\"", n);
}

static void
begin(FILE *out, const char *method)
{
	fprintf(out, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":", method);
}

static FILE *
text_open(struct request *request)
{
	FILE *out = open_memstream(&request->text, &request->bytes);

	if (!out)
		perror("control-load");
	return out;
}

static int
text_close(FILE *out)
{
	const bool failed = ferror(out);

	if (fclose(out) == 0 && !failed)
		return 0;
	perror("control-load: request");
	return -1;
}

/*
 * A request of `method` whose params are `head` (members with a comma behind, or "") and then, as
 * `member`, the flows numbered from `first`, or their ids.
 */
static int
request_list(struct request *request, const char *method, const char *head, const char *member,
	unsigned first, unsigned n, write_fn write)
{
	FILE *out = text_open(request);

	if (!out)
		return -1;
	begin(out, method);
	fprintf(out, "{%s\"%s\":[", head, member);
	for (unsigned i = 0; i < n; i++) {
		if (i)
			fputc(',', out);
		write(out, first + i);
	}
	fputs("]}}\n", out);
	return text_close(out);
}

/* A request of `method` with that text as its params. */
static int
request_params(struct request *request, const char *method, const char *params)
{
	FILE *out = text_open(request);

	if (!out)
		return -1;
	begin(out, method);
	fprintf(out, "%s}\n", params);
	return text_close(out);
}

static void
request_fini(struct request *request)
{
	free(request->text);
}

static int
refuse(const char *what, const char *why)
{
	fprintf(stderr, "control-load: %s: %s\n", what, why);
	return -1;
}

/* Connect. 0, or -1 after a message on standard error, as in all that follows. */
static int
client_init(struct client *client, const char *socket_path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memset(client, 0, sizeof(*client));
	client->fd = -1;
	if (strlen(socket_path) >= sizeof(address.sun_path))
		return refuse(socket_path, "too long for a socket's path");
	strcpy(address.sun_path, socket_path);
	client->reply = malloc(ROOM_FIRST);
	client->room = ROOM_FIRST;
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!client->reply || client->fd < 0)
		return refuse("socket", strerror(errno));
	if (connect(client->fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return refuse(socket_path, strerror(errno));
	return 0;
}

static void
client_fini(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	free(client->reply);
}

static int
client_send(struct client *client, const struct request *request)
{
	size_t sent = 0;

	client->n_reply = 0;
	while (sent < request->bytes) {
		ssize_t n =
			send(client->fd, request->text + sent, request->bytes - sent, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return refuse("send", strerror(errno));
		sent += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int
room_make(struct client *client)
{
	char *reply;

	if (client->n_reply < client->room)
		return 0;
	reply = realloc(client->reply, client->room * 2);
	if (!reply)
		return refuse("reply", strerror(errno));
	client->reply = reply;
	client->room *= 2;
	return 0;
}

/* The members of a reply come in this order, so a look at its beginning tells. */
static int
reply_check(const struct client *client)
{
	static const char error[] = "{\"jsonrpc\":\"2.0\",\"error\"";

	if (strncmp(client->reply, error, sizeof(error) - 1) != 0)
		return 1;
	fprintf(stderr, "control-load: %.*s\n", SHOWN_BYTES, client->reply);
	return -1;
}

/*
 * Read what there is, at least a byte. 1: a reply is whole (client->reply, terminated, until the
 * next call), and it is no error; 0: it is not whole yet.
 */
static int
client_receive(struct client *client)
{
	ssize_t n;

	if (room_make(client) < 0)
		return -1;
	n = recv(client->fd, client->reply + client->n_reply, client->room - client->n_reply, 0);
	if (n < 0 && errno == EINTR)
		return 0;
	if (n <= 0)
		return refuse("receive", n ? strerror(errno) : "the connection was closed");
	client->n_reply += (size_t)n;
	if (client->reply[client->n_reply - 1] != '\n')
		return 0;
	client->reply[client->n_reply - 1] = '\0';
	return reply_check(client);
}

/* Send, and wait for the reply. */
static int
client_call(struct client *client, const struct request *request)
{
	int rc;

	if (client_send(client, request) < 0)
		return -1;
	do {
		rc = client_receive(client);
	} while (rc == 0);
	return rc < 0 ? -1 : 0;
}

struct lane {
	struct client client;
	uint64_t sent_ns;
};

struct batches {
	const struct options *options;
	struct lane *lanes; /* one a client */
	struct pollfd
		*polls; /* of the lane of the same number; fd -1: it has no request any more */
	struct request *requests;
	size_t n_requests;
	size_t n_sent;
	size_t n_done;
	struct latency latency;
};

static int
lane_next(struct batches *batches, unsigned lane)
{
	struct lane *next = &batches->lanes[lane];

	batches->polls[lane].fd = -1;
	if (batches->n_sent == batches->n_requests)
		return 0;
	batches->polls[lane] = (struct pollfd){.fd = next->client.fd, .events = POLLIN};
	next->sent_ns = now_ns();
	return client_send(&next->client, &batches->requests[batches->n_sent++]);
}

static int
lane_receive(struct batches *batches, unsigned lane)
{
	const int whole = client_receive(&batches->lanes[lane].client);

	if (whole <= 0)
		return whole;
	latency_add(&batches->latency, now_ns() - batches->lanes[lane].sent_ns);
	batches->n_done++;
	return lane_next(batches, lane);
}

static int
requests_run(struct batches *batches)
{
	const unsigned n = batches->options->clients;
	unsigned lane;

	batches->n_sent = 0;
	batches->n_done = 0;
	for (lane = 0; lane < n; lane++)
		if (lane_next(batches, lane) < 0)
			return -1;
	while (batches->n_done < batches->n_requests) {
		if (poll(batches->polls, n, -1) < 0)
			return -1;
		for (lane = 0; lane < n; lane++)
			if (batches->polls[lane].revents && lane_receive(batches, lane) < 0)
				return -1;
	}
	return 0;
}

static int
requests_make(struct batches *batches, write_fn write, const char *method, const char *member)
{
	const struct options *o = batches->options;
	const unsigned n = (o->flows + o->batch - 1) / o->batch;

	batches->requests = calloc(n, sizeof(batches->requests[0]));
	for (unsigned i = 0; batches->requests && i < n; i++) {
		const unsigned first = i * o->batch, left = o->flows - first;

		if (request_list(&batches->requests[i], method, "", member, first,
			    left < o->batch ? left : o->batch, write) < 0)
			return -1;
		batches->n_requests++;
	}
	return batches->requests ? 0 : -1;
}

static void
requests_free(struct batches *batches)
{
	while (batches->n_requests > 0)
		request_fini(&batches->requests[--batches->n_requests]);
	free(batches->requests);
	batches->requests = NULL;
}

/* One phase, measured: {"flows_per_second", "seconds", latencies of a request}. */
static json_t *
phase_run(struct batches *batches, write_fn write, const char *method, const char *member)
{
	json_t *result = NULL;
	uint64_t start_ns;
	double seconds;

	batches->latency = (struct latency){0};
	if (requests_make(batches, write, method, member) == 0) {
		start_ns = now_ns();
		if (requests_run(batches) == 0) {
			seconds = (double)(now_ns() - start_ns) / 1e9;
			result = json_pack("{s:f, s:f, s:o}", "seconds", seconds,
				"flows_per_second", batches->options->flows / seconds, "requests",
				latency_json(&batches->latency));
		}
	}
	requests_free(batches);
	latency_fini(&batches->latency);
	return result;
}

static int
lanes_init(struct batches *batches)
{
	const unsigned n = batches->options->clients;

	batches->lanes = calloc(n, sizeof(batches->lanes[0]));
	batches->polls = calloc(n, sizeof(batches->polls[0]));
	if (!batches->lanes || !batches->polls)
		return -1;
	for (unsigned lane = 0; lane < n; lane++)
		batches->lanes[lane].client.fd = -1;
	for (unsigned lane = 0; lane < n; lane++)
		if (client_init(&batches->lanes[lane].client, batches->options->socket_path) < 0)
			return -1;
	return 0;
}

/*
 * Install all flows in batches, over several connections at once, each with one request under way,
 * then remove them unless they are to be kept. All requests are made before the clock starts, as
 * the client may share a CPU with the server. The figures, or NULL after a message.
 */
static json_t *
batches_run(const struct options *options)
{
	struct batches batches = {.options = options};
	json_t *installed = NULL, *removed = NULL;

	if (lanes_init(&batches) == 0)
		installed = phase_run(&batches, flow_write, "flow.install", "flows");
	if (installed && !options->keep)
		removed = phase_run(&batches, id_write, "flow.remove", "ids");
	for (unsigned lane = 0; batches.lanes && lane < options->clients; lane++)
		client_fini(&batches.lanes[lane].client);
	free(batches.lanes);
	free(batches.polls);
	if (installed && (removed || options->keep))
		return json_pack("{s:o, s:o*}", "install", installed, "remove", removed);
	json_decref(installed);
	return NULL;
}

enum phase { PHASE_PUT, PHASE_COMMIT, PHASE_DONE };

struct reader {
	const struct options *options;
	pthread_t thread;
	struct client client;
	struct request request;
	struct latency latency[PHASE_DONE];
	atomic_int phase;
	bool failed;
};

static void
wait_until(uint64_t ns)
{
	const struct timespec due = {
		.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) != 0)
		;
}

/* A read belongs to the phase in which it was due. */
static void *
reader_run(void *arg)
{
	struct reader *reader = arg;
	const uint64_t interval_ns = reader->options->get_interval_us * UINT64_C(1000);
	uint64_t due_ns = now_ns();

	for (;;) {
		const int phase = atomic_load(&reader->phase);

		if (phase == PHASE_DONE)
			return NULL;
		if (client_call(&reader->client, &reader->request) < 0) {
			reader->failed = true;
			return NULL;
		}
		latency_add(&reader->latency[phase], now_ns() - due_ns);
		due_ns += interval_ns;
		wait_until(due_ns);
	}
}

static int
call(struct client *client, const char *method, const char *params)
{
	struct request request = {0};
	int rc = request_params(&request, method, params);

	if (rc == 0)
		rc = client_call(client, &request);
	request_fini(&request);
	return rc;
}

/* Begin a transaction; `head` becomes the member of params that names it, with a comma behind. */
static int
transaction_begin(struct client *client, char *head, size_t size)
{
	const char *name;
	json_t *reply;
	int rc;

	if (call(client, "txn.begin", "{}") < 0)
		return -1;
	reply = json_loads(client->reply, 0, NULL);
	rc = json_unpack(reply, "{s:{s:s}}", "result", "txn", &name);
	if (rc == 0)
		snprintf(head, size, "\"txn\":\"%s\",", name);
	else
		fprintf(stderr, "control-load: txn.begin names no transaction\n");
	json_decref(reply);
	return rc;
}

static int
transaction_put(const struct options *o, struct client *client, const char *head)
{
	for (unsigned first = 0; first < o->flows; first += o->batch) {
		const unsigned left = o->flows - first, n = left < o->batch ? left : o->batch;
		struct request request = {0};
		int rc = request_list(&request, "txn.put", head, "install", first, n, flow_write);

		if (rc == 0)
			rc = client_call(client, &request);
		request_fini(&request);
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int
transaction_commit(struct client *client, const char *head)
{
	char params[64];

	snprintf(params, sizeof(params), "{%.*s}", (int)strlen(head) - 1, head);
	return call(client, "txn.commit", params);
}

/* Put and commit; {"put_seconds", "commit_seconds", "flows_per_second"} */
static json_t *
transaction_run(const struct options *o, struct client *client, atomic_int *phase)
{
	const uint64_t start_ns = now_ns();
	double put, commit;
	char head[32];

	if (transaction_begin(client, head, sizeof(head)) < 0 ||
		transaction_put(o, client, head) < 0)
		return NULL;
	put = (double)(now_ns() - start_ns) / 1e9;
	atomic_store(phase, PHASE_COMMIT);
	if (transaction_commit(client, head) < 0)
		return NULL;
	commit = (double)(now_ns() - start_ns) / 1e9 - put;
	return json_pack("{s:f, s:f, s:f}", "put_seconds", put, "commit_seconds", commit,
		"flows_per_second", o->flows / (put + commit));
}

/* The flow that is read, installed; and who reads it. */
static int
reader_init(struct reader *reader, const struct options *options)
{
	struct request install = {0};
	char params[64];
	int rc;

	memset(reader, 0, sizeof(*reader));
	reader->options = options;
	snprintf(params, sizeof(params), "{\"id\":\"call-%u\"}", GET_FLOW);
	if (client_init(&reader->client, options->socket_path) < 0 ||
		request_params(&reader->request, "flow.get", params) < 0)
		return -1;
	rc = request_list(&install, "flow.install", "", "flows", GET_FLOW, 1, flow_write);
	if (rc == 0)
		rc = client_call(&reader->client, &install);
	request_fini(&install);
	return rc;
}

static void
reader_fini(struct reader *reader)
{
	client_fini(&reader->client);
	request_fini(&reader->request);
	latency_fini(&reader->latency[PHASE_PUT]);
	latency_fini(&reader->latency[PHASE_COMMIT]);
}

static json_t *
measured_run(struct reader *reader, struct client *client)
{
	json_t *result;

	if (pthread_create(&reader->thread, NULL, reader_run, reader) != 0)
		return NULL;
	result = transaction_run(reader->options, client, &reader->phase);
	atomic_store(&reader->phase, PHASE_DONE);
	pthread_join(reader->thread, NULL);
	if (!result || reader->failed) {
		json_decref(result);
		return NULL;
	}
	json_object_set_new(result, "get_while_put", latency_json(&reader->latency[PHASE_PUT]));
	json_object_set_new(
		result, "get_while_commit", latency_json(&reader->latency[PHASE_COMMIT]));
	return result;
}

/*
 * Put all flows into one transaction and commit it, while another client reads a flow. Reads are
 * due at fixed times, and a read's latency counts from when it was due: a server that keeps one
 * read waiting keeps all those waiting that would have come meanwhile, and they are counted. The
 * figures, or NULL after a message.
 */
static json_t *
large_run(const struct options *options)
{
	struct client client;
	struct reader reader;
	json_t *result = NULL;

	if (reader_init(&reader, options) == 0) {
		if (client_init(&client, options->socket_path) == 0)
			result = measured_run(&reader, &client);
		client_fini(&client);
	}
	reader_fini(&reader);
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
	struct options options = {
		.flows = 100000, .batch = 10000, .clients = 1, .get_interval_us = 10000};
	int option;

	while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (option) {
		case 's':
			options.socket_path = optarg;
			break;
		case 'f':
			options.flows = number_of(optarg);
			break;
		case 'b':
			options.batch = number_of(optarg);
			break;
		case 'c':
			options.clients = number_of(optarg);
			break;
		case 'g':
			options.get_interval_us = number_of(optarg);
			break;
		case 'k':
			options.keep = true;
			break;
		case 'l':
			options.large = true;
			break;
		case 'h':
			help(stdout, 0);
			break;
		default:
			help(stderr, 2);
		}
	}
	if (optind < argc || !options.socket_path || !options.flows || !options.batch ||
		!options.clients || !options.get_interval_us)
		help(stderr, 2);
	return options;
}

int
main(int argc, char **argv)
{
	const struct options options = options_parse(argc, argv);
	json_t *result = options.large ? large_run(&options) : batches_run(&options);

	if (!result)
		return 1;
	json_object_set_new(result, "flows", json_integer(options.flows));
	json_object_set_new(result, "batch", json_integer(options.batch));
	json_object_set_new(result, "clients", json_integer(options.large ? 2 : options.clients));
	json_dumpf(result, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(result);
	return 0;
}
