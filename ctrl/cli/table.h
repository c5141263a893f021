/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tables for people: columns no wider than their longest cell, two blanks between, numbers to the
 * right, nothing after the last character of a line.
 *
 * At a terminal the lines keep to its width: a column that may be cut gets the room that the others
 * leave it, and what is cut ends in "...". The columns that there is no room for then go on in a
 * line below, indented, of the titles and of each row.
 */
#ifndef CTRL_CLI_TABLE_H
#define CTRL_CLI_TABLE_H

#include <stdbool.h>
#include <stdio.h>

struct table_column {
	const char *title; /* ASCII; static */
	bool right; /* align to the right, as numbers are */
	bool cuts; /* free text, which may be cut; one column at most */
};

struct table;

/* `columns` is borrowed for the table's life. Out of memory ends the program. */
struct table *table_create(const struct table_column *columns, size_t n_columns);
void table_destroy(struct table *table);

/* Fill the next cell, left to right; a row begins where the last one is full. UTF-8. */
void table_cell(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Title line and all rows; of the last row only the cells filled so far. */
void table_print(const struct table *table, FILE *out);

/* The same in so many columns, whatever `out` is. */
void table_print_within(const struct table *table, size_t columns, FILE *out);

#endif
