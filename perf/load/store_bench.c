/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How fast flows become durable: batches of a size, so many submitted at a time, each submitter
 * going on when its batch is durable; or, at a steady rate, whether those before are durable or
 * not. Prints one line of JSON.
 *
 * usage: store-bench [-r BATCHES-A-SECOND] PATH FLOWS-A-BATCH SUBMITTERS BATCHES [keep]
 *
 * PATH is removed afterwards unless "keep" is given; an existing one is continued.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/figures.h"
#include "store/store.h"

#define TEXT_BYTES 300

struct bench {
	struct event_base *base;
	struct store *store;
	unsigned flows;
	unsigned batches;
	unsigned begun;
	double rate; /* batches a second; 0 = as fast as they become durable */
	struct latency latency; /* of each batch that is done */
	off_t journal_bytes; /* the most that was seen */
	char journal[STORE_PATH_MAX + 8];
};

struct submitter {
	struct bench *bench;
	uint64_t since_ns;
};

static void submit_now(struct submitter *submitter);

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
	latency_add(&bench->latency, now_ns() - submitter->since_ns);
	if (stat(bench->journal, &info) == 0 && info.st_size > bench->journal_bytes)
		bench->journal_bytes = info.st_size;
	if (bench->rate > 0)
		free(submitter);
	else if (bench->begun < bench->batches)
		submit_now(submitter);
}

static void
submit(struct submitter *submitter)
{
	static const char text[TEXT_BYTES + 1] = {[0 ... TEXT_BYTES - 1] = 'x'};
	struct bench *bench = submitter->bench;
	struct store_generation generation = {.number = ++bench->begun, .method = "bench"};
	struct store_batch *batch = store_batch_create();
	char id[48];
	unsigned i;

	store_batch_generation(batch, &generation);
	for (i = 0; i < bench->flows; i++) {
		/* Ids in no order, as those of calls are. */
		const uint64_t n = (uint64_t)bench->begun * bench->flows + i;

		snprintf(id, sizeof(id), "%016llx",
			(unsigned long long)(n * UINT64_C(0x9e3779b97f4a7c15)));
		store_batch_insert(batch, id, text, TEXT_BYTES, 1, false);
	}
	store_submit(bench->store, batch, batch_done, submitter);
}

static void
submit_now(struct submitter *submitter)
{
	submitter->since_ns = now_ns();
	submit(submitter);
}

/* Each counts from when it was due, so that one that is slow does not hide those behind it. */
static void
rate_keep(struct bench *bench)
{
	const uint64_t begin_ns = now_ns();
	unsigned i, n = bench->batches - bench->begun;
	struct submitter *submitter;

	for (i = 0; i < n; i++) {
		const uint64_t due_ns = begin_ns + (uint64_t)(1e9 * i / bench->rate);

		while (now_ns() < due_ns) {
			event_base_loop(bench->base, EVLOOP_NONBLOCK);
			usleep(200);
		}
		submitter = calloc(1, sizeof(*submitter));
		*submitter = (struct submitter){bench, due_ns};
		submit(submitter);
	}
}

struct times {
	double open_s;
	double run_s;
	double close_s;
	double cpu_s; /* while it ran */
};

static void
report_print(struct bench *bench, unsigned submitters, const struct times *times)
{
	const size_t n = bench->latency.n;
	const double flows = (double)bench->flows * (double)n;
	json_t *report = json_pack("{s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:o}",
		"flows_a_batch", (int)bench->flows, "submitters", (int)submitters, "rate",
		bench->rate, "flows_per_s", flows / times->run_s, "batches_per_s",
		(double)n / times->run_s, "cpu_us_a_flow", 1e6 * times->cpu_s / flows, "open_s",
		times->open_s, "close_s", times->close_s, "journal_mb",
		1e-6 * (double)bench->journal_bytes, "batches", latency_json(&bench->latency));

	json_dumpf(report, stdout, JSON_REAL_PRECISION(4));
	putchar('\n');
	json_decref(report);
	latency_fini(&bench->latency);
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

static void
run(struct bench *bench, unsigned n_submitters)
{
	struct submitter *submitters = calloc(n_submitters, sizeof(*submitters));
	const unsigned n = bench->batches - bench->begun;
	unsigned i;

	if (bench->rate > 0)
		rate_keep(bench);
	for (i = 0; i < n_submitters && bench->begun < bench->batches; i++) {
		submitters[i].bench = bench;
		submit_now(&submitters[i]);
	}
	while (bench->latency.n < n)
		event_base_loop(bench->base, EVLOOP_ONCE);
	free(submitters);
}

static void
bench_open(struct bench *bench, const char *path)
{
	struct store_report report;
	struct fault fault;

	bench->base = event_base_new();
	snprintf(bench->journal, sizeof(bench->journal), "%s-wal", path);
	bench->store = store_open(path, bench->base, &report, &fault);
	if (!bench->store) {
		fprintf(stderr, "store-bench: %s\n", fault.message);
		exit(1);
	}
	bench->begun = (unsigned)report.generation;
	bench->batches += bench->begun;
}

/* Where the arguments begin that have no letter. */
static int
options_read(int argc, char **argv, struct bench *bench)
{
	int option;

	while ((option = getopt(argc, argv, "r:")) == 'r')
		bench->rate = atof(optarg);
	if (option == -1 && argc - optind >= 4)
		return optind;
	fprintf(stderr, "usage: store-bench [-r BATCHES-A-SECOND] PATH FLOWS-A-BATCH SUBMITTERS "
			"BATCHES [keep]\n");
	exit(2);
}

int
main(int argc, char **argv)
{
	struct bench bench = {.rate = 0};
	char **args = argv + options_read(argc, argv, &bench);
	const unsigned submitters = (unsigned)atoi(args[2]);
	struct times times;
	double begin_s, used_s;

	bench.flows = (unsigned)atoi(args[1]);
	bench.batches = (unsigned)atoi(args[3]);
	begin_s = seconds_of(CLOCK_MONOTONIC);
	bench_open(&bench, args[0]);
	times.open_s = seconds_of(CLOCK_MONOTONIC) - begin_s;
	begin_s = seconds_of(CLOCK_MONOTONIC);
	used_s = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
	run(&bench, submitters);
	times.cpu_s = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - used_s;
	times.run_s = seconds_of(CLOCK_MONOTONIC) - begin_s;
	begin_s = seconds_of(CLOCK_MONOTONIC);
	store_close(bench.store);
	times.close_s = seconds_of(CLOCK_MONOTONIC) - begin_s;
	report_print(&bench, submitters, &times);
	if (!args[4])
		files_remove(args[0]);
	event_base_free(bench.base);
	return 0;
}
