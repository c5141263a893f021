/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tables for people: columns no wider than their longest cell, two blanks between, numbers to the
 * right, nothing after the last character of a line.
 */
#ifndef CTRL_CLI_TABLE_H
#define CTRL_CLI_TABLE_H

#include <stdbool.h>
#include <stdio.h>

struct table_column {
	const char *title; /* ASCII; static */
	bool right; /* align to the right, as numbers are */
};

struct table;

/* `columns` is borrowed for the table's life. Out of memory ends the program. */
struct table *table_create(const struct table_column *columns, size_t n_columns);
void table_destroy(struct table *table);

/* Fill the next cell, left to right; a row begins where the last one is full. ASCII. */
void table_cell(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Title line and all rows; of the last row only the cells filled so far. */
void table_print(const struct table *table, FILE *out);

#endif
