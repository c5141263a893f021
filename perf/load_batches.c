/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flows come and go in batches, over several connections at once, each with one request under way.
 * All requests are made before the clock starts, as the client may share a CPU with the server.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "load_latency.h"
#include "load_modes.h"
#include "load_text.h"

struct lane {
	struct load_client client;
	uint64_t sent_ns;
};

struct batches {
	const struct load_options *options;
	struct lane *lanes; /* one a client */
	struct pollfd
		*polls; /* of the lane of the same number; fd -1: it has no request any more */
	struct load_text *requests;
	size_t n_requests;
	size_t n_sent;
	size_t n_done;
	struct load_latency latency;
};

static int
lane_next(struct batches *batches, unsigned lane)
{
	struct lane *next = &batches->lanes[lane];

	batches->polls[lane].fd = -1;
	if (batches->n_sent == batches->n_requests)
		return 0;
	batches->polls[lane] = (struct pollfd){.fd = next->client.fd, .events = POLLIN};
	next->sent_ns = load_now_ns();
	return load_client_send(&next->client, &batches->requests[batches->n_sent++]);
}

static int
lane_receive(struct batches *batches, unsigned lane)
{
	const int whole = load_client_receive(&batches->lanes[lane].client);

	if (whole <= 0)
		return whole;
	load_latency_add(&batches->latency, load_now_ns() - batches->lanes[lane].sent_ns);
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

typedef int (*text_fn)(struct load_text *request, const char *method, const char *head,
	const char *member, unsigned first, unsigned n);

static int
requests_make(struct batches *batches, text_fn make, const char *method, const char *member)
{
	const struct load_options *o = batches->options;
	const unsigned n = (o->flows + o->batch - 1) / o->batch;

	batches->requests = calloc(n, sizeof(batches->requests[0]));
	for (unsigned i = 0; batches->requests && i < n; i++) {
		const unsigned first = i * o->batch, left = o->flows - first;

		if (make(&batches->requests[i], method, "", member, first,
			    left < o->batch ? left : o->batch) < 0)
			return -1;
		batches->n_requests++;
	}
	return batches->requests ? 0 : -1;
}

static void
requests_free(struct batches *batches)
{
	while (batches->n_requests > 0)
		load_text_fini(&batches->requests[--batches->n_requests]);
	free(batches->requests);
	batches->requests = NULL;
}

/* One phase, measured: {"flows_per_second", "seconds", latencies of a request}. */
static json_t *
phase_run(struct batches *batches, text_fn make, const char *method, const char *member)
{
	json_t *result = NULL;
	uint64_t start_ns;
	double seconds;

	batches->latency = (struct load_latency){0};
	if (requests_make(batches, make, method, member) == 0) {
		start_ns = load_now_ns();
		if (requests_run(batches) == 0) {
			seconds = (double)(load_now_ns() - start_ns) / 1e9;
			result = json_pack("{s:f, s:f, s:o}", "seconds", seconds,
				"flows_per_second", batches->options->flows / seconds, "requests",
				load_latency_json(&batches->latency));
		}
	}
	requests_free(batches);
	load_latency_fini(&batches->latency);
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
		if (load_client_init(&batches->lanes[lane].client, batches->options->socket_path) <
			0)
			return -1;
	return 0;
}

json_t *
load_batches_run(const struct load_options *options)
{
	struct batches batches = {.options = options};
	json_t *installed = NULL, *removed = NULL;

	if (lanes_init(&batches) == 0)
		installed = phase_run(&batches, load_text_flows, "flow.install", "flows");
	if (installed && !options->keep)
		removed = phase_run(&batches, load_text_ids, "flow.remove", "ids");
	for (unsigned lane = 0; batches.lanes && lane < options->clients; lane++)
		load_client_fini(&batches.lanes[lane].client);
	free(batches.lanes);
	free(batches.polls);
	if (installed && (removed || options->keep))
		return json_pack("{s:o, s:o*}", "install", installed, "remove", removed);
	json_decref(installed);
	return NULL;
}
