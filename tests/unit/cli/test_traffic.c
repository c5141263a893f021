/* SPDX-License-Identifier: BSD-3-Clause */
/* Rates between two readings, records of top, and the lines of top and watch. */
#include "cli/traffic.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

static const char reading[] =
	"{\"time_ns\": 5000000000, \"monotonic_ns\": 1000000007, \"ports\": ["
	"{\"name\": \"p0\", \"rx_packets\": 10, \"rx_bytes\": 1000, \"tx_packets\": 1,"
	" \"tx_bytes\": 100, \"drops\": {\"no_flow\": 3, \"tx_full\": 1}},"
	"{\"name\": \"p1\", \"rx_packets\": 5, \"rx_bytes\": 500, \"tx_packets\": 20,"
	" \"tx_bytes\": 2000, \"drops\": {\"no_flow\": 0, \"tx_full\": 6}}]}";

/* A reading of one port. */
static json_t *
reading_of(uint64_t monotonic_ns, uint64_t rx, uint64_t rx_bytes, uint64_t tx, uint64_t tx_bytes)
{
	return json_pack("{s:I, s:I, s:[{s:I, s:I, s:I, s:I}]}", "time_ns", (json_int_t)5,
		"monotonic_ns", (json_int_t)monotonic_ns, "ports", "rx_packets", (json_int_t)rx,
		"rx_bytes", (json_int_t)rx_bytes, "tx_packets", (json_int_t)tx, "tx_bytes",
		(json_int_t)tx_bytes);
}

/* The rates between two readings, which are released. */
static json_t *
rates_of(json_t *before, json_t *after)
{
	json_t *rates = traffic_rates(before, after);

	json_decref(before);
	json_decref(after);
	return rates;
}

static void
expect_rates(json_t *before, json_t *after, const char *expected)
{
	json_t *rates = rates_of(before, after), *wanted = json_loads(expected, 0, NULL);

	cr_assert_not_null(wanted);
	cr_expect(json_equal(rates, wanted), "%s", json_dumps(rates, 0));
	json_decref(rates);
	json_decref(wanted);
}

Test(traffic, ports_are_summed)
{
	expect_rates(json_pack("{s:I}", "monotonic_ns", (json_int_t)7),
		json_loads(reading, 0, NULL),
		"{\"time_ns\": 5000000000, \"rx_pps\": 15, \"rx_bps\": 12000, \"tx_pps\": 21,"
		" \"tx_bps\": 16800, \"drops\": {\"no_flow\": 3, \"tx_full\": 7}}");
}

Test(traffic, a_reply_without_ports_is_all_zero)
{
	expect_rates(json_pack("{s:i}", "time_ns", 1), json_pack("{s:i}", "time_ns", 2),
		"{\"time_ns\": 2, \"rx_pps\": 0, \"rx_bps\": 0, \"tx_pps\": 0, \"tx_bps\": 0,"
		" \"drops\": {}}");
}

Test(traffic, rates_are_rounded_over_the_time_that_passed)
{
	expect_rates(reading_of(NS_PER_S, 100, 0, 0, 0), reading_of(3 * NS_PER_S, 301, 1000, 3, 1),
		"{\"time_ns\": 5, \"rx_pps\": 101, \"rx_bps\": 4000, \"tx_pps\": 2,"
		" \"tx_bps\": 4, \"drops\": {}}"); /* 100.5, 1.5 */
	expect_rates(reading_of(NS_PER_S, 100, 0, 0, 0),
		reading_of(NS_PER_S + NS_PER_S / 4, 301, 0, 0, 0),
		"{\"time_ns\": 5, \"rx_pps\": 804, \"rx_bps\": 0, \"tx_pps\": 0,"
		" \"tx_bps\": 0, \"drops\": {}}");
}

/* 400 Gbit/s for a day: the product of bytes, eight and 10^9 needs more than 64 bits. */
Test(traffic, large_figures_do_not_overflow)
{
	expect_rates(reading_of(0, 0, 0, 0, 0),
		reading_of(86400 * NS_PER_S, 0, UINT64_C(50000000000) * 86400, 0, 0),
		"{\"time_ns\": 5, \"rx_pps\": 0, \"rx_bps\": 400000000000, \"tx_pps\": 0,"
		" \"tx_bps\": 0, \"drops\": {}}");
}

Test(traffic, no_rate_when_counters_or_clock_went_back)
{
	cr_expect_null(rates_of(reading_of(2, 1, 0, 1, 1), reading_of(1, 1, 0, 1, 1)));
	cr_expect_null(rates_of(reading_of(2, 1, 0, 1, 1), reading_of(2, 1, 0, 1, 1)));
	cr_expect_null(rates_of(reading_of(2, 1, 0, 1, 1), reading_of(3, 0, 0, 1, 1)));
	cr_expect_null(rates_of(reading_of(2, 1, 0, 1, 1), reading_of(3, 9, 0, 0, 1)));
}

Test(traffic, drops_are_those_in_between)
{
	expect_rates(json_loads(reading, 0, NULL),
		json_loads("{\"time_ns\": 6, \"monotonic_ns\": 2000000007,"
			   " \"ports\": [{\"rx_packets\": 15,"
			   " \"rx_bytes\": 1500, \"tx_packets\": 21, \"tx_bytes\": 2100,"
			   " \"drops\": {\"no_flow\": 3, \"tx_full\": 17, \"too_long\": 2,"
			   " \"not_ip\": 0}}]}",
			0, NULL),
		"{\"time_ns\": 6, \"rx_pps\": 0, \"rx_bps\": 0, \"tx_pps\": 0, \"tx_bps\": 0,"
		" \"drops\": {\"too_long\": 2, \"tx_full\": 10}}");
}

static struct top_sample before, after;

static json_t *
parsed(const char *source)
{
	char text[2048];
	json_t *json;

	snprintf(text, sizeof(text), "%s", source);
	for (char *quote = text; (quote = strchr(quote, '\'')) != NULL;)
		*quote = '"';
	json = json_loads(text, 0, NULL);
	cr_assert_not_null(json, "%s", text);
	return json;
}

static json_t *
counters_of(unsigned seconds, unsigned rx, unsigned tx, unsigned drops)
{
	return json_pack("{s:I, s:I, s:[{s:s, s:i, s:i, s:i, s:i, s:{s:i}, s:{s:i}}"
			 " {s:s, s:i, s:i, s:i, s:i, s:{}, s:{}}]}",
		"time_ns", (json_int_t)1, "monotonic_ns", (json_int_t)seconds * 1000000000, "ports",
		"name", "p0", "rx_packets", rx, "rx_bytes", 100 * rx, "tx_packets", 0, "tx_bytes",
		0, "drops", "no_flow", drops, "nic", "missed", 2 * seconds, "name", "p1",
		"rx_packets", 0, "rx_bytes", 0, "tx_packets", tx, "tx_bytes", 100 * tx, "drops",
		"nic");
}

static json_t *
info_of(unsigned packets, unsigned busy, unsigned total)
{
	return json_pack("{s:{s:{s:i}, s:{s:i}}, s:i, s:[{s:i, s:i, s:i, s:i, s:i, s:i, s:i}"
			 " {s:i, s:i, s:i, s:i, s:i, s:i, s:i}]}",
		"flows", "ipv4", "installed", 7, "ipv6", "installed", 2, "flow_legs", 11, "workers",
		"worker", 0, "core", 1, "rx_packets", 0, "tx_packets", 0, "busy_ns", 0, "total_ns",
		total, "busy_cycles", 0, "worker", 1, "core", 2, "rx_packets", packets,
		"tx_packets", packets, "busy_ns", busy, "total_ns", total, "busy_cycles",
		400 * packets);
}

static void
setup(void)
{
	before = (struct top_sample){
		counters_of(10, 1000, 1000, 5), info_of(1000, 500, 10000), NULL, NULL};
	after = (struct top_sample){counters_of(12, 1400, 3000, 25), info_of(1400, 1500, 12000),
		parsed("{'ports': [{'link_up': true}, {'link_up': false}]}"),
		parsed("{'total': 9, 'rows': [{'flow': 'alpha', 'pps': 3},"
		       " {'flow': 'beta', 'leg': 'to-alpha', 'pps': 1}, {'flow': 'gamma'}]}")};
}

static void
teardown(void)
{
	top_sample_fini(&before);
	top_sample_fini(&after);
}

TestSuite(top_record, .init = setup, .fini = teardown);

static void
row_expect(const json_t *record, size_t i, const char *source)
{
	const json_t *row = json_array_get(json_object_get(record, "rows"), i);
	json_t *expected = parsed(source);

	cr_expect(json_equal(row, expected), "%s", json_dumps(row, 0));
	json_decref(expected);
}

Test(top_record, totals)
{
	json_t *record = top_record(&before, &after, TOP_FLOWS, "pps");
	json_t *expected = parsed("{'flows': 9, 'legs': 11, 'rx_pps': 200, 'rx_bps': 160000,"
				  " 'tx_pps': 1000, 'tx_bps': 800000, 'drops_ps': 10}");

	cr_expect(json_equal(json_object_get(record, "totals"), expected));
	cr_expect_eq(json_integer_value(json_object_get(record, "period_ms")), 2000);
	cr_expect_eq(json_integer_value(json_object_get(record, "of")), 9);
	cr_expect_eq(json_array_size(json_object_get(record, "rows")), 3);
	json_decref(expected);
	json_decref(record);
}

Test(top_record, ports)
{
	json_t *record = top_record(&before, &after, TOP_PORTS, "name");

	row_expect(record, 0,
		"{'port': 'p0', 'link_up': true, 'rx_pps': 200, 'rx_bps': 160000, 'tx_pps': 0,"
		" 'tx_bps': 0, 'drops_ps': 10, 'drops': 25, 'missed_ps': 2}");
	row_expect(record, 1,
		"{'port': 'p1', 'link_up': false, 'rx_pps': 0, 'rx_bps': 0, 'tx_pps': 1000,"
		" 'tx_bps': 800000, 'drops_ps': 0, 'drops': 0, 'missed_ps': 0}");
	json_decref(record);
	record = top_record(&before, &after, TOP_PORTS, "pps");
	cr_expect_str_eq(json_string_value(json_object_get(
				 json_array_get(json_object_get(record, "rows"), 0), "port")),
		"p1");
	json_decref(record);
}

Test(top_record, workers)
{
	json_t *record = top_record(&before, &after, TOP_WORKERS, "busy");

	row_expect(record, 0,
		"{'worker': 1, 'core': 2, 'busy_share': 0.5, 'rx_pps': 200, 'tx_pps': 200,"
		" 'cycles_per_packet': 400.0}");
	row_expect(record, 1,
		"{'worker': 0, 'core': 1, 'busy_share': 0.0, 'rx_pps': 0, 'tx_pps': 0,"
		" 'cycles_per_packet': 0.0}");
	json_decref(record);
}

Test(top_record, nothing_is_said_over_a_restart)
{
	cr_expect_null(top_record(&after, &before, TOP_PORTS, "name"));
	cr_expect_null(top_record(&after, &after, TOP_PORTS, "name"), "no time has passed");
}

Test(top_record, filter)
{
	json_t *record = top_record(&before, &after, TOP_LEGS, "pps");

	top_record_filter(record, "");
	cr_expect_eq(json_array_size(json_object_get(record, "rows")), 3);
	top_record_filter(record, "alpha");
	cr_expect_eq(json_array_size(json_object_get(record, "rows")), 2);
	top_record_filter(record, "beta");
	row_expect(record, 0, "{'flow': 'beta', 'leg': 'to-alpha', 'pps': 1}");
	json_decref(record);
}

Test(top_record, names)
{
	cr_expect_str_eq(top_view_name(TOP_WORKERS), "workers");
	cr_expect_str_eq(top_sort_name(TOP_FLOWS, 0), "pps");
	cr_expect_str_eq(top_sort_name(TOP_FLOWS, 3), "packets");
	cr_expect_null(top_sort_name(TOP_FLOWS, 4));
	cr_expect_null(top_sort_name(TOP_WORKERS, 3));
	cr_expect_null(top_sort_name(TOP_WORKERS, 99));
}

Test(top_draw, numbers)
{
	static const struct {
		uint64_t number;
		const char *text;
	} numbers[] = {
		{0, "0"},
		{9999, "9999"},
		{10000, "10.0k"},
		{12345, "12.3k"},
		{99949, "99.9k"},
		{99951, "100k"},
		{999499, "999k"},
		{999500, "1.00M"},
		{1234567, "1.23M"},
		{9994999, "9.99M"},
		{9995000, "10.0M"},
		{100000000000, "100G"},
		{UINT64_MAX, "18.4E"},
	};
	char text[8];

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		top_number(numbers[i].number, text);
		cr_expect_str_eq(text, numbers[i].text);
	}
}

static json_t *
record_of(const char *view, const char *sort, json_t *row)
{
	return json_pack("{s:s, s:s, s:[o], s:{s:i, s:i, s:i, s:i, s:i, s:i, s:i}}", "view", view,
		"sort", sort, "rows", row, "totals", "flows", 33, "legs", 3, "rx_pps", 12345,
		"rx_bps", 9876543, "tx_pps", 0, "tx_bps", 0, "drops_ps", 7);
}

static json_t *
flow_record(const char *id)
{
	return record_of("flows", "bps",
		json_pack("{s:s, s:i, s:i, s:i, s:i, s:i}", "flow", id, "pps", 200, "bps", 1280000,
			"drops_ps", 0, "packets", 123456, "drops", 12));
}

Test(top_draw, eighty_columns)
{
	json_t *record = flow_record("talk-2");
	struct text line;

	top_draw_header(&line, record, 80);
	cr_expect_str_eq(line.s,
		"FLOW                                      PKT/S  BIT/S*  DROP/S  PACKETS   DROPS");
	top_draw_row(&line, record, 0, 80);
	cr_expect_str_eq(line.s,
		"talk-2                                      200   1.28M       0     123k      12");
	top_draw_totals(&line, record);
	cr_expect_str_eq(line.s, "33 flows, 3 legs; in 12.3k pkt/s 9.88Mbit/s, out 0 pkt/s "
				 "0bit/s, drops 7/s");
	json_decref(record);
}

Test(top_draw, long_names_are_cut_and_wide_terminals_used)
{
	const char *id = "0123456789012345678901234567890123456789012345678901234567890123";
	json_t *record = flow_record(id);
	struct text line;

	top_draw_row(&line, record, 0, 80);
	cr_expect_eq(line.length, 80);
	cr_expect_eq(line.s[38], '~');
	top_draw_row(&line, record, 0, 120);
	cr_expect_eq(line.length, 120);
	cr_expect_eq(strncmp(line.s, id, 64), 0);
	json_decref(record);
}

/* Whatever is in them, lines of every view keep to the width. */
Test(top_draw, widths_are_kept)
{
	static const char *const views[] = {"flows", "legs", "ports", "workers"};
	static const char *const members[] = {"pps", "bps", "drops_ps", "packets", "drops",
		"rx_pps", "rx_bps", "tx_pps", "tx_bps", "missed_ps", "worker", "core"};
	static const char name[] =
		"a-name-of-sixty-four-characters-is-as-long-as-they-ever-come-xxx";
	struct text header, line;

	for (size_t view = 0; view < 4; view++) {
		json_t *row = json_pack("{s:s, s:s, s:s, s:b, s:f}", "flow", name, "leg", name,
			"port", name, "link_up", 0, "busy_share", 1.0);
		json_t *record;

		for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
			json_object_set_new(row, members[i], json_integer(INT64_MAX));
		record = record_of(views[view], "pps", row);
		for (size_t width = TOP_WIDTH_MIN; width <= 200; width++) {
			top_draw_header(&header, record, width);
			top_draw_row(&line, record, 0, width);
			cr_assert_leq(header.length, width, "%s", header.s);
			cr_assert_leq(line.length, width, "%s", line.s);
		}
		json_decref(record);
	}
}

static char *
line_of(const char *source)
{
	json_t *record = json_loads(source, 0, NULL);
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	cr_assert_not_null(record, "%s", source);
	watch_line_print(record, out);
	fclose(out);
	json_decref(record);
	return text;
}

static void
expect_line(const char *source, const char *expected)
{
	char *line = line_of(source);

	cr_assert_str_eq(line, expected);
	free(line);
}

static void
utc(void)
{
	setenv("TZ", "UTC", 1);
	tzset();
}

TestSuite(watch_line, .init = utc);

Test(watch_line, columns_stand_below_their_titles)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	watch_line_header(out);
	fclose(out);
	cr_assert_str_eq(text,
		"TIME      IN PKT/S   MBIT/S OUT PKT/S   MBIT/S  SENT BY LEG          DROPS\n");
	free(text);
	expect_line("{\"time_ns\":3661999999999,\"rx_pps\":480,\"rx_bps\":5143892,\"tx_pps\":960,"
		    "\"tx_bps\":10349999,\"installed\":1,"
		    "\"flows\":[{\"id\":\"cam1\",\"sent\":[1200,1199]}],\"drops\":{\"tx_full\":1}}",
		"01:01:01       480      5.1       960     10.3  cam1 1200 1199       tx_full=1\n");
}

Test(watch_line, without_a_flow_to_show)
{
	expect_line("{\"time_ns\":0,\"rx_pps\":0,\"rx_bps\":49999,\"tx_pps\":0,\"tx_bps\":50000,"
		    "\"installed\":12,\"flows\":[],\"drops\":{}}",
		"00:00:00         0      0.0         0      0.1  12 flows             -\n");
}

Test(watch_line, flows_that_are_gone_or_many_or_wide)
{
	expect_line(
		"{\"time_ns\":0,\"rx_pps\":148809523,\"rx_bps\":100000000000,\"tx_pps\":1,"
		"\"tx_bps\":1,\"installed\":2,\"drops\":{},\"flows\":[{\"id\":\"a\",\"sent\":null},"
		"{\"id\":\"b\",\"sent\":[5,4,6,5,5,5,5,5,5]}]}",
		"00:00:00 148809523 100000.0         1      0.0  a gone, b 9 legs 4..6  -\n");
}
