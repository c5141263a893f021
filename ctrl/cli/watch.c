/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `watch`: a line an interval. Each reading is a few calls, from which a record is made that is
 * either shown as a line or printed as JSON, so the two can never differ. A daemon that goes away
 * is waited for.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "cli/traffic.h"

#define HEADER_EVERY_LINES 20

struct watch {
	struct cli *cli;
	const struct arguments *arguments; /* of which --flow may be given often */
	struct traffic before;
	bool has_before;
	bool began; /* there was a reading: a flow that is not there has gone, and may return */
	bool lost; /* the daemon did not answer last time */
	unsigned lines;
};

/* {"id", "sent": [...]}, where sent is null for a flow that is not installed. */
static json_t *
flow_sent(const char *id, const json_t *flow)
{
	json_t *sent = flow != NULL ? json_array() : json_null(), *leg;
	size_t i;

	json_array_foreach (json_object_get(flow, "legs"), i, leg)
		json_array_append(sent, json_object_get(leg, "sent"));
	return json_pack("{s:s, s:o}", "id", id, "sent", sent);
}

/* Append what the legs of a flow have sent. Returns 0, or -1 with *error set. */
static int
watch_flow(struct watch *watch, const char *id, json_t *flows, struct client_error *error)
{
	json_t *params = json_pack("{s:s}", "id", id);
	json_t *flow = client_call(&watch->cli->client, "flow.get", params, error);

	json_decref(params);
	if (flow == NULL && (!watch->began || strcmp(error->name, "NOT_FOUND") != 0))
		return -1;
	json_array_append_new(flows, flow_sent(id, flow));
	json_decref(flow);
	return 0;
}

/* The flows named, or else the only one that there is. New reference to an array, or NULL. */
static json_t *
watch_flows(struct watch *watch, uint64_t *installed, struct client_error *error)
{
	json_t *params = json_pack("{s:i}", "limit", 1), *flows = json_array(), *page;
	const char *id;
	size_t position = 0;
	int status = 0;

	page = client_call(&watch->cli->client, "flow.list", params, error);
	json_decref(params);
	*installed = member_number(page, "total");
	if (page == NULL)
		status = -1;
	else if (arguments_value(watch->arguments, "flow") == NULL && *installed == 1)
		status = watch_flow(watch,
			member_text(json_array_get(json_object_get(page, "flows"), 0), "id"), flows,
			error);
	while (status == 0 && (id = arguments_next(watch->arguments, "flow", &position)) != NULL)
		status = watch_flow(watch, id, flows, error);
	json_decref(page);
	if (status == 0)
		return flows;
	json_decref(flows);
	return NULL;
}

/* A remark among the lines; aside when they are JSON. */
static void
watch_note(const struct watch *watch, const char *note)
{
	FILE *out = watch->cli->json ? stderr : stdout;
	char clock_text[WATCH_TIME_MAX];

	watch_line_time(time(NULL), clock_text);
	fprintf(out, "%s %s\n", clock_text, note);
}

static void
watch_print(struct watch *watch, json_t *record)
{
	if (watch->cli->json) {
		json_dumpf(record, stdout, JSON_COMPACT);
		putchar('\n');
		return;
	}
	if (watch->lines == 0 || (watch->lines % HEADER_EVERY_LINES == 0 && isatty(STDOUT_FILENO)))
		watch_line_header(stdout);
	watch_line_print(record, stdout);
	watch->lines++;
}

/* Show what happened between the reading before and this one, if that can be said. */
static void
watch_show(struct watch *watch, const struct traffic *now, json_t *flows, uint64_t installed)
{
	json_t *record;
	struct rate rate;

	if (!traffic_rate(&watch->before, now, &rate)) {
		watch_note(watch, "counters or clock went back: sluiced was started anew");
		return;
	}
	record = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:O, s:o}", "time_ns",
		(json_int_t)now->time_ns, "rx_pps", (json_int_t)rate.rx_pps, "rx_bps",
		(json_int_t)rate.rx_bps, "tx_pps", (json_int_t)rate.tx_pps, "tx_bps",
		(json_int_t)rate.tx_bps, "installed", (json_int_t)installed, "flows", flows,
		"drops", traffic_drops(&watch->before, now));
	if (record == NULL)
		cli_out_of_memory();
	watch_print(watch, record);
	json_decref(record);
}

/* Take a reading. Returns 0, or -1 with *error set. */
static int
watch_read(struct watch *watch, struct client_error *error)
{
	json_t *params = json_object(), *counters, *flows;
	struct traffic now;
	uint64_t installed;

	counters = client_call(&watch->cli->client, "counters.get", params, error);
	json_decref(params);
	if (counters == NULL)
		return -1;
	traffic_init(&now, counters);
	json_decref(counters);
	flows = watch_flows(watch, &installed, error);
	if (flows == NULL) {
		traffic_fini(&now);
		return -1;
	}
	if (watch->has_before)
		watch_show(watch, &now, flows, installed);
	json_decref(flows);
	traffic_fini(&watch->before);
	watch->before = now;
	watch->has_before = true;
	return 0;
}

/* A reading that may fail: say so once, and once when it works again. */
static void
watch_tick(struct watch *watch)
{
	struct client_error error;

	if (watch_read(watch, &error) == 0) {
		if (watch->lost)
			watch_note(watch, "sluiced is back");
		watch->lost = false;
		return;
	}
	if (!watch->lost)
		watch_note(watch, error.text);
	watch->lost = true;
	watch->has_before = false;
}

/* Sleep to the next beat; beats that were missed are left out, not made up for. */
static void
beat_wait(struct timespec *beat, uint64_t interval_ms)
{
	const uint64_t ns = (uint64_t)beat->tv_nsec + interval_ms % 1000 * 1000000;
	struct timespec now;

	beat->tv_sec += (time_t)(interval_ms / 1000 + ns / 1000000000);
	beat->tv_nsec = (long)(ns % 1000000000);
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec > beat->tv_sec ||
		(now.tv_sec == beat->tv_sec && now.tv_nsec > beat->tv_nsec))
		*beat = now;
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, beat, NULL);
}

static int
watch_run(struct watch *watch, uint64_t interval_ms, uint64_t count)
{
	struct client_error error;
	struct timespec beat;

	if (watch_read(watch, &error) < 0)
		return cli_refused(watch->cli, &error);
	watch->began = true;
	clock_gettime(CLOCK_MONOTONIC, &beat);
	for (uint64_t n = 0; (count == 0 || n < count) && !ferror(stdout); n++) {
		beat_wait(&beat, interval_ms);
		watch_tick(watch);
		fflush(stdout);
	}
	return CLI_OK;
}

static int
watch(struct cli *cli, const struct arguments *arguments)
{
	const char *interval = arguments_value(arguments, "interval");
	const char *lines = arguments_value(arguments, "count");
	struct watch watch = {.cli = cli, .arguments = arguments};
	uint64_t interval_ms = 1000, count = 0;
	int exit_code;

	if (interval != NULL && seconds_parse(interval, &interval_ms) < 0)
		return cli_usage(cli,
			"--interval: \"%s\" is not a time from 1ms to 1d, as 10s or 500ms",
			interval);
	if (lines != NULL && number_parse(lines, 1, UINT32_MAX, &count) < 0)
		return cli_usage(cli, "--count: \"%s\" is not a number from 1", lines);
	exit_code = watch_run(&watch, interval_ms, count);
	traffic_fini(&watch.before);
	return exit_code;
}

static const struct option_spec watch_options[] = {
	{"interval", "TIME", "time between lines (1)"},
	{"count", "N", "stop after N intervals"},
	{"flow", "ID", "show what this flow's legs sent; may be given often"},
	{NULL},
};

const struct command command_watch = {
	.name = "watch",
	.arguments = "[--interval TIME] [--count N] [--flow ID]...",
	.summary = "Show rates, legs and drops live, a line a second",
	.example = "  sluicectl watch --flow cam1 --count 10",
	.options = watch_options,
	.run = watch,
};
