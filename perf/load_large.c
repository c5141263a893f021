/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One transaction of very many flows, and a second client that reads a flow all the while. Reads
 * are due at fixed times, and a read's latency counts from when it was due: a server that keeps one
 * read waiting keeps all those waiting that would have come meanwhile, and they are counted.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "load_latency.h"
#include "load_modes.h"
#include "load_text.h"

#define GET_FLOW LOAD_FLOWS_MAX /* its number: none of those of the transaction */

enum phase { PHASE_PUT, PHASE_COMMIT, PHASE_DONE };

struct reader {
	const struct load_options *options;
	pthread_t thread;
	struct load_client client;
	struct load_text request;
	struct load_latency latency[PHASE_DONE];
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
	uint64_t due_ns = load_now_ns();

	for (;;) {
		const int phase = atomic_load(&reader->phase);

		if (phase == PHASE_DONE)
			return NULL;
		if (load_client_call(&reader->client, &reader->request) < 0) {
			reader->failed = true;
			return NULL;
		}
		load_latency_add(&reader->latency[phase], load_now_ns() - due_ns);
		due_ns += interval_ns;
		wait_until(due_ns);
	}
}

static int
call(struct load_client *client, const char *method, const char *params)
{
	struct load_text request = {0};
	int rc = load_text_params(&request, method, params);

	if (rc == 0)
		rc = load_client_call(client, &request);
	load_text_fini(&request);
	return rc;
}

/* Begin a transaction; `head` becomes the member of params that names it, with a comma behind. */
static int
transaction_begin(struct load_client *client, char *head, size_t size)
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
transaction_put(const struct load_options *o, struct load_client *client, const char *head)
{
	for (unsigned first = 0; first < o->flows; first += o->batch) {
		const unsigned left = o->flows - first, n = left < o->batch ? left : o->batch;
		struct load_text request = {0};
		int rc = load_text_flows(&request, "txn.put", head, "install", first, n);

		if (rc == 0)
			rc = load_client_call(client, &request);
		load_text_fini(&request);
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int
transaction_commit(struct load_client *client, const char *head)
{
	char params[64];

	snprintf(params, sizeof(params), "{%.*s}", (int)strlen(head) - 1, head);
	return call(client, "txn.commit", params);
}

/* Put and commit; {"put_seconds", "commit_seconds", "flows_per_second"} */
static json_t *
transaction_run(const struct load_options *o, struct load_client *client, atomic_int *phase)
{
	const uint64_t start_ns = load_now_ns();
	double put, commit;
	char head[32];

	if (transaction_begin(client, head, sizeof(head)) < 0 ||
		transaction_put(o, client, head) < 0)
		return NULL;
	put = (double)(load_now_ns() - start_ns) / 1e9;
	atomic_store(phase, PHASE_COMMIT);
	if (transaction_commit(client, head) < 0)
		return NULL;
	commit = (double)(load_now_ns() - start_ns) / 1e9 - put;
	return json_pack("{s:f, s:f, s:f}", "put_seconds", put, "commit_seconds", commit,
		"flows_per_second", o->flows / (put + commit));
}

/* The flow that is read, installed; and who reads it. */
static int
reader_init(struct reader *reader, const struct load_options *options)
{
	struct load_text install = {0};
	char params[64];
	int rc;

	memset(reader, 0, sizeof(*reader));
	reader->options = options;
	snprintf(params, sizeof(params), "{\"id\":\"call-%u\"}", GET_FLOW);
	if (load_client_init(&reader->client, options->socket_path) < 0 ||
		load_text_params(&reader->request, "flow.get", params) < 0)
		return -1;
	rc = load_text_flows(&install, "flow.install", "", "flows", GET_FLOW, 1);
	if (rc == 0)
		rc = load_client_call(&reader->client, &install);
	load_text_fini(&install);
	return rc;
}

static void
reader_fini(struct reader *reader)
{
	load_client_fini(&reader->client);
	load_text_fini(&reader->request);
	load_latency_fini(&reader->latency[PHASE_PUT]);
	load_latency_fini(&reader->latency[PHASE_COMMIT]);
}

static json_t *
measured_run(struct reader *reader, struct load_client *client)
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
	json_object_set_new(
		result, "get_while_put", load_latency_json(&reader->latency[PHASE_PUT]));
	json_object_set_new(
		result, "get_while_commit", load_latency_json(&reader->latency[PHASE_COMMIT]));
	return result;
}

json_t *
load_large_run(const struct load_options *options)
{
	struct load_client client;
	struct reader reader;
	json_t *result = NULL;

	if (reader_init(&reader, options) == 0) {
		if (load_client_init(&client, options->socket_path) == 0)
			result = measured_run(&reader, &client);
		load_client_fini(&client);
	}
	reader_fini(&reader);
	return result;
}
