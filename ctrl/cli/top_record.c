/* SPDX-License-Identifier: BSD-3-Clause */
/* See top_record.h. Arithmetic on replies, no I/O. */
#include "cli/top_record.h"

#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/text.h"
#include "cli/traffic.h"

#define NS_PER_S UINT64_C(1000000000)
#define SORTS_MAX 5

static const struct {
	const char *name;
	const char *sorts[SORTS_MAX];
} views[TOP_VIEWS] = {
	[TOP_FLOWS] = {"flows", {"pps", "bps", "drops", "packets"}},
	[TOP_LEGS] = {"legs", {"pps", "bps", "drops", "packets"}},
	[TOP_PORTS] = {"ports", {"name", "pps", "bps", "drops"}},
	[TOP_WORKERS] = {"workers", {"name", "busy", "pps"}},
};

const char *
top_view_name(enum top_view view)
{
	return views[view].name;
}

const char *
top_sort_name(enum top_view view, size_t i)
{
	return i < SORTS_MAX ? views[view].sorts[i] : NULL;
}

void
top_sample_fini(struct top_sample *sample)
{
	json_decref(sample->counters);
	json_decref(sample->info);
	json_decref(sample->ports);
	json_decref(sample->top);
	*sample = (struct top_sample){0};
}

/* How much a member grew, a second; 0 for one that went back. */
static json_int_t
member_rate(const json_t *before, const json_t *after, const char *name, unsigned scale,
	uint64_t elapsed_ns)
{
	const uint64_t was = member_number(before, name), is = member_number(after, name);
	const unsigned __int128 grown = is > was ? is - was : 0;

	return elapsed_ns ? (json_int_t)((grown * scale * NS_PER_S + elapsed_ns / 2) / elapsed_ns)
			  : 0;
}

/* A port's drops of all reasons. */
static json_t *
drops_sum(const json_t *port)
{
	const char *reason;
	json_t *count;
	json_int_t sum = 0;

	json_object_foreach (json_object_get(port, "drops"), reason, count)
		sum += json_integer_value(count);
	return json_pack("{s:I}", "drops", sum);
}

/* before, after: of the port in counters.get; port: in port.list. */
static json_t *
port_row(const json_t *before, const json_t *after, const json_t *port, uint64_t elapsed_ns)
{
	json_t *dropped_before = drops_sum(before), *dropped = drops_sum(after);
	json_t *row = json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "port",
		member_text(after, "name"), "link_up",
		json_is_true(json_object_get(port, "link_up")), "rx_pps",
		member_rate(before, after, "rx_packets", 1, elapsed_ns), "rx_bps",
		member_rate(before, after, "rx_bytes", 8, elapsed_ns), "tx_pps",
		member_rate(before, after, "tx_packets", 1, elapsed_ns), "tx_bps",
		member_rate(before, after, "tx_bytes", 8, elapsed_ns), "drops_ps",
		member_rate(dropped_before, dropped, "drops", 1, elapsed_ns), "drops",
		(json_int_t)member_number(dropped, "drops"), "missed_ps",
		member_rate(json_object_get(before, "nic"), json_object_get(after, "nic"), "missed",
			1, elapsed_ns));

	json_decref(dropped_before);
	json_decref(dropped);
	return row;
}

static json_t *
port_rows(const struct top_sample *before, const struct top_sample *after, uint64_t elapsed_ns)
{
	const json_t *were = json_object_get(before->counters, "ports");
	const json_t *described = json_object_get(after->ports, "ports");
	json_t *rows = json_array(), *port;
	size_t i;

	json_array_foreach (json_object_get(after->counters, "ports"), i, port)
		json_array_append_new(rows, port_row(json_array_get(were, i), port,
						    json_array_get(described, i), elapsed_ns));
	return rows;
}

static double
share(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

static json_t *
worker_row(const json_t *before, const json_t *after, uint64_t elapsed_ns)
{
	const uint64_t packets =
		member_number(after, "rx_packets") - member_number(before, "rx_packets");
	const uint64_t busy_ns = member_number(after, "busy_ns") - member_number(before, "busy_ns");
	const uint64_t total_ns =
		member_number(after, "total_ns") - member_number(before, "total_ns");
	const uint64_t cycles =
		member_number(after, "busy_cycles") - member_number(before, "busy_cycles");

	return json_pack("{s:I, s:I, s:f, s:I, s:I, s:f}", "worker",
		(json_int_t)member_number(after, "worker"), "core",
		(json_int_t)member_number(after, "core"), "busy_share", share(busy_ns, total_ns),
		"rx_pps", member_rate(before, after, "rx_packets", 1, elapsed_ns), "tx_pps",
		member_rate(before, after, "tx_packets", 1, elapsed_ns), "cycles_per_packet",
		share(cycles, packets));
}

static json_t *
worker_rows(const struct top_sample *before, const struct top_sample *after, uint64_t elapsed_ns)
{
	const json_t *were = json_object_get(before->info, "workers");
	json_t *rows = json_array(), *worker;
	size_t i;

	json_array_foreach (json_object_get(after->info, "workers"), i, worker)
		json_array_append_new(
			rows, worker_row(json_array_get(were, i), worker, elapsed_ns));
	return rows;
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

static json_t *
totals_encode(const struct top_sample *after, const struct rate *rate, json_int_t drops_ps)
{
	const json_t *flows = json_object_get(after->info, "flows");
	const uint64_t n_flows = member_number(json_object_get(flows, "ipv4"), "installed") +
				 member_number(json_object_get(flows, "ipv6"), "installed");

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "flows", (json_int_t)n_flows,
		"legs", (json_int_t)member_number(after->info, "flow_legs"), "rx_pps",
		(json_int_t)rate->rx_pps, "rx_bps", (json_int_t)rate->rx_bps, "tx_pps",
		(json_int_t)rate->tx_pps, "tx_bps", (json_int_t)rate->tx_bps, "drops_ps", drops_ps);
}

/* All reasons of all ports. */
static json_int_t
drops_rate(const struct traffic *before, const struct traffic *after)
{
	const uint64_t elapsed_ns = after->monotonic_ns - before->monotonic_ns;
	json_t *drops = traffic_drops(before, after), *count;
	const char *reason;
	json_int_t sum = 0;

	json_object_foreach (drops, reason, count)
		sum += json_integer_value(count);
	json_decref(drops);
	return (json_int_t)(((unsigned __int128)sum * NS_PER_S + elapsed_ns / 2) / elapsed_ns);
}

static json_t *
rows_of(const struct top_sample *before, const struct top_sample *after, enum top_view view,
	const char *sort, uint64_t elapsed_ns)
{
	json_t *rows;

	if (view == TOP_FLOWS || view == TOP_LEGS)
		return json_incref(json_object_get(after->top, "rows"));
	rows = view == TOP_PORTS ? port_rows(before, after, elapsed_ns)
				 : worker_rows(before, after, elapsed_ns);
	rows_sort(rows, sort);
	return rows;
}

json_t *
top_record(const struct top_sample *before, const struct top_sample *after, enum top_view view,
	const char *sort)
{
	struct traffic was, is;
	struct rate rate;
	json_t *record = NULL, *rows;
	uint64_t elapsed_ns, of;

	traffic_init(&was, before->counters);
	traffic_init(&is, after->counters);
	if (traffic_rate(&was, &is, &rate)) {
		elapsed_ns = is.monotonic_ns - was.monotonic_ns;
		rows = rows_of(before, after, view, sort, elapsed_ns);
		of = after->top ? member_number(after->top, "total") : json_array_size(rows);
		record = json_pack("{s:s, s:s, s:I, s:I, s:o, s:I, s:o}", "view", views[view].name,
			"sort", sort, "time_ns", (json_int_t)is.time_ns, "period_ms",
			(json_int_t)(elapsed_ns / 1000000), "totals",
			totals_encode(after, &rate, drops_rate(&was, &is)), "of", (json_int_t)of,
			"rows", rows);
		if (record == NULL)
			cli_out_of_memory();
	}
	traffic_fini(&was);
	traffic_fini(&is);
	return record;
}

static bool
row_has(const json_t *row, const char *text)
{
	static const char *const names[] = {"flow", "leg", "port"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *name = json_string_value(json_object_get(row, names[i]));

		if (name != NULL && strstr(name, text) != NULL)
			return true;
	}
	return json_object_get(row, "worker") != NULL;
}

void
top_record_filter(json_t *record, const char *text)
{
	json_t *rows = json_object_get(record, "rows"), *left = json_array(), *row;
	size_t i;

	json_array_foreach (rows, i, row) {
		if (row_has(row, text))
			json_array_append(left, row);
	}
	json_object_set_new(record, "rows", left);
}
