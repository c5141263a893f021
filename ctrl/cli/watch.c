/* SPDX-License-Identifier: BSD-3-Clause */
/* `watch`: a line an interval, of what goes through and what the legs of flows have sent. */
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "cli/traffic.h"

#define HEADER_EVERY_LINES 20

struct watch {
	struct cli *cli;
	const struct arguments *arguments; /* of which --flow may be given often */
	json_t *before; /* of counters.get; NULL: none, or the daemon did not answer last time */
	bool began; /* there was a reading: a flow that is not there has gone, and may return */
	unsigned lines;
};

/*
 * Append {"id", "sent": [...]} of a flow, what its legs have sent, or null for a flow that is not
 * installed any more. Returns 0, or -1 with *error set.
 */
static int
watch_flow(struct watch *watch, const char *id, json_t *flows, struct client_error *error)
{
	json_t *flow =
		client_call(&watch->cli->client, "flow.get", json_pack("{s:s}", "id", id), error);
	json_t *sent, *leg;
	size_t i;

	if (flow == NULL && (!watch->began || strcmp(error->name, "NOT_FOUND") != 0))
		return -1;
	sent = flow != NULL ? json_array() : json_null();
	json_array_foreach (json_object_get(flow, "legs"), i, leg)
		json_array_append(sent, json_object_get(leg, "sent"));
	json_array_append_new(flows, json_pack("{s:s, s:o}", "id", id, "sent", sent));
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

static int
watch_read(void *arg, json_t **record, struct client_error *error)
{
	struct watch *watch = arg;
	json_t *flows = NULL;
	json_t *counters = client_call(&watch->cli->client, "counters.get", json_object(), error);
	uint64_t installed;

	if (counters != NULL)
		flows = watch_flows(watch, &installed, error);
	*record = flows != NULL && watch->before != NULL ? traffic_rates(watch->before, counters)
							 : NULL;
	if (*record != NULL)
		json_object_update_new(*record, json_pack("{s:I, s:O}", "installed",
							(json_int_t)installed, "flows", flows));
	json_decref(watch->before);
	watch->before = flows != NULL ? counters : NULL;
	if (flows == NULL)
		json_decref(counters);
	json_decref(flows);
	watch->began |= flows != NULL;
	return flows != NULL ? 0 : -1;
}

static void
watch_print(void *arg, json_t *record)
{
	struct watch *watch = arg;

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

static int
watch(struct cli *cli, const struct arguments *arguments)
{
	struct watch watch = {.cli = cli, .arguments = arguments};
	struct monitor monitor = {.cli = cli,
		.interval_ms = 1000,
		.read = watch_read,
		.print = watch_print,
		.arg = &watch};
	int exit_code;

	if (option_interval(cli, arguments, 1, &monitor.interval_ms) != CLI_OK)
		return CLI_USAGE;
	if (option_number(cli, arguments, "count", 1, UINT32_MAX, &monitor.count) != CLI_OK)
		return CLI_USAGE;
	exit_code = monitor_run(&monitor);
	json_decref(watch.before);
	return exit_code;
}

static const struct option_spec watch_options[] = {
	{"interval", "TIME", "time between lines (1)"},
	{"count", "N", "stop after N intervals"},
	{"flow", "ID", "show the legs of this flow; may be repeated"},
	{NULL},
};

const struct command command_watch = {
	.name = "watch",
	.arguments = "",
	.summary = "Show rates, legs and drops live, a line per second",
	.example = "  sluicectl watch --flow cam1 --count 10",
	.options = watch_options,
	.run = watch,
};
