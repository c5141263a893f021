/* SPDX-License-Identifier: BSD-3-Clause */
/* See traffic.h. `watch`: a line an interval, of what goes through and what legs have sent. */
#include "cli/traffic.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "cli/output.h"

const struct top_view top_views[TOP_VIEWS] = {
	[TOP_FLOWS] =
		{
			.name = "flows",
			.sorts = {{"pps", "PKT/S"}, {"bps", "BIT/S"}, {"drops", "DROP/S"},
				{"packets", "PACKETS"}},
			.columns = "FLOW~={flow}|PKT/S>={pps:short}|BIT/S>={bps:short}|"
				   "DROP/S>={drops_ps:short}|PACKETS>={packets:short}|"
				   "DROPS>={drops:short}",
		},
	[TOP_LEGS] =
		{
			.name = "legs",
			.sorts = {{"pps", "PKT/S"}, {"bps", "BIT/S"}, {"drops", "DROP/S"},
				{"packets", "PACKETS"}},
			.columns = "FLOW~={flow}|LEG~={leg}|PORT={port}|PKT/S>={pps:short}|"
				   "BIT/S>={bps:short}|DROP/S>={drops_ps:short}|"
				   "PACKETS>={packets:short}|DROPS>={drops:short}",
		},
	[TOP_PORTS] =
		{
			.name = "ports",
			.sorts = {{"name", "PORT"}, {"pps", "IN PKT/S"}, {"bps", "BIT/S"},
				{"drops", "DROP/S"}},
			.columns = "PORT~={port}|LINK={link_up:up}|IN PKT/S>={rx_pps:short}|"
				   "BIT/S>={rx_bps:short}|OUT PKT/S>={tx_pps:short}|"
				   "BIT/S>={tx_bps:short}|DROP/S>={drops_ps:short}|"
				   "MISS/S>={missed_ps:short}",
		},
	[TOP_WORKERS] =
		{
			.name = "workers",
			.sorts = {{"name", "WORKER"}, {"busy", "BUSY"}, {"pps", "IN PKT/S"}},
			.columns = "WORKER>={worker}|CPU>={core}|BUSY>={busy_share:percent}|"
				   "IN PKT/S>={rx_pps:short}|OUT PKT/S>={tx_pps:short}|"
				   "CYCLES/PKT>={cycles_per_packet:short}",
		},
};

/*
 * How much a member grew, a second; 0 for one that went back. 128 bits, as 100 Gbit/s for a minute
 * would overflow 64.
 */
static json_int_t
member_rate(const json_t *before, const json_t *after, const char *name, unsigned scale,
	uint64_t elapsed_ns)
{
	const uint64_t was = member_number(before, name), is = member_number(after, name);
	const unsigned __int128 grown = is > was ? is - was : 0;

	return elapsed_ns ? (json_int_t)((grown * scale * NS_PER_S + elapsed_ns / 2) / elapsed_ns)
			  : 0;
}

/* {"drops": all reasons of an object's drops}. */
static json_t *
drops_sum(const json_t *object)
{
	const char *reason;
	json_t *count;
	json_int_t sum = 0;

	json_object_foreach (json_object_get(object, "drops"), reason, count)
		sum += json_integer_value(count);
	return json_pack("{s:I}", "drops", sum);
}

static uint64_t
read_ns(const json_t *counters)
{
	return member_number(counters, "monotonic_ns");
}

static void
member_add(json_t *sum, const char *name, const json_t *number)
{
	json_object_set_new(sum, name,
		json_integer((json_int_t)member_number(sum, name) + json_integer_value(number)));
}

/* The counters of all ports together, as one port has them. */
static json_t *
ports_sum(const json_t *counters)
{
	json_t *sum = json_object(), *drops = json_object(), *port, *count;
	const char *name;
	size_t i;

	json_array_foreach (json_object_get(counters, "ports"), i, port) {
		json_object_foreach (port, name, count) {
			if (json_is_integer(count))
				member_add(sum, name, count);
		}
		json_object_foreach (json_object_get(port, "drops"), name, count)
			member_add(drops, name, count);
	}
	json_object_set_new(sum, "drops", drops);
	return sum;
}

/* Add to a row or record what went through, by its counters; true: one of them went back. */
static bool
rates_add(json_t *row, const json_t *before, const json_t *after, uint64_t elapsed_ns)
{
	static const struct {
		const char *counter, *rate;
		unsigned scale;
	} rates[] = {
		{"rx_packets", "rx_pps", 1},
		{"rx_bytes", "rx_bps", 8},
		{"tx_packets", "tx_pps", 1},
		{"tx_bytes", "tx_bps", 8},
	};
	bool back = false;

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		const char *counter = rates[i].counter;

		back |= member_number(after, counter) < member_number(before, counter);
		json_object_set_new(row, rates[i].rate,
			json_integer(
				member_rate(before, after, counter, rates[i].scale, elapsed_ns)));
	}
	return back;
}

json_t *
traffic_rates(const json_t *before, const json_t *after)
{
	json_t *was = ports_sum(before), *is = ports_sum(after), *drops = json_object(), *count;
	json_t *record = json_pack("{s:I}", "time_ns", (json_int_t)member_number(after, "time_ns"));
	bool back = read_ns(after) <= read_ns(before);
	const char *reason;

	back |= rates_add(record, was, is, read_ns(after) - read_ns(before));
	json_object_foreach (json_object_get(is, "drops"), reason, count) {
		const json_int_t n =
			json_integer_value(count) -
			(json_int_t)member_number(json_object_get(was, "drops"), reason);

		if (n > 0)
			json_object_set_new(drops, reason, json_integer(n));
	}
	if (json_object_set_new(record, "drops", drops) < 0)
		cli_out_of_memory();
	json_decref(was);
	json_decref(is);
	if (!back)
		return record;
	json_decref(record);
	return NULL;
}

/* before, after: of the port in counters.get; port: in port.list. */
static json_t *
port_row(const json_t *before, const json_t *after, const json_t *port, uint64_t elapsed_ns)
{
	json_t *dropped_before = drops_sum(before), *dropped = drops_sum(after);
	json_t *row = json_pack("{s:s, s:b}", "port", member_text(after, "name"), "link_up",
		json_is_true(json_object_get(port, "link_up")));

	rates_add(row, before, after, elapsed_ns);
	json_object_update_new(
		row, json_pack("{s:I, s:I, s:I}", "drops_ps",
			     member_rate(dropped_before, dropped, "drops", 1, elapsed_ns), "drops",
			     (json_int_t)member_number(dropped, "drops"), "missed_ps",
			     member_rate(json_object_get(before, "nic"),
				     json_object_get(after, "nic"), "missed", 1, elapsed_ns)));
	json_decref(dropped_before);
	json_decref(dropped);
	return row;
}

/* How much one counter grew while another did. */
static double
share(const json_t *before, const json_t *after, const char *part, const char *whole)
{
	const uint64_t grown = member_number(after, whole) - member_number(before, whole);

	return grown ? (double)(member_number(after, part) - member_number(before, part)) /
			       (double)grown
		     : 0;
}

static json_t *
worker_row(const json_t *before, const json_t *after, uint64_t elapsed_ns)
{
	return json_pack("{s:O*, s:O*, s:f, s:I, s:I, s:f}", "worker",
		json_object_get(after, "worker"), "core", json_object_get(after, "core"),
		"busy_share", share(before, after, "busy_ns", "total_ns"), "rx_pps",
		member_rate(before, after, "rx_packets", 1, elapsed_ns), "tx_pps",
		member_rate(before, after, "tx_packets", 1, elapsed_ns), "cycles_per_packet",
		share(before, after, "busy_cycles", "rx_packets"));
}

/* The number that decides where a row of ports or workers stands. */
static double
sort_value(const json_t *row, const char *sort)
{
	if (strcmp(sort, "busy") == 0)
		return json_number_value(json_object_get(row, "busy_share"));
	if (strcmp(sort, "drops") == 0)
		return (double)member_number(row, "drops_ps");
	if (strcmp(sort, "bps") == 0)
		return (double)(member_number(row, "rx_bps") + member_number(row, "tx_bps"));
	return (double)(member_number(row, "rx_pps") + member_number(row, "tx_pps"));
}

/* Stable, and there are few. By name is the order that they came in. */
static void
rows_sort(json_t *rows, const char *sort)
{
	const size_t n = json_array_size(rows);

	if (strcmp(sort, "name") == 0)
		return;
	for (size_t i = 1; i < n; i++) {
		json_t *row = json_incref(json_array_get(rows, i));
		size_t at = i;

		while (at > 0 &&
			sort_value(json_array_get(rows, at - 1), sort) < sort_value(row, sort))
			at--;
		json_array_remove(rows, i);
		json_array_insert_new(rows, at, row);
	}
}

json_t *
top_record(const json_t *before, const json_t *after, enum top_view_id view, const char *sort)
{
	const char *from = view == TOP_PORTS ? "counters" : "info";
	const char *of = view == TOP_PORTS ? "ports" : "workers";
	const json_t *were = json_object_get(json_object_get(before, from), of);
	const json_t *are = json_object_get(json_object_get(after, from), of);
	const json_t *info = json_object_get(after, "info"), *top = json_object_get(after, "top");
	const json_t *flows = json_object_get(info, "flows");
	const uint64_t n_flows = member_number(json_object_get(flows, "ipv4"), "installed") +
				 member_number(json_object_get(flows, "ipv6"), "installed");
	const json_t *ports = json_object_get(json_object_get(after, "ports"), "ports");
	const json_t *counters = json_object_get(after, "counters");
	const json_t *counters_before = json_object_get(before, "counters");
	const uint64_t elapsed_ns = read_ns(counters) - read_ns(counters_before);
	json_t *rates = traffic_rates(counters_before, counters);
	json_t *record, *rows, *dropped, *totals, *item;
	size_t i;

	if (rates == NULL)
		return NULL;
	if (view == TOP_FLOWS || view == TOP_LEGS) {
		rows = json_incref(json_object_get(top, "rows"));
	} else {
		rows = json_array();
		json_array_foreach (are, i, item) {
			const json_t *was = json_array_get(were, i);

			json_array_append_new(rows,
				view == TOP_PORTS
					? port_row(was, item, json_array_get(ports, i), elapsed_ns)
					: worker_row(was, item, elapsed_ns));
		}
		rows_sort(rows, sort);
	}
	dropped = drops_sum(rates);
	totals = json_pack("{s:I, s:I, s:I}", "flows", (json_int_t)n_flows, "legs",
		(json_int_t)member_number(info, "flow_legs"), "drops_ps",
		member_rate(NULL, dropped, "drops", 1, elapsed_ns));
	json_object_update_missing(totals, rates);
	json_object_del(totals, "time_ns");
	json_object_del(totals, "drops");
	record = json_pack("{s:s, s:s, s:O, s:I, s:o, s:I, s:o}", "view", top_views[view].name,
		"sort", sort, "time_ns", json_object_get(rates, "time_ns"), "period_ms",
		(json_int_t)(elapsed_ns / 1000000), "totals", totals, "of",
		(json_int_t)(top != NULL ? member_number(top, "total") : json_array_size(rows)),
		"rows", rows);
	if (record == NULL)
		cli_out_of_memory();
	json_decref(dropped);
	json_decref(rates);
	return record;
}

void
top_record_filter(json_t *record, const char *text)
{
	static const char *const names[] = {"flow", "leg", "port"};
	json_t *rows = json_object_get(record, "rows"), *left = json_array(), *row;
	size_t i;

	json_array_foreach (rows, i, row) {
		bool has = json_object_get(row, "worker") != NULL;

		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
			const char *name = json_string_value(json_object_get(row, names[k]));

			has |= name != NULL && strstr(name, text) != NULL;
		}
		if (has)
			json_array_append(left, row);
	}
	json_object_set_new(record, "rows", left);
}

void
top_totals(struct text *line, const json_t *record)
{
	const json_t *totals = json_object_get(record, "totals");

	text_members(line, totals, "{flows:short} flow");
	text_add(line, "%s", plural_s(member_number(totals, "flows")));
	text_add_members(line, totals, ", {legs:short} leg");
	text_add(line, "%s", plural_s(member_number(totals, "legs")));
	text_add_members(line, totals,
		"; in {rx_pps:short} pkt/s {rx_bps:short}bit/s, "
		"out {tx_pps:short} pkt/s {tx_bps:short}bit/s, drops {drops_ps:short}/s");
}

void
top_rows_print(const json_t *record, size_t width, FILE *out)
{
	const struct top_view *view = top_views;
	const char *mark;
	struct text marked;

	while (!member_is(record, "view", view->name))
		view++;
	mark = view->columns;
	for (size_t i = 0; view->sorts[i].name != NULL; i++) {
		if (member_is(record, "sort", view->sorts[i].name))
			mark = strstr(view->columns, view->sorts[i].title) +
			       strlen(view->sorts[i].title);
	}
	text_clear(&marked);
	text_add(&marked, "%.*s*%s", (int)(mark - view->columns), view->columns, mark);
	rows_print_within(marked.s, json_object_get(record, "rows"), width, out);
}

#define TIME_INDENT 9
#define LEGS_SINGLY 8 /* a flow with more is shown by its least and its most */

const char *
clock_text(uint64_t time_ns, char *text)
{
	return moment_text(time_ns, text) + strlen("2026-11-23 ");
}

void
watch_line_header(FILE *out)
{
	text_print(out, TIME_INDENT, "%-8s %9s %8s %9s %8s  %-19s  %s", "TIME", "IN PKT/S",
		"MBIT/S", "OUT PKT/S", "MBIT/S", "SENT BY LEG", "DROPS");
}

/* What the legs of each flow have sent, or how many flows there are. */
static const char *
text_flows(struct text *text, const json_t *record)
{
	json_t *flow, *packets;
	size_t i, k;

	text_clear(text);
	json_array_foreach (json_object_get(record, "flows"), i, flow) {
		const json_t *sent = json_object_get(flow, "sent");
		const bool singly = json_array_size(sent) <= LEGS_SINGLY;
		json_int_t least = json_integer_value(json_array_get(sent, 0)), most = least;

		text_add(text, "%s%s%s", i > 0 ? ", " : "", member_text(flow, "id"),
			json_is_array(sent) ? "" : " gone");
		json_array_foreach (sent, k, packets) {
			const json_int_t n = json_integer_value(packets);

			least = n < least ? n : least;
			most = n > most ? n : most;
			if (singly)
				text_add(text, " %" JSON_INTEGER_FORMAT, n);
		}
		if (!singly)
			text_add(text, " %zu legs %" JSON_INTEGER_FORMAT "..%" JSON_INTEGER_FORMAT,
				json_array_size(sent), least, most);
	}
	if (text->length == 0)
		text_add_members(text, record, "{installed flow}");
	return text->s;
}

/* Mbit with one digit behind the point, rounded. */
static double
mbit(uint64_t bits)
{
	return (double)((bits + 50000) / 100000) / 10;
}

void
watch_line_print(json_t *record, FILE *out)
{
	char moment[MOMENT_TEXT_MAX];
	struct text flows, drops;

	text_print(out, TIME_INDENT, "%s %9" PRIu64 " %8.1f %9" PRIu64 " %8.1f  %-19s  %s",
		clock_text(member_number(record, "time_ns"), moment),
		member_number(record, "rx_pps"), mbit(member_number(record, "rx_bps")),
		member_number(record, "tx_pps"), mbit(member_number(record, "tx_bps")),
		text_flows(&flows, record), text_drops(&drops, json_object_get(record, "drops")));
}

/* A remark among the lines; aside when they are JSON. */
static void
monitor_note(const struct monitor *monitor, const char *note)
{
	char moment[MOMENT_TEXT_MAX];

	fprintf(monitor->cli->json ? stderr : stdout, "%s %s\n",
		clock_text(clock_read_ns(CLOCK_REALTIME), moment), note);
}

/* Sleep to the next beat; beats that were missed are left out, not made up for. */
static void
beat_wait(uint64_t *beat_ns, uint64_t interval_ms)
{
	const uint64_t now_ns = clock_read_ns(CLOCK_MONOTONIC);
	struct timespec beat;

	*beat_ns += interval_ms * 1000000;
	*beat_ns = now_ns > *beat_ns ? now_ns : *beat_ns;
	beat.tv_sec = (time_t)(*beat_ns / NS_PER_S);
	beat.tv_nsec = (long)(*beat_ns % NS_PER_S);
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &beat, NULL);
}

int
monitor_run(const struct monitor *monitor)
{
	struct client_error error;
	uint64_t beat_ns;
	json_t *record;
	bool lost = false;

	if (monitor->read(monitor->arg, &record, &error) < 0)
		return cli_refused(monitor->cli, &error);
	beat_ns = clock_read_ns(CLOCK_MONOTONIC);
	for (uint64_t n = 0; (monitor->count == 0 || n < monitor->count) && !ferror(stdout); n++) {
		beat_wait(&beat_ns, monitor->interval_ms);
		if (monitor->read(monitor->arg, &record, &error) < 0) {
			if (!lost)
				monitor_note(monitor, error.text);
			lost = true;
		} else {
			if (lost)
				monitor_note(monitor, "sluiced is back");
			else if (record == NULL)
				monitor_note(monitor,
					"counters or clock went back: sluiced was restarted");
			lost = false;
			if (record != NULL)
				monitor->print(monitor->arg, record);
			json_decref(record);
		}
		fflush(stdout);
	}
	return lost ? (int)error.status : CLI_OK;
}

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

	if (option_time(cli, arguments, "interval", 1, &monitor.interval_ms) != CLI_OK)
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
