/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines of `top`: numbers that fit, columns that stay, widths that are kept. */
#include <criterion/criterion.h>
#include <string.h>

#include "cli/top_draw.h"

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
