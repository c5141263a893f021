/* SPDX-License-Identifier: BSD-3-Clause */
/* See table.h. Cells are kept until the widths are known. */
#include "cli/table.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/paint.h"
#include "cli/text.h"

#define GAP 2 /* blanks between columns */
#define INDENT 4 /* of what goes on below */
#define CUT_LEAST 16 /* columns for a text that is cut, or it goes on below */

struct table {
	const struct table_column *columns;
	size_t n_columns;
	char **cells; /* row after row */
	size_t n_cells;
	size_t room;
};

struct layout {
	const struct table *table;
	size_t *widths; /* of the columns, uncut */
	size_t columns; /* of the terminal */
};

struct table *
table_create(const struct table_column *columns, size_t n_columns)
{
	struct table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		cli_out_of_memory();
	table->columns = columns;
	table->n_columns = n_columns;
	return table;
}

void
table_destroy(struct table *table)
{
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table);
}

void
table_cell(struct table *table, const char *format, ...)
{
	va_list args;

	if (table->n_cells == table->room) {
		table->room = table->room * 2 + 64;
		table->cells = reallocarray(table->cells, table->room, sizeof(*table->cells));
		if (table->cells == NULL)
			cli_out_of_memory();
	}
	va_start(args, format);
	if (vasprintf(&table->cells[table->n_cells], format, args) < 0)
		cli_out_of_memory();
	va_end(args);
	table->n_cells++;
}

static size_t
column_width(const struct table *table, size_t column)
{
	size_t width = strlen(table->columns[column].title);

	for (size_t i = column; i < table->n_cells; i += table->n_columns) {
		const size_t columns = text_columns(table->cells[i]);

		if (columns > width)
			width = columns;
	}
	return width;
}

/* Of a column in a line that is full. */
static size_t
least_width(const struct layout *layout, size_t column)
{
	const size_t width = layout->widths[column];

	return layout->table->columns[column].cuts && width > CUT_LEAST ? CUT_LEAST : width;
}

/* The column behind the last that has room in the line of `first`; *used: what they take. */
static size_t
line_end(const struct layout *layout, size_t first, size_t room, size_t *used)
{
	size_t end = first + 1;

	*used = least_width(layout, first);
	for (; end < layout->table->n_columns; end++) {
		if (*used + GAP + least_width(layout, end) > room)
			break;
		*used += GAP + least_width(layout, end);
	}
	return end;
}

static bool
is_empty(char *const *cells, size_t first, size_t end)
{
	while (first < end && cells[first][0] == '\0')
		first++;
	return first == end;
}

/* One line of a row. Blanks are owed until a cell with text in it follows. */
static void
line_print(const struct layout *layout, char *const *cells, size_t first, size_t end, size_t room,
	size_t used, FILE *out)
{
	size_t owed = first > 0 ? INDENT : 0;

	for (size_t i = first; i < end; i++) {
		const struct table_column *column = &layout->table->columns[i];
		const char *text = cells != NULL ? cells[i] : column->title;
		const size_t columns = text_columns(text);
		size_t width = least_width(layout, i), more = layout->widths[i] - width;

		/* Only what may be cut has more than its least. */
		more = more < room - used ? more : room - used;
		width += used < room ? more : 0;
		if (columns > width && column->cuts) {
			fprintf(out, "%*s%.*s...", (int)owed, "", (int)text_fit(text, width - 3),
				text);
			owed = 0;
		} else if (columns > 0) {
			fprintf(out, "%*s%s", (int)(owed + (column->right ? width - columns : 0)),
				"", text);
			owed = column->right ? 0 : width - columns;
		} else {
			owed += width;
		}
		owed += GAP;
	}
	fputc('\n', out);
}

/* A cell that is wider than a line, broken at its blanks. */
static void
cell_wrap(const struct layout *layout, const char *cell, unsigned indent, FILE *out)
{
	char *text;

	if (asprintf(&text, "%*s%s", (int)indent, "", cell) < 0)
		cli_out_of_memory();
	text_wrap(out, layout->columns, indent + INDENT, text);
	free(text);
}

/* The titles, or a row of so many cells. */
static void
row_print(const struct layout *layout, char *const *cells, size_t n_cells, FILE *out)
{
	size_t first = 0, end, used;

	for (; first < n_cells; first = end) {
		const unsigned indent = first > 0 ? INDENT : 0;
		const size_t room = layout->columns - indent;

		end = line_end(layout, first, room, &used);
		end = end < n_cells ? end : n_cells;
		if (cells != NULL && end - first < n_cells && is_empty(cells, first, end))
			continue;
		if (cells != NULL && used > room && end == first + 1)
			cell_wrap(layout, cells[first], indent, out);
		else
			line_print(layout, cells, first, end, room, used, out);
	}
}

void
table_print_within(const struct table *table, size_t columns, FILE *out)
{
	struct layout layout = {.table = table,
		.widths = calloc(table->n_columns, sizeof(*layout.widths)),
		.columns = columns};

	if (layout.widths == NULL)
		cli_out_of_memory();
	for (size_t i = 0; i < table->n_columns; i++)
		layout.widths[i] = column_width(table, i);
	row_print(&layout, NULL, table->n_columns, out);
	for (size_t i = 0; i < table->n_cells; i += table->n_columns) {
		const size_t left = table->n_cells - i;

		row_print(&layout, table->cells + i,
			left < table->n_columns ? left : table->n_columns, out);
	}
	free(layout.widths);
}

void
table_print(const struct table *table, FILE *out)
{
	table_print_within(table, paint_columns(out, SIZE_MAX), out);
}
