/* SPDX-License-Identifier: BSD-3-Clause */
/* See top_draw.h. A view is a table of columns; drawing goes along it. */
#include "cli/top_draw.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "cli/top_record.h"

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
	const char *sort; /* that orders by this column; NULL for none */
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

static bool
is_left(const struct column *column)
{
	return column->kind != COLUMN_NUMBER && column->kind != COLUMN_SHARE;
}

/* What is too long is cut, and says so. */
static void
cell_add(struct text *line, const struct column *column, const char *cell, size_t width)
{
	const int n = (int)width;

	if (line->length > 0)
		text_add(line, " ");
	if (strlen(cell) > width)
		text_add(line, "%.*s~", n - 1, cell);
	else
		text_add(line, "%*s", is_left(column) ? -n : n, cell);
}

static void
cell_text(const struct column *column, const json_t *row, struct text *cell)
{
	const json_t *value = json_object_get(row, column->member);
	char number[8];

	text_clear(cell);
	switch (column->kind) {
	case COLUMN_NUMBER:
		top_number((uint64_t)json_number_value(value), number);
		text_add(cell, "%s", number);
		break;
	case COLUMN_SHARE:
		text_add(cell, "%.1f", json_number_value(value) * 100);
		break;
	case COLUMN_LINK:
		text_add(cell, "%s", json_is_true(value) ? "up" : "down");
		break;
	default:
		text_add(cell, "%s", member_text(row, column->member));
		break;
	}
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
top_draw_header(struct text *line, const json_t *record, size_t width)
{
	const struct column *const table = columns[view_of(record)];
	char title[32];

	text_clear(line);
	for (const struct column *column = table; column->kind != COLUMN_NONE; column++) {
		const bool sorts = column->sort != NULL && member_is(record, "sort", column->sort);

		snprintf(title, sizeof(title), "%s%s", column->title, sorts ? "*" : "");
		cell_add(line, column, title, column_width(table, column, width));
	}
}

void
top_draw_row(struct text *line, const json_t *record, size_t i, size_t width)
{
	const struct column *const table = columns[view_of(record)];
	const json_t *row = json_array_get(json_object_get(record, "rows"), i);
	struct text cell;

	text_clear(line);
	for (const struct column *column = table; column->kind != COLUMN_NONE; column++) {
		cell_text(column, row, &cell);
		cell_add(line, column, cell.s, column_width(table, column, width));
	}
	while (line->length > 0 && line->s[line->length - 1] == ' ')
		line->s[--line->length] = '\0';
}
