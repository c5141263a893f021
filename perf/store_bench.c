/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How fast flows become durable: batches of a size, so many submitted at a time, each submitter
 * going on when its batch is durable. Prints one line of JSON.
 *
 * usage: store-bench PATH FLOWS-A-BATCH SUBMITTERS BATCHES [keep]
 *
 * PATH must not exist; it is removed afterwards unless told to keep it.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"

#define TEXT_BYTES 300

struct bench {
	struct event_base *base;
	struct store *store;
	unsigned flows;
	unsigned batches;
	unsigned begun;
	unsigned done;
	double *latency_s; /* of each batch that is done */
	off_t journal_bytes; /* the most that was seen */
	char journal[STORE_PATH_MAX + 8];
};

struct submitter {
	struct bench *bench;
	double since_s;
};

static double
now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void submit(struct submitter *submitter);

static void
batch_done(void *arg, const struct fault *error)
{
	struct submitter *submitter = arg;
	struct bench *bench = submitter->bench;
	struct stat info;

	if (error) {
		fprintf(stderr, "store-bench: %s\n", error->message);
		exit(1);
	}
	bench->latency_s[bench->done++] = now_s() - submitter->since_s;
	if (stat(bench->journal, &info) == 0 && info.st_size > bench->journal_bytes)
		bench->journal_bytes = info.st_size;
	if (bench->begun < bench->batches)
		submit(submitter);
}

static void
submit(struct submitter *submitter)
{
	static const char text[TEXT_BYTES + 1] = {[0 ... TEXT_BYTES - 1] = 'x'};
	struct bench *bench = submitter->bench;
	struct store_generation generation = {.number = ++bench->begun, .method = "bench"};
	struct store_batch *batch = store_batch_create(bench->store);
	char id[48];
	unsigned i;

	submitter->since_s = now_s();
	store_batch_generation(batch, &generation);
	for (i = 0; i < bench->flows; i++) {
		/* Ids in no order, as those of calls are. */
		const uint64_t n = (uint64_t)bench->begun * bench->flows + i;

		snprintf(id, sizeof(id), "%016llx",
			(unsigned long long)(n * UINT64_C(0x9e3779b97f4a7c15)));
		store_batch_put(batch, id, text, TEXT_BYTES, 1, false);
	}
	store_batch_submit(batch, batch_done, submitter);
}

static int
latency_compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
report_print(
	const struct bench *bench, unsigned submitters, double open_s, double run_s, double close_s)
{
	qsort(bench->latency_s, bench->done, sizeof(double), latency_compare);
	printf("{\"flows_a_batch\": %u, \"submitters\": %u, \"batches\": %u, "
	       "\"flows_per_s\": %.0f, \"batches_per_s\": %.1f, \"p50_ms\": %.2f, "
	       "\"p99_ms\": %.2f, \"open_s\": %.2f, \"close_s\": %.2f, \"journal_mb\": %.1f}\n",
		bench->flows, submitters, bench->done, bench->flows * bench->done / run_s,
		bench->done / run_s, 1e3 * bench->latency_s[bench->done / 2],
		1e3 * bench->latency_s[bench->done * 99 / 100], open_s, close_s,
		1e-6 * (double)bench->journal_bytes);
}

static void
files_remove(const char *path)
{
	static const char *const parts[] = {"", "-wal", "-shm", "-lock", "-good"};
	char name[STORE_PATH_MAX + 8];
	unsigned i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", path, parts[i]);
		unlink(name);
	}
}

int
main(int argc, char **argv)
{
	struct bench bench = {.base = event_base_new()};
	struct store_report report;
	struct submitter *submitters;
	double opening_s, begin_s, end_s;
	struct fault fault;
	unsigned n, i;

	if (argc < 5) {
		fprintf(stderr,
			"usage: store-bench PATH FLOWS-A-BATCH SUBMITTERS BATCHES [keep]\n");
		return 2;
	}
	bench.flows = (unsigned)atoi(argv[2]);
	n = (unsigned)atoi(argv[3]);
	bench.batches = (unsigned)atoi(argv[4]);
	bench.latency_s = calloc(bench.batches + 1, sizeof(double));
	submitters = calloc(n, sizeof(*submitters));
	snprintf(bench.journal, sizeof(bench.journal), "%s-wal", argv[1]);
	opening_s = now_s();
	bench.store = store_open(argv[1], bench.base, &report, &fault);
	if (!bench.store) {
		fprintf(stderr, "store-bench: %s\n", fault.message);
		return 1;
	}
	begin_s = now_s();
	bench.begun = (unsigned)report.generation;
	bench.batches += bench.begun;
	for (i = 0; i < n && bench.begun < bench.batches; i++) {
		submitters[i].bench = &bench;
		submit(&submitters[i]);
	}
	while (bench.done + (unsigned)report.generation < bench.batches)
		event_base_loop(bench.base, EVLOOP_ONCE);
	end_s = now_s();
	store_close(bench.store);
	report_print(&bench, n, begin_s - opening_s, end_s - begin_s, now_s() - end_s);
	if (argc < 6)
		files_remove(argv[1]);
	event_base_free(bench.base);
	free(submitters);
	free(bench.latency_s);
	return 0;
}
