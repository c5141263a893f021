/* SPDX-License-Identifier: BSD-3-Clause */
/* From two samples to rows: rates, order, filter. */
#include <criterion/criterion.h>
#include <string.h>

#include "cli/top_record.h"

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
