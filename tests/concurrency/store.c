/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Each batch replaces all flows by those of one edition, as fast as they become durable, while
 * cursors, the history and the store's own threads (checkpoints, copies) read. A cursor must see
 * all flows of one edition, none older than what was acknowledged when it was opened, and so must
 * the store when it is opened again.
 *
 * Made to run under ThreadSanitizer too. Usage: store [SECONDS]; from 10 on a copy is taken.
 */
#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/read.h"

#define N_FLOWS 200
#define SUBMITTERS 4
#define PADDING 1000
#define HISTORY 20

struct test {
	struct event_base *base;
	struct store *store;
	char directory[64];
	char path[96];
	uint64_t begun; /* last edition, which is its generation */
	uint64_t done;
	unsigned n_cursors;
	bool stop;
};

static struct test test;

static void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

static void
fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "; it is kept in %s\n", test.directory);
	_exit(1);
}

static double
now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void edition_submit(void);

static void
edition_done(void *arg, const struct fault *error)
{
	(void)arg;
	if (error)
		fail("edition %lu: %s", (unsigned long)(test.done + 1), error->message);
	test.done++;
	if (!test.stop)
		edition_submit();
}

static void
edition_submit(void)
{
	struct store_generation generation = {.number = ++test.begun, .method = "test"};
	struct store_batch *batch = store_batch_create();
	char id[16], text[PADDING + 32];
	unsigned i;
	int n;

	store_batch_generation(batch, &generation);
	n = snprintf(text, sizeof(text), "%lu %0*u", (unsigned long)test.begun, PADDING, 0);
	for (i = 0; i < N_FLOWS; i++) {
		snprintf(id, sizeof(id), "f%u", i);
		store_batch_insert(batch, id, text, (size_t)n, test.begun, false);
	}
	store_submit(test.store, batch, edition_done, NULL);
}

/* Batches go on to be written while the cursor is read. */
static void
cursor_check(void)
{
	const uint64_t acknowledged = test.done;
	struct store_cursor *cursor;
	struct store_flow flow;
	uint64_t edition = 0;
	struct fault fault;
	unsigned n;
	int rc;

	cursor = store_flows_open(test.store, &fault);
	if (!cursor)
		fail("cursor: %s", fault.message);
	for (n = 0; (rc = store_cursor_next(cursor, &flow, &fault)) == 1; n++) {
		if (n == 0)
			edition = flow.last_leg;
		if (flow.last_leg != edition || strtoul(flow.text, NULL, 10) != edition)
			fail("flow %s is of edition %.8s, not of %lu", flow.id, flow.text,
				(unsigned long)edition);
		event_base_loop(test.base, EVLOOP_NONBLOCK);
	}
	store_cursor_close(cursor);
	if (rc < 0)
		fail("cursor: %s", fault.message);
	if (edition < acknowledged || (acknowledged > 0 && n != N_FLOWS))
		fail("%u flows of edition %lu after edition %lu was acknowledged", n,
			(unsigned long)edition, (unsigned long)acknowledged);
	test.n_cursors++;
}

static void
history_check(void)
{
	const struct store_history_filter all = {0};
	struct store_generation generation;
	struct store_cursor *cursor;
	enum store_outcome outcome;
	uint64_t before = 0;
	struct fault fault;
	int rc;

	cursor = store_history_open(test.store, &all, HISTORY, &fault);
	rc = cursor ? 1 : -1;
	while (rc == 1 && (rc = store_history_next(cursor, &generation, &outcome, &fault)) == 1) {
		if (before != 0 && generation.number != before - 1)
			fail("generation %lu is before %lu", (unsigned long)generation.number,
				(unsigned long)before);
		before = generation.number;
	}
	store_cursor_close(cursor);
	if (rc < 0)
		fail("history: %s", fault.message);
}

static void
test_open(void)
{
	struct store_report report;
	struct fault fault;

	test.store = store_open(test.path, test.base, &report, &fault);
	if (!test.store)
		fail("%s", fault.message);
	if (report.condition != (test.done == 0 ? STORE_FRESH : STORE_OK) ||
		report.generation != test.done)
		fail("found %d, generation %lu, not %lu: %s", report.condition,
			(unsigned long)report.generation, (unsigned long)test.done, report.reason);
}

static void
run(double seconds)
{
	const double until_s = now_s() + seconds;
	unsigned i;

	for (i = 0; i < SUBMITTERS; i++)
		edition_submit();
	while (now_s() < until_s) {
		cursor_check();
		history_check();
		event_base_loop(test.base, EVLOOP_ONCE);
	}
	test.stop = true;
	while (test.done < test.begun)
		event_base_loop(test.base, EVLOOP_ONCE);
}

static void
files_remove(void)
{
	static const char *const parts[] = {"", "-wal", "-shm", "-lock", "-good"};
	char name[128];
	unsigned i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", test.path, parts[i]);
		unlink(name);
	}
	rmdir(test.directory);
}

int
main(int argc, char **argv)
{
	struct store_state state;

	test.base = event_base_new();
	snprintf(test.directory, sizeof(test.directory), "/tmp/sluice-concurrency-XXXXXX");
	if (!mkdtemp(test.directory))
		fail("no directory");
	snprintf(test.path, sizeof(test.path), "%s/state.db", test.directory);
	test_open();
	run(argc > 1 ? atof(argv[1]) : 10);
	store_state(test.store, &state);
	if (state.copy_fault[0] != '\0')
		fail("copy: %s", state.copy_fault);
	store_close(test.store);
	test_open();
	cursor_check();
	store_close(test.store);
	printf("%lu editions of %u flows, %u cursors, a copy of generation %lu\n",
		(unsigned long)test.done, N_FLOWS, test.n_cursors,
		(unsigned long)state.copy_generation);
	files_remove();
	event_base_free(test.base);
	return 0;
}
