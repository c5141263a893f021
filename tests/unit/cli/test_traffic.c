/* SPDX-License-Identifier: BSD-3-Clause */
/* Rates between two readings, records of top, and the lines of top and watch. */
#include "cli/traffic.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

/* JSON with ' for ". */
static json_t *
parsed(const char *source)
{
	char *text = strdup(source);
	json_t *json;

	for (char *quote = text; (quote = strchr(quote, '\'')) != NULL;)
		*quote = '"';
	json = json_loads(text, 0, NULL);
	cr_assert_not_null(json, "%s", text);
	free(text);
	return json;
}

#define READING \
	"{'time_ns': 5000000000, 'monotonic_ns': 1000000007, 'ports': [" \
	"{'name': 'p0', 'rx_packets': 10, 'rx_bytes': 1000, 'tx_packets': 1, 'tx_bytes': 100, " \
	"'drops': {'no_flow': 3, 'tx_full': 1}}, " \
	"{'name': 'p1', 'rx_packets': 5, 'rx_bytes': 500, 'tx_packets': 20, 'tx_bytes': 2000, " \
	"'drops': {'no_flow': 0, 'tx_full': 6}}]}"
/* Of one port. */
#define PORT(ns, rx, rx_bytes, tx, tx_bytes) \
	"{'time_ns': 5, 'monotonic_ns': " #ns ", 'ports': [{'rx_packets': " #rx \
	", 'rx_bytes': " #rx_bytes ", 'tx_packets': " #tx ", 'tx_bytes': " #tx_bytes "}]}"
#define RATES(time_ns, rx, rx_bps, tx, tx_bps, drops) \
	"{'time_ns': " #time_ns ", 'rx_pps': " #rx ", 'rx_bps': " #rx_bps ", 'tx_pps': " #tx \
	", 'tx_bps': " #tx_bps ", 'drops': " drops "}"

/* What happened between two readings; NULL: that cannot be said. */
static const struct {
	const char *before, *after, *rates;
} cases[] = {
	/* ports are summed */
	{"{'monotonic_ns': 7}", READING,
		RATES(5000000000, 15, 12000, 21, 16800, "{'no_flow': 3, 'tx_full': 7}")},
	/* a reply without ports */
	{"{'monotonic_ns': 1}", "{'time_ns': 2, 'monotonic_ns': 2}", RATES(2, 0, 0, 0, 0, "{}")},
	/* rounded over the time that passed: 100.5, 1.5 */
	{PORT(1000000000, 100, 0, 0, 0), PORT(3000000000, 301, 1000, 3, 1),
		RATES(5, 101, 4000, 2, 4, "{}")},
	{PORT(1000000000, 100, 0, 0, 0), PORT(1250000000, 301, 0, 0, 0),
		RATES(5, 804, 0, 0, 0, "{}")},
	/* 400 Gbit/s for a day: the product of bytes, eight and 10^9 needs more than 64 bits */
	{PORT(0, 0, 0, 0, 0), PORT(86400000000000, 0, 4320000000000000, 0, 0),
		RATES(5, 0, 400000000000, 0, 0, "{}")},
	/* counters or clock went back */
	{PORT(2, 1, 0, 1, 1), PORT(1, 1, 0, 1, 1), NULL},
	{PORT(2, 1, 0, 1, 1), PORT(2, 1, 0, 1, 1), NULL},
	{PORT(2, 1, 0, 1, 1), PORT(3, 0, 0, 1, 1), NULL},
	{PORT(2, 1, 0, 1, 1), PORT(3, 9, 0, 0, 1), NULL},
	/* drops are those in between */
	{READING,
		"{'time_ns': 6, 'monotonic_ns': 2000000007, 'ports': [{'rx_packets': 15, "
		"'rx_bytes': 1500, 'tx_packets': 21, 'tx_bytes': 2100, 'drops': {'no_flow': 3, "
		"'tx_full': 17, 'too_long': 2, 'not_ip': 0}}]}",
		RATES(6, 0, 0, 0, 0, "{'too_long': 2, 'tx_full': 10}")},
};

Test(traffic, rates)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *was = parsed(cases[i].before), *is = parsed(cases[i].after);
		json_t *rates = traffic_rates(was, is);
		json_t *expected = cases[i].rates != NULL ? parsed(cases[i].rates) : NULL;

		cr_expect(rates == expected || json_equal(rates, expected), "case %zu: %s", i,
			json_dumps(rates, 0));
		json_decref(was);
		json_decref(is);
		json_decref(rates);
		json_decref(expected);
	}
}

static json_t *before, *after;

static void
setup(void)
{
	before = parsed(
		"{'counters': {'time_ns': 1, 'monotonic_ns': 10000000000, 'ports': ["
		"{'name': 'p0', 'rx_packets': 1000, 'rx_bytes': 100000, 'tx_packets': 0, "
		"'tx_bytes': 0, 'drops': {'no_flow': 5}, 'nic': {'missed': 20}}, "
		"{'name': 'p1', 'rx_packets': 0, 'rx_bytes': 0, 'tx_packets': 1000, "
		"'tx_bytes': 100000, 'drops': {}, 'nic': {}}]}, 'info': {'workers': ["
		"{'worker': 0, 'core': 1, 'rx_packets': 0, 'tx_packets': 0, 'busy_ns': 0, "
		"'total_ns': 10000, 'busy_cycles': 0}, "
		"{'worker': 1, 'core': 2, 'rx_packets': 1000, 'tx_packets': 1000, 'busy_ns': 500, "
		"'total_ns': 10000, 'busy_cycles': 400000}]}}");
	after = parsed("{'counters': {'time_ns': 1, 'monotonic_ns': 12000000000, 'ports': ["
		       "{'name': 'p0', 'rx_packets': 1400, 'rx_bytes': 140000, 'tx_packets': 0, "
		       "'tx_bytes': 0, 'drops': {'no_flow': 25}, 'nic': {'missed': 24}}, "
		       "{'name': 'p1', 'rx_packets': 0, 'rx_bytes': 0, 'tx_packets': 3000, "
		       "'tx_bytes': 300000, 'drops': {}, 'nic': {}}]}, 'info': {'flow_legs': 11, "
		       "'flows': {'ipv4': {'installed': 7}, 'ipv6': {'installed': 2}}, 'workers': ["
		       "{'worker': 0, 'core': 1, 'rx_packets': 0, 'tx_packets': 0, 'busy_ns': 0, "
		       "'total_ns': 12000, 'busy_cycles': 0}, "
		       "{'worker': 1, 'core': 2, 'rx_packets': 1400, 'tx_packets': 1400, "
		       "'busy_ns': 1500, 'total_ns': 12000, 'busy_cycles': 560000}]}, "
		       "'ports': {'ports': [{'link_up': true}, {'link_up': false}]}, "
		       "'top': {'total': 9, 'rows': [{'flow': 'alpha', 'pps': 3}, "
		       "{'flow': 'beta', 'leg': 'to-alpha', 'pps': 1}, {'flow': 'gamma'}]}}");
}

static void
teardown(void)
{
	json_decref(before);
	json_decref(after);
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
	json_t *record = top_record(before, after, TOP_FLOWS, "pps");
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
	json_t *record = top_record(before, after, TOP_PORTS, "name");

	row_expect(record, 0,
		"{'port': 'p0', 'link_up': true, 'rx_pps': 200, 'rx_bps': 160000, 'tx_pps': 0,"
		" 'tx_bps': 0, 'drops_ps': 10, 'drops': 25, 'missed_ps': 2}");
	row_expect(record, 1,
		"{'port': 'p1', 'link_up': false, 'rx_pps': 0, 'rx_bps': 0, 'tx_pps': 1000,"
		" 'tx_bps': 800000, 'drops_ps': 0, 'drops': 0, 'missed_ps': 0}");
	json_decref(record);
	record = top_record(before, after, TOP_PORTS, "pps");
	cr_expect_str_eq(json_string_value(json_object_get(
				 json_array_get(json_object_get(record, "rows"), 0), "port")),
		"p1");
	json_decref(record);
}

Test(top_record, workers)
{
	json_t *record = top_record(before, after, TOP_WORKERS, "busy");

	row_expect(record, 0,
		"{'worker': 1, 'core': 2, 'busy_share': 0.5, 'rx_pps': 200, 'tx_pps': 200,"
		" 'cycles_per_packet': 400.0}");
	row_expect(record, 1,
		"{'worker': 0, 'core': 1, 'busy_share': 0.0, 'rx_pps': 0, 'tx_pps': 0,"
		" 'cycles_per_packet': 0.0}");
	json_decref(record);
}

Test(top_record, no_rate_over_a_restart)
{
	cr_expect_null(top_record(after, before, TOP_PORTS, "name"));
	cr_expect_null(top_record(after, after, TOP_PORTS, "name"), "no time has passed");
}

Test(top_record, filter)
{
	json_t *record = top_record(before, after, TOP_LEGS, "pps");

	top_record_filter(record, "");
	cr_expect_eq(json_array_size(json_object_get(record, "rows")), 3);
	top_record_filter(record, "alpha");
	cr_expect_eq(json_array_size(json_object_get(record, "rows")), 2);
	top_record_filter(record, "beta");
	row_expect(record, 0, "{'flow': 'beta', 'leg': 'to-alpha', 'pps': 1}");
	json_decref(record);
}

static void
expect_top(enum top_view_id view, const char *sort, const char *expected)
{
	json_t *record = top_record(before, after, view, sort);
	struct text totals;
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	top_rows_print(record, 80, out);
	fclose(out);
	cr_expect_str_eq(text, expected);
	top_totals(&totals, record);
	cr_expect_str_eq(totals.s, "9 flows, 11 legs; in 200 pkt/s 160kbit/s, out 1000 pkt/s "
				   "800kbit/s, drops 10/s");
	free(text);
	json_decref(record);
}

Test(top_record, tables_mark_the_column_of_the_order)
{
	expect_top(TOP_FLOWS, "bps",
		"FLOW   PKT/S  BIT/S*  DROP/S  PACKETS  DROPS\n"
		"alpha      3       0       0        0      0\n"
		"beta       1       0       0        0      0\n"
		"gamma      0       0       0        0      0\n");
	expect_top(TOP_LEGS, "pps",
		"FLOW   LEG       PORT  PKT/S*  BIT/S  DROP/S  PACKETS  DROPS\n"
		"alpha  -         -          3      0       0        0      0\n"
		"beta   to-alpha  -          1      0       0        0      0\n"
		"gamma  -         -          0      0       0        0      0\n");
	expect_top(TOP_PORTS, "name",
		"PORT*  LINK  IN PKT/S  BIT/S  OUT PKT/S  BIT/S  DROP/S  MISS/S\n"
		"p0     up         200   160k          0      0      10       2\n"
		"p1     down         0      0       1000   800k       0       0\n");
	expect_top(TOP_WORKERS, "busy",
		"WORKER  CPU  BUSY*  IN PKT/S  OUT PKT/S  CYCLES/PKT\n"
		"     1    2  50.0%       200        200         400\n"
		"     0    1   0.0%         0          0           0\n");
}

static void
expect_line(const char *source, const char *expected)
{
	json_t *record = parsed(source);
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	watch_line_print(record, out);
	fclose(out);
	cr_assert_str_eq(text, expected);
	json_decref(record);
	free(text);
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
