/* SPDX-License-Identifier: BSD-3-Clause */
/* See traffic.h. */
#include "cli/traffic.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "cli/output.h"

#define COLUMNS_MAX 9

enum column_kind {
	COLUMN_NONE, /* past the last */
	COLUMN_NAME, /* takes what is left over, shared between all of them */
	COLUMN_NUMBER,
	COLUMN_SHARE,
	COLUMN_LINK,
};

struct column {
	enum column_kind kind;
	const char *title;
	const char *member;
	size_t width;
	const char *sort; /* that orders by this column, the default first; NULL for none */
};

static const struct column columns[TOP_VIEWS][COLUMNS_MAX] =
	{
		[TOP_FLOWS] =
			{
				{COLUMN_NAME, "FLOW", "flow", 12, NULL},
				{COLUMN_NUMBER, "PKT/S", "pps", 7, "pps"},
				{COLUMN_NUMBER, "BIT/S", "bps", 7, "bps"},
				{COLUMN_NUMBER, "DROP/S", "drops_ps", 7, "drops"},
				{COLUMN_NUMBER, "PACKETS", "packets", 8, "packets"},
				{COLUMN_NUMBER, "DROPS", "drops", 7, NULL},
			},
		[TOP_LEGS] =
			{
				{COLUMN_NAME, "FLOW", "flow", 12, NULL},
				{COLUMN_NAME, "LEG", "leg", 8, NULL},
				{COLUMN_NAME, "PORT", "port", 6, NULL},
				{COLUMN_NUMBER, "PKT/S", "pps", 7, "pps"},
				{COLUMN_NUMBER, "BIT/S", "bps", 7, "bps"},
				{COLUMN_NUMBER, "DROP/S", "drops_ps", 7, "drops"},
				{COLUMN_NUMBER, "PACKETS", "packets", 8, "packets"},
				{COLUMN_NUMBER, "DROPS", "drops", 7, NULL},
			},
		[TOP_PORTS] =
			{
				{COLUMN_NAME, "PORT", "port", 8, "name"},
				{COLUMN_LINK, "LINK", "link_up", 4, NULL},
				{COLUMN_NUMBER, "IN PKT/S", "rx_pps", 9, "pps"},
				{COLUMN_NUMBER, "BIT/S", "rx_bps", 7, "bps"},
				{COLUMN_NUMBER, "OUT PKT/S", "tx_pps", 9, "pps"},
				{COLUMN_NUMBER, "BIT/S", "tx_bps", 7, "bps"},
				{COLUMN_NUMBER, "DROP/S", "drops_ps", 7, "drops"},
				{COLUMN_NUMBER, "MISS/S", "missed_ps", 6, NULL},
			},
		[TOP_WORKERS] =
			{
				{COLUMN_NUMBER, "WORKER", "worker", 6, "name"},
				{COLUMN_NUMBER, "CPU", "core", 4, NULL},
				{COLUMN_SHARE, "BUSY %", "busy_share", 7, "busy"},
				{COLUMN_NUMBER, "IN PKT/S", "rx_pps", 9, "pps"},
				{COLUMN_NUMBER, "OUT PKT/S", "tx_pps", 9, NULL},
				{COLUMN_NUMBER, "CYCLES/PKT", "cycles_per_packet", 10, NULL},
			},
};

const char *
top_view_name(enum top_view view)
{
	static const char *const names[TOP_VIEWS] = {"flows", "legs", "ports", "workers"};

	return names[view];
}

const char *
top_sort_name(enum top_view view, size_t i)
{
	const struct column *column = columns[view];

	for (; column->kind != COLUMN_NONE; column++) {
		if (column->sort != NULL && i-- == 0)
			return column->sort;
	}
	return NULL;
}

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

/* When the counters were read. An older sluiced has the one clock only. */
static uint64_t
read_ns(const json_t *counters)
{
	return member_number(counters,
		json_object_get(counters, "monotonic_ns") != NULL ? "monotonic_ns" : "time_ns");
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
	return json_pack("{s:I, s:I, s:f, s:I, s:I, s:f}", "worker",
		(json_int_t)member_number(after, "worker"), "core",
		(json_int_t)member_number(after, "core"), "busy_share",
		share(before, after, "busy_ns", "total_ns"), "rx_pps",
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
top_record(const json_t *before, const json_t *after, enum top_view view, const char *sort)
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
	json_t *record, *rows, *dropped, *item;
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
	record = json_pack("{s:s, s:s, s:O, s:I, s:{s:I, s:I, s:O, s:O, s:O, s:O, s:I}, s:I, s:o}",
		"view", top_view_name(view), "sort", sort, "time_ns",
		json_object_get(rates, "time_ns"), "period_ms", (json_int_t)(elapsed_ns / 1000000),
		"totals", "flows", (json_int_t)n_flows, "legs",
		(json_int_t)member_number(info, "flow_legs"), "rx_pps",
		json_object_get(rates, "rx_pps"), "rx_bps", json_object_get(rates, "rx_bps"),
		"tx_pps", json_object_get(rates, "tx_pps"), "tx_bps",
		json_object_get(rates, "tx_bps"), "drops_ps",
		member_rate(NULL, dropped, "drops", 1, elapsed_ns), "of",
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
top_number(uint64_t number, char *text)
{
	static const char units[] = "kMGTPE";
	double value = (double)number;
	unsigned unit = 0;

	if (number < 10000) {
		snprintf(text, 8, "%u", (unsigned)number);
		return;
	}
	for (value /= 1000; value >= 999.5; value /= 1000)
		unit++;
	snprintf(text, 8, "%.*f%c", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value, units[unit]);
}

static enum top_view
view_of(const json_t *record)
{
	enum top_view view = TOP_FLOWS;

	while (view < TOP_WORKERS && !member_is(record, "view", top_view_name(view)))
		view++;
	return view;
}

/* Of a column that takes a share of what the others leave over. */
static size_t
column_width(const struct column *table, const struct column *column, size_t width)
{
	size_t least = 0, n = 0;

	if (column->kind != COLUMN_NAME)
		return column->width;
	for (; table->kind != COLUMN_NONE; table++) {
		least += table->width + 1;
		n += table->kind == COLUMN_NAME;
	}
	least--;
	return column->width + (width > least ? (width - least) / n : 0);
}

size_t
top_draw_width(const json_t *record)
{
	const struct column *const table = columns[view_of(record)];
	size_t width = 0, names = 0, excess = 0, i;
	json_t *row;

	for (const struct column *column = table; column->kind != COLUMN_NONE; column++) {
		width += column->width + 1;
		names += column->kind == COLUMN_NAME;
		if (column->kind != COLUMN_NAME)
			continue;
		json_array_foreach (json_object_get(record, "rows"), i, row) {
			const size_t length = strlen(member_text(row, column->member));

			if (length > column->width + excess)
				excess = length - column->width;
		}
	}
	return width - 1 + names * excess;
}

void
top_draw_totals(struct text *line, const json_t *record)
{
	static const char *const members[] = {
		"flows", "legs", "rx_pps", "rx_bps", "tx_pps", "tx_bps", "drops_ps"};
	const json_t *totals = json_object_get(record, "totals");
	char texts[sizeof(members) / sizeof(members[0])][8];

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		top_number(member_number(totals, members[i]), texts[i]);
	text_clear(line);
	text_add(line, "%s flow%s, %s leg%s; in %s pkt/s %sbit/s, out %s pkt/s %sbit/s, drops %s/s",
		texts[0], plural_s(member_number(totals, "flows")), texts[1],
		plural_s(member_number(totals, "legs")), texts[2], texts[3], texts[4], texts[5],
		texts[6]);
}

void
top_draw_row(struct text *line, const json_t *record, const json_t *row, size_t width)
{
	const struct column *const table = columns[view_of(record)];
	struct text cell;
	char number[8];

	text_clear(line);
	for (const struct column *column = table; column->kind != COLUMN_NONE; column++) {
		const bool is_number =
			column->kind == COLUMN_NUMBER || column->kind == COLUMN_SHARE;
		const int n = (int)column_width(table, column, width);
		const json_t *value = json_object_get(row, column->member);

		text_clear(&cell);
		if (row == NULL) {
			text_add(&cell, "%s%s", column->title,
				column->sort && member_is(record, "sort", column->sort) ? "*" : "");
		} else if (column->kind == COLUMN_NUMBER) {
			top_number((uint64_t)json_number_value(value), number);
			text_add(&cell, "%s", number);
		} else if (column->kind == COLUMN_SHARE) {
			text_add(&cell, "%.1f", json_number_value(value) * 100);
		} else if (column->kind == COLUMN_LINK) {
			text_add(&cell, "%s", json_is_true(value) ? "up" : "down");
		} else {
			text_add(&cell, "%s", member_text(row, column->member));
		}
		text_add(line, "%s", line->length > 0 ? " " : "");
		/* What is too long is cut, and says so. */
		if (cell.length > (size_t)n)
			text_add(line, "%.*s~", n - 1, cell.s);
		else
			text_add(line, "%*s", is_number ? n : -n, cell.s);
	}
	while (line->length > 0 && line->s[line->length - 1] == ' ')
		line->s[--line->length] = '\0';
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
