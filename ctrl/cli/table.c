/* SPDX-License-Identifier: BSD-3-Clause */
/* See table.h. Cells are kept until the widths are known. */
#include "cli/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

struct table {
	const struct table_column *columns;
	size_t n_columns;
	char **cells; /* row after row */
	size_t n_cells;
	size_t room;
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
		const size_t length = strlen(table->cells[i]);

		if (length > width)
			width = length;
	}
	return width;
}

/* One line. Blanks are owed until a cell with text in it follows. */
static void
line_print(const struct table *table, const size_t *widths, char *const *cells, size_t n_cells,
	FILE *out)
{
	size_t owed = 0;

	for (size_t i = 0; i < n_cells; i++) {
		const char *text = cells != NULL ? cells[i] : table->columns[i].title;
		const size_t blanks = widths[i] - strlen(text);
		const bool right = table->columns[i].right;

		if (text[0] != '\0') {
			fprintf(out, "%*s%s", (int)(owed + (right ? blanks : 0)), "", text);
			owed = right ? 0 : blanks;
		} else {
			owed += blanks;
		}
		owed += 2;
	}
	fputc('\n', out);
}

void
table_print(const struct table *table, FILE *out)
{
	size_t *widths = calloc(table->n_columns, sizeof(*widths));

	if (widths == NULL)
		cli_out_of_memory();
	for (size_t i = 0; i < table->n_columns; i++)
		widths[i] = column_width(table, i);
	line_print(table, widths, NULL, table->n_columns, out);
	for (size_t i = 0; i < table->n_cells; i += table->n_columns) {
		const size_t left = table->n_cells - i;

		line_print(table, widths, table->cells + i,
			left < table->n_columns ? left : table->n_columns, out);
	}
	free(widths);
}
